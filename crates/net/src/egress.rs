//! The way out of this machine: the address a connection leaves from, and a proxy it goes through.
//!
//! Apart from the connecting because the simulator, which opens no sockets, has to know the same facts. Invariant: a
//! proxy's password never shows; not in `Debug`, not in an error.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Where a connection leaves from. The default is this machine as it is: the system chooses the address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    /// The address the receiving server is to see. Without a proxy it must be one of this machine's; it decides the
    /// address family then. Behind a proxy it is the proxy's business: HAProxy is asked to use it, a SOCKS server
    /// has an address of its own, and this one is what we know about it.
    pub local: Option<IpAddr>,
    /// What stands between us and the receiving servers.
    pub proxy: Option<Proxy>,
    /// The target was named by whoever is at home on this machine, as a loopback address: no stranger can lead there, and it
    /// may be reached.
    pub to_own_machine: bool,
}

impl Egress {
    /// From this address of this machine.
    pub fn from(local: IpAddr) -> Egress {
        Egress { local: Some(local), ..Egress::default() }
    }
}

/// A server that opens connections for us.
#[derive(Clone, PartialEq, Eq)]
pub enum Proxy {
    /// A SOCKS server, version 5 (RFC 1928).
    Socks5 {
        /// Where it listens.
        server: SocketAddr,
        /// Name and password, where it asks for them (RFC 1929). They go over the line as they are.
        user: Option<(String, String)>,
    },
    /// A HAProxy that is told by the header of its PROXY protocol (version 2) where to connect from and to.
    Haproxy {
        /// Where it listens.
        server: SocketAddr,
    },
}

impl Proxy {
    /// Reads `socks5://[user@]host:port` or `haproxy://host:port`, the host an address. The password is not in it.
    pub fn parse(text: &str) -> Result<Proxy, String> {
        let wrong = || format!("{text:?} is no proxy: socks5://[user@]IP:PORT or haproxy://IP:PORT is expected");
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let (user, server) = match rest.rsplit_once('@') {
            Some((user, _)) if user.contains(':') => return Err(format!("{scheme}: a password does not belong here")),
            Some((user, server)) => (Some((user.to_owned(), String::new())), server),
            None => (None, rest),
        };
        let server = server.parse().map_err(|_| wrong())?;
        match (scheme, user) {
            ("socks5", user) => Ok(Proxy::Socks5 { server, user }),
            ("haproxy", None) => Ok(Proxy::Haproxy { server }),
            _ => Err(wrong()),
        }
    }

    /// The same with the password its user signs in with.
    #[must_use]
    pub fn with_password(self, password: &str) -> Proxy {
        match self {
            Proxy::Socks5 { server, user: Some((user, _)) } => {
                Proxy::Socks5 { server, user: Some((user, password.to_owned())) }
            }
            other => other,
        }
    }

    /// Where it listens.
    pub fn server(&self) -> SocketAddr {
        match self {
            Proxy::Socks5 { server, .. } | Proxy::Haproxy { server } => *server,
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Proxy::Socks5 { server, user } => {
                let user = user.as_ref().map(|(name, _)| name);
                f.debug_struct("Socks5").field("server", server).field("user", &user).finish_non_exhaustive()
            }
            Proxy::Haproxy { server } => f.debug_struct("Haproxy").field("server", server).finish(),
        }
    }
}

/// The header that tells a HAProxy where to connect from and to: version 2 of the PROXY protocol, section 2.2.
///
/// `None`: the two are not of one family. The source port is left to the proxy (0).
pub(crate) fn proxy_header(source: IpAddr, target: SocketAddr) -> Option<Vec<u8>> {
    const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
    /// Version 2, command PROXY.
    const VERSION_AND_COMMAND: u8 = 0x21;
    /// Address family and transport: TCP over IPv4, over IPv6.
    const TCP4: u8 = 0x11;
    const TCP6: u8 = 0x21;
    const SOURCE_PORT: [u8; 2] = [0, 0];
    let mut header = SIGNATURE.to_vec();
    let (family, addresses) = match (source, target.ip()) {
        (IpAddr::V4(source), IpAddr::V4(to)) => (TCP4, [source.octets(), to.octets()].concat()),
        (IpAddr::V6(source), IpAddr::V6(to)) => (TCP6, [source.octets(), to.octets()].concat()),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    };
    let ports = [SOURCE_PORT, target.port().to_be_bytes()].concat();
    let length = u16::try_from(addresses.len() + ports.len()).ok()?;
    header.extend([VERSION_AND_COMMAND, family]);
    header.extend(length.to_be_bytes());
    header.extend(addresses);
    header.extend(ports);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_that_of_the_specification() {
        let v4 = proxy_header("192.0.2.1".parse().unwrap(), "198.51.100.7:25".parse().unwrap()).unwrap();
        let fixed = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c";
        assert_eq!(v4, [&fixed[..], &[192, 0, 2, 1, 198, 51, 100, 7, 0, 0, 0, 25]].concat());
        let v6 = proxy_header("2001:db8::1".parse().unwrap(), "[2001:db8::2]:25".parse().unwrap()).unwrap();
        assert_eq!((v6.len(), v6[13], &v6[14..16]), (16 + 36, 0x21, &[0, 36][..]));
        assert_eq!(proxy_header("192.0.2.1".parse().unwrap(), "[2001:db8::2]:25".parse().unwrap()), None);
    }

    #[test]
    fn a_password_is_not_shown() {
        let server = "192.0.2.1:1080".parse().unwrap();
        let proxy = Proxy::Socks5 { server, user: Some(("ada".into(), "s3cret".into())) };
        let shown = format!("{:?}", Egress { proxy: Some(proxy), ..Egress::default() });
        assert!(shown.contains("192.0.2.1:1080") && shown.contains("ada") && !shown.contains("s3cret"), "{shown}");
    }
}
