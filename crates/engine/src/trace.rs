//! Whole conversations while they are spoken, for whoever asks: by provider, or by server.
//!
//! Nobody asks nearly always; then a line costs one look at a flag. Invariants: what waits to be fetched is bounded
//! ([`LINES_MAX`]), lines beyond are counted; a trace nobody fetches from ends by itself ([`UNASKED_MAX`]), so that one
//! left behind costs nothing.

use crate::fleet::Source;
use dispatch::providers::Provider;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use smtp::transcript::{Tracer, Who};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Lines kept until they are fetched.
const LINES_MAX: usize = 2_000;
/// Traces at once.
const TRACES_MAX: usize = 4;
/// A trace nobody has fetched from for so long is over.
const UNASKED_MAX: Duration = Duration::from_secs(10);

/// One line of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceLine {
    /// When it was said.
    pub at: Timestamp,
    /// The connection, numbered within the run.
    pub connection: u64,
    /// The server.
    pub host: String,
    /// Through which source.
    pub source: String,
    /// `us`, `them`, or `note` for a remark of ours.
    pub who: String,
    /// What was said; secrets masked, a message as its size.
    pub line: String,
}

/// What a trace has gathered since it was last asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traced {
    /// The lines, in the order they were said.
    pub lines: Vec<TraceLine>,
    /// Lines that were not kept, because there were too many.
    pub dropped: u64,
}

/// All traces of a run.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    wanted: AtomicBool,
    connections: AtomicU64,
    all: Mutex<BTreeMap<u64, Trace>>,
}

#[derive(Debug, Default)]
struct Trace {
    whom: String,
    gathered: VecDeque<TraceLine>,
    dropped: u64,
    asked_at: Timestamp,
}

impl Traces {
    /// What trace `id` has gathered; the first time it begins. `None`: there are too many.
    pub(crate) fn fetch(&self, id: u64, whom: &str, now: Timestamp) -> Option<Traced> {
        let mut all = self.lock();
        all.retain(|_, trace| now.since(trace.asked_at) <= UNASKED_MAX);
        if !all.contains_key(&id) && all.len() >= TRACES_MAX {
            return None;
        }
        let trace = all.entry(id).or_insert_with(|| Trace { whom: whom.to_lowercase(), ..Trace::default() });
        trace.asked_at = now;
        let (lines, dropped) = (std::mem::take(&mut trace.gathered).into(), std::mem::take(&mut trace.dropped));
        self.wanted.store(true, Ordering::Relaxed);
        Some(Traced { lines, dropped })
    }

    /// The tracer of a new connection.
    pub(crate) fn tap(
        self: &Arc<Traces>,
        provider: Option<&'static Provider>,
        host: &str,
        source: &Arc<Source>,
    ) -> Arc<dyn Tracer> {
        let connection = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        Arc::new(Tap { traces: self.clone(), connection, provider, host: host.to_owned(), source: source.clone() })
    }

    fn push(&self, tap: &Tap, at: Timestamp, who: Who, line: &str) {
        let mut all = self.lock();
        all.retain(|_, trace| at.since(trace.asked_at) <= UNASKED_MAX);
        self.wanted.store(!all.is_empty(), Ordering::Relaxed);
        for trace in all.values_mut().filter(|trace| tap.is_meant_by(&trace.whom)) {
            if trace.gathered.len() >= LINES_MAX {
                trace.dropped += 1;
                continue;
            }
            trace.gathered.push_back(TraceLine {
                at,
                connection: tap.connection,
                host: tap.host.clone(),
                source: tap.source.name.clone(),
                who: word(who).to_owned(),
                line: line.to_owned(),
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Trace>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ear on one connection.
#[derive(Debug)]
struct Tap {
    traces: Arc<Traces>,
    connection: u64,
    provider: Option<&'static Provider>,
    host: String,
    source: Arc<Source>,
}

impl Tap {
    /// By the provider's key or name, a server's name, or the domain it is in.
    fn is_meant_by(&self, whom: &str) -> bool {
        let host = self.host.to_lowercase();
        let by_provider = self.provider.is_some_and(|one| one.key == whom || one.name.to_lowercase() == whom);
        by_provider || host == whom || host.strip_suffix(whom).is_some_and(|rest| rest.ends_with('.'))
    }
}

impl Tracer for Tap {
    fn line(&self, at: Timestamp, who: Who, line: &str) {
        if self.traces.wanted.load(Ordering::Relaxed) {
            self.traces.push(self, at, who, line);
        }
    }
}

fn word(who: Who) -> &'static str {
    match who {
        Who::Us => "us",
        Who::Them => "them",
        Who::Note => "note",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn tap(traces: &Arc<Traces>, host: &str) -> Arc<dyn Tracer> {
        traces.tap(dispatch::providers::provider_of(&[host]), host, &Arc::new(Source::this_machine("mail.example")))
    }

    #[test]
    fn who_asks_gets_the_lines_of_whom_they_named() {
        let traces = Arc::new(Traces::default());
        let (google, other) = (tap(&traces, "mx1.smtp.google.com"), tap(&traces, "mx.example.net"));
        google.line(at(1), Who::Us, "before anybody asked");
        for whom in ["google", "Google", "mx1.smtp.google.com", "google.com"] {
            let id = u64::from(whom.len() as u32);
            assert_eq!(traces.fetch(id, whom, at(2)), Some(Traced::default()), "{whom}");
            google.line(at(3), Who::Them, "250 hello");
            other.line(at(3), Who::Them, "250 not asked for");
            let traced = traces.fetch(id, whom, at(4)).unwrap();
            assert_eq!(traced.lines.iter().map(|line| line.line.as_str()).collect::<Vec<_>>(), ["250 hello"]);
            assert_eq!((traced.lines[0].who.as_str(), traced.lines[0].source.as_str()), ("them", "this machine"));
        }
    }

    #[test]
    fn what_nobody_fetches_is_bounded_and_ends() {
        let traces = Arc::new(Traces::default());
        let ear = tap(&traces, "mx.example.net");
        traces.fetch(1, "mx.example.net", at(0)).unwrap();
        for _ in 0..LINES_MAX + 5 {
            ear.line(at(1), Who::Us, "NOOP");
        }
        let traced = traces.fetch(1, "mx.example.net", at(2)).unwrap();
        assert_eq!((traced.lines.len(), traced.dropped), (LINES_MAX, 5));
        ear.line(at(60), Who::Us, "NOOP");
        assert!(!traces.wanted.load(Ordering::Relaxed), "nobody has asked for a while");
        for id in 0..TRACES_MAX as u64 {
            assert!(traces.fetch(id, "x", at(61)).is_some());
        }
        assert_eq!(traces.fetch(99, "x", at(61)), None);
    }
}
