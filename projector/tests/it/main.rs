//! The engine against real Postgres.

mod codec;
mod fixtures;
mod folding;
mod speed;
