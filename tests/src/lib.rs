//! What the tests of the whole system share.

pub mod catalogue;
pub mod shape;
