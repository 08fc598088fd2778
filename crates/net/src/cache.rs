//! What DNS said, remembered on our own clock.
//!
//! Stands above any [`Resolve`], so that time to live means the same in production and in the simulator's virtual
//! time. Equal questions asked at the same moment become one; different ones wait for their turn, so that a campaign
//! over two hundred thousand domains does not bury its resolver. Invariants: at most [`ENTRIES_MAX`] answers of each
//! kind, at most [`QUESTIONS_MAX`] questions on their way. Negative answers follow RFC 2308, failures RFC 9520.

use crate::{BoxFuture, Clock, DnsAnswer, DnsFailure, Mx, Resolve, Tlsa};
use model::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OnceCell, Semaphore};

/// Answers kept of each kind; beyond that the one that expires first makes room.
pub const ENTRIES_MAX: usize = 10_000;

/// Questions on their way at once, all kinds together; further ones wait.
pub const QUESTIONS_MAX: usize = 64;

/// Records are kept at least this long, whatever their TTL: a site is not looked up for every message.
pub const TTL_MIN: Duration = Duration::from_secs(30);

/// Records are kept at most this long.
pub const TTL_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// "No such name" and "no such records" are kept at most this long, well under the four hours after which an unknown
/// domain is looked up for the second time.
pub const NEGATIVE_TTL_MAX: Duration = Duration::from_secs(60 * 60);

/// SERVFAIL, silence and the like are kept this long: enough to spare a broken server, short enough for every retry.
pub const FAILURE_TTL: Duration = Duration::from_secs(5);

/// Questions on their way at once that only ask whether anybody answers.
const CONTROLS_MAX: usize = 2;

/// A resolver with a memory.
pub struct Cache {
    inner: Arc<dyn Resolve>,
    clock: Arc<dyn Clock>,
    questions: Semaphore,
    mx: Table<Vec<Mx>>,
    addresses: Table<Vec<IpAddr>>,
    txt: Table<Vec<String>>,
    tlsa: Table<Vec<Tlsa>>,
    names: Table<Vec<String>>,
    /// Questions that only ask whether anybody answers; an answer is not kept.
    controls: Table<Vec<IpAddr>>,
    control_turns: Semaphore,
    /// When the resolver last said anything definite.
    answered_at: Mutex<Option<Timestamp>>,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").finish_non_exhaustive()
    }
}

impl Cache {
    /// An empty memory above `inner`, ageing by `clock`.
    pub fn new(inner: Arc<dyn Resolve>, clock: Arc<dyn Clock>) -> Cache {
        Cache {
            inner,
            clock,
            questions: Semaphore::new(QUESTIONS_MAX),
            mx: Table::default(),
            addresses: Table::default(),
            txt: Table::default(),
            tlsa: Table::default(),
            names: Table::default(),
            controls: Table::default(),
            control_turns: Semaphore::new(CONTROLS_MAX),
            answered_at: Mutex::new(None),
        }
    }

    /// When the resolver itself last said anything definite, "there is nothing" included; what was remembered does not count.
    pub fn answered_at(&self) -> Option<Timestamp> {
        *self.answered_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the resolver say anything definite about this name now? Asked past the memory, but for a failure of a moment ago
    /// ([`FAILURE_TTL`]), and beside the questions that wait for their turn.
    pub async fn is_answered(&self, name: &str) -> bool {
        let ask = || self.inner.addresses(name);
        is_definite(&self.asked(&self.controls, &self.control_turns, control_kept_for, name, ask).await)
    }

    /// The answer from memory, or from the question under way, or from a new one; with the TTL that remains.
    async fn answer<'q, T: Clone + Send + Sync>(
        &self,
        table: &Table<T>,
        name: &str,
        question: impl FnOnce() -> BoxFuture<'q, DnsAnswer<T>> + Send,
    ) -> DnsAnswer<T> {
        self.asked(table, &self.questions, kept_for, name, question).await
    }

    /// The same in one of these turns, kept for so long.
    async fn asked<'q, T: Clone + Send + Sync>(
        &self,
        table: &Table<T>,
        turns: &Semaphore,
        kept_for: fn(&DnsAnswer<T>) -> Duration,
        name: &str,
        question: impl FnOnce() -> BoxFuture<'q, DnsAnswer<T>> + Send,
    ) -> DnsAnswer<T> {
        let name: Arc<str> = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase().into();
        let pending = match table.look_up(&name, self.clock.now()) {
            Known::Answer(answer) => return answer,
            Known::Pending(pending) => pending,
        };
        let asked = pending.answer.get_or_init(|| async {
            // Held until the answer is in; the semaphore is never closed.
            let _turn = turns.acquire().await;
            let mut answer = question().await;
            if is_definite(&answer) {
                *self.answered_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.clock.now());
            }
            answer.ttl = kept_for(&answer);
            table.lock().remember(&name, &answer, self.clock.now());
            answer
        });
        asked.await.clone()
    }
}

impl Resolve for Cache {
    fn mx<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<Mx>>> {
        Box::pin(self.answer(&self.mx, domain, || self.inner.mx(domain)))
    }

    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<IpAddr>>> {
        Box::pin(self.answer(&self.addresses, host, || self.inner.addresses(host)))
    }

    fn txt<'a>(&'a self, name: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<String>>> {
        Box::pin(self.answer(&self.txt, name, || self.inner.txt(name)))
    }

    fn tlsa<'a>(&'a self, name: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<Tlsa>>> {
        Box::pin(self.answer(&self.tlsa, name, || self.inner.tlsa(name)))
    }

    fn names(&self, address: IpAddr) -> BoxFuture<'_, DnsAnswer<Vec<String>>> {
        Box::pin(async move {
            let key = address.to_string();
            self.answer(&self.names, &key, || self.inner.names(address)).await
        })
    }

    fn forget(&self) {
        self.mx.lock().forget_all();
        self.addresses.lock().forget_all();
        self.txt.lock().forget_all();
        self.tlsa.lock().forget_all();
        self.names.lock().forget_all();
        self.controls.lock().forget_all();
        self.inner.forget();
    }
}

/// How long an answer is kept.
fn kept_for<T>(answer: &DnsAnswer<T>) -> Duration {
    match &answer.result {
        Ok(_) => answer.ttl.clamp(TTL_MIN, TTL_MAX),
        Err(DnsFailure::NoSuchName | DnsFailure::NoRecords) => answer.ttl.clamp(TTL_MIN, NEGATIVE_TTL_MAX),
        Err(DnsFailure::ServFail | DnsFailure::TimedOut | DnsFailure::Bogus | DnsFailure::Other(_)) => FAILURE_TTL,
    }
}

/// Did the resolver say what there is, or that there is nothing?
fn is_definite<T>(answer: &DnsAnswer<T>) -> bool {
    answer.result.as_ref().err().is_none_or(DnsFailure::is_definite)
}

/// How long it is known that nobody answered; that somebody did says nothing about the next moment.
fn control_kept_for<T>(answer: &DnsAnswer<T>) -> Duration {
    if is_definite(answer) { Duration::ZERO } else { FAILURE_TTL }
}

/// The answers and open questions of one kind.
struct Table<T>(Mutex<Entries<T>>);

impl<T> Default for Table<T> {
    fn default() -> Table<T> {
        Table(Mutex::new(Entries { answers: BTreeMap::new(), by_expiry: BTreeSet::new(), pending: BTreeMap::new() }))
    }
}

struct Entries<T> {
    answers: BTreeMap<Arc<str>, (Timestamp, DnsAnswer<T>)>,
    by_expiry: BTreeSet<(Timestamp, Arc<str>)>,
    pending: BTreeMap<Arc<str>, Arc<OnceCell<DnsAnswer<T>>>>,
}

/// What is known about a name.
enum Known<'a, T> {
    Answer(DnsAnswer<T>),
    Pending(Pending<'a, T>),
}

/// A question somebody is waiting for. Whoever came first asks it; if they go away, the next in line does.
struct Pending<'a, T> {
    table: &'a Table<T>,
    name: Arc<str>,
    answer: Arc<OnceCell<DnsAnswer<T>>>,
}

impl<T> Table<T> {
    fn lock(&self) -> MutexGuard<'_, Entries<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Table<T> {
    fn look_up(&self, name: &Arc<str>, now: Timestamp) -> Known<'_, T> {
        let mut entries = self.lock();
        if let Some((expires_at, answer)) = entries.answers.get(name)
            && *expires_at > now
        {
            return Known::Answer(DnsAnswer { ttl: expires_at.since(now), ..answer.clone() });
        }
        let answer = Arc::clone(entries.pending.entry(Arc::clone(name)).or_default());
        Known::Pending(Pending { table: self, name: Arc::clone(name), answer })
    }
}

impl<T: Clone> Entries<T> {
    /// Keeps an answer in the place of what was known, and closes the question.
    fn remember(&mut self, name: &Arc<str>, answer: &DnsAnswer<T>, now: Timestamp) {
        self.pending.remove(name);
        let expires_at = now + answer.ttl;
        if let Some((former, _)) = self.answers.insert(Arc::clone(name), (expires_at, answer.clone())) {
            self.by_expiry.remove(&(former, Arc::clone(name)));
        }
        self.by_expiry.insert((expires_at, Arc::clone(name)));
        while self.answers.len() > ENTRIES_MAX {
            let Some((_, soonest)) = self.by_expiry.pop_first() else { break };
            self.answers.remove(&soonest);
        }
    }
}

impl<T> Entries<T> {
    fn forget_all(&mut self) {
        self.answers.clear();
        self.by_expiry.clear();
    }
}

impl<T> Drop for Pending<'_, T> {
    /// The last one to give up on an unanswered question takes it off the list.
    fn drop(&mut self) {
        const LISTED_AND_OURS: usize = 2;
        let mut entries = self.table.lock();
        let listed = entries.pending.get(&self.name).is_some_and(|open| Arc::ptr_eq(open, &self.answer));
        if listed && Arc::strong_count(&self.answer) <= LISTED_AND_OURS {
            entries.pending.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests;
