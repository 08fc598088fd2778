//! The links of a message, as readers, scanners and forgers come to them.

use super::behind::{people_of, rule_of};
use super::house::{Answer, House};
use super::pages::{look, owner};
use crate::Config;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use engine::launch::{Draft, MessageFile, Snapshot, launch, token_ring};
use engine::options::{SendOptions, Timing, Tracking, TrackingMode, Transport, Unsubscribe};
use mail::token::{KeyRing, Purpose};
use model::reaction::Doer;
use model::{
    Actor, CampaignId, CampaignKind, CampaignState, DeliveryId, DeliveryState, EmailAddress, ReactionKind, WorkspaceId,
};
use serde_json::Value;
use store::{DeliveryRow, Hits, ImportRow, NewImport, NewReaction, ReactionCount};

pub(super) const W: WorkspaceId = WorkspaceId::FIRST;
pub(super) const FIREFOX: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0";
const SOURCE: &str = "---\nsubject: Hi\n---\n[Spring](https://shop.example/spring?a=1) for {{ email }}, \
    [yours](https://shop.example/{{ email|urlencode }}).\n\n[Leave]({{ unsubscribe_url }}) {{ postal_address }}\n";

/// A server, and a campaign to one person.
pub(super) struct Sent {
    pub(super) house: House,
    pub(super) ring: KeyRing,
    pub(super) campaign: CampaignId,
    /// The first of the campaign's.
    pub(super) delivery: DeliveryId,
    pub(super) draft: Draft,
}

impl Sent {
    async fn with(config: Config, mode: TrackingMode) -> Sent {
        Sent::to(config, mode, SOURCE, &["kim@a.example".to_owned()]).await
    }

    /// A campaign of this message to these people.
    pub(super) async fn to(config: Config, mode: TrackingMode, source: &str, people: &[String]) -> Sent {
        let house = House::with(config);
        let (app, now) = (&house.app, house.app.now());
        let columns = vec!["email".to_owned()];
        let new =
            NewImport { workspace: W, file_name: "p.csv".to_owned(), content_hash: [1; 32], columns: columns.clone() };
        let import = app.store.begin_import(new, &Actor::Engine, now).await.unwrap();
        let row = |(address, line): (&String, u64)| ImportRow {
            line,
            external_id: None,
            typed: Some(address.clone()),
            address: Some(EmailAddress::parse(address).unwrap()),
            attributes: format!(r#"{{"email":"{address}"}}"#),
            status: None,
            consent: None,
            lead_source: None,
            engaged_at: None,
        };
        let rows = people.iter().zip(2..).map(row).collect();
        app.store.write_import_chunk(import.id, rows, now).await.unwrap();
        let import = app.store.finish_import(import.id, &Actor::Engine, now).await.unwrap();
        let options = SendOptions {
            from: "news@letters.example".to_owned(),
            subject: None,
            return_path: "letters.example".to_owned(),
            unsubscribe: Unsubscribe::PublicUrl("https://t.example".to_owned()),
            postal_address: Some("1 Way".to_owned()),
            dkim: None,
            transport: Transport::Relay { url: "smtp://127.0.0.1:2525".to_owned() },
            connections: None,
            retry: None,
            require_tls: false,
            timing: Timing::default(),
            tracking: Tracking { mode, ..Tracking::default() },
            topic: None,
        };
        let file = MessageFile::new("spring.md".to_owned(), source.to_owned());
        let draft = Draft {
            name: "spring".to_owned(),
            snapshot: Snapshot { file, options, columns, never_mailed: false, trial: None },
            imports: vec![import],
            stakes: engine::Stakes::Rehearsal,
            kind: CampaignKind::Broadcast,
        };
        let campaign = begin(&house, &draft).await;
        let app = &house.app;
        let range = app.store.delivery_range(campaign).await.unwrap();
        let ring = token_ring(&app.store, app.world.entropy.as_ref()).unwrap();
        Sent { ring, campaign, delivery: DeliveryId(range.start), house, draft }
    }

    /// Another message to the same people.
    pub(super) async fn once_more(&self) -> CampaignId {
        let mut draft = self.draft.clone();
        draft.name = "summer".to_owned();
        draft.snapshot.file.source.push_str("\nOnce more.\n");
        begin(&self.house, &draft).await
    }

    async fn new() -> Sent {
        Sent::with(Config::default(), TrackingMode::Full).await
    }

    pub(super) fn token(&self, purpose: Purpose) -> String {
        self.ring.seal(purpose, self.delivery)
    }

    pub(super) async fn come(&self, method: Method, path: &str, body: impl Into<Body>) -> Answer {
        let form = "application/x-www-form-urlencoded";
        let request = Request::builder().method(method).uri(path).header("user-agent", FIREFOX);
        let request = request.header("host", "t.example:443").header("content-type", form);
        self.house.send(request.body(body.into()).unwrap()).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.come(Method::GET, path, "").await
    }

    pub(super) async fn counts(&self) -> Vec<ReactionCount> {
        self.house.app.engine.write_hits().await.unwrap();
        self.house.app.store.reaction_counts(W, self.campaign).await.unwrap()
    }

    pub(super) async fn is_suppressed(&self) -> bool {
        let address = EmailAddress::parse("kim@a.example").unwrap();
        !self.house.app.store.suppressions_of(W, &address).await.unwrap().is_empty()
    }
}

/// Launches a draft, which then sends.
pub(super) async fn begin(house: &House, draft: &Draft) -> CampaignId {
    let (store, now) = (&house.app.store, house.app.now());
    let campaign = launch(store, draft, &Actor::Engine, now).await.unwrap().campaign.id;
    store.set_campaign_state(campaign, CampaignState::Sending, None, &Actor::Engine, now).await.unwrap();
    campaign
}

#[tokio::test]
async fn a_link_leads_where_the_author_said_and_nowhere_else() {
    let sent = Sent::new().await;
    let click = sent.token(Purpose::Click);
    let answer = sent.get(&format!("/c/{click}/1")).await;
    assert_eq!(
        (answer.status, answer.headers["location"].to_str().unwrap()),
        (StatusCode::FOUND, "https://shop.example/spring?a=1")
    );
    assert_eq!(answer.headers["referrer-policy"], "no-referrer");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(sent.come(Method::HEAD, &format!("/c/{click}/1"), "").await.status, StatusCode::FOUND);
    let missing = sent.get("/no/such/page").await;
    let forged = click.replace(|c: char| c.is_ascii_digit(), "a");
    let (view, evil) = (sent.token(Purpose::View), "aHR0cHM6Ly9ldmlsLmV4YW1wbGUv");
    for path in [
        format!("/c/{click}/2"),
        format!("/c/{click}/3"),
        format!("/c/{click}/x"),
        format!("/c/{forged}/1"),
        format!("/c/{view}/1"),
        format!("/c/{click}/2?to={evil}&by=AAAA"),
        format!("/c/{click}/1?to={evil}&by=AAAA"),
        "/c/../1".to_owned(),
    ] {
        let answer = sent.get(&path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(!answer.headers.contains_key("location"));
    }
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert_eq!(sent.get(&format!("/c/{click}/0")).await.status, StatusCode::NO_CONTENT);
    let counts = sent.counts().await;
    assert!(counts.iter().any(|one| one.doer == Doer::Machine && one.link.is_none() && one.events == 3), "{counts:?}");
}

#[tokio::test]
async fn who_asks_under_another_name_gets_nothing() {
    let sent = Sent::with(
        Config { tracking_hosts: vec!["links.example".to_owned()], ..Config::default() },
        TrackingMode::Full,
    )
    .await;
    assert_eq!(sent.get(&format!("/c/{}/1", sent.token(Purpose::Click))).await.status, StatusCode::NOT_FOUND);
    let request =
        Request::builder().uri(format!("/c/{}/1", sent.token(Purpose::Click))).header("host", "Links.example");
    assert_eq!(sent.house.send(request.body(Body::empty()).unwrap()).await.status, StatusCode::FOUND);
}

#[tokio::test]
async fn a_pixel_is_a_picture_and_counts() {
    let sent = Sent::new().await;
    let answer = {
        let request = Request::builder().uri(format!("/o/{}.gif", sent.token(Purpose::Open)));
        let request = request.header("user-agent", FIREFOX).body(Body::empty()).unwrap();
        use tower::ServiceExt;
        crate::router(sent.house.app.clone()).oneshot(request).await.unwrap()
    };
    assert_eq!((answer.status(), answer.headers()["content-type"].to_str().unwrap()), (StatusCode::OK, "image/gif"));
    assert_eq!(sent.get("/o/aaaa.gif").await.status, StatusCode::NOT_FOUND);
    // The ledger does not know yet that they have it: nobody reads so fast.
    let counts = sent.counts().await;
    let seen: Vec<_> = counts.iter().map(|one| (one.kind, one.doer, one.events, one.people)).collect();
    assert_eq!(seen, [(ReactionKind::Opened, Doer::Machine, 1, 1)]);
    assert_eq!(sent.house.app.engine.waiting_hits().hits, 0);
}

#[tokio::test]
async fn looking_never_unsubscribes_and_one_click_does_at_once() {
    let sent = Sent::new().await;
    let path = format!("/u/{}", sent.token(Purpose::Unsubscribe));
    let page = sent.get(&path).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("k…@a.example") && page.text.contains("<form method=\"post\">"), "{}", page.text);
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    sent.come(Method::HEAD, &path, "").await;
    assert!(!sent.is_suppressed().await);
    let done = sent.come(Method::POST, &path, "List-Unsubscribe=One-Click").await;
    assert_eq!((done.status, done.text.as_str()), (StatusCode::OK, "You are unsubscribed.\n"));
    assert!(!done.headers.contains_key("set-cookie") && sent.is_suppressed().await);
    assert_eq!(sent.come(Method::POST, &path, "do=everything").await.status, StatusCode::BAD_REQUEST);
    let again = sent.come(Method::POST, &path, "do=undo").await;
    assert!(again.text.contains("subscribed again") && !sent.is_suppressed().await, "{}", again.text);
    assert_eq!(sent.come(Method::POST, &path, "do=undo").await.status, StatusCode::CONFLICT);
    let by_page = sent.come(Method::POST, &path, "do=unsubscribe").await;
    assert!(by_page.text.contains("Subscribe again") && sent.is_suppressed().await);
    let later = sent.get(&path).await.text;
    assert!(later.contains("You are unsubscribed") && !later.contains("Unsubscribe?"), "{later}");
    let foreign = format!("/u/{}", sent.token(Purpose::Click));
    for method in [Method::GET, Method::POST] {
        assert_eq!(sent.come(method, &foreign, "").await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn the_message_is_shown_as_it_was_sent_shut_in_and_uncounted() {
    let sent = Sent::new().await;
    let shown = sent.get(&format!("/v/{}", sent.token(Purpose::View))).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
    assert!(shown.text.contains("for kim@a.example") && shown.text.contains("https://shop.example/kim%40a.example"));
    assert!(shown.text.contains(&format!("https://t.example/u/{}", sent.token(Purpose::Unsubscribe))));
    assert!(!shown.text.contains("/c/") && !shown.text.contains("/o/"), "{}", shown.text);
    assert_eq!(shown.text.matches("<title>").count(), 1, "{}", shown.text);
    assert!(shown.headers["content-security-policy"].to_str().unwrap().starts_with("sandbox "));
    assert_eq!(sent.get(&format!("/v/{}", sent.token(Purpose::Open))).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn anonymous_clicks_count_for_the_campaign_and_name_nobody() {
    let sent = Sent::with(Config::default(), TrackingMode::Anonymous).await;
    let token = sent.ring.seal(Purpose::ClickTogether, DeliveryId(sent.campaign.0));
    assert_eq!(sent.get(&format!("/c/{token}/1")).await.status, StatusCode::FOUND);
    let counts = sent.counts().await;
    assert_eq!(
        counts.iter().map(|one| (one.link, one.events, one.people)).collect::<Vec<_>>(),
        [(None, 1, 0), (Some(1), 1, 0)]
    );
    let events = sent.house.app.store.events(store::Cursor::START, 1_000).await.unwrap();
    assert!(events.iter().all(|event| event.reaction.is_none()), "nothing is written about anybody");
    let cookie = owner(&sent.house).await;
    let report = look(&sent.house, &format!("/campaigns/{}/report", sent.campaign), &cookie).await.text;
    assert!(report.contains("–</dd><dd class=\"small mute\">nobody is told apart · "), "{report}");
    let hours = look(&sent.house, &format!("/campaigns/{}/curve.csv", sent.campaign), &cookie).await.text;
    assert!(hours.lines().skip(1).all(|row| row.split(',').nth(3) == Some("")), "people were not counted: {hours}");
}

#[tokio::test]
async fn a_number_of_clicks_opens_the_people_behind_it() {
    let people = ["kim@a.example", "lee@b.example"].map(str::to_owned);
    let sent = Sent::to(Config::default(), TrackingMode::Full, SOURCE, &people).await;
    let (house, campaign, store) = (&sent.house, sent.campaign, &sent.house.app.store);
    let queued = store.deliveries(campaign, DeliveryState::Queued, None, 10).await.unwrap();
    let of = |name: &str| queued.iter().find(|row| row.email.as_deref() == Some(name)).unwrap();
    let (kim, lee) = (of("kim@a.example"), of("lee@b.example"));
    let click = |row: &DeliveryRow, link: u32, score: u8| {
        let clicked = NewReaction::new(ReactionKind::Clicked, row.contact, house.app.now());
        (W, NewReaction { campaign: Some(campaign), delivery: Some(row.delivery), link: Some(link), score, ..clicked })
    };
    let reactions = vec![click(kim, 1, 0), click(kim, 1, 0), click(lee, 1, 100), click(lee, 2, 45)];
    store.record_hits(Hits { reactions, ..Hits::default() }, house.app.now()).await.unwrap();
    let (cookie, key) = (owner(house).await, house.master_key().await);
    let base = format!("/campaigns/{campaign}");
    let report = look(house, &format!("{base}/report"), &cookie).await.text;
    for (link, by, count) in [(1, "person", 2), (1, "machine", 1), (2, "unsure", 1)] {
        let opens = format!(
            ">{count} <a class=\"small\" href=\"{base}/people?did=clicked&#38;link={link}&#38;by={by}\">people<"
        );
        assert!(report.contains(&opens), "{opens}: {report}");
    }
    let by_machines =
        format!("one click by machines <a href=\"{base}/people?did=clicked&amp;by=machine\">for one person</a>");
    assert!(report.contains(&by_machines), "{report}");
    assert!(!report.contains("link=2&#38;by=person"), "of nobody there is nothing to open: {report}");
    let asked = [
        ("did=clicked&link=1", "kim@a.example", "link 1"),
        ("did=clicked&link=1&by=machine", "lee@b.example", "link 1, by a machine"),
        ("did=clicked&link=2&by=unsure", "lee@b.example", "link 2, not sure by whom"),
        ("did=clicked&by=unknown", "lee@b.example", "never surely they themselves"),
        ("did=clicked&within_hours=1", "kim@a.example", "within"),
    ];
    for (query, who, says) in asked {
        let page = look(house, &format!("{base}/people?{query}"), &cookie).await.text;
        let other = people.iter().find(|other| *other != who).unwrap();
        assert!(page.contains(who) && page.contains(says) && !page.contains(other.as_str()), "{query}: {page}");
        let listed = house.get(&format!("/api/v1{base}/recipients?{query}"), &key).await.json();
        assert_eq!((listed["data"][0]["address"].as_str(), &listed["data"][1]), (Some(who), &Value::Null), "{query}");
        let table = house.get(&format!("/api/v1/exports{base}?{query}"), &key).await.text;
        assert!(table.lines().count() == 2 && table.contains(who), "{query}: {table}");
        // The one number beside it is of what it opens: everybody.
        assert!(page.contains("href=\"?state=all\"") && !page.contains("href=\"?state=accepted"), "{query}: {page}");
        assert_eq!(people_of(house, &key, &rule_of(&page)).await, 1, "{query}: {}", rule_of(&page));
    }
    let story = look(house, &format!("/contacts/{}", kim.contact), &cookie).await.text;
    assert!(story.contains("link 1: https://shop.example/spring?a=1"), "{story}");
    // They become a segment, of just them.
    let page = look(house, &format!("{base}/people?did=clicked&link=1"), &cookie).await.text;
    assert_eq!(rule_of(&page), format!("clicked.campaign(\"{campaign}\").link(1)"));
    let page = look(house, &format!("{base}/people?did=clicked&link=2&by=unsure"), &cookie).await.text;
    assert_eq!(rule_of(&page), format!("clicked.campaign(\"{campaign}\").link(2).by(\"unsure\")"));
    for query in ["did=opened&link=1", "did=replied&by=machine", "did=clicked&by=robot", "did=reached&within_hours=2"] {
        let refused = house.get(&format!("/api/v1{base}/recipients?{query}"), &key).await;
        assert_eq!(refused.code(), "invalid_field", "{query}: {}", refused.text);
    }
}
