//! Through a SOCKS server, version 5 (RFC 1928, RFC 1929), to a mail server.
//!
//! The library speaks the protocol; this says whose fault a failure is. What the SOCKS server says about the target is
//! the target's; everything else is our own way out, and no mail server is blamed for it. Only addresses are handed
//! over, never names: the guard has seen what is connected to.

use crate::ConnectFailure;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_socks::Error;
use tokio_socks::tcp::Socks5Stream;

/// Asks the SOCKS server at the other end of `stream` for a connection to `target`. A server that says nothing at all for
/// `patience` does not work; one that spoke and then waits, waits for the target: how long it may is the caller's.
pub(crate) async fn connect(
    stream: TcpStream,
    server: SocketAddr,
    user: Option<&(String, String)>,
    target: SocketAddr,
    patience: Duration,
) -> Result<TcpStream, ConnectFailure> {
    let has_spoken = Arc::new(AtomicBool::new(false));
    let stream = Overheard { stream, has_spoken: Arc::clone(&has_spoken) };
    let mut connecting = pin!(async {
        match user {
            Some((name, password)) => {
                Socks5Stream::connect_with_password_and_socket(stream, target, name, password).await
            }
            None => Socks5Stream::connect_with_socket(stream, target).await,
        }
    });
    let connected = match tokio::time::timeout(patience, &mut connecting).await {
        Ok(connected) => connected,
        Err(_) if !has_spoken.load(Ordering::Relaxed) => {
            return Err(ConnectFailure::Egress(format!("the proxy {server} takes connections and says nothing")));
        }
        Err(_) => connecting.await,
    };
    connected.map(|socks| socks.into_inner().stream).map_err(|error| in_our_words(&error, server))
}

/// A connection of which it is known whether the other end has said anything.
struct Overheard {
    stream: TcpStream,
    has_spoken: Arc<AtomicBool>,
}

impl AsyncRead for Overheard {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.has_spoken.store(true, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Overheard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
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
        // The library's words for a reply code that it does not know, too.
        Error::UnknownAuthMethod => ConnectFailure::Egress(format!(
            "the proxy {server} does not work: it answers with a code that SOCKS5 does not have"
        )),
        _ => ConnectFailure::Egress(format!("the proxy {server} does not work: {error}")),
    }
}

#[cfg(test)]
mod tests;
