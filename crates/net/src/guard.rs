//! Where we may connect: the guard against mail servers that point inside.
//!
//! An MX record is written by a stranger. Followed blindly it makes us knock on our own services and on those of the
//! network around us, so every target is checked just before the connection is opened, after all DNS is done (a name
//! checked earlier could have changed). The ranges are those of the IANA special-purpose registries (RFC 6890).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The rule about targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Mail to the world: only public addresses that are not our own.
    Production {
        /// Addresses that are ours although this machine does not hold them: the outside of a NAT, for instance.
        /// Those it does hold are found without being listed.
        own: Vec<IpAddr>,
        /// The port of this machine's own mail server, when everything goes through it: chosen by the operator and not
        /// by a stranger's MX record. Nothing else of this machine may be reached.
        local_relay: Option<u16>,
    },
    /// Tests and rehearsals: only 127.0.0.0/8 and ::1.
    LoopbackOnly,
}

impl Guard {
    /// The guard for mail to the world, when all our addresses are on this machine.
    pub fn production() -> Guard {
        Guard::Production { own: Vec::new(), local_relay: None }
    }

    /// Why a connection to this port is forbidden; `None` if it is allowed.
    pub(crate) fn forbids_port(&self, target: SocketAddr) -> Option<String> {
        match self {
            Guard::Production { local_relay: Some(port), .. }
                if target.port() == *port && target.ip().is_loopback() =>
            {
                None
            }
            Guard::Production { .. } | Guard::LoopbackOnly => self.forbids(target.ip()),
        }
    }

    /// Why a connection to `target` is forbidden, whatever the port; `None` if it is allowed.
    pub fn forbids(&self, target: IpAddr) -> Option<String> {
        let target = target.to_canonical();
        match self {
            Guard::LoopbackOnly if target.is_loopback() => None,
            Guard::LoopbackOnly => Some(format!("{target} is not a loopback address, and only those may be reached")),
            Guard::Production { own, .. } => {
                if let Some(kind) = special_purpose(target) {
                    return Some(format!("{target} is {kind}: its name points inside"));
                }
                let ours = own.contains(&target) || is_held_here(target);
                ours.then(|| format!("{target} is one of our own addresses: its name points inside"))
            }
        }
    }
}

/// Can it be reached from everywhere? Private, loopback and other special addresses cannot.
pub fn is_public(target: IpAddr) -> bool {
    special_purpose(target.to_canonical()).is_none()
}

/// What an address that is no public unicast address is called.
fn special_purpose(target: IpAddr) -> Option<&'static str> {
    match target {
        IpAddr::V4(v4) => special_purpose_v4(v4),
        IpAddr::V6(v6) => special_purpose_v6(v6),
    }
}

fn special_purpose_v4(target: Ipv4Addr) -> Option<&'static str> {
    match target.octets() {
        [0, ..] => Some("an unspecified address"),
        [127, ..] => Some("a loopback address"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some("a private address"),
        [100, 64..=127, ..] => Some("a carrier's shared address"),
        [169, 254, ..] => Some("a link-local address"),
        [192, 0, 0, _] | [198, 18..=19, ..] => Some("a reserved address"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Some("an address for documentation"),
        [224..=239, ..] => Some("a multicast address"),
        [240..=255, ..] => Some("a reserved address"),
        _ => None,
    }
}

fn special_purpose_v6(target: Ipv6Addr) -> Option<&'static str> {
    match target.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("an unspecified address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("a loopback address"),
        // Translation carries an IPv4 address inside (RFC 6052, RFC 3056): what counts is where it leads.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => special_purpose_v4(embedded(high, low)),
        [0, 0, 0, 0, 0, 0, ..] | [0x64, 0xff9b, ..] | [0x100, 0, 0, 0, ..] | [0x2001, 0..=0x1ff, ..] => {
            Some("a reserved address")
        }
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some("an address for documentation"),
        [0xfc00..=0xfdff, ..] => Some("a private address"),
        [0xfe80..=0xfebf, ..] => Some("a link-local address"),
        [0xfec0..=0xfeff, ..] => Some("a private address"),
        [0xff00..=0xffff, ..] => Some("a multicast address"),
        [0x2000..=0x3fff, ..] => None,
        _ => Some("a reserved address"),
    }
}

/// The IPv4 address in two segments of an IPv6 address.
fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

/// Does an interface of this machine hold the address? The kernel lets a socket be bound to no other, and unlike a
/// list read at the start that stays true when interfaces change.
fn is_held_here(target: IpAddr) -> bool {
    UdpSocket::bind((target, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forbidden(guard: &Guard, targets: &[&str]) -> Vec<String> {
        let parsed = targets.iter().map(|t| t.parse::<IpAddr>().unwrap());
        parsed.filter(|t| guard.forbids(*t).is_some()).map(|t| t.to_string()).collect()
    }

    #[test]
    fn production_reaches_public_addresses_only() {
        let inside = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
        ];
        let outside = [
            "1.1.1.1",
            "100.128.0.1",
            "172.32.0.1",
            "192.1.0.1",
            "2a00:1450::1",
            "2001:4860::8888",
            "64:ff9b::101:101",
        ];
        let guard = Guard::production();
        let expected: Vec<String> = inside.iter().map(|t| t.parse::<IpAddr>().unwrap().to_string()).collect();
        assert_eq!(forbidden(&guard, &inside), expected);
        assert_eq!(forbidden(&guard, &outside), Vec::<String>::new());
    }

    #[test]
    fn loopback_only_reaches_loopback_only() {
        let targets = ["127.0.0.1", "127.8.7.6", "::1", "::ffff:127.0.0.1", "1.1.1.1", "10.0.0.1", "::", "2a00::1"];
        assert_eq!(forbidden(&Guard::LoopbackOnly, &targets), ["1.1.1.1", "10.0.0.1", "::", "2a00::1"]);
    }

    #[test]
    fn this_machines_own_mail_server_is_reached_when_everything_goes_through_it_and_nothing_else_here() {
        let guard = Guard::Production { own: Vec::new(), local_relay: Some(25) };
        let reached = |target: &str| guard.forbids_port(target.parse().unwrap()).is_none();
        assert!(reached("127.0.0.1:25") && reached("[::1]:25") && reached("1.1.1.1:443"));
        assert!(!reached("127.0.0.1:80") && !reached("10.0.0.1:25"));
        assert!(Guard::production().forbids_port("127.0.0.1:25".parse().unwrap()).is_some());
        assert!(guard.forbids("127.0.0.1".parse().unwrap()).is_some(), "a URL that points there is refused");
    }

    #[test]
    fn our_own_addresses_are_inside() {
        let guard = Guard::Production { own: vec!["1.2.3.4".parse().unwrap()], local_relay: None };
        assert_eq!(forbidden(&guard, &["1.2.3.4", "1.2.3.5"]), ["1.2.3.4"]);
        assert!(is_held_here("127.0.0.1".parse().unwrap()), "this machine holds its loopback address");
        assert!(!is_held_here("1.1.1.1".parse().unwrap()));
    }
}
