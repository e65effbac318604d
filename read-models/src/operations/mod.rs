//! What operations shows: the trail of what was done to the installation, on the platform.

pub mod projection_acts;

pub use projection_acts::ProjectionActs;
