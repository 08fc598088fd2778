//! One conversation of a simulated server: bytes in and out of a stream, each reply decided by the receiver.
//!
//! The grammar is [`smtp::server`]'s, the decisions are [`Internet`]'s; this joins the two to a stream and lets time
//! pass. The stream may be memory or a socket.

use crate::fault::Rave;
use crate::internet::{Internet, Place};
use crate::provider::TlsOffer;
use crate::receiver::{Action, Answer, Visit};
use model::Stage;
use net::Stream;
use smtp::server::{Config, Event, Output, Server};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How long a client may say nothing (RFC 5321 section 4.5.3.2.7).
const IDLE: Duration = Duration::from_secs(5 * 60);
/// How long a server that fell silent keeps the line open.
const MUTE: Duration = Duration::from_secs(60 * 60);
/// How often a raving server says what it says: 10 MB, or 40 hours of an octet a minute.
const RAVES_MAX: usize = 2_400;
/// Octets read at a time.
const READ_BYTES: usize = 16 * 1024;

/// A TLS record with the fatal alert `handshake_failure` (RFC 8446 section 6).
const HANDSHAKE_FAILURE: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

/// Serves one connection from `peer` until either side ends it. `latency` is the time to the client and back.
pub async fn serve(internet: Arc<Internet>, place: Place, peer: IpAddr, stream: Box<dyn Stream>, latency: Duration) {
    internet.opened();
    let visit = Visit::new(peer, Arc::clone(&place.name));
    let server = Server::new(Config {
        host_name: place.name.to_string(),
        size_limit_bytes: Some(place.message_bytes),
        starttls: place.tls != TlsOffer::None,
        requiretls: place.requiretls,
        smtputf8: !place.ascii_only,
        chunking: place.chunking,
        chunks_refused: place.refuses_chunks,
        params_refused: place.refuses_parameters,
        dsn: place.dsn,
        ..Config::default()
    });
    let mut conversation = Conversation { internet, place, visit, server, stream: Some(stream), latency };
    // How a connection ends is the client's business; the receiver only notes that it is over.
    let _ended: io::Result<()> = conversation.run().await;
}

struct Conversation {
    internet: Arc<Internet>,
    place: Place,
    visit: Visit,
    server: Server,
    stream: Option<Box<dyn Stream>>,
    latency: Duration,
}

/// However it ended, a receiver that is torn down in the middle included.
impl Drop for Conversation {
    fn drop(&mut self) {
        self.internet.disconnected(&self.place, &self.visit);
    }
}

impl Conversation {
    async fn run(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            while let Some(output) = self.server.poll_output() {
                match output {
                    Output::Write(bytes) => self.stream()?.write_all(&bytes).await?,
                    Output::UpgradeTls => self.encrypt().await?,
                    Output::Event(event) => self.answer(event).await?,
                    Output::Close => return self.stream()?.shutdown().await,
                }
            }
            self.stream()?.flush().await?;
            let read = tokio::time::timeout(IDLE, self.stream()?.read(&mut buffer)).await??;
            if read == 0 {
                return Ok(());
            }
            if !self.latency.is_zero() {
                tokio::time::sleep(self.latency).await;
            }
            self.server.handle_input(buffer.get(..read).unwrap_or_default());
        }
    }

    async fn answer(&mut self, event: Event) -> io::Result<()> {
        if matches!(event, Event::Message { .. }) && self.server.has_more() {
            self.internet.followed(&self.place, &self.visit);
        }
        let Answer { action, after } = self.decide(&event);
        let after = self.internet.wait(after);
        if !after.is_zero() {
            tokio::time::sleep(after).await;
        }
        match action {
            Action::Say(reply) => self.server.reply(reply),
            Action::SayAndClose(reply) => {
                self.server.reply(reply);
                self.say_the_rest().await?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Action::Mute => {
                self.listen_without_a_word().await?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Action::Rave(rave) => {
                self.rave(rave).await?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Action::Cut => return Err(io::ErrorKind::ConnectionReset.into()),
        }
        Ok(())
    }

    fn decide(&mut self, event: &Event) -> Answer {
        let usual = self.server.usual_reply(event);
        let (internet, place, visit) = (&self.internet, &self.place, &mut self.visit);
        match event {
            Event::Connected => internet.connected(place, visit),
            Event::Ehlo { name, .. } => {
                visit.helo.clone_from(name);
                internet.usual(place, Stage::Ehlo, visit, usual)
            }
            Event::StartTls => internet.usual(place, Stage::Tls, visit, usual),
            Event::Auth { .. } => internet.usual(place, Stage::Auth, visit, usual),
            Event::Mail { from, .. } => internet.mail(place, visit, from, usual),
            Event::Rcpt { to, .. } => internet.rcpt(place, visit, to, usual),
            Event::DataStart => internet.usual(place, Stage::Data, visit, usual),
            Event::Message { bytes } => internet.message(place, visit, bytes),
            Event::Reset => {
                visit.forget_transaction();
                internet.usual(place, Stage::Any, visit, usual)
            }
            Event::Quit => internet.usual(place, Stage::Any, visit, usual),
        }
    }

    /// A refusal at the door or in the middle: what it leads to is still said, then the line is closed.
    async fn say_the_rest(&mut self) -> io::Result<()> {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Write(bytes) => self.stream()?.write_all(&bytes).await?,
                Output::Close | Output::UpgradeTls | Output::Event(_) => break,
            }
        }
        self.stream()?.shutdown().await
    }

    async fn listen_without_a_word(&mut self) -> io::Result<()> {
        let stream = self.stream()?;
        let deaf = async {
            let mut buffer = [0; 1024];
            while stream.read(&mut buffer).await? > 0 {}
            Ok(())
        };
        tokio::time::timeout(MUTE, deaf).await.unwrap_or(Ok(()))
    }

    async fn rave(&mut self, rave: Rave) -> io::Result<()> {
        let stream = self.stream()?;
        match rave {
            Rave::Endless => say_often(stream, &b"250-and one more thing\r\n".repeat(180), Duration::ZERO).await,
            Rave::Noise => {
                let noise: Vec<u8> = (0..4_096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
                say_often(stream, &noise, Duration::ZERO).await
            }
            Rave::Dribble => say_often(stream, b"2", Duration::from_secs(60)).await,
            Rave::Ahead => {
                stream.write_all(b"250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n").await?;
                self.listen_without_a_word().await
            }
        }
    }

    async fn encrypt(&mut self) -> io::Result<()> {
        if self.internet.breaks_handshake(&self.place) {
            // It hears the client out, then answers with a fatal alert and nothing else.
            let mut hello = [0; 1024];
            let _heard = self.stream()?.read(&mut hello).await?;
            self.stream()?.write_all(&HANDSHAKE_FAILURE).await?;
            self.stream()?.shutdown().await?;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let stream = self.stream.take().ok_or(io::ErrorKind::NotConnected)?;
        let identity = self.internet.identity_of(&self.place);
        let handshake = identity.accept(stream);
        let (stream, version) = tokio::time::timeout(IDLE, handshake).await?.map_err(io::Error::other)?;
        self.stream = Some(stream);
        self.visit.encrypted = true;
        self.server.tls_established(version);
        Ok(())
    }

    fn stream(&mut self) -> io::Result<&mut Box<dyn Stream>> {
        self.stream.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

/// Says it again and again until the client has gone, or for so long that it should have.
async fn say_often(stream: &mut Box<dyn Stream>, words: &[u8], pause: Duration) -> io::Result<()> {
    for _ in 0..RAVES_MAX {
        stream.write_all(words).await?;
        tokio::time::sleep(pause).await;
    }
    Ok(())
}
