//! What the tests of the whole system share.

pub mod catalogue;
pub mod chaos;
pub mod node;
pub mod personal_names;
pub mod policy;
