//! What every process needs and no business word: HTTP, problems, tokens, traces, telemetry, configuration.

pub mod auth;
pub mod headers;
pub mod json;
pub mod problem;
pub mod trace;

pub use problem::Problem;
