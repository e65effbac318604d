//! What others rely on, as files that a review reads: stored events of every version, the event catalogue, the API
//! documents and who may use which route.
//!
//! `UPDATE=1 cargo test -p tests --test contracts` writes what is new. It never rewrites a stored event.

mod api;
mod authorization;
mod documented;
mod events;
mod files;
mod personal;
