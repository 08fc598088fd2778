//! The world in memory: the engine's traits, with the simulated internet behind them and virtual time.
//!
//! Must be made inside a current-thread tokio runtime whose clock is paused: time then passes only while everybody
//! waits, and thirty hours take as long as what happens in them. Connections are pipes in memory with a latency; TLS on
//! them is real. Invariant: nothing here depends on the machine's clock, threads or randomness, except the bytes of
//! TLS, which never reach the trace.

use crate::certificates;
use crate::chance::Chance;
use crate::dns::ZoneResolver;
use crate::internet::{Addressing, Internet, Place, Setup};
use crate::people::SENDER_DOMAIN;
use crate::provider::{HostState, Profile};
use crate::receiver::Insistence;
use crate::session;
use crate::web;
use engine::Settings;
use model::Timestamp;
use net::{
    BoxFuture, Clock, Connect, ConnectFailure, Egress, Https, NoPrograms, Resolve, SeededEntropy, Stream, TlsClient,
    World,
};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::runtime::Handle;
use tokio::time::Instant;

/// When every simulation begins: Monday 2026-03-02, 09:00:00 UTC.
pub const EPOCH: Timestamp = Timestamp::from_millis(1_772_442_000_000);

/// The address the simulated engine sends from.
pub const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 200));

/// Where web servers listen.
const HTTPS_PORT: u16 = 443;

/// The time to a web server.
const WEB_LATENCY: Duration = Duration::from_millis(40);

/// Octets under way in one direction of a connection.
const PIPE_BYTES: usize = 64 * 1024;

/// Shortest and longest time to a server and back, in milliseconds; one and the same for a server and a seed.
const LATENCY_MS: (u64, u64) = (8, 120);

/// How an engine sends in a simulated world: straight to the servers, with what is shipped, and nobody's reputation at stake.
pub fn settings() -> Settings {
    Settings::rehearsal(&format!("out.{SENDER_DOMAIN}"))
}

/// The scenario's epoch plus tokio's virtual time.
#[derive(Debug)]
pub struct VirtualClock {
    /// What it showed, and when that was; `None` while it stands still.
    shown_at: Mutex<(Timestamp, Option<Instant>)>,
    /// The runtime whose time it tells to those who ask from elsewhere.
    home: Option<Handle>,
}

impl VirtualClock {
    /// A clock that shows [`EPOCH`] now; it only makes sense on a paused runtime.
    pub fn new() -> VirtualClock {
        VirtualClock { shown_at: Mutex::new((EPOCH, Some(Instant::now()))), home: None }
    }

    /// A clock that shows `at` now, and the time of the runtime it is made on to whoever asks, on any thread.
    pub fn shared(at: Timestamp) -> VirtualClock {
        VirtualClock { shown_at: Mutex::new((at, Some(Instant::now()))), home: Some(Handle::current()) }
    }

    /// Goes on from `at` on the runtime that calls: the one it was made on is gone (a simulated kill).
    pub(crate) fn go_on_from(&self, at: Timestamp) {
        *self.shown_at.lock().unwrap_or_else(PoisonError::into_inner) = (at, Some(Instant::now()));
    }

    /// Somebody sets it ahead.
    pub fn jump(&self, ahead: Duration) {
        let mut shown_at = self.shown_at.lock().unwrap_or_else(PoisonError::into_inner);
        shown_at.0 = shown_at.0 + ahead;
    }

    /// Stands still: its runtime is about to be dropped, and outside of one tokio tells the machine's time.
    pub(crate) fn stand_still(&self) {
        let now = self.now();
        *self.shown_at.lock().unwrap_or_else(PoisonError::into_inner) = (now, None);
    }
}

impl Default for VirtualClock {
    fn default() -> VirtualClock {
        VirtualClock::new()
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let _there = self.home.as_ref().map(Handle::enter);
        let (shown, at) = *self.shown_at.lock().unwrap_or_else(PoisonError::into_inner);
        shown + at.map_or(Duration::ZERO, |at| at.elapsed())
    }
}

/// A simulated internet and the world an engine sees of it.
#[derive(Clone, Debug)]
pub struct SimWorld {
    /// The receiving side.
    pub internet: Arc<Internet>,
    /// What to hand to the engine.
    pub world: World,
    /// The clock of both.
    pub clock: Arc<VirtualClock>,
}

impl SimWorld {
    /// The shipped providers, with every draw from `seed`.
    pub fn new(seed: u64) -> SimWorld {
        SimWorld::with_profiles(seed, &Profile::shipped())
    }

    /// These providers, with every draw from `seed`.
    pub fn with_profiles(seed: u64, profiles: &[Arc<Profile>]) -> SimWorld {
        SimWorld::by_clock(seed, profiles, VirtualClock::new())
    }

    /// The same by a clock that was set before.
    pub fn by_clock(seed: u64, profiles: &[Arc<Profile>], clock: VirtualClock) -> SimWorld {
        let shown = Arc::new(clock);
        let clock: Arc<dyn Clock> = shown.clone();
        let setup =
            Setup { seed, addressing: Addressing::Documentation, insistence: Insistence::Always, time_scale: 1 };
        let internet = Arc::new(Internet::new(profiles, setup, Arc::clone(&clock)));
        let resolve: Arc<dyn Resolve> = Arc::new(ZoneResolver::new(internet.zone().clone()));
        let connect: Arc<dyn Connect> =
            Arc::new(Network { internet: Arc::clone(&internet), chance: Chance::new(seed) });
        let tls = TlsClient::with_authorities(Arc::clone(&clock), &[certificates::authority()])
            .expect("the authority's certificate is one");
        let world = World {
            fetch: Arc::new(Https::new(Arc::clone(&resolve), Arc::clone(&connect), tls.clone())),
            resolve,
            connect,
            tls,
            clock,
            entropy: Arc::new(SeededEntropy::new(seed)),
            programs: Arc::new(NoPrograms),
        };
        SimWorld { internet, world, clock: shown }
    }

    /// Publishes what a sending domain needs: SPF for [`SOURCE`], a DKIM record, DMARC, and a host that receives.
    pub fn publish_sender(&self, domain: &str, dkim: &[(String, String)]) {
        let zone = self.internet.zone();
        zone.add_txt(domain, &format!("v=spf1 ip4:{SOURCE} -all"));
        zone.add_txt(&format!("_dmarc.{domain}"), "v=DMARC1; p=reject");
        zone.add_mx(domain, 10, &format!("mx.{domain}"));
        zone.add_address(&format!("mx.{domain}"), SOURCE);
        for (name, value) in dkim {
            zone.add_txt(name, value);
        }
    }
}

/// Connections to simulated servers.
#[derive(Debug)]
struct Network {
    internet: Arc<Internet>,
    chance: Chance,
}

impl Connect for Network {
    fn connect<'a>(
        &'a self,
        from: &'a Egress,
        target: SocketAddr,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, ConnectFailure>> {
        Box::pin(self.open(from.local.unwrap_or(SOURCE), target, timeout))
    }
}

impl Network {
    /// As for mail to the world, nobody connects inside. An address without a server is a host that does not answer; an
    /// IPv6 address without one has no route to it, as on the many machines that have no IPv6.
    async fn open(
        &self,
        from: IpAddr,
        target: SocketAddr,
        timeout: Duration,
    ) -> Result<Box<dyn Stream>, ConnectFailure> {
        if let Some(server) = self.internet.web_server(target.ip()).filter(|_| target.port() == HTTPS_PORT) {
            return Ok(self.browse(server).await);
        }
        if self.internet.has_lost(from) {
            return Err(ConnectFailure::Egress(format!(
                "cannot send from {from}: it is not an address of this machine"
            )));
        }
        if target.ip().is_loopback() {
            return Err(ConnectFailure::Forbidden(format!(
                "{} is a loopback address: its name points inside",
                target.ip()
            )));
        }
        self.internet.tried();
        let place = self.internet.place(target.ip()).cloned();
        if place.is_none() && target.is_ipv6() {
            return Err(ConnectFailure::Unreachable("network is unreachable".to_owned()));
        }
        let state = place.as_ref().map_or(HostState::Silent, |place| self.internet.state_of(place));
        let (Some(place), HostState::Up | HostState::Down) = (place, state) else {
            tokio::time::sleep(timeout).await;
            return Err(ConnectFailure::TimedOut);
        };
        let latency = self.latency_to(&place.name);
        if latency > timeout {
            tokio::time::sleep(timeout).await;
            return Err(ConnectFailure::TimedOut);
        }
        tokio::time::sleep(latency).await;
        if state == HostState::Down {
            return Err(ConnectFailure::Refused);
        }
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        tokio::spawn(session::serve(Arc::clone(&self.internet), place.clone(), from, Box::new(theirs), latency));
        self.internet.line_opened(&place, from);
        Ok(Box::new(Line { pipe: ours, internet: Arc::clone(&self.internet), place, source: from }))
    }

    async fn browse(&self, server: web::WebServer) -> Box<dyn Stream> {
        tokio::time::sleep(WEB_LATENCY).await;
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let internet = Arc::clone(&self.internet);
        tokio::spawn(async move {
            // A client that leaves, or does not trust what it is shown, has its reasons.
            if let Ok(Some(delivered)) = web::serve(server, Box::new(theirs)).await {
                internet.delivered(delivered);
            }
        });
        Box::new(ours)
    }

    fn latency_to(&self, host: &str) -> Duration {
        let (shortest, longest) = LATENCY_MS;
        Duration::from_millis(shortest + self.chance.number("latency", host, 0) % (longest - shortest + 1))
    }
}

/// The sender's end of a connection. However it ends, the receiving side learns that it did.
#[derive(Debug)]
struct Line {
    pipe: DuplexStream,
    internet: Arc<Internet>,
    place: Place,
    source: IpAddr,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.internet.line_closed(&self.place, self.source);
    }
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().pipe).poll_read(cx, into)
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().pipe).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().pipe).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().pipe).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().pipe).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.pipe.is_write_vectored()
    }
}

#[cfg(test)]
mod tests;
