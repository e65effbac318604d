//! From which address a request came, with or without proxies in front.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address of whoever sent a request, as an extractor.
///
/// It is personal data: it goes into no event and no log line.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

/// Addresses that one caller commands: an IPv4 address, or a /64 of IPv6, which is what a single customer gets.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl ClientAddress {
    /// Of a request that came from `peer` through this many proxies of ours. Each proxy appends whom it heard to
    /// `X-Forwarded-For`, so the caller is that many entries from the right; what stands left of it anybody can write.
    /// Where the header has fewer entries or an unreadable one, the peer counts.
    pub fn of(peer: IpAddr, headers: &HeaderMap, proxies: u8) -> Self {
        let forwarded = if proxies == 0 { None } else { forwarded_for(headers, proxies) };
        Self(forwarded.unwrap_or(peer).to_canonical())
    }

    /// The addresses that the same caller could as well have used.
    pub fn network(self) -> Network {
        Network(match self.0 {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        })
    }
}

fn forwarded_for(headers: &HeaderMap, proxies: u8) -> Option<IpAddr> {
    let lines = headers.get_all("x-forwarded-for").iter().map(|line| line.to_str().ok());
    let lines: Option<Vec<&str>> = lines.collect();
    let entries: Vec<&str> = lines?.into_iter().flat_map(|line| line.split(',')).map(str::trim).collect();
    let at = entries.len().checked_sub(usize::from(proxies))?;
    let entry = entries.get(at)?;
    // Some proxies add the port.
    entry.parse().ok().or_else(|| entry.parse().ok().map(|address: std::net::SocketAddr| address.ip()))
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network(‹redacted›)")
    }
}

impl fmt::Debug for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientAddress(‹redacted›)")
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    /// A router that is called without the server, as in a test, is called from nowhere.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().copied().unwrap_or(Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn seen(lines: &[&'static str], proxies: u8) -> String {
        let name = axum::http::HeaderName::from_static("x-forwarded-for");
        let headers = lines.iter().map(|line| (name.clone(), HeaderValue::from_static(line))).collect();
        ClientAddress::of("10.0.0.9".parse().unwrap(), &headers, proxies).0.to_string()
    }

    #[test]
    fn what_a_caller_writes_himself_is_not_believed() {
        assert_eq!(seen(&["1.1.1.1"], 0), "10.0.0.9");
        assert_eq!(seen(&["1.1.1.1, 2.2.2.2"], 1), "2.2.2.2");
        assert_eq!(seen(&["1.1.1.1", "2.2.2.2, 3.3.3.3"], 2), "2.2.2.2");
        assert_eq!(seen(&["[2001:db8::7]:443"], 1), "2001:db8::7");
        for unusable in [&[] as &[_], &["unknown"], &["1.1.1.1, "], &["1.1.1.1;"]] {
            assert_eq!(seen(unusable, 1), "10.0.0.9", "{unusable:?}");
        }
        assert_eq!(seen(&["1.1.1.1"], 2), "10.0.0.9");
    }

    #[test]
    fn a_network_is_what_one_caller_commands() {
        let network = |address: &str| ClientAddress::of(address.parse().unwrap(), &HeaderMap::new(), 0).network();
        assert_eq!(network("::ffff:192.0.2.1").to_string(), "192.0.2.1");
        assert_eq!(network("2001:db8:1:2::7"), network("2001:db8:1:2:ffff::1"));
        assert_eq!(network("2001:db8:1:2::7").to_string(), "2001:db8:1:2::/64");
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert!(!format!("{:?}", network("192.0.2.1")).contains("192"));
    }
}
