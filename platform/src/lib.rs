//! What every process needs and no business word: HTTP, problems, tokens, traces, telemetry, configuration.

pub mod admin;
pub mod auth;
pub mod config;
pub mod headers;
pub mod http;
pub mod json;
pub mod openapi;
pub mod outbound;
pub mod problem;
pub mod request_log;
pub mod shutdown;
pub mod telemetry;
pub mod trace;

pub use problem::Problem;
