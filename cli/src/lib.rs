//! The one binary, `sillage`: all in one process by default, each process as a subcommand, operator tools.
//!
//! Start reading at [`up`]. Tests and benchmarks use [`Node`] and [`projections`] without the command line.

mod archive;
mod arguments;
mod attach;
mod banner;
mod config_check;
pub mod demo;
mod directory;
mod dispatch;
mod doors;
mod effects_command;
mod events;
pub mod export;
pub mod failure;
pub mod files;
mod heal;
mod import_command;
pub mod keys;
mod listen;
mod log_command;
pub mod mail;
mod models;
pub mod node;
mod operator;
mod parked;
pub mod postgres;
pub mod privacy;
pub mod process;
mod projections;
mod proving;
mod root_key;
mod run_file;
mod separate;
mod sign_in;
mod supervise;
mod telling;
mod tenant_command;
pub mod terminal;
pub mod tokens;
pub mod up;
mod user_command;
mod verify;
mod watcher;
mod webhooks;
mod what_if;

pub use dispatch::main;
pub use failure::{Exit, Failure};
pub use files::FileSettings;
pub use mail::MailSettings;
pub use models::projections;
pub use node::{Listeners, Node, NodeOptions, Urls};
pub use process::Trust;
pub use run_file::RunFile;
