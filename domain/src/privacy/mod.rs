//! What people may ask of whoever keeps data about them.

pub mod subject;
