//! A campaign among people, gateways and prefetchers: are they told apart? Who did what is known here, and compared with
//! what the ledger says.

use super::house::House;
use super::links::{FIREFOX, Sent, W};
use crate::{Config, Peer};
use axum::body::Body;
use axum::http::{Method, Request};
use engine::options::TrackingMode;
use mail::token::Purpose;
use model::id::ID_STEP;
use model::reaction::MACHINE_SCORE;
use model::{Attempt, DeliveryId, DeliveryState, ReactionKind, Reply, SkipReason, Timestamp, Verdict};
use net::{Entropy, SeededEntropy};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;
use store::{Cursor, Settlement};
use tower::ServiceExt;

const PEOPLE: usize = 600;
const LINKS: u64 = 4;
const SOURCE: &str = "---\nsubject: Hi\n---\n[a](https://a.example/) [b](https://b.example/) [c](https://c.example/) \
    [d](https://d.example/)\n\n[Leave]({{ unsubscribe_url }}) {{ postal_address }}\n";
const CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148";
const GMAIL: &str = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)";
const GMAIL_PREFETCH: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0";

/// What somebody is going to do.
struct Visit {
    at_ms: u64,
    person: usize,
    /// `None`: the pixel.
    link: Option<u64>,
    is_head: bool,
    ip: IpAddr,
    agent: &'static str,
    is_machine: bool,
}

struct Crowd {
    chance: SeededEntropy,
    visits: Vec<Visit>,
}

impl Crowd {
    fn between(&self, low: u64, high: u64) -> u64 {
        low + self.chance.u64("crowd") % (high - low)
    }

    fn happens(&self, percent: u64) -> bool {
        self.between(0, 100) < percent
    }

    fn home(&self, person: usize) -> IpAddr {
        let [.., high, low] = (person as u32).to_be_bytes();
        IpAddr::from([203, high, low, self.between(1, 250) as u8])
    }

    fn visit(&mut self, person: usize, at_ms: u64, link: Option<u64>, from: (IpAddr, &'static str), is_machine: bool) {
        let (ip, agent) = from;
        self.visits.push(Visit { at_ms, person, link, is_head: false, ip, agent, is_machine });
    }

    /// A gateway looks at everything before its person does; some fall into the trap, some only ask first, and a few come
    /// late and look like anybody.
    fn gateway(&mut self, person: usize, accepted_ms: u64) {
        let ip = IpAddr::from([198, 51, 100 + (person % 3) as u8, self.between(1, 250) as u8]);
        if self.happens(3) {
            let at = accepted_ms + self.between(60_000, 600_000);
            return self.visit(person, at, Some(1), (ip, CHROME), true);
        }
        let mut at = accepted_ms + self.between(400, 7_000);
        if self.happens(50) {
            self.visit(person, at, None, (ip, CHROME), true);
        }
        let heads = self.happens(40);
        let first = if self.happens(60) { 0 } else { 1 };
        for link in first..=LINKS {
            at += self.between(100, 450);
            self.visit(person, at, Some(link), (ip, CHROME), true);
            if heads && let Some(visit) = self.visits.last_mut() {
                visit.is_head = true;
            }
        }
    }

    /// Somebody reads: some at once, most in the hours after.
    fn reader(&mut self, person: usize, accepted_ms: u64, image: Option<&'static str>, browser: &'static str) {
        if !self.happens(45) {
            return;
        }
        let soonest = if self.happens(2) { 4_000 } else { 20_000 };
        let mut at = accepted_ms + self.between(soonest, soonest + 6 * 3_600_000);
        let home = self.home(person);
        if let Some(image) = image {
            self.visit(person, at, None, (home, image), false);
        }
        let clicks = if self.happens(40) { self.between(1, 3) } else { 0 };
        for link in 1..=clicks {
            at += self.between(3_000, 60_000);
            self.visit(person, at, Some(link), (home, browser), false);
        }
    }

    fn act(&mut self, person: usize, accepted_ms: u64) {
        match person % 10 {
            0 | 1 => {
                self.gateway(person, accepted_ms);
                self.reader(person, accepted_ms, Some(FIREFOX), FIREFOX);
            }
            2..=4 => {
                let at = accepted_ms + self.between(3_000, 7_200_000);
                self.visit(person, at, None, (IpAddr::from([172, 224, 1, 9]), "Mozilla/5.0"), true);
                self.reader(person, accepted_ms, None, IPHONE);
            }
            5..=7 => {
                if self.happens(15) {
                    let at = accepted_ms + self.between(1_000, 600_000);
                    self.visit(person, at, None, (IpAddr::from([66, 249, 84, 3]), GMAIL_PREFETCH), true);
                }
                self.reader(person, accepted_ms, Some(GMAIL), CHROME);
            }
            _ => self.reader(person, accepted_ms, Some(FIREFOX), FIREFOX),
        }
    }
}

/// The server took the message.
pub(super) async fn take(sent: &Sent, delivery: DeliveryId, at: Timestamp) {
    accept(&sent.house, delivery, at).await;
}

/// The same of any campaign.
pub(super) async fn accept(house: &House, delivery: DeliveryId, at: Timestamp) {
    let claimed = house.app.store.claim_one(delivery).await.unwrap().unwrap();
    let attempt = Attempt {
        delivery,
        number: 1,
        started_at: at,
        duration_ms: 0,
        verdict: Verdict::accepted(),
        reply: Some(Reply::new(250, "ok")),
        note: None,
        host: None,
        address: None,
        tls: None,
        reached_receiver: true,
    };
    let one = Settlement { attempt: Some(attempt), ..Settlement::of(&claimed, DeliveryState::Accepted, at) };
    assert_eq!(house.app.store.settle(vec![one]).await.unwrap().written, 1);
}

#[tokio::test]
async fn people_and_machines_are_told_apart_and_who_left_gets_nothing_more() {
    let people: Vec<String> = (0..PEOPLE).map(|n| format!("p{n}@a.example")).collect();
    let sent = Sent::to(Config::default(), TrackingMode::Full, SOURCE, &people).await;
    let (app, start) = (&sent.house.app, sent.house.app.now());
    let delivery = |person: usize| DeliveryId(sent.delivery.0 + ID_STEP * i64::try_from(person).unwrap());
    let mut crowd = Crowd { chance: SeededEntropy::new(11), visits: Vec::new() };
    for person in 0..PEOPLE {
        let accepted_ms = person as u64 * 150;
        take(&sent, delivery(person), start + Duration::from_millis(accepted_ms)).await;
        crowd.act(person, accepted_ms);
    }
    crowd.visits.sort_by_key(|visit| visit.at_ms);
    let router = crate::router(app.clone());
    let mut truth: BTreeMap<(DeliveryId, Option<u64>, Timestamp), bool> = BTreeMap::new();
    for visit in &crowd.visits {
        let at = start + Duration::from_millis(visit.at_ms);
        let passed = at.since(app.now());
        if passed >= Duration::from_millis(500) {
            app.engine.write_hits().await.unwrap();
        }
        sent.house.pass(passed);
        let path = match visit.link {
            None => format!("/o/{}.gif", sent.ring.seal(Purpose::Open, delivery(visit.person))),
            Some(link) => format!("/c/{}/{link}", sent.ring.seal(Purpose::Click, delivery(visit.person))),
        };
        let method = if visit.is_head { Method::HEAD } else { Method::GET };
        let request = Request::builder().method(method).uri(path).header("user-agent", visit.agent);
        let request = request.extension(Peer(visit.ip)).body(Body::empty()).unwrap();
        let status = router.clone().oneshot(request).await.unwrap().status();
        assert!(status.is_success() || status.is_redirection(), "{status}");
        truth.insert((delivery(visit.person), visit.link, at), visit.is_machine);
    }
    app.engine.write_hits().await.unwrap();

    let mut cursor = Cursor::START;
    let mut agrees: BTreeMap<ReactionKind, (usize, usize)> = BTreeMap::new();
    loop {
        let events = app.store.events(cursor, 2_000).await.unwrap();
        let Some(last) = events.last() else { break };
        cursor = last.cursor;
        for event in &events {
            let (Some(reaction), Some(delivery)) = (&event.reaction, event.delivery) else { continue };
            let is_machine = truth[&(delivery, reaction.link.map(u64::from), event.at)];
            let (right, all) = agrees.entry(reaction.kind).or_default();
            *all += 1;
            *right += usize::from(is_machine == (reaction.score >= MACHINE_SCORE));
        }
    }
    let share = |kind: ReactionKind| {
        let (right, all) = agrees[&kind];
        (right * 1_000 / all, all)
    };
    let (clicks, opens) = (share(ReactionKind::Clicked), share(ReactionKind::Opened));
    assert!(clicks.0 >= 950 && clicks.1 > 400, "of 1,000 clicks right: {clicks:?}");
    assert!(opens.0 >= 900 && opens.1 > 300, "of 1,000 opens right: {opens:?}");
    assert_eq!(clicks.1 + opens.1, truth.len(), "every hit is kept");

    tells_them_apart(&sent).await;

    let left: BTreeSet<usize> = (0..PEOPLE).filter(|person| person % 50 == 9).collect();
    for person in &left {
        let path = format!("/u/{}", sent.ring.seal(Purpose::Unsubscribe, delivery(*person)));
        let request = Request::builder().method(Method::POST).uri(path).body(Body::from("List-Unsubscribe=One-Click"));
        assert!(router.clone().oneshot(request.unwrap()).await.unwrap().status().is_success());
    }
    let second = sent.once_more().await;
    let report = engine::report::report(&app.store, second, app.now()).await.unwrap();
    assert_eq!(report.skipped_by_reason, BTreeMap::from([(SkipReason::Unsubscribed, left.len() as u64)]));
    let counts = app.store.reaction_counts(W, sent.campaign).await.unwrap();
    assert!(counts.iter().any(|one| one.kind == ReactionKind::Unsubscribed && one.people == left.len() as u64));
}

/// The report and the deliveries tell people and machines apart, with the figures of the ledger.
async fn tells_them_apart(sent: &Sent) {
    let key = sent.house.master_key().await;
    let report = sent.house.get(&format!("/api/v1/campaigns/{}/report", sent.campaign), &key).await.json();
    let told = &report["reactions"];
    let number = |path: &str| told.pointer(path).and_then(serde_json::Value::as_u64).unwrap();
    assert_eq!(told["counted"], "full");
    let people = BTreeMap::from([("opened", number("/opened/people")), ("clicked", number("/clicked/people"))]);
    assert!(people["opened"] > people["clicked"] && people["clicked"] > 50, "{told}");
    assert!(number("/opened/unknown") > 100 && number("/clicked/unknown") > 50, "{told}");
    assert!(people["opened"] + number("/opened/unknown") < PEOPLE as u64);
    assert!(number("/clicked/times/machine") > number("/clicked/times/person"), "gateways click more: {told}");
    let links = told["links"].as_array().unwrap();
    assert_eq!(links[0]["url"], "https://a.example/", "people follow the first link most: {told}");
    let sum = |by: &str| links.iter().map(|link| link["times"][by].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("person"), sum("machine")), (number("/clicked/times/person"), number("/clicked/times/machine")));

    let of_one = sent.house.get(&format!("/api/v1/deliveries/{}", sent.delivery), &key).await.json();
    let done = of_one["reactions"].as_array().unwrap();
    assert!(done.iter().any(|one| one["by"] == "machine" && one["what"] == "clicked"), "{of_one}");
    assert!(done.iter().all(|one| (one["machine_score"].as_u64().unwrap() >= 60) == (one["by"] == "machine")));
    assert!(done.is_sorted_by(|a, b| a["at"].as_str() >= b["at"].as_str()), "newest first: {of_one}");
}
