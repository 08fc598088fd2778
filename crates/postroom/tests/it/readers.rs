//! A mailing to simulated people, from the first SMTP command to the report: gateways and mail programs visit the links
//! before and beside the people, people open, click, unsubscribe and complain, and the server that answers them is the
//! real one. Who did what is known to the simulator alone; the ledger's word is compared with it.
//!
//! Here and not among the scenarios of `sim`, because only this crate knows the server and the simulator.
#![allow(clippy::print_stderr, reason = "the shares are what the test is for")]

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use engine::launch::{self, Draft, MessageFile, Snapshot};
use engine::note::{Note, Watch};
use engine::options::{Dkim, SMTP_PORT, SendOptions, Timing, Tracking, TrackingMode, Transport, Unsubscribe};
use engine::{Engine, Stakes, Until};
use mail::sign::SigningKey;
use model::reaction::MACHINE_SCORE;
use model::{
    Actor, CampaignId, CampaignKind, CampaignState, DeliveryId, EmailAddress, MailDomain, ReactionKind, Scopes,
    SuppressionReason, Timestamp, WorkspaceId,
};
use serde_json::Value;
use sim::chance::Chance;
use sim::ledger::{Deed, Doing};
use sim::people::visits::{Asks, Letter, Targets, Visit, machines, person};
use sim::people::{POSTAL_ADDRESS, SENDER, SENDER_DOMAIN};
use sim::provider::{Habits, Profile};
use sim::world::SimWorld;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use store::{Cursor, Import, ImportRow, NewApiKey, NewImport, NewReaction, OpenOptions, Store, Target};
use tower::ServiceExt;
use web::{App, Config, Peer, Sending};

const W: WorkspaceId = WorkspaceId::FIRST;
const ME: Actor = Actor::Engine;
const SEED: u64 = 7;
const PEOPLE: usize = 1_200;
/// Under this name the server answers links.
const HOST: &str = "links.letters.example";
const SELECTOR: &str = "s1";
const SOURCE: &str = "---\nsubject: Spring\n---\n[a](https://a.example/) [b](https://b.example/) \
    [c](https://c.example/)\n\n[Leave]({{ unsubscribe_url }}) {{ postal_address }}\n";
/// What people of these providers are like.
const HABITS: Habits = Habits {
    opens: 0.4,
    clicks: 0.35,
    complains: 0.002,
    unsubscribes: 0.01,
    rescues: 0.0,
    deletes: 0.4,
    welcome_per_week: 2,
};
/// While mail goes out and gateways look at it, the world is looked at so often …
const CLOSELY: Duration = Duration::from_millis(100);
/// … for so long; later, when only people act, so often, and for so long.
const SENDING: Duration = Duration::from_secs(1_800);
const LOOSELY: Duration = Duration::from_secs(30);
const READING: Duration = Duration::from_secs(40 * 3_600);

struct Silence;

impl Watch for Silence {
    fn note(&self, _note: Note<'_>) {}
}

/// A server with its engine, in a simulated world.
struct House {
    sim: SimWorld,
    app: App,
    router: axum::Router,
    import: Import,
}

fn snapshot() -> Snapshot {
    let options = SendOptions {
        from: SENDER.to_owned(),
        subject: None,
        return_path: SENDER_DOMAIN.to_owned(),
        unsubscribe: Unsubscribe::PublicUrl(format!("https://{HOST}")),
        postal_address: Some(POSTAL_ADDRESS.to_owned()),
        dkim: Some(Dkim { domain: SENDER_DOMAIN.to_owned(), selector: SELECTOR.to_owned() }),
        transport: Transport::Direct { port: SMTP_PORT, dns: None },
        connections: None,
        retry: None,
        require_tls: false,
        timing: Timing::default(),
        tracking: Tracking { mode: TrackingMode::Full, ..Tracking::default() },
        topic: None,
    };
    let file = MessageFile::new("spring.md".to_owned(), SOURCE.to_owned());
    Snapshot { file, options, columns: vec!["email".to_owned()], never_mailed: false, trial: None }
}

async fn people(store: &Store, emails: &[String], now: Timestamp) -> Import {
    let columns = vec!["email".to_owned()];
    let new = NewImport { workspace: W, file_name: "people.csv".to_owned(), content_hash: [1; 32], columns };
    let import = store.begin_import(new, &ME, now).await.unwrap();
    let row = |(email, line): (&String, u64)| ImportRow::of(line, email);
    let rows: Vec<ImportRow> = emails.iter().zip(1..).map(row).collect();
    for chunk in rows.chunks(1_000) {
        store.write_import_chunk(import.id, chunk.to_vec(), now).await.unwrap();
    }
    store.finish_import(import.id, &ME, now).await.unwrap()
}

impl House {
    async fn new() -> House {
        let mut profiles = Profile::shipped();
        profiles.iter_mut().for_each(|profile| Arc::make_mut(profile).habits = Some(HABITS));
        let sim = SimWorld::with_profiles(SEED, &profiles);
        assert!(sim.internet.take_letters().is_empty());
        let key = SigningKey::ed25519_from_seed([7; 32]).unwrap();
        let record = key.dns_record(&MailDomain::parse(SENDER_DOMAIN).unwrap(), SELECTOR).unwrap();
        sim.publish_sender(SENDER_DOMAIN, &[(record.name, record.value)]);
        let now = sim.world.clock.now();
        let store = Store::open(OpenOptions::memory([7; 32]), now).unwrap();
        let entropy = sim.world.entropy.as_ref();
        launch::keep_key(&store, SENDER_DOMAIN, SELECTOR, &key, entropy, &ME, now).await.unwrap();
        let domains = ["northmail.test", "lookmail.test", "harbour-bank.test", "yonder.test"];
        let emails: Vec<String> = (0..PEOPLE).map(|n| format!("person{n}@{}", domains[n % domains.len()])).collect();
        let import = people(&store, &emails, now).await;
        let engine = Engine::new(store.clone(), sim.world.clone(), sim::world::settings(), Arc::new(Silence));
        let sending = Sending { transport: Transport::Direct { port: SMTP_PORT, dns: None }, ..Sending::default() };
        let tracking_hosts = vec![HOST.to_owned()];
        let config = Config { public_url: format!("https://{HOST}"), tracking_hosts, sending, ..Config::default() };
        let app = App::new(store, engine.handle(), sim.world.clone(), config);
        tokio::spawn(engine.run(Vec::new(), Until::Told));
        House { router: web::router(app.clone()), sim, app, import }
    }

    fn now(&self) -> Timestamp {
        self.sim.world.clock.now()
    }

    async fn mail(&self, name: &str) -> CampaignId {
        let mut snapshot = snapshot();
        snapshot.file.source = snapshot.file.source.replace("Spring", name);
        let draft = Draft {
            name: name.to_owned(),
            snapshot,
            imports: vec![self.import.clone()],
            stakes: Stakes::Rehearsal,
            kind: CampaignKind::Broadcast,
        };
        let store = &self.app.store;
        let made = launch::launch(store, &draft, &ME, self.now()).await.unwrap().campaign;
        let sending = CampaignState::Sending;
        let made = store.set_campaign_state(made.id, sending, None, &ME, self.now()).await.unwrap();
        let mailing = launch::mailing(store, &made, self.sim.world.entropy.as_ref()).await.unwrap();
        self.app.engine.take_up(mailing).await.unwrap();
        made.id
    }

    async fn ask(&self, request: Request<Body>) -> (u16, Value) {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = to_bytes(answer.into_body(), 1_000_000).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn key(&self) -> String {
        let (secret, hash, hint) = web::fresh_key(self.sim.world.entropy.as_ref());
        let scopes = Scopes::all();
        let new = NewApiKey { workspace: W, name: "test".to_owned(), hash, hint, scopes, expires_at: None };
        self.app.store.make_api_key(new, &ME, self.now()).await.unwrap();
        secret
    }

    async fn report(&self, campaign: CampaignId, key: &str) -> Value {
        let request = Request::get(format!("/api/v1/campaigns/{campaign}/report"));
        let request = request.header("authorization", format!("Bearer {key}")).body(Body::empty());
        let (status, report) = self.ask(request.unwrap()).await;
        assert_eq!(status, 200, "{report}");
        report
    }

    /// The server answers a visit.
    async fn receive(&self, visit: &Visit) {
        let path = visit.url.strip_prefix(&format!("https://{HOST}")).unwrap();
        let (method, body) = match visit.asks {
            Asks::Get => (Method::GET, ""),
            Asks::Head => (Method::HEAD, ""),
            Asks::Post(form) => (Method::POST, form),
        };
        let request = Request::builder().method(method).uri(path).header("user-agent", visit.agent);
        let request = request.header("host", HOST).header("content-type", "application/x-www-form-urlencoded");
        let (status, _) = self.ask(request.extension(Peer(visit.ip)).body(Body::from(body)).unwrap()).await;
        assert!((200..400).contains(&status), "{visit:?}: {status}");
    }

    /// A provider tells that one of its people called a letter spam: what taking in such a report comes to.
    async fn hear_of_spam(&self, who: &str, campaign: CampaignId) {
        let (store, address) = (&self.app.store, EmailAddress::parse(who).unwrap());
        let contact = store.contacts_by_address(W, &address).await.unwrap().remove(0).id;
        let complained =
            NewReaction { campaign: Some(campaign), ..NewReaction::new(ReactionKind::Complained, contact, self.now()) };
        store.record_reactions(W, vec![complained], self.now()).await.unwrap();
        let target = Target::Address(who.to_owned());
        self.app.engine.suppress(W, target, SuppressionReason::Complained, None, &ME).await.unwrap();
    }
}

/// What the simulator knows of those who read.
#[derive(Default)]
struct Truth {
    letters: BTreeMap<String, (Letter, Targets)>,
    deeds: usize,
    /// Who came, by person, path and time.
    visits: BTreeMap<(String, String, Timestamp), bool>,
    left: BTreeSet<String>,
    complained: BTreeSet<String>,
}

impl Truth {
    /// What follows from the letters that came and from what people did since the last time.
    fn learn(&mut self, house: &House) -> Vec<(String, Visit)> {
        let chance = Chance::new(SEED);
        let mut ahead = Vec::new();
        for letter in house.sim.internet.take_letters() {
            let targets = Targets::of(&letter, HOST);
            assert!(targets.pixel.is_some() && targets.trap.is_some() && targets.unsubscribe.is_some(), "{targets:?}");
            assert_eq!(targets.links.len(), 3);
            let visits = machines(chance, &letter, &targets);
            ahead.extend(visits.into_iter().map(|visit| (letter.recipient.clone(), visit)));
            self.letters.insert(letter.recipient.clone(), (letter, targets));
        }
        let deeds: Vec<Deed> = house.sim.internet.with_ledger(|ledger| ledger.deeds()[self.deeds..].to_vec());
        self.deeds += deeds.len();
        for deed in deeds {
            let (letter, targets) = &self.letters[&deed.recipient];
            let visits = person(chance, letter, targets, &deed);
            ahead.extend(visits.into_iter().map(|visit| (deed.recipient.clone(), visit)));
            match deed.what {
                Doing::Unsubscribed => self.left.insert(deed.recipient),
                Doing::Complained => self.complained.insert(deed.recipient),
                Doing::Opened | Doing::Clicked | Doing::Rescued | Doing::DeletedUnread => continue,
            };
        }
        ahead
    }

    /// Lets time pass: everybody comes when they come.
    async fn live(&mut self, house: &House, campaign: CampaignId) {
        let begun = house.now();
        let mut ahead: BTreeMap<(Timestamp, usize), (String, Visit)> = BTreeMap::new();
        let (mut count, mut told) = (0, BTreeSet::new());
        while house.now() < begun + READING {
            for (who, visit) in self.learn(house) {
                count += 1;
                ahead.insert((visit.at, count), (who, visit));
            }
            for who in self.complained.difference(&told).cloned().collect::<Vec<_>>() {
                house.hear_of_spam(&who, campaign).await;
                told.insert(who);
            }
            let step = if house.now() < begun + SENDING { CLOSELY } else { LOOSELY };
            let until = house.now() + step;
            while let Some(entry) = ahead.first_entry().filter(|entry| entry.key().0 <= until) {
                let (who, visit) = entry.remove();
                tokio::time::sleep(visit.at.since(house.now())).await;
                let path = visit.url.rsplit_once(HOST).unwrap().1.to_owned();
                self.visits.insert((who, path, house.now()), visit.by_machine);
                house.receive(&visit).await;
            }
            tokio::time::sleep(until.since(house.now())).await;
        }
    }
}

/// Of how many opens and clicks, each with how many where the ledger's word agrees with the truth.
#[derive(Default)]
struct Agreement {
    right: usize,
    all: usize,
}

impl Agreement {
    fn per_mille(&self) -> usize {
        self.right * 1_000 / self.all.max(1)
    }
}

async fn compare(house: &House, truth: &Truth) -> BTreeMap<ReactionKind, Agreement> {
    let path_of = |kind: ReactionKind, link: Option<u32>, path: &str| match kind {
        ReactionKind::Opened => path.starts_with("/o/"),
        ReactionKind::Clicked => path.starts_with("/c/") && path.ends_with(&format!("/{}", link.unwrap_or(9))),
        _ => false,
    };
    let mut emails: BTreeMap<DeliveryId, String> = BTreeMap::new();
    let mut agreement: BTreeMap<ReactionKind, Agreement> = BTreeMap::new();
    let mut cursor = Cursor::START;
    loop {
        let events = house.app.store.events(cursor, 2_000).await.unwrap();
        let Some(last) = events.last() else { return agreement };
        cursor = last.cursor;
        for event in &events {
            let (Some(reaction), Some(delivery)) = (&event.reaction, event.delivery) else { continue };
            if !matches!(reaction.kind, ReactionKind::Opened | ReactionKind::Clicked) {
                continue;
            }
            if let std::collections::btree_map::Entry::Vacant(place) = emails.entry(delivery) {
                place.insert(house.app.store.delivery(delivery).await.unwrap().unwrap().email.unwrap());
            }
            let email = &emails[&delivery];
            let of_them = truth.visits.iter().filter(|((who, ..), _)| who == email);
            let mut same =
                of_them.filter(|((_, path, at), _)| *at == event.at && path_of(reaction.kind, reaction.link, path));
            let (_, by_machine) = same.next().unwrap_or_else(|| panic!("nobody did {event:?}"));
            let one = agreement.entry(reaction.kind).or_default();
            one.all += 1;
            one.right += usize::from(*by_machine == (reaction.score >= MACHINE_SCORE));
        }
    }
}

async fn a_mailing_and_its_readers() {
    let house = House::new().await;
    let key = house.key().await;
    let campaign = house.mail("Spring").await;
    let mut truth = Truth::default();
    truth.live(&house, campaign).await;
    house.app.engine.write_hits().await.unwrap();

    let agreement = compare(&house, &truth).await;
    let [clicks, opens] = [&agreement[&ReactionKind::Clicked], &agreement[&ReactionKind::Opened]];
    let share = |of: &Agreement| format!("{}.{} %", of.per_mille() / 10, of.per_mille() % 10);
    eprintln!(
        "of {} clicks {} are told rightly, of {} opens {}; {} letters, {} left, {} complained",
        clicks.all,
        share(clicks),
        opens.all,
        share(opens),
        truth.letters.len(),
        truth.left.len(),
        truth.complained.len()
    );
    assert!(clicks.all > 500 && clicks.per_mille() >= 950, "clicks: {}", share(clicks));
    assert!(opens.all > 400 && opens.per_mille() >= 900, "opens: {}", share(opens));
    let hits = truth.visits.keys().filter(|(_, path, _)| path.starts_with("/o/") || path.starts_with("/c/")).count();
    assert_eq!(clicks.all + opens.all, hits, "every visit is kept");

    let report = house.report(campaign, &key).await;
    let told = &report["reactions"];
    let number = |path: &str| told.pointer(path).and_then(Value::as_u64).unwrap();
    let by = |machine: bool, kind: &str| {
        let visits = truth.visits.iter().filter(|((_, path, _), by)| **by == machine && path.starts_with(kind));
        u64::try_from(visits.count()).unwrap()
    };
    // The report is not the truth, but it is near: within a tenth.
    for (path, real) in [
        ("/clicked/times/machine", by(true, "/c/")),
        ("/clicked/times/person", by(false, "/c/")),
        ("/opened/times/machine", by(true, "/o/")),
        ("/opened/times/person", by(false, "/o/")),
    ] {
        let said = number(path);
        assert!(said.abs_diff(real) * 10 <= real, "{path}: {said} said, {real} real");
    }
    assert!(number("/opened/unknown") > 100 && number("/clicked/unknown") > 50, "{told}");
    let (left, complained) = (truth.left.len(), truth.complained.len());
    assert!(left > 0 && complained > 0);
    assert_eq!((number("/unsubscribed"), number("/complained")), (left as u64, complained as u64), "{told}");

    let second = house.mail("Summer").await;
    let report = house.report(second, &key).await;
    let skipped = |reason: &str| report["skipped_by_reason"][reason].as_u64().unwrap_or(0);
    assert_eq!((skipped("unsubscribed"), skipped("complained")), (left as u64, complained as u64), "{report}");
    house.app.engine.stop().await;
}

#[test]
fn a_report_tells_people_from_machines_nearly_as_the_simulator_does() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(a_mailing_and_its_readers());
}
