//! Pages that move: the stream of a campaign's page, read while the campaign moves, and whoever is looked at in the
//! investigation.

use super::campaigns::people;
use super::house::{House, snapshot};
use super::pages::{look, owner, submit};
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use model::{
    Actor, Attempt, CampaignId, CampaignKind, CampaignState, Category, DeliveryId, DeliveryState, Outcome, Reply,
    Scope, Stage, Verdict, WorkspaceId,
};
use serde_json::json;
use std::time::Duration;
use store::{Audience, NewCampaign, Settlement};

/// Tries somebody of the campaign: `reply` was the last word.
pub(super) async fn settle(house: &House, delivery: DeliveryId, to: DeliveryState, outcome: Outcome, reply: Reply) {
    let (store, now) = (&house.app.store, house.app.now());
    let claimed = store.claim_one(delivery).await.unwrap().unwrap();
    let (category, rule) = match outcome {
        Outcome::Accepted => (Category::Delivered, "accepted"),
        _ => (Category::UnknownRecipient, "enhanced-5.1.1"),
    };
    let verdict = Verdict {
        outcome,
        category,
        scope: Scope::Recipient,
        stage: Stage::Rcpt,
        rule: rule.into(),
        retry_after: None,
    };
    let attempt = Attempt {
        delivery,
        number: claimed.attempts + 1,
        started_at: now,
        duration_ms: 20,
        verdict,
        reply: Some(reply),
        note: None,
        host: Some("mx.first.example".to_owned()),
        address: None,
        tls: None,
        reached_receiver: true,
    };
    let site = store.site_id("mx.first.example", None, now).await.unwrap();
    let due = (to == DeliveryState::Deferred).then_some((site, now + Duration::from_secs(60)));
    let one = Settlement { attempt: Some(attempt), due, ..Settlement::of(&claimed, to, now) };
    assert_eq!(store.settle(vec![one]).await.unwrap().written, 1);
}

pub(super) async fn accept(house: &House, delivery: DeliveryId) {
    settle(house, delivery, DeliveryState::Accepted, Outcome::Accepted, Reply::new(250, "ok")).await;
}

/// The figure of a term in a drawn equation.
fn figure(html: &str, term: &str) -> String {
    let mark = format!("people?state={term}\"><b>");
    let (_, rest) = html.split_once(&mark).unwrap_or_else(|| panic!("no {term} in {html}"));
    rest.split('<').next().unwrap().to_owned()
}

/// Reads on until the named event comes; its data.
async fn event(body: &mut Body, name: &str) -> String {
    let wanted = format!("event: {name}\n");
    let reading = async {
        loop {
            let frame = body.frame().await.expect("the stream goes on").unwrap().into_data().unwrap();
            let text = String::from_utf8(frame.to_vec()).unwrap();
            if let Some((_, rest)) = text.split_once(&wanted) {
                let lines = rest.split("\n\n").next().unwrap().lines();
                return lines.map(|line| line.strip_prefix("data: ").unwrap()).collect::<Vec<_>>().join("\n");
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reading).await.unwrap_or_else(|_| panic!("{name} did not come"))
}

#[tokio::test]
async fn figures_move_on_every_page_that_watches() {
    let house = House::new();
    let things = house.furnish().await;
    let cookie = owner(&house).await;
    let (id, store) = (things.campaign.parse().unwrap(), &house.app.store);
    let queued = store.deliveries(id, DeliveryState::Queued, None, 10).await.unwrap();
    let watch = async || {
        let path = format!("/campaigns/{id}/live");
        let request = Request::builder().uri(path).header("cookie", &cookie).body(Body::empty()).unwrap();
        let response = house.open(request).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        response.into_body()
    };
    let (mut one, mut other) = (watch().await, watch().await);
    for body in [&mut one, &mut other] {
        let drawn = event(body, "equation").await;
        assert_eq!((figure(&drawn, "accepted"), figure(&drawn, "in_progress")), ("0".to_owned(), "2".to_owned()));
    }
    accept(&house, queued[0].delivery).await;
    house.pass(Duration::from_secs(2));
    for body in [&mut one, &mut other] {
        let drawn = event(body, "equation").await;
        assert_eq!((figure(&drawn, "accepted"), figure(&drawn, "in_progress")), ("1".to_owned(), "1".to_owned()));
    }
    store.set_campaign_state(id, CampaignState::Cancelled, None, &Actor::Engine, house.app.now()).await.unwrap();
    house.pass(Duration::from_secs(2));
    event(&mut one, "over").await;
    assert!(one.frame().await.is_none(), "the stream of what is over ends");
}

#[tokio::test]
async fn whether_mail_is_under_way_is_told_anew_by_a_live_page() {
    let house = House::new();
    let things = house.furnish().await;
    let cookie = owner(&house).await;
    let base = format!("/campaigns/{}", things.campaign);
    let room = look(&house, &base, &cookie).await.text;
    let drawn = room.split("<div data-part=\"engine\">").nth(1).unwrap().split("</div>").next().unwrap();
    let request = Request::builder().uri(format!("{base}/live")).header("cookie", &cookie).body(Body::empty()).unwrap();
    let mut body = house.open(request).await.into_body();
    assert_eq!(event(&mut body, "engine").await.trim(), drawn.trim());
}

#[tokio::test]
async fn of_when_a_live_page_is_moves_with_its_figures() {
    let house = House::new();
    let things = house.furnish().await;
    let cookie = owner(&house).await;
    let base = format!("/campaigns/{}", things.campaign);
    let room = look(&house, &base, &cookie).await.text;
    assert!(room.contains("<span data-part=\"as-of\">") && room.contains("<span data-part=\"standing\">"), "{room}");
    let request = Request::builder().uri(format!("{base}/live")).header("cookie", &cookie).body(Body::empty()).unwrap();
    let mut body = house.open(request).await.into_body();
    let before = event(&mut body, "as-of").await;
    house.pass(Duration::from_secs(120));
    let after = event(&mut body, "as-of").await;
    assert_ne!(before, after, "two minutes later");
    let (id, store) = (things.campaign.parse().unwrap(), &house.app.store);
    store.set_campaign_state(id, CampaignState::Paused, None, &Actor::Engine, house.app.now()).await.unwrap();
    house.pass(Duration::from_secs(2));
    let stands = event(&mut body, "standing").await;
    assert!(stands.contains("Paused"), "{stands}");
}

#[tokio::test]
async fn whoever_watches_is_offered_what_can_be_done_now_and_told_why() {
    let house = House::new();
    let things = house.furnish().await;
    let cookie = owner(&house).await;
    let base = format!("/campaigns/{}", things.campaign);
    let room = look(&house, &base, &cookie).await.text;
    for part in ["orders", "why", "tabs"] {
        assert!(room.contains(&format!("data-part=\"{part}\"")), "{part}: {room}");
    }
    let watch = async || {
        let path = format!("{base}/live");
        let request = Request::builder().uri(path).header("cookie", &cookie).body(Body::empty()).unwrap();
        house.open(request).await.into_body()
    };
    let (mut orders, mut why) = (watch().await, watch().await);
    let offered = event(&mut orders, "orders").await;
    assert!(offered.contains("/pause\"") && !offered.contains("/resume\""), "{offered}");
    assert!(!event(&mut why, "why").await.contains("complained"));
    let (id, store) = (things.campaign.parse().unwrap(), &house.app.store);
    let because = Some("a third of them complained".to_owned());
    store.set_campaign_state(id, CampaignState::Paused, because, &Actor::Engine, house.app.now()).await.unwrap();
    house.pass(Duration::from_secs(2));
    let offered = event(&mut orders, "orders").await;
    assert!(!offered.contains("/pause\"") && offered.contains("/resume\""), "{offered}");
    let told = event(&mut why, "why").await;
    assert!(told.contains("a third of them complained"), "{told}");
}

#[tokio::test]
async fn the_page_after_an_order_shows_what_came_of_it_in_the_same_moment() {
    let house = House::new();
    let things = house.furnish().await;
    let cookie = owner(&house).await;
    let base = format!("/campaigns/{}", things.campaign);
    let queued =
        house.app.store.deliveries(things.campaign.parse().unwrap(), DeliveryState::Queued, None, 1).await.unwrap();
    let before = look(&house, &base, &cookie).await.text;
    assert_eq!(figure(&before, "accepted"), "0");
    accept(&house, queued[0].delivery).await;
    // The figures of a moment ago are good enough for those who only look.
    assert_eq!(figure(&look(&house, &base, &cookie).await.text, "accepted"), "0");
    assert_eq!(submit(&house, &format!("{base}/pause"), &cookie, "").await.status, 303);
    let after = look(&house, &base, &cookie).await.text;
    assert_eq!(figure(&after, "accepted"), "1", "no second has passed");
    assert!(after.contains(&format!("{base}/resume")), "{after}");
}

#[tokio::test]
async fn what_waits_for_its_next_message_says_so_on_all_its_pages() {
    let house = House::new();
    house.furnish().await;
    let cookie = owner(&house).await;
    let store = &house.app.store;
    let all = store.campaigns_page(WorkspaceId::FIRST, None, 50).await.unwrap();
    let stream = all.into_iter().find(|one| one.standing).unwrap();
    let base = format!("/campaigns/{}", stream.id);
    let pages =
        ["/campaigns?shelf=single".to_owned(), base.clone(), format!("{base}/report"), format!("{base}/people")];
    for page in &pages {
        let text = look(&house, page, &cookie).await.text;
        assert!(!text.contains("Ready for the next"), "somebody waits: {page}: {text}");
    }
    for one in store.deliveries(stream.id, DeliveryState::Queued, None, 9).await.unwrap() {
        accept(&house, one.delivery).await;
    }
    house.pass(Duration::from_secs(2));
    for page in &pages {
        let text = look(&house, page, &cookie).await.text;
        assert!(text.contains("Ready for the next"), "{page}: {text}");
    }
}

#[tokio::test]
async fn what_holds_it_stands_where_its_end_cannot_be_told() {
    let house = House::new();
    let things = house.furnish().await;
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    let room = format!("/campaigns/{}", things.campaign);
    assert!(look(&house, &room, &cookie).await.text.contains("It cannot be told yet."));
    let hold = json!({ "campaign": things.campaign, "why": "the shop is closed" });
    assert_eq!(house.post("/api/v1/holds", &key, hold).await.status, 201);
    house.pass(Duration::from_secs(10));
    let held = look(&house, &room, &cookie).await.text;
    let tile = held.split("<dt>Tried to the last</dt>").nth(1).unwrap().split("</div>").next().unwrap();
    assert!(tile.contains("It waits: ") && tile.contains("the shop is closed"), "{tile}");
}

#[tokio::test]
async fn what_holds_a_part_of_those_who_wait_is_told_with_how_many() {
    let house = House::new();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    let import = people(&house, &["a@a.example", "b@b.example"]).await;
    let new = NewCampaign {
        workspace: WorkspaceId::FIRST,
        name: "spring".to_owned(),
        kind: CampaignKind::Broadcast,
        message: snapshot(),
        audience: Audience::imports([import.parse().unwrap()]),
        files_hash: [1; 32],
        content_hash: [2; 32],
        canary: 0,
        trial: None,
    };
    let (store, now) = (&house.app.store, house.app.now());
    let id = store.create_campaign(new, &Actor::Engine, now).await.unwrap().id;
    store.build_campaign(id, &Actor::Engine, now).await.unwrap();
    let hold = json!({ "domain": "b.example", "why": "the shop is closed" });
    assert_eq!(house.post("/api/v1/holds", &key, hold).await.status, 201);
    let room = look(&house, &format!("/campaigns/{id}"), &cookie).await.text;
    let tile = room.split("<dt>Tried to the last</dt>").nth(1).unwrap().split("</div>").next().unwrap();
    assert!(tile.contains("1 person waits: the shop is closed") && !tile.contains("It waits"), "{tile}");
    // Who that is.
    let (_, rest) = room.split_once("people?state=in_progress&amp;hold=").unwrap();
    let hold = rest.split('"').next().unwrap();
    let behind = look(&house, &format!("/campaigns/{id}/people?state=in_progress&hold={hold}"), &cookie).await.text;
    assert!(behind.contains("b@b.example") && !behind.contains("a@a.example"), "{behind}");
    assert!(!behind.contains("/segments/new"), "no rule says who that is: {behind}");
    let export = behind.split("/api/v1/exports/").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
    let csv = house.get(&format!("/api/v1/exports/{}", export.replace("&amp;", "&")), &key).await.text;
    assert!(csv.contains("b@b.example") && !csv.contains("a@a.example"), "{csv}");
    let asked = |state: &str| format!("/api/v1/campaigns/{id}/recipients?state={state}&hold={hold}");
    let found = house.get(&asked("queued"), &key).await.json();
    assert_eq!((found["data"][0]["address"].as_str(), found["data"][1].as_str()), (Some("b@b.example"), None));
    assert_eq!(house.get(&asked("accepted"), &key).await.code(), "invalid_field", "nobody else is held");
}

#[tokio::test]
async fn a_page_that_waits_moves_on_though_the_campaign_began_before_it_watched() {
    let house = House::new();
    let things = house.furnish().await;
    let cookie = owner(&house).await;
    let path = format!("/campaigns/{}/live?waits=true", things.campaign);
    let request = Request::builder().uri(path).header("cookie", &cookie).body(Body::empty()).unwrap();
    let mut body = house.open(request).await.into_body();
    event(&mut body, "over").await;
    assert!(body.frame().await.is_none(), "the page is loaded anew, as the machine room");
}

#[tokio::test]
async fn whoever_is_shut_out_watches_no_more() {
    let house = House::new();
    let things = house.furnish().await;
    let cookie = owner(&house).await;
    let path = format!("/campaigns/{}/live", things.campaign);
    let request = Request::builder().uri(path).header("cookie", &cookie).body(Body::empty()).unwrap();
    let mut body = house.open(request).await.into_body();
    event(&mut body, "equation").await;
    let session = crate::auth::hash(cookie.split_once('=').unwrap().1);
    house.app.store.end_session(session, &Actor::Engine, house.app.now()).await.unwrap();
    house.pass(Duration::from_secs(2));
    let ending = async { while body.frame().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(20), ending).await.expect("the stream ends");
}

#[tokio::test(start_paused = true)]
async fn fifty_who_watch_read_the_ledger_as_often_as_one() {
    const ROUNDS: u64 = 10;
    let house = House::new();
    let things = house.furnish().await;
    let cookie = owner(&house).await;
    let campaign: CampaignId = things.campaign.parse().unwrap();
    let path = format!("/campaigns/{campaign}/live");
    let watched = async |watchers: usize| {
        let mut streams = Vec::new();
        for _ in 0..watchers {
            let request = Request::builder().uri(&path).header("cookie", &cookie).body(Body::empty()).unwrap();
            streams.push(house.open(request).await.into_body());
        }
        for body in &mut streams {
            event(body, "equation").await;
        }
        let before = house.app.store.reads();
        for _ in 0..ROUNDS {
            // Nothing of it is a real second. In each round all is too old, the forecast as well.
            house.pass(Duration::from_secs(6));
            tokio::time::sleep(Duration::from_millis(900)).await;
        }
        (house.app.store.reads() - before) / ROUNDS
    };
    // Of a campaign that is being sent more is told.
    for state in [None, Some(CampaignState::Sending)] {
        if let Some(state) = state {
            let (store, now) = (&house.app.store, house.app.now());
            store.set_campaign_state(campaign, state, None, &Actor::Engine, now).await.unwrap();
        }
        let (one, fifty) = (watched(1).await, watched(50).await);
        // What else the house does may fall into either.
        assert!(one > 0 && one.abs_diff(fifty) <= 1, "a round is {one} reads for one and {fifty} for fifty");
    }
}

#[tokio::test]
async fn whoever_is_looked_at_brings_their_cause_along() {
    let house = House::new();
    let things = house.furnish().await;
    let cookie = owner(&house).await;
    let id = things.campaign.parse().unwrap();
    let queued = house.app.store.deliveries(id, DeliveryState::Queued, None, 10).await.unwrap();
    let (dead, well) = (queued[0].delivery, queued[1].delivery);
    let reply = Reply::new(550, "5.1.1 no such user");
    settle(&house, dead, DeliveryState::Hard, Outcome::Hard, reply).await;
    accept(&house, well).await;
    let page = look(&house, &format!("/campaigns/{id}/investigate?person={dead}"), &cookie).await.text;
    let chosen = |page: &str| page.matches("aria-current=\"true\"").count();
    assert_eq!(chosen(&page), 2, "their cause and themselves: {page}");
    assert!(page.contains("aria-current=\"page\">Investigate</a>"));
    let page = look(&house, &format!("/campaigns/{id}/investigate?person={well}"), &cookie).await.text;
    assert_eq!(chosen(&page), 0, "whoever was accepted is among nobody's people");
    assert!(page.contains("class=\"dl note ok\""), "{page}");
}

#[tokio::test]
async fn home_and_the_list_look_again_while_something_moves() {
    let house = House::new();
    let things = house.furnish().await;
    let cookie = owner(&house).await;
    for path in ["/", "/campaigns"] {
        let page = look(&house, path, &cookie).await.text;
        assert!(page.contains("data-look=\"3\"") && page.contains("id=\"stale\""), "{path}: {page}");
    }
    let (id, store) = (things.campaign.parse().unwrap(), &house.app.store);
    store.set_campaign_state(id, CampaignState::Cancelled, None, &Actor::Engine, house.app.now()).await.unwrap();
    for path in ["/", "/campaigns"] {
        let page = look(&house, path, &cookie).await.text;
        assert!(page.contains("first news") && page.contains("data-look=\"20\""), "nothing moves now: {path}: {page}");
    }
}
