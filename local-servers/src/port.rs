//! Loopback ports that stay the same from one run to the next.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Below every system's ephemeral range: a client that keeps dialling a dead server in that range can be given the server's
/// own port as source, and then either talks to itself or keeps the server from binding again.
const FIRST: u64 = 20_000;
const COUNT: u64 = 12_000;

/// The port remembered in `file` if it is free, otherwise another free one, remembered from now on.
pub(crate) fn free_port(file: &Path) -> io::Result<u16> {
    let remembered = std::fs::read_to_string(file).ok();
    if let Some(port) = remembered.and_then(|text| text.trim().parse().ok())
        && is_free(port)
    {
        return Ok(port);
    }
    let start = stable_hash(file);
    let port = (0..COUNT)
        .filter_map(|step| u16::try_from(FIRST + start.wrapping_add(step * 7919) % COUNT).ok())
        .find(|port| is_free(*port))
        .ok_or(io::ErrorKind::AddrInUse)?;
    std::fs::write(file, port.to_string())?;
    Ok(port)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// FNV-1a of a path: the same in every build, unlike the hasher of std.
pub(crate) fn stable_hash(path: &Path) -> u64 {
    path.as_os_str()
        .as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
