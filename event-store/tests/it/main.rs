//! The log against real Postgres and real NATS.

mod analysis;
mod append;
mod archive;
mod durability;
mod fixtures;
mod lives;
mod mirror;
mod readers;
mod repository;
mod settings;
mod vault;
mod verify;
mod wall;
