//! Which addresses are of the open Internet, and why the others are not: the registries of the IANA for special purposes
//! (RFC 6890 and what followed), and a few that clouds use for themselves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A stretch of addresses: its first address, how many bits of it count, and what it is.
type Stretch<A> = (A, u32, &'static str);

const fn v4(a: u8, b: u8, c: u8, d: u8) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}

/// IPv4 that leads nowhere, to ourselves, or to what is behind our walls.
const CLOSED_V4: [Stretch<Ipv4Addr>; 17] = [
    (v4(0, 0, 0, 0), 8, "of this network"),
    (v4(10, 0, 0, 0), 8, "private"),
    (v4(100, 64, 0, 0), 10, "of a carrier's own network"),
    (v4(127, 0, 0, 0), 8, "of this machine"),
    (v4(168, 63, 129, 16), 32, "of a cloud's own services"),
    (v4(169, 254, 0, 0), 16, "link-local, as the metadata of clouds are"),
    (v4(172, 16, 0, 0), 12, "private"),
    (v4(192, 0, 0, 0), 24, "of protocols, not of machines"),
    (v4(192, 0, 2, 0), 24, "for documentation"),
    (v4(192, 31, 196, 0), 24, "of a service for name servers"),
    (v4(192, 52, 193, 0), 24, "of a relay"),
    (v4(192, 88, 99, 0), 24, "of a relay"),
    (v4(192, 168, 0, 0), 16, "private"),
    (v4(198, 18, 0, 0), 15, "for measurements"),
    (v4(198, 51, 100, 0), 24, "for documentation"),
    (v4(203, 0, 113, 0), 24, "for documentation"),
    // 224 to 239 is multicast, 240 to 255 reserved; the last one is everybody in the network.
    (v4(224, 0, 0, 0), 3, "multicast or reserved"),
];

/// The only part of IPv6 that is given to machines everywhere. What lies outside are ourselves, links, sites, private networks,
/// groups, and IPv4 in disguise.
const OPEN_V6: Stretch<Ipv6Addr> = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3, "of no network that can be reached");

/// What is none of that in there.
const CLOSED_V6: [Stretch<Ipv6Addr>; 5] = [
    // Teredo, ORCHID, benchmarks and the like.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "of protocols, and may hide another address"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "for documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "6to4, and hides another address"),
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48, "of a service for name servers"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "for documentation"),
];

/// Why an address is not of the open Internet; `None` where it is.
pub fn closed(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => {
            CLOSED_V4.iter().find(|(first, bits, _)| is_in_v4(address, *first, *bits)).map(|(_, _, what)| *what)
        }
        IpAddr::V6(address) => {
            if !is_in_v6(address, OPEN_V6.0, OPEN_V6.1) {
                return Some(OPEN_V6.2);
            }
            CLOSED_V6.iter().find(|(first, bits, _)| is_in_v6(address, *first, *bits)).map(|(_, _, what)| *what)
        }
    }
}

/// Addresses that are written like `10.1.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    first: IpAddr,
    bits: u32,
}

impl Network {
    /// Reads `10.1.0.0/16`, `fd00::/8`, or one address alone.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (first, bits) = match text.split_once('/') {
            None => (text, None),
            Some((first, bits)) => (first, Some(bits.parse::<u32>().ok()?)),
        };
        let first: IpAddr = first.parse().ok()?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { first, bits })
    }

    /// Whether the address is one of them. An IPv4 address in the clothes of IPv6 is none.
    pub(super) fn has(self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => is_in_v4(address, first, self.bits),
            (IpAddr::V6(first), IpAddr::V6(address)) => is_in_v6(address, first, self.bits),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn is_in_v4(address: Ipv4Addr, first: Ipv4Addr, bits: u32) -> bool {
    let shift = 32 - bits;
    u32::from(address).checked_shr(shift).unwrap_or(0) == u32::from(first).checked_shr(shift).unwrap_or(0)
}

fn is_in_v6(address: Ipv6Addr, first: Ipv6Addr, bits: u32) -> bool {
    let shift = 128 - bits;
    u128::from(address).checked_shr(shift).unwrap_or(0) == u128::from(first).checked_shr(shift).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: &str = "1.1.1.1 8.8.8.8 93.184.216.34 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0 198.17.255.255 \
        198.20.0.0 192.0.1.0 223.255.255.255 169.253.255.255 126.255.255.255 128.0.0.0 2606:4700:4700::1111 \
        2a00:1450:4007:80e::200e 2001:4860:4860::8888 2003::1";
    const SHUT: &str = "0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.0 100.127.255.255 100.100.100.200 127.0.0.1 \
        127.255.255.254 168.63.129.16 169.254.169.254 169.254.0.0 172.16.0.0 172.31.255.255 192.0.0.192 \
        192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 \
        239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 \
        ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::8.8.8.8 64:ff9b:1::1 100::1 2001::1 2001:0:7f00:1:: \
        2001:db8::1 2002:7f00:1:: 2002:808:808:: 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 \
        ff02::1";

    #[test]
    fn only_addresses_of_the_open_internet_are_open() {
        for open in OPEN.split_whitespace() {
            assert_eq!(closed(open.parse().unwrap()), None, "{open}");
        }
        for shut in SHUT.split_whitespace() {
            assert!(closed(shut.parse().unwrap()).is_some(), "{shut}");
        }
    }

    #[test]
    fn a_network_has_its_own_addresses_alone() {
        let has = |network: &str, address: &str| Network::parse(network).unwrap().has(address.parse().unwrap());
        assert!(has("10.1.0.0/16", "10.1.255.3") && !has("10.1.0.0/16", "10.2.0.0"));
        assert!(has("0.0.0.0/0", "8.8.8.8") && !has("0.0.0.0/0", "::1") && has("::/0", "::1"));
        assert!(has("127.0.0.1", "127.0.0.1") && !has("127.0.0.1", "127.0.0.2"));
        assert!(!has("127.0.0.0/8", "::ffff:127.0.0.1"));
        for wrong in ["", "/", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "host/8", "10.0.0.0/8/8"] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }
}
