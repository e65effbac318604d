//! Row level security alone: no statement names its tenant any more, and the tests of `guarantees` about other tenants'
//! things, and about callers who hang up, still hold.

#[path = "../guarantees/cancelled.rs"]
mod cancelled;
#[path = "../guarantees/foreign.rs"]
mod foreign;
#[path = "../guarantees/operations.rs"]
mod operations;
#[path = "../guarantees/people.rs"]
mod people;
mod walls;
#[path = "../guarantees/world.rs"]
mod world;
