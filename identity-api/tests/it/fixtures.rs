//! What the tests share.

use platform::http::{ClientAddress, Network};
use std::net::IpAddr;

/// The network of an address.
pub(crate) fn network(address: &str) -> Network {
    ClientAddress(address.parse::<IpAddr>().expect("an address")).network()
}
