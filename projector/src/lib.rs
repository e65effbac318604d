//! The engine that folds the log into read models, and knows no business word.
//!
//! A [`kernel::ReadModel`] says which rows an event touches and what becomes of them; everything else is here. Batches of
//! events are folded in memory and written, with the checkpoints, in one transaction: effects are exactly once because a
//! position is folded if and only if its rows are there. Start reading at [`Projector`].

pub mod acts;
mod ahead;
pub mod aside;
mod build;
pub mod bulk;
mod clear;
pub mod compare;
pub mod control;
mod copy;
pub mod ddl;
mod declare;
pub mod heal;
mod hearing;
mod hot_rows;
mod keeper;
mod lane;
mod load;
mod metrics;
pub mod naive;
pub mod operate;
mod pace;
pub mod parked;
pub mod parking;
pub mod part;
pub mod parts;
pub mod past;
pub mod poison;
pub mod progress;
pub mod projection;
mod report;
pub mod resume;
pub mod roster;
pub mod row;
mod runner;
pub mod sandbox;
pub mod scrub;
mod share;
mod shown;
pub mod status;
pub mod switch;
mod tables;
mod tenure;
mod writer;

pub use operate::Operator;
pub use progress::{Progress, WaitError, wait_for};
pub use projection::{Projection, projection};
pub use roster::{Budget, SwitchMode};
pub use runner::{Options, Projector, RunError};
pub use status::{BuildStatus, ProjectionStatus, State, status};
