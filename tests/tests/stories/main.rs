//! The product's stories over HTTP: a whole node, actors with tokens, and what each of them sees.

mod analysis;
mod archived;
mod assignment;
mod desk;
mod export;
mod field_sales;
mod files;
mod imports;
mod knowledge;
mod messaging;
mod moments;
mod notifications;
mod operating;
mod reading;
mod s3_server;
mod sla;
mod support;
mod surface;
mod time;
mod told_late;
mod webhooks;
mod what_if;
mod world;
