//! The sign-in door against a real Postgres.

mod factors;
mod families;
mod fixtures;
mod keys;
mod throttle;
