//! Reactors, outbox, worker and mail, on real servers: Postgres and a mail server.

mod clocks;
mod crashes;
mod delivery;
mod mailbox;
mod notifications;
mod reactors;
mod smtp;
mod world;
