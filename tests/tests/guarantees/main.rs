//! What is promised to every caller, on every route: one effect per key, clear refusals, nobody else's data, and a
//! way back from every failure.

mod bad_input;
mod bad_queries;
mod batch;
mod cancelled;
mod doors;
mod faults;
mod foreign;
mod idempotency;
mod keys;
mod matrix;
mod operations;
mod people;
mod refusals;
mod standing;
mod tracing;
mod wall;
mod walls;
mod world;
