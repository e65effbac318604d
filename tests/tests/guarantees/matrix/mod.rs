//! Every route of all doors, sent as nobody, with tokens that are over, with every scope but its own, and as every role: each
//! answer is what `docs/generated/authorization.txt` says. Other tenants' things are in `foreign.rs`.

mod roles;
mod stage;
mod strangers;
