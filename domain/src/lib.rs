//! What may happen: aggregates, commands, events and the rules between them. Pure.
//!
//! One folder per context, one per aggregate, one file per command. A context never names another one;
//! only `processes` may (when it is built).

pub mod catalogue;
pub mod field_sales;
pub mod identity;
pub mod messaging;
pub mod support;
