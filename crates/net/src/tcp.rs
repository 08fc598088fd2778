//! TCP connections to mail servers.
//!
//! One address, one try: which address comes next is the engine's choice. The guard is asked here, at the last moment
//! before the first packet, so that no path around it exists. Nagle's algorithm is off, because the conversation
//! writes whole groups of commands (RFC 2920) and waits for the answer.

use crate::{BoxFuture, Connect, ConnectFailure, Guard, Stream};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};

/// Opens real TCP connections.
#[derive(Clone, Debug)]
pub struct Tcp {
    /// Where we may connect.
    pub guard: Guard,
    /// The address to connect from over IPv4; the system chooses when there is none.
    pub source_v4: Option<Ipv4Addr>,
    /// The address to connect from over IPv6; the system chooses when there is none.
    pub source_v6: Option<Ipv6Addr>,
}

impl Tcp {
    /// Connections within `guard`, from whatever address the system chooses.
    pub fn new(guard: Guard) -> Tcp {
        Tcp { guard, source_v4: None, source_v6: None }
    }

    async fn open(&self, target: SocketAddr) -> Result<TcpStream, ConnectFailure> {
        let socket = self.socket_for(target)?;
        let stream = socket.connect(target).await.map_err(|e| why_not_connected(&e, target))?;
        stream.set_nodelay(true).map_err(|e| ConnectFailure::Other(format!("cannot prepare the connection: {e}")))?;
        Ok(stream)
    }

    /// A socket of the target's family, bound to our source address if one is set.
    fn socket_for(&self, target: SocketAddr) -> Result<TcpSocket, ConnectFailure> {
        let (socket, source) = match target {
            SocketAddr::V4(_) => (TcpSocket::new_v4(), self.source_v4.map(IpAddr::V4)),
            SocketAddr::V6(_) => (TcpSocket::new_v6(), self.source_v6.map(IpAddr::V6)),
        };
        let socket = socket.map_err(|e| why_no_socket(&e, target))?;
        if let Some(source) = source {
            let bound = socket.bind(SocketAddr::new(source, 0));
            bound.map_err(|e| ConnectFailure::Other(format!("cannot send from {source}: {e}")))?;
        }
        Ok(socket)
    }
}

impl Connect for Tcp {
    fn connect(&self, target: SocketAddr, timeout: Duration) -> BoxFuture<'_, Result<Box<dyn Stream>, ConnectFailure>> {
        Box::pin(async move {
            if let Some(why) = self.guard.forbids(target.ip()) {
                return Err(ConnectFailure::Forbidden(why));
            }
            match tokio::time::timeout(timeout, self.open(target)).await {
                Ok(opened) => opened.map(|stream| Box::new(stream) as Box<dyn Stream>),
                Err(_) => Err(ConnectFailure::TimedOut),
            }
        })
    }
}

/// Running out of file descriptors is our trouble; an address family this machine lacks is a missing route.
fn why_no_socket(error: &io::Error, target: SocketAddr) -> ConnectFailure {
    const TOO_MANY_OPEN_FILES: [i32; 2] = [24, 23];
    match error.raw_os_error() {
        Some(code) if TOO_MANY_OPEN_FILES.contains(&code) => {
            ConnectFailure::Other(format!("cannot open another connection (raise the limit of open files): {error}"))
        }
        _ if target.is_ipv6() => ConnectFailure::Unreachable(format!("this machine has no IPv6: {error}")),
        _ => ConnectFailure::Other(format!("cannot open a socket: {error}")),
    }
}

fn why_not_connected(error: &io::Error, target: SocketAddr) -> ConnectFailure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => ConnectFailure::Refused,
        io::ErrorKind::TimedOut => ConnectFailure::TimedOut,
        // EACCES and EPERM come from packet filters on the way out: the host cannot be reached from here.
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::PermissionDenied => ConnectFailure::Unreachable(error.to_string()),
        // Without an IPv6 address there is nothing to send from; over IPv4 it means that the local ports ran out.
        io::ErrorKind::AddrNotAvailable if target.is_ipv6() => ConnectFailure::Unreachable(error.to_string()),
        _ => ConnectFailure::Other(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// The failure of a connection that must not come about.
    async fn failure(tcp: &Tcp, target: SocketAddr, timeout: Duration) -> ConnectFailure {
        match tcp.connect(target, timeout).await {
            Ok(_) => panic!("connected to {target}"),
            Err(failure) => failure,
        }
    }

    #[tokio::test]
    async fn carries_bytes_from_the_source_address_asked_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        let tcp = Tcp { source_v4: Some(Ipv4Addr::new(127, 0, 0, 77)), ..Tcp::new(Guard::LoopbackOnly) };
        let mut ours = tcp.connect(target, PATIENCE).await.unwrap();
        let (mut theirs, from) = listener.accept().await.unwrap();
        assert_eq!(from.ip().to_string(), "127.0.0.77");
        theirs.write_all(b"220 hello\r\n").await.unwrap();
        let mut greeting = [0; 11];
        ours.read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"220 hello\r\n");
    }

    #[tokio::test]
    async fn tells_a_refusal_from_silence_and_from_a_ban() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let local = Tcp::new(Guard::LoopbackOnly);
        assert_eq!(failure(&local, closed, PATIENCE).await, ConnectFailure::Refused);

        // Nobody accepts: the queue of one fills up, and then the kernel ignores the calls of others.
        let full = TcpSocket::new_v4().unwrap();
        full.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let deaf = full.listen(1).unwrap();
        let target = deaf.local_addr().unwrap();
        let mut held = Vec::new();
        let silence = loop {
            match local.connect(target, Duration::from_millis(200)).await {
                Ok(stream) => held.push(stream),
                Err(failure) => break failure,
            }
            assert!(held.len() < 100, "the queue never filled");
        };
        assert_eq!(silence, ConnectFailure::TimedOut);

        let banned = failure(&Tcp::new(Guard::production()), closed, PATIENCE).await;
        assert!(matches!(banned, ConnectFailure::Forbidden(why) if why.contains("loopback")));
    }

    #[tokio::test]
    async fn a_source_address_that_is_not_ours_is_our_own_fault() {
        let tcp = Tcp { source_v4: Some(Ipv4Addr::new(1, 1, 1, 1)), ..Tcp::new(Guard::LoopbackOnly) };
        let refused = failure(&tcp, "127.0.0.1:9".parse().unwrap(), PATIENCE).await;
        assert!(matches!(refused, ConnectFailure::Other(why) if why.starts_with("cannot send from 1.1.1.1")));
    }

    #[test]
    fn no_route_is_told_apart_from_our_own_trouble() {
        let v4: SocketAddr = "127.0.0.1:25".parse().unwrap();
        let v6: SocketAddr = "[::1]:25".parse().unwrap();
        let of = |kind: io::ErrorKind, target| why_not_connected(&io::Error::from(kind), target);
        assert!(matches!(of(io::ErrorKind::NetworkUnreachable, v4), ConnectFailure::Unreachable(_)));
        assert!(matches!(of(io::ErrorKind::HostUnreachable, v6), ConnectFailure::Unreachable(_)));
        assert!(matches!(of(io::ErrorKind::AddrNotAvailable, v6), ConnectFailure::Unreachable(_)));
        assert!(matches!(of(io::ErrorKind::AddrNotAvailable, v4), ConnectFailure::Other(_)));
        assert_eq!(of(io::ErrorKind::TimedOut, v4), ConnectFailure::TimedOut);
        assert!(matches!(why_no_socket(&io::Error::from_raw_os_error(24), v6), ConnectFailure::Other(_)));
        assert!(matches!(why_no_socket(&io::Error::from_raw_os_error(97), v6), ConnectFailure::Unreachable(_)));
    }
}
