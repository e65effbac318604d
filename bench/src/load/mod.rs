//! What asks: clients, and when they ask.

pub(crate) mod closed_loop;
pub(crate) mod commands;
pub(crate) mod http;
pub(crate) mod open_loop;
