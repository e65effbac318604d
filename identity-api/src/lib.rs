//! The sign-in door: who somebody is, proven, and the tokens that say so to the other doors.
//!
//! What happened (registered, signed in, password changed) is an event of the log, decided by `domain::identity`. What
//! proves it (password hashes, refresh tokens, signing keys) is in schema `secrets`, and never in an event.

pub mod access_log;
pub mod api_keys;
mod call;
mod copies;
mod door;
pub mod factors;
pub mod families;
mod first_administrator;
mod follow;
pub mod keys;
mod owner;
pub mod password;
pub mod place;
mod problems;
mod routes;
pub mod seal;
pub mod secret;
mod secret_text;
mod session;
mod settle;
pub mod throttle;
pub mod trust;

pub use call::{DEVICE, DEVICE_COOKIE, REFRESH_COOKIE};
pub use door::{Door, Keys, OpenError, Options};
pub use routes::{openapi, router};
pub use settle::SettleError;
