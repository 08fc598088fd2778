//! What simulated people and machines do with the letters of a sandbox: they open, follow links and unsubscribe, at the
//! sandbox's own address and nowhere else.
//!
//! A visit is a request handed to the router in memory. Bounded: letters whose people may still do something, and visits that
//! lie ahead; what is beyond does not happen.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use model::Timestamp;
use sim::chance::Chance;
use sim::internet::Internet;
use sim::people::visits::{Asks, Letter, Targets, Visit, machines, person};
use std::collections::BTreeMap;
use tower::ServiceExt;
use web::Peer;

/// Letters that are remembered; the oldest are forgotten.
const LETTERS_MAX: usize = 50_000;
/// Visits that lie ahead.
const VISITS_MAX: usize = 100_000;

/// The readers of a sandbox.
pub(super) struct Readers {
    chance: Chance,
    /// Where the sandbox is reached, without a final slash: what letters lead to …
    address: String,
    /// … and the name in it.
    host: String,
    /// By recipient: what their newest letter leads to.
    letters: BTreeMap<String, (Letter, Targets)>,
    /// What people did, as far as it was followed.
    deeds: usize,
    ahead: BTreeMap<(Timestamp, u64), Visit>,
    count: u64,
}

impl Readers {
    /// Those who are reached from this address. From now on the internet keeps letters.
    pub(super) fn of(internet: &Internet, seed: u64, address: &str) -> Readers {
        internet.take_letters();
        let host = address.split("://").last().unwrap_or_default().split('/').next().unwrap_or_default().to_owned();
        let (letters, ahead) = (BTreeMap::new(), BTreeMap::new());
        Readers { chance: Chance::new(seed), address: address.to_owned(), host, letters, deeds: 0, ahead, count: 0 }
    }

    /// What follows from the letters that came and from what people did since the last time.
    pub(super) fn learn(&mut self, internet: &Internet) {
        for letter in internet.take_letters() {
            let targets = Targets::below(&letter, &self.address);
            let visits = machines(self.chance, &letter, &targets);
            self.expect(visits);
            if self.letters.len() >= LETTERS_MAX {
                self.letters.pop_first();
            }
            let letter = Letter { raw: Vec::new(), ..letter };
            self.letters.insert(letter.recipient.to_lowercase(), (letter, targets));
        }
        let known = self.deeds;
        let done = internet.with_ledger(|ledger| ledger.deeds().get(known..).unwrap_or_default().to_vec());
        self.deeds += done.len();
        for deed in done {
            let Some((letter, targets)) = self.letters.get(&deed.recipient) else { continue };
            let visits = person(self.chance, letter, targets, &deed);
            self.expect(visits);
        }
    }

    fn expect(&mut self, visits: Vec<Visit>) {
        for visit in visits {
            if self.ahead.len() < VISITS_MAX {
                self.count += 1;
                self.ahead.insert((visit.at, self.count), visit);
            }
        }
    }

    /// Will anybody come?
    pub(super) fn is_anybody_expected(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// The next who comes until then.
    pub(super) fn next_until(&mut self, until: Timestamp) -> Option<Visit> {
        let first = self.ahead.first_entry().filter(|entry| entry.key().0 <= until)?;
        Some(first.remove())
    }

    /// Somebody comes. What they are answered is theirs.
    pub(super) async fn come(&self, router: &Router, visit: &Visit) {
        let Some(path) = visit.url.strip_prefix(&self.address) else { return };
        let (method, body) = match visit.asks {
            Asks::Get => (Method::GET, ""),
            Asks::Head => (Method::HEAD, ""),
            Asks::Post(form) => (Method::POST, form),
        };
        let request = Request::builder().method(method).uri(path).header("user-agent", visit.agent);
        let request = request.header("host", &self.host).header("content-type", "application/x-www-form-urlencoded");
        if let Ok(request) = request.extension(Peer(visit.ip)).body(Body::from(body)) {
            router.clone().oneshot(request).await.map(drop).unwrap_or_default();
        }
    }
}
