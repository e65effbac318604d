//! Reactors, outbox, worker, mail and webhooks, on real servers: Postgres, a mail server and a web server.

mod clocks;
mod crashes;
mod delivery;
mod imports;
mod mailbox;
mod notifications;
mod reactors;
mod receiver;
mod smtp;
mod tls;
mod webhooks;
mod world;
