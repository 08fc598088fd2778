//! One conversation with one server: the pump between the SMTP machine and a stream.
//!
//! The machine (`smtp::client`) decides every word and every deadline; this file moves bytes, waits, and upgrades
//! the stream when told to. It knows nothing of campaigns: a [`Session`] takes an envelope, asks for the message
//! when the server is ready for it, and says how the transaction ended.

use crate::house::House;
use crate::tls_reports::Seen;
use model::{Stage, Timestamp, TlsVersion};
use net::{ConnectFailure, Encrypted, Stream, TlsClient, TlsFailure, Trust, World};
use smtp::client::{Client, Credentials, Ending, Envelope, Finished, Output, SessionEnd, Settings, TlsMode};
use smtp::extensions::Optional;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

/// How much is read at once.
const READ_BYTES: usize = 4096;
/// How long the last word of a server that has left is waited for: it is there already, or it does not come.
const LAST_WORD: Duration = Duration::from_secs(1);

/// An open session, ready for transactions.
pub(crate) struct Session {
    client: Client,
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    tls_client: TlsClient,
    trust: Trust,
    /// The server's name, as the MX record has it.
    pub(crate) host: String,
    /// The server's address.
    pub(crate) address: IpAddr,
    /// The TLS version, when the session is encrypted.
    pub(crate) tls: Option<TlsVersion>,
    /// Who the server is: proved; not proved and why; `None` when it was not asked, or never came to it.
    pub(crate) proof: Option<Result<(), TlsFailure>>,
    /// What is to be told about its encryption, under a policy.
    pub(crate) seen: Option<Seen>,
    /// Was all asked for that a message with REQUIRETLS needs? If so, what is missing the server does not have.
    pub(crate) may_require_tls: bool,
    /// Is there another host of the site that could be asked in its place?
    pub(crate) has_next_host: bool,
    /// Transactions so far.
    pub(crate) transactions: u32,
    /// Has the next transaction's envelope gone out with the last message?
    is_announced: bool,
    /// When it began, by the clock that people set and by one that nobody sets.
    begun: (Timestamp, Instant),
}

/// How a transaction begins.
pub(crate) enum Opening {
    /// With its envelope.
    Say(Envelope),
    /// Its envelope went out with the message before.
    Said,
}

/// Why no session came about.
#[derive(Debug)]
pub(crate) struct Unopened {
    /// How far it got.
    pub(crate) stage: Stage,
    /// What ended it.
    pub(crate) why: Why,
    /// Did a mail server answer (so that it is its word, and not silence, that counts)?
    pub(crate) reached: bool,
    /// How the handshake failed, if it came to one.
    pub(crate) handshake: Option<TlsFailure>,
    /// What was said, where anything was.
    pub(crate) transcript: Option<String>,
}

/// What kept a session from opening.
#[derive(Debug)]
pub(crate) enum Why {
    /// No connection.
    Connect(ConnectFailure),
    /// The server refused, or the line broke, before a transaction could start.
    Ending(Ending),
    /// Encryption could not be set up.
    Tls(String),
}

/// What a machine wants that the pump cannot give it.
enum Want {
    Ready,
    Message,
    BeforeFinal,
    Finished(Finished),
    Closed(SessionEnd),
}

/// What the pump calls back for during a transaction.
pub(crate) trait Hooks {
    /// MAIL FROM has been written, this one's or, after [`Hooks::follower`], the next one's.
    fn started(&mut self);
    /// The server is ready for the message: make it. An error ends the transaction without a dot.
    fn message(&mut self) -> Result<Vec<u8>, String>;
    /// The last bytes are about to go out: write that down first. An error ends the transaction without a dot.
    fn before_final(&mut self) -> impl Future<Output = Result<(), String>> + Send;
    /// The last bytes may go out, and the line takes the next envelope with them: whose, if anybody may start now?
    fn follower(&mut self) -> impl Future<Output = Option<Envelope>> + Send;
}

impl Session {
    /// Talks to the server at the other end of `stream` until the first transaction can start.
    pub(crate) async fn open(
        house: &House,
        terms: (Settings, Trust),
        host: &str,
        address: IpAddr,
        stream: Box<dyn Stream>,
    ) -> Result<Session, Unopened> {
        Session::over(&house.world, &house.tls, terms, (host, address), stream).await
    }

    async fn over(
        world: &World,
        tls_client: &TlsClient,
        (settings, trust): (Settings, Trust),
        (host, address): (&str, IpAddr),
        stream: Box<dyn Stream>,
    ) -> Result<Session, Unopened> {
        let begun = (world.clock.now(), Instant::now());
        let client = Client::new(settings, begun.0);
        let mut session = Session {
            client,
            stream,
            buffer: vec![0; READ_BYTES],
            tls_client: tls_client.clone(),
            trust,
            host: host.to_owned(),
            address,
            tls: None,
            proof: None,
            seen: None,
            may_require_tls: false,
            has_next_host: false,
            transactions: 0,
            is_announced: false,
            begun,
        };
        match session.pump().await {
            Want::Ready => Ok(session),
            Want::Closed(SessionEnd::Failed { stage, ending }) => Err(session.unopened(stage, ending)),
            Want::Closed(SessionEnd::Quit | SessionEnd::Spent)
            | Want::Finished(_)
            | Want::Message
            | Want::BeforeFinal => Err(session.unopened(Stage::Greeting, Ending::Disconnected)),
        }
    }

    fn unopened(&self, stage: Stage, ending: Ending) -> Unopened {
        let reached = !matches!(ending, Ending::TimedOut | Ending::Disconnected);
        let why = match ending {
            Ending::TlsFailed(why) => Why::Tls(why),
            ending if stage == Stage::Tls => Why::Tls(crate::journey::in_words(&ending)),
            ending => Why::Ending(ending),
        };
        let handshake = self.proof.clone().and_then(Result::err);
        let transcript = Some(self.transcript().to_string()).filter(|said| !said.is_empty());
        Unopened { stage, why, reached, handshake, transcript }
    }

    /// One transaction, from MAIL FROM to the deciding reply. Another one's envelope may have gone out with its end.
    pub(crate) async fn transact(&mut self, opening: Opening, hooks: &mut impl Hooks) -> Finished {
        self.transactions += 1;
        self.is_announced = false;
        match opening {
            Opening::Say(envelope) if !self.is_proved_for(&envelope) => {
                let (stage, ending) = (Stage::Tls, Ending::NoRequireTls);
                return Finished { stage, ending, answered: false, reusable: true };
            }
            Opening::Say(envelope) => self.client.start(self.now(), envelope),
            Opening::Said => self.client.start_announced(self.now()),
        }
        loop {
            // What is to be said first includes MAIL FROM: this one's, or later the next one's.
            let said = self.flush().await;
            hooks.started();
            if let Some(want) = said {
                if let Some(finished) = self.answer(want, hooks).await {
                    return finished;
                }
                continue;
            }
            self.receive().await;
        }
    }

    /// Gives the machine what it wants; `Some` when it wants nothing more of this transaction.
    async fn answer(&mut self, want: Want, hooks: &mut impl Hooks) -> Option<Finished> {
        match want {
            Want::Message => match hooks.message() {
                Ok(bytes) => self.client.supply(self.now(), bytes),
                Err(why) => self.client.message_failed(self.now(), why),
            },
            Want::BeforeFinal => match hooks.before_final().await {
                Ok(()) => {
                    self.announce_follower(hooks).await;
                    self.client.final_recorded(self.now());
                }
                Err(why) => self.client.message_failed(self.now(), why),
            },
            want => return Some(self.conclude(want)),
        }
        None
    }

    async fn announce_follower(&mut self, hooks: &mut impl Hooks) {
        if self.client.may_announce()
            && let Some(envelope) = hooks.follower().await
        {
            self.is_announced = self.is_proved_for(&envelope) && self.client.announce(self.now(), envelope);
        }
    }

    /// The server is asked for the extension by the machine; who it is, only we know (RFC 8689 section 4.2.1).
    fn is_proved_for(&self, envelope: &Envelope) -> bool {
        !envelope.require_tls || self.proof == Some(Ok(()))
    }

    /// What the server had offered and refused this transaction for, if that is how it ended.
    pub(crate) fn refused_offer(&self, finished: &Finished) -> Option<Optional> {
        self.client.refused_extension(finished)
    }

    /// Does without it from now on, with a remark in the transcript. May this session go on?
    pub(crate) fn do_without(&mut self, offer: Optional, remark: &str) -> bool {
        self.client.do_without(self.now(), offer, remark)
    }

    /// Has the next transaction's envelope gone out with the last message?
    pub(crate) fn is_announced(&self) -> bool {
        self.is_announced
    }

    /// Hands over one message that is nobody's delivery (an alert, a report) and ends the session; how the server took it.
    pub(crate) async fn hand_over(mut self, envelope: Envelope, message: Vec<u8>) -> Ending {
        let finished = self.transact(Opening::Say(envelope), &mut Parcel(message)).await;
        self.quit().await;
        finished.ending
    }

    fn conclude(&self, want: Want) -> Finished {
        match want {
            Want::Finished(finished) => finished,
            Want::Closed(SessionEnd::Failed { stage, ending }) => {
                Finished { stage, ending, answered: false, reusable: false }
            }
            Want::Closed(SessionEnd::Quit | SessionEnd::Spent) | Want::Ready | Want::Message | Want::BeforeFinal => {
                Finished { stage: Stage::Mail, ending: Ending::Disconnected, answered: false, reusable: false }
            }
        }
    }

    /// Says QUIT and goes; a server that does not answer is not waited for beyond the machine's short deadline.
    pub(crate) async fn quit(mut self) {
        self.client.quit(self.now());
        loop {
            if let Want::Closed(_) = self.pump().await {
                return;
            }
        }
    }

    /// Who said what, for `why --transcript`.
    pub(crate) fn transcript(&self) -> &smtp::transcript::Transcript {
        self.client.transcript()
    }

    /// The time of this conversation: patience is measured as time passes. A clock that jumps ahead would end all
    /// conversations at once, and the people in them would pay for it.
    fn now(&self) -> Timestamp {
        let (at, since) = self.begun;
        at + since.elapsed()
    }

    /// Moves bytes until the machine wants something else.
    async fn pump(&mut self) -> Want {
        loop {
            if let Some(want) = self.flush().await {
                return want;
            }
            self.receive().await;
        }
    }

    /// Does what the machine has to say, until it waits for input (`None`) or wants something.
    async fn flush(&mut self) -> Option<Want> {
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Write(bytes) => self.write(&bytes).await,
                Output::WriteAhead { bytes, own } => self.write_ahead(&bytes, own).await,
                Output::UpgradeTls => self.upgrade().await,
                Output::Ready => return Some(Want::Ready),
                Output::WantMessage => return Some(Want::Message),
                Output::BeforeFinal => return Some(Want::BeforeFinal),
                Output::Finished(finished) => return Some(Want::Finished(finished)),
                Output::Closed(end) => return Some(Want::Closed(end)),
            }
        }
        None
    }

    /// The end of a message and the next envelope. A line that does not take the message at once gets no more than that:
    /// the next delivery would have started and be stuck here, and with it everybody who wants to stop it.
    async fn write_ahead(&mut self, bytes: &[u8], own: usize) {
        let (stream, nothing) = (&mut self.stream, std::future::ready(()));
        let taken = tokio::select! {
            biased;
            taken = stream.write(bytes) => taken.unwrap_or_default(),
            () = nothing => 0,
        };
        let until = if taken < own { own } else { bytes.len() };
        if taken < own {
            self.is_announced = false;
            self.client.kept_back();
        }
        let rest = bytes.get(taken..until).unwrap_or_default();
        // What a line in clear took is on its way; an encrypted one may have some of it still.
        if !rest.is_empty() || self.tls.is_some() {
            // A line that broke says so again.
            self.write(rest).await;
        }
    }

    async fn write(&mut self, bytes: &[u8]) {
        let wait = self.client.write_timeout(self.now());
        let stream = &mut self.stream;
        let writing = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        match tokio::time::timeout(wait, writing).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => self.hear_the_last_word().await,
            Err(_) => self.client.handle_write_timeout(self.now()),
        }
    }

    /// The line broke under our hands. What the server said before it left is still there to be read, and tells why.
    async fn hear_the_last_word(&mut self) {
        self.client.handle_write_failure();
        let hearing = async {
            while let Ok(octets @ 1..) = self.stream.read(&mut self.buffer).await {
                self.client.handle_input(self.now(), self.buffer.get(..octets).unwrap_or_default());
            }
        };
        // Late or never, it is a broken line.
        tokio::time::timeout(LAST_WORD, hearing).await.unwrap_or_default();
        self.client.handle_disconnect(self.now());
    }

    async fn receive(&mut self) {
        let wait = self.patience();
        match tokio::time::timeout(wait, self.stream.read(&mut self.buffer)).await {
            Ok(Ok(0) | Err(_)) => self.client.handle_disconnect(self.now()),
            Ok(Ok(n)) => self.client.handle_input(self.now(), &self.buffer[..n]),
            Err(_) => self.client.handle_timeout(self.now()),
        }
    }

    async fn upgrade(&mut self) {
        let plain: Box<dyn Stream> = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        let wait = self.patience();
        let upgrading = self.tls_client.upgrade(plain, &self.host, &self.trust);
        match tokio::time::timeout(wait, upgrading).await {
            Ok(Ok(Encrypted { stream, version, proof })) => {
                self.stream = stream;
                self.proof = proof;
                self.tls = Some(version);
                self.client.tls_established(self.now(), version);
            }
            Ok(Err(failure)) => {
                self.client.tls_failed(self.now(), failure.why.clone());
                self.proof = Some(Err(failure));
            }
            Err(_) => self.client.tls_failed(self.now(), "no answer during the handshake".to_owned()),
        }
    }

    /// How long the machine is willing to wait from now.
    fn patience(&self) -> Duration {
        self.client.deadline().map_or(Duration::from_secs(600), |deadline| deadline.since(self.now()))
    }
}

/// The terms of a session that carries one message, nobody's delivery ([`Session::hand_over`]).
pub(crate) fn terms_of_one(house: &House, tls: TlsMode, auth: Option<Credentials>) -> Settings {
    Settings {
        ehlo_name: house.settings.ehlo_name.clone(),
        tls,
        auth,
        timeouts: house.settings.timeouts.clone(),
        pipelining: true,
        chunking: false,
        without: BTreeMap::new(),
        tracer: None,
    }
}

/// A message that is made already and that nobody keeps account of.
struct Parcel(Vec<u8>);

impl Hooks for Parcel {
    fn started(&mut self) {}

    fn message(&mut self) -> Result<Vec<u8>, String> {
        Ok(self.0.clone())
    }

    async fn before_final(&mut self) -> Result<(), String> {
        Ok(())
    }

    async fn follower(&mut self) -> Option<Envelope> {
        None
    }
}

#[cfg(test)]
mod tests;
