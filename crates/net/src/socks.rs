//! Through a SOCKS server, version 5 (RFC 1928, RFC 1929), to a mail server.
//!
//! The library speaks the protocol; this says whose fault a failure is. What the SOCKS server says about the target is
//! the target's; everything else is our own way out, and no mail server is blamed for it. Only addresses are handed
//! over, never names: the guard has seen what is connected to.

use crate::ConnectFailure;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio_socks::Error;
use tokio_socks::tcp::Socks5Stream;

/// Asks the SOCKS server at the other end of `stream` for a connection to `target`.
pub(crate) async fn connect(
    stream: TcpStream,
    server: SocketAddr,
    user: Option<&(String, String)>,
    target: SocketAddr,
) -> Result<TcpStream, ConnectFailure> {
    let connected = match user {
        Some((name, password)) => Socks5Stream::connect_with_password_and_socket(stream, target, name, password).await,
        None => Socks5Stream::connect_with_socket(stream, target).await,
    };
    connected.map(Socks5Stream::into_inner).map_err(|error| in_our_words(&error, server))
}

fn in_our_words(error: &Error, server: SocketAddr) -> ConnectFailure {
    match error {
        Error::ConnectionRefused => ConnectFailure::Refused,
        Error::TtlExpired => ConnectFailure::TimedOut,
        // A server that cannot say more calls everything a general failure.
        Error::HostUnreachable
        | Error::NetworkUnreachable
        | Error::GeneralSocksServerFailure
        | Error::AddressTypeNotSupported => ConnectFailure::Unreachable(format!("{error}, says the proxy {server}")),
        Error::PasswordAuthFailure(_) | Error::AuthorizationRequired | Error::NoAcceptableAuthMethods => {
            ConnectFailure::Egress(format!("the proxy {server} does not let us in: {error}; check name and password"))
        }
        _ => ConnectFailure::Egress(format!("the proxy {server} does not work: {error}")),
    }
}

#[cfg(test)]
mod tests;
