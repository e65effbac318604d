//! The engine against real Postgres.

mod across;
mod builds;
mod codec;
mod comparing;
mod copying;
mod crashes;
mod fixtures;
mod folding;
mod lifecycle;
mod operating;
mod ownership;
mod parking;
mod parts;
mod poison;
mod sandbox;
mod speed;
mod verify;
