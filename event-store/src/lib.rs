//! How facts are kept: append, load, tail, relay.
//!
//! Postgres is the truth; NATS JetStream is fan-out. The laws that this crate keeps are in DESIGN §3: positions
//! are gapless and in commit order, one append is one atomic unit, acknowledged means durable, history is never
//! rewritten, unknown is an error. No business word in here.

pub mod analysis;
pub mod append;
pub mod archive;
pub mod cloud_event;
mod copy;
pub mod decisions;
pub mod jetstream;
pub mod log;
pub mod masking;
pub mod relay;
pub mod repository;
mod role;
pub mod schema;
mod snapshots;
pub mod tail;
pub mod tenant;
pub mod vault;
pub mod verify;

pub use append::{Answer, Append, AppendError, Appender, Idempotency};
pub use copy::Scanner;
pub use decisions::{Decisions, Expected, InternalCommand, Origin, Refused, RefusedOf};
pub use log::{Archived, Head, Log, ReadError};
pub use relay::Relay;
pub use repository::{Repository, States};
pub use role::Role;
pub use tail::{Tail, TailError};
pub use vault::{RootKey, RootKeys, Vault, VaultError};
