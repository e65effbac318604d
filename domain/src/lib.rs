//! What may happen: aggregates, commands, events and the rules between them. Pure.
//!
//! One folder per context, one per aggregate, one file per command. A context never names another one but `files`;
//! only `processes` may.

pub mod catalogue;
pub mod field_sales;
pub mod files;
pub mod identity;
pub mod messaging;
pub mod notifications;
pub mod operations;
pub mod privacy;
pub mod processes;
pub mod support;
pub mod time_zone;
