//! The sign-in door: who somebody is, proven, and the tokens that say so to the other doors.

pub mod factors;
pub mod families;
pub mod keys;
pub mod password;
pub mod place;
pub mod seal;
pub mod secret;
pub mod throttle;
pub mod trust;
