//! Passwords: which are good enough, and how they are hashed without giving the machine away.

mod hasher;
mod policy;
mod threads;

pub use hasher::{Hasher, HashingError, HashingOptions, Verdict};
pub use policy::{MAX_BYTES, MIN_CHARS, Weakness, check};
