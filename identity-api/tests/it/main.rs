//! The sign-in door against a real Postgres.

mod families;
mod fixtures;
mod keys;
mod throttle;
