//! The architecture as a test: what may know what, how files read, and which names follow from which.
//!
//! Every rule is a function over sources that answers findings. Beside each stands a test that it holds in the
//! workspace, and one that it can fail.

mod boundaries;
mod events;
mod names;
mod personal;
mod reading;
mod source;
