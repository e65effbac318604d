//! Where the bytes of files are kept, and the addresses at which outsiders put and get them.
//!
//! One protocol for callers, whatever is behind it: somebody who may gets a [`Grant`], a request to be sent as it is. With an
//! S3-compatible service it leads there and no byte passes this process. With a folder it leads to a gate of our own, which asks for
//! nothing but the signature. What files are about is not known here.

mod gate;
mod key;
mod presign;
mod signature;
mod store;

pub use gate::PREFIX;
pub use key::{Key, Part};
pub use signature::SigningKey;
pub use store::{Delivery, Grant, S3Settings, Store, StoreError};
