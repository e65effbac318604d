//! What holds for every caller, whatever the command: one effect per key, clear refusals, nobody else's data.

mod idempotency;
mod refusals;
mod tenants;
