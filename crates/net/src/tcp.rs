//! TCP connections to mail servers.
//!
//! One address, one try: which address comes next is the engine's choice. The guard is asked here, at the last moment
//! before the first packet, so that no path around it exists; where a proxy stands between, it is asked about the target
//! all the same, and the proxy is allowed because the operator named it. Nagle's algorithm is off, because the
//! conversation writes whole groups of commands (RFC 2920) and waits for the answer.

use crate::egress::proxy_header;
use crate::{BoxFuture, Connect, ConnectFailure, Egress, Guard, Proxy, Stream, socks};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

/// How long our own proxy may take to answer us; half of the whole deadline, where that is shorter. Whoever is silent for
/// longer is to blame, not the mail server behind.
const PROXY_PATIENCE: Duration = Duration::from_secs(10);

/// Opens real TCP connections.
#[derive(Clone, Debug)]
pub struct Tcp {
    /// Where we may connect.
    pub guard: Guard,
}

impl Tcp {
    /// Connections within `guard`.
    pub fn new(guard: Guard) -> Tcp {
        Tcp { guard }
    }

    /// Why this connection is forbidden, if it is. In a rehearsal the proxy must be on this machine too.
    fn forbids_way(&self, from: &Egress, target: SocketAddr) -> Option<String> {
        if from.to_own_machine && target.ip().to_canonical().is_loopback() {
            return None;
        }
        let proxy = from.proxy.as_ref().map(Proxy::server).filter(|_| self.guard == Guard::LoopbackOnly);
        self.guard.forbids_port(target).or_else(|| proxy.and_then(|proxy| self.guard.forbids(proxy.ip())))
    }
}

/// A connection to `target`, directly or through the proxy.
async fn open(from: &Egress, target: SocketAddr, patience: Duration) -> Result<TcpStream, ConnectFailure> {
    match &from.proxy {
        None => open_from(from.local, target).await,
        Some(Proxy::Socks5 { server, user }) => {
            let stream = open_proxy(*server, patience).await?;
            socks::connect(stream, *server, user.as_ref(), target, patience).await
        }
        Some(Proxy::Haproxy { server }) => open_through_haproxy(from.local, *server, target, patience).await,
    }
}

/// A connection to our proxy: if it fails, nobody else is to blame.
async fn open_proxy(server: SocketAddr, patience: Duration) -> Result<TcpStream, ConnectFailure> {
    let opened = tokio::time::timeout(patience, open_from(None, server)).await;
    let opened = opened.unwrap_or(Err(ConnectFailure::TimedOut));
    opened.map_err(|why| ConnectFailure::Egress(format!("the proxy {server} cannot be reached: {why}")))
}

async fn open_through_haproxy(
    local: Option<IpAddr>,
    server: SocketAddr,
    target: SocketAddr,
    patience: Duration,
) -> Result<TcpStream, ConnectFailure> {
    let Some(source) = local else {
        let why = format!("the HAProxy {server} has to be told a source address; give the source one");
        return Err(ConnectFailure::Egress(why));
    };
    let header = proxy_header(source, target).ok_or_else(|| another_family(source, target))?;
    let mut stream = open_proxy(server, patience).await?;
    let sent = stream.write_all(&header).await;
    sent.map_err(|why| ConnectFailure::Egress(format!("the proxy {server} closed the line: {why}")))?;
    Ok(stream)
}

/// A connection to `target` from `local`, or from whatever address the system chooses.
async fn open_from(local: Option<IpAddr>, target: SocketAddr) -> Result<TcpStream, ConnectFailure> {
    let socket = socket_for(local, target)?;
    let stream = socket.connect(target).await.map_err(|e| why_not_connected(&e, target))?;
    stream.set_nodelay(true).map_err(|e| ConnectFailure::Other(format!("cannot prepare the connection: {e}")))?;
    Ok(stream)
}

/// A socket of the target's family, bound to our source address if one is asked for.
fn socket_for(local: Option<IpAddr>, target: SocketAddr) -> Result<TcpSocket, ConnectFailure> {
    if let Some(local) = local.filter(|local| local.is_ipv4() != target.is_ipv4()) {
        return Err(another_family(local, target));
    }
    let socket = if target.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let socket = socket.map_err(|e| why_no_socket(&e, target))?;
    if let Some(local) = local {
        socket.bind(SocketAddr::new(local, 0)).map_err(|e| why_not_bound(&e, local))?;
    }
    Ok(socket)
}

fn another_family(local: IpAddr, target: SocketAddr) -> ConnectFailure {
    ConnectFailure::OtherFamily(format!("{} cannot be reached from {local}: another family", target.ip()))
}

fn why_not_bound(error: &io::Error, local: IpAddr) -> ConnectFailure {
    ConnectFailure::Egress(match error.kind() {
        io::ErrorKind::AddrNotAvailable => {
            format!(
                "cannot send from {local}: it is not an address of this machine; add it to an interface or change the source"
            )
        }
        _ => format!("cannot send from {local}: {error}"),
    })
}

impl Connect for Tcp {
    fn forbids(&self, target: IpAddr) -> Option<String> {
        self.guard.forbids(target)
    }

    fn connect<'a>(
        &'a self,
        from: &'a Egress,
        target: SocketAddr,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, ConnectFailure>> {
        Box::pin(async move {
            if let Some(why) = self.forbids_way(from, target) {
                return Err(ConnectFailure::Forbidden(why));
            }
            match tokio::time::timeout(timeout, open(from, target, PROXY_PATIENCE.min(timeout / 2))).await {
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
        _ if target.is_ipv6() => ConnectFailure::OtherFamily(format!("this machine has no IPv6: {error}")),
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
        io::ErrorKind::AddrNotAvailable if target.is_ipv6() => ConnectFailure::OtherFamily(error.to_string()),
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
    async fn failure(tcp: &Tcp, from: &Egress, target: SocketAddr, timeout: Duration) -> ConnectFailure {
        match tcp.connect(from, target, timeout).await {
            Ok(_) => panic!("connected to {target}"),
            Err(failure) => failure,
        }
    }

    #[tokio::test]
    async fn carries_bytes_from_the_source_address_asked_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        let from = Egress::from("127.0.0.77".parse().unwrap());
        let mut ours = Tcp::new(Guard::LoopbackOnly).connect(&from, target, PATIENCE).await.unwrap();
        let (mut theirs, from) = listener.accept().await.unwrap();
        assert_eq!(from.ip().to_string(), "127.0.0.77");
        theirs.write_all(b"220 hello\r\n").await.unwrap();
        let mut greeting = [0; 11];
        ours.read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"220 hello\r\n");
    }

    #[tokio::test]
    async fn what_is_named_at_home_is_reached_on_this_machine_alone() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        let (tcp, home) = (Tcp::new(Guard::production()), Egress { to_own_machine: true, ..Egress::default() });
        assert!(matches!(failure(&tcp, &Egress::default(), target, PATIENCE).await, ConnectFailure::Forbidden(_)));
        assert!(tcp.connect(&home, target, PATIENCE).await.is_ok());
        let inside = "10.0.0.1:25".parse().unwrap();
        assert!(matches!(failure(&tcp, &home, inside, PATIENCE).await, ConnectFailure::Forbidden(_)));
    }

    #[tokio::test]
    async fn tells_a_refusal_from_silence_and_from_a_ban() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let local = Tcp::new(Guard::LoopbackOnly);
        assert_eq!(failure(&local, &Egress::default(), closed, PATIENCE).await, ConnectFailure::Refused);

        // Nobody accepts: the queue of one fills up, and then the kernel ignores the calls of others.
        let full = TcpSocket::new_v4().unwrap();
        full.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let deaf = full.listen(1).unwrap();
        let target = deaf.local_addr().unwrap();
        let mut held = Vec::new();
        let silence = loop {
            match local.connect(&Egress::default(), target, Duration::from_millis(200)).await {
                Ok(stream) => held.push(stream),
                Err(failure) => break failure,
            }
            assert!(held.len() < 100, "the queue never filled");
        };
        assert_eq!(silence, ConnectFailure::TimedOut);

        let banned = failure(&Tcp::new(Guard::production()), &Egress::default(), closed, PATIENCE).await;
        assert!(matches!(banned, ConnectFailure::Forbidden(why) if why.contains("loopback")));
    }

    #[tokio::test]
    async fn a_source_address_that_is_not_ours_is_our_own_fault() {
        let tcp = Tcp::new(Guard::LoopbackOnly);
        let (from, target) = (Egress::from("1.1.1.1".parse().unwrap()), "127.0.0.1:9".parse().unwrap());
        let refused = failure(&tcp, &from, target, PATIENCE).await;
        assert!(matches!(refused, ConnectFailure::Egress(why) if why.contains("not an address of this machine")));
        let refused = failure(&tcp, &Egress::from("::1".parse().unwrap()), target, PATIENCE).await;
        assert!(matches!(refused, ConnectFailure::OtherFamily(_)), "{refused}");
    }

    #[test]
    fn no_route_is_told_apart_from_our_own_trouble() {
        let v4: SocketAddr = "127.0.0.1:25".parse().unwrap();
        let v6: SocketAddr = "[::1]:25".parse().unwrap();
        let of = |kind: io::ErrorKind, target| why_not_connected(&io::Error::from(kind), target);
        assert!(matches!(of(io::ErrorKind::NetworkUnreachable, v4), ConnectFailure::Unreachable(_)));
        assert!(matches!(of(io::ErrorKind::HostUnreachable, v6), ConnectFailure::Unreachable(_)));
        assert!(matches!(of(io::ErrorKind::AddrNotAvailable, v6), ConnectFailure::OtherFamily(_)));
        assert!(matches!(of(io::ErrorKind::AddrNotAvailable, v4), ConnectFailure::Other(_)));
        assert_eq!(of(io::ErrorKind::TimedOut, v4), ConnectFailure::TimedOut);
        assert!(matches!(why_no_socket(&io::Error::from_raw_os_error(24), v6), ConnectFailure::Other(_)));
        assert!(matches!(why_no_socket(&io::Error::from_raw_os_error(97), v6), ConnectFailure::OtherFamily(_)));
    }
}
