//! What is asked: Sillage and the minimal servers it is compared with, each in a process of its own.

pub(crate) mod baseline_events;
pub(crate) mod child;
pub(crate) mod minimal;
pub(crate) mod sillage;
