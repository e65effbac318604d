//! What is shown: one file per read model, with its row, its table, its keys and how events change it. Pure.

pub mod field_sales;
pub mod files;
pub mod identity;
pub mod messaging;
pub mod notifications;
pub mod operations;
pub mod support;
