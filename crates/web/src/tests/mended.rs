//! What an operator stumbled over: an envelope that stayed behind its sender, two windows over one draft, numbers without
//! people, holds that held nothing.

use super::browser::{Browser, roles};
use super::campaigns::{people, rehearsal, written};
use super::composer::{hidden, place};
use super::house::House;
use super::live::{accept, settle};
use super::pages::{look, owner, submit};
use crate::{Config, Sending};
use axum::http::Method;
use engine::options::Transport;
use model::{
    Actor, Attempt, CampaignId, CampaignState, Category, DeliveryId, DeliveryState, Outcome, Reply, Role, Scope, Stage,
    SuppressionReason, Timestamp, Verdict, WorkspaceId,
};
use serde_json::json;
use std::time::Duration;
use store::{NewHold, Settlement, Target};

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// A draft from `Anna <anna@news.example>` to these people; its id.
async fn draft(house: &House, key: &str, addresses: &[&str]) -> String {
    let import = people(house, addresses).await;
    let made = house.post("/api/v1/campaigns", key, written("spring", &import)).await;
    made.json()["id"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned()
}

/// The fields of the composer as they stand, with these changed.
fn typed<'a>(read: &'a str, from: &'a str, subject: &'a str, import: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("name", "spring"),
        ("from", from),
        ("subject", subject),
        ("include", import),
        ("format", "html"),
        ("source", "<p>Hi</p><a href=\"{{ unsubscribe_url }}\">bye</a>{{ postal_address }}"),
        ("tracking", "off"),
        ("read", read),
    ]
}

async fn return_path(house: &House, id: &str) -> String {
    let campaign = house.app.store.campaign(id.parse().unwrap()).await.unwrap().unwrap();
    engine::drafts::proposal(&house.app.store, &campaign).await.unwrap().options.return_path
}

#[tokio::test]
async fn the_envelope_follows_the_sender_unless_it_was_chosen() {
    let house = rehearsal();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    let id = draft(&house, &key, &["anna@a.example"]).await;
    assert_eq!(return_path(&house, &id).await, "news.example");
    let edit = format!("/campaigns/{id}/edit");
    let change = async |from: &str, path: &str| {
        let mut fields = typed("", from, "Hi", "everyone");
        fields.push(("return_path", path));
        submit(&house, &edit, &cookie, &form(&fields)).await
    };
    place(&change("Anna <anna@shop.example>", "").await);
    assert_eq!(return_path(&house, &id).await, "shop.example", "nobody chose the old one");
    place(&change("Anna <anna@shop.example>", "bounce.shop.example").await);
    assert_eq!(return_path(&house, &id).await, "bounce.shop.example");
    let page = look(&house, &edit, &cookie).await.text;
    assert!(page.contains("name=\"return_path\" value=\"bounce.shop.example\""), "{page}");
    let wrong = change("Anna <anna@shop.example>", "no domain!").await;
    assert!(wrong.status == 422 && wrong.text.contains("id=\"return_path-wrong\""), "{}", wrong.text);
    let mut whole = written("spring", "everyone");
    whole["from"] = "anna@third.example".into();
    assert_eq!(house.ask(Method::PUT, &format!("/api/v1/campaigns/{id}"), Some(&key), Some(whole)).await.status, 200);
    assert_eq!(return_path(&house, &id).await, "third.example", "left out, it follows");
}

#[tokio::test]
async fn until_when_it_is_of_use_is_asked_in_the_zone_of_the_workspace() {
    let house = rehearsal();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    let id = draft(&house, &key, &["anna@a.example"]).await;
    house
        .app
        .store
        .set_setting(WorkspaceId::FIRST, "time_zone", "Europe/Berlin", &Actor::Engine, house.app.now())
        .await
        .unwrap();
    let edit = format!("/campaigns/{id}/edit");
    let save = async |until: &str| {
        let mut fields = typed("", "Anna <anna@news.example>", "Hi", "everyone");
        fields.push(("expires_at", until));
        submit(&house, &edit, &cookie, &form(&fields)).await
    };
    place(&save("2026-02-01T10:00").await);
    let expires = async || {
        let campaign = house.app.store.campaign(id.parse().unwrap()).await.unwrap().unwrap();
        engine::drafts::proposal(&house.app.store, &campaign).await.unwrap().options.timing.expires_at
    };
    assert_eq!(expires().await.map(|at| at.as_millis()), Some(1_769_936_400_000), "nine in UTC");
    assert!(look(&house, &edit, &cookie).await.text.contains("name=\"expires_at\" value=\"2026-02-01T10:00\""));
    let wrong = save("whenever").await;
    assert!(wrong.status == 422 && wrong.text.contains("id=\"expires_at-wrong\""), "{}", wrong.text);
    place(&save("").await);
    assert_eq!(expires().await, None);
}

#[tokio::test]
async fn what_is_done_for_people_in_doubt_is_chosen_with_its_risk_and_told_before_it_begins() {
    let house = rehearsal();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    let id = draft(&house, &key, &["anna@a.example"]).await;
    let edit = format!("/campaigns/{id}/edit");
    let page = look(&house, &edit, &cookie).await.text;
    assert!(page.contains("<option value=\"leave\" selected>"), "{page}");
    assert!(page.contains("whoever got it the first time has it twice"), "{page}");
    let mut fields = typed("", "Anna <anna@news.example>", "Hi", "everyone");
    fields.push(("in_doubt", "once_more"));
    place(&submit(&house, &edit, &cookie, &form(&fields)).await);
    let kept = house.get(&format!("/api/v1/campaigns/{id}"), &key).await.json();
    assert_eq!(kept["in_doubt"], "once_more", "{kept}");
    let review = look(&house, &format!("/campaigns/{id}"), &cookie).await.text;
    assert!(review.contains("the message goes once more"), "{review}");
    // A form that has no such field leaves it as it was.
    place(&submit(&house, &edit, &cookie, &form(&typed("", "Anna <anna@news.example>", "Hi", "everyone"))).await);
    let kept = house.get(&format!("/api/v1/campaigns/{id}"), &key).await.json();
    assert_eq!(kept["in_doubt"], "once_more", "{kept}");
}

#[tokio::test]
async fn of_two_windows_neither_loses_a_word() {
    let house = rehearsal();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    let id = draft(&house, &key, &["anna@a.example"]).await;
    let (edit, from) = (format!("/campaigns/{id}/edit"), "Anna <anna@news.example>");
    let read = hidden(&look(&house, &edit, &cookie).await.text, "read");
    let send = async |read: &str, subject: &str, quietly: bool| {
        let mut fields = typed(read, from, subject, "everyone");
        fields.extend(quietly.then_some(("quietly", "1")));
        submit(&house, &edit, &cookie, &form(&fields)).await
    };
    let first = send(&read, "Of the first window", true).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let newer = first.headers["postroom-read"].to_str().unwrap().to_owned();
    assert_ne!(newer, read);
    let second = send(&read, "Of the second window", true).await;
    assert!(second.status == 409 && second.text.contains("kept as version 3"), "{} {}", second.status, second.text);
    let subject = async || {
        let campaign = house.app.store.campaign(id.parse().unwrap()).await.unwrap().unwrap();
        engine::drafts::proposal(&house.app.store, &campaign).await.unwrap().options.subject.unwrap_or_default()
    };
    assert_eq!(subject().await, "Of the first window");
    assert_eq!(send(&newer, "The first goes on", true).await.status, 200);
    let versions = house.get(&format!("/api/v1/campaigns/{id}/versions"), &key).await.json();
    let subjects: Vec<_> = versions["data"].as_array().unwrap().iter().map(|one| one["subject"].clone()).collect();
    let kept = ["The first goes on", "Of the second window", "Of the first window"].map(|subject| json!(subject));
    assert_eq!(subjects[..3], kept, "each of them is a version");
    // The button says so as well; pressed again it is meant.
    let told = send(&read, "Of the second window", false).await;
    assert!(told.status == 409 && told.text.contains("Of the second window") && told.text.contains("id=\"overtaken\""));
    place(&send(&hidden(&told.text, "read"), "Of the second window", false).await);
    assert_eq!(subject().await, "Of the second window");
}

#[tokio::test]
async fn what_is_typed_into_a_draft_that_begins_meanwhile_stays_and_can_go_on() {
    let house = rehearsal();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    let id = draft(&house, &key, &["anna@a.example"]).await;
    let (edit, from) = (format!("/campaigns/{id}/edit"), "Anna <anna@news.example>");
    let page = look(&house, &edit, &cookie).await.text;
    let read = hidden(&page, "read");
    assert!(page.contains("id=\"told\"") && !page.contains("id=\"too-late\""), "{page}");
    let start = format!("/api/v1/campaigns/{id}/start");
    let begun = house.post(&start, &key, json!({ "at": "2026-03-01T08:00:00Z" })).await;
    assert_eq!(begun.status, 202, "{}", begun.text);
    let send = async |more: &[(&str, &str)]| {
        let mut fields = typed(&read, from, "Typed too late", "everyone");
        fields.extend_from_slice(more);
        submit(&house, &edit, &cookie, &form(&fields)).await
    };
    // By itself: a piece for beside the buttons, not a page and not into what the message says.
    let quiet = send(&[("quietly", "1")]).await;
    assert_eq!((quiet.status.as_u16(), quiet.headers["postroom-part"].to_str().unwrap()), (409, "told"));
    assert!(quiet.text.contains("It begins") && !quiet.text.contains("<html"), "{}", quiet.text);
    assert!(quiet.text.contains("value=\"anew\"") && quiet.text.contains("value=\"take-back\""), "{}", quiet.text);
    // By the button: the form as it was typed, with the same.
    let told = send(&[("then", "stay")]).await;
    assert_eq!(told.status, 409);
    assert!(told.text.contains("value=\"Typed too late\"") && told.text.contains("id=\"too-late\""), "{}", told.text);
    // Another draft of it, once however often it is pressed.
    let once = hidden(&told.text, "once");
    let another = place(&send(&[("then", "anew"), ("once", &once)]).await);
    assert_eq!(place(&send(&[("then", "anew"), ("once", &once)]).await), another);
    assert!(another != edit, "{another}");
    let made = look(&house, &another, &cookie).await.text;
    assert!(made.contains("value=\"Typed too late\"") && made.contains("value=\"spring (2)\""), "{made}");
    let state = async || house.app.store.campaign(id.parse().unwrap()).await.unwrap().unwrap().state;
    assert_eq!(state().await, CampaignState::Scheduled);
    // Whoever may not send may not take it back.
    let writer = roles(&house, Role::Developer).await;
    let refused = writer.submit(&edit, &form(&typed(&read, from, "Not theirs", "everyone"))).await;
    assert!(!refused.text.contains("value=\"take-back\""), "{}", refused.text);
    let back = place(&send(&[("then", "take-back")]).await);
    assert!(back.starts_with(&edit), "{back}");
    assert_eq!(state().await, CampaignState::Draft);
    assert!(look(&house, &edit, &cookie).await.text.contains("value=\"Typed too late\""));
    // What has begun is not taken back.
    let app = &house.app;
    engine::drafts::begin(&app.store, &app.world, engine::Stakes::Rehearsal, id.parse().unwrap(), &Actor::Engine)
        .await
        .unwrap();
    let begun = send(&[("then", "take-back")]).await;
    assert!(begun.status == 409 && begun.text.contains("has begun meanwhile"), "{}", begun.text);
    assert!(begun.text.contains("value=\"Typed too late\"") && !begun.text.contains("value=\"take-back\""));
}

#[tokio::test]
async fn of_a_draft_the_list_has_no_numbers_yet() {
    let house = rehearsal();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    let id = draft(&house, &key, &["anna@a.example"]).await;
    for page in ["/", "/campaigns"] {
        let list = look(&house, page, &cookie).await.text;
        let row = list.split("<tr>").find(|row| row.contains(&format!("/campaigns/{id}\">spring"))).unwrap();
        assert!(row.matches(">–</td>").count() == 5 && !row.contains("people?state="), "{page}: {row}");
    }
    let app = &house.app;
    engine::drafts::begin(&app.store, &app.world, engine::Stakes::Rehearsal, id.parse().unwrap(), &Actor::Engine)
        .await
        .unwrap();
    let list = look(&house, "/campaigns", &cookie).await.text;
    assert!(list.contains(&format!("/campaigns/{id}/people?state=in_progress\">1</a>")), "{list}");
}

#[tokio::test]
async fn who_would_be_skipped_is_known_before_anything_is_sent() {
    let house = rehearsal();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    let id = draft(&house, &key, &["anna@a.example", "bob@b.example", "cid@c.example"]).await;
    let gone = Target::Address("cid@c.example".to_owned());
    let (store, now) = (&house.app.store, house.app.now());
    store.suppress(WorkspaceId::FIRST, gone, SuppressionReason::Manual, None, &Actor::Engine, now).await.unwrap();
    let base = format!("/campaigns/{id}");
    let review = look(&house, &base, &cookie).await.text;
    let reason = format!("{base}/people?state=skipped&#38;reason=suppressed_by_hand");
    assert!(review.contains(&reason) && review.contains("<details class=\"small\" open>"), "{review}");
    let people = async |query: &str| look(&house, &format!("{base}/people?{query}"), &cookie).await;
    let all = people("state=all").await.text;
    assert!(["anna@", "bob@", "cid@"].iter().all(|one| all.contains(one)), "{all}");
    for query in ["state=skipped", "state=skipped&reason=suppressed_by_hand"] {
        let skipped = people(query).await.text;
        assert!(skipped.contains("cid@c.example") && skipped.contains("suppressed by hand"), "{skipped}");
        assert!(!skipped.contains("anna@a.example"), "{skipped}");
    }
    assert!(people("state=skipped&reason=no_email").await.text.contains("Nobody stands there."));
    let out = format!("{base}/people.csv?state=skipped");
    assert!(people("state=skipped").await.text.contains(&format!("href=\"{out}\"")), "they are a table as well");
    let table = look(&house, &out, &cookie).await;
    assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
    assert!(
        table.text.starts_with("address,contact,state,reason") && table.text.lines().count() == 2,
        "{}",
        table.text
    );
    assert!(
        table.text.contains("cid@c.example") && table.text.contains(",skipped,suppressed_by_hand"),
        "{}",
        table.text
    );
    assert!(look(&house, &format!("{base}/people.csv"), &cookie).await.text.contains(",attempted,"));
    let attempted = people("state=attempted").await.text;
    assert!(attempted.contains("anna@a.example") && !attempted.contains("cid@c.example"), "{attempted}");
    for query in ["state=hard", "state=accepted", "did=clicked"] {
        let nobody = people(query).await;
        assert!(nobody.status == 200 && nobody.text.contains("Nobody stands there."), "{query}: {}", nobody.text);
    }
    assert_eq!(people("state=nowhere").await.status, 404);
}

#[tokio::test]
async fn who_has_no_value_for_a_tag_is_known_before_anything_is_sent() {
    let house = rehearsal();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    people(&house, &["anna@a.example"]).await;
    for named in
        [json!({ "email": "bob@b.example" }), json!({ "email": "cid@c.example", "attributes": { "first_name": "" } })]
    {
        assert_eq!(house.post("/api/v1/contacts", &key, named).await.status, 201);
    }
    let made = house.post("/api/v1/campaigns", &key, written("spring", "everyone")).await.json();
    let base = format!("/campaigns/{}", made["id"].as_str().unwrap());
    let checked = house.post(&format!("/api/v1{base}/check"), &key, json!({})).await.json();
    assert_eq!(checked["gaps"], json!([{ "tag": "first_name", "people": 2 }]));
    let review = look(&house, &base, &cookie).await.text;
    let behind = format!("{base}/people?state=without&#38;reason=first_name");
    assert!(review.contains("2 people have no value for “first_name”") && review.contains(&behind), "{review}");
    let people = look(&house, &format!("{base}/people?state=without&reason=first_name"), &cookie).await.text;
    assert!(people.contains("bob@b.example") && people.contains("cid@c.example"), "{people}");
    assert!(!people.contains("anna@a.example"), "{people}");
    // Each of them can be looked at: whose values come out empty is chosen in the composer.
    let link = people.split("/edit?contact=").nth(1).unwrap().split('"').next().unwrap();
    let composer = look(&house, &format!("{base}/edit?contact={link}"), &cookie).await.text;
    assert!(composer.contains(&format!("<option value=\"{link}\" selected>")), "{composer}");
}

#[tokio::test]
async fn many_who_are_foreseen_come_a_page_at_a_time() {
    let house = rehearsal();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    let addresses: Vec<String> = (0..60).map(|n| format!("p{n}@d{}.example", n % 7)).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let id = draft(&house, &key, &addresses).await;
    let base = format!("/campaigns/{id}/people");
    let first = look(&house, &format!("{base}?state=attempted"), &cookie).await.text;
    let next = first.split("after=").nth(1).unwrap().split('"').next().unwrap();
    let second = look(&house, &format!("{base}?state=attempted&after={next}"), &cookie).await.text;
    let seen = |page: &str, address: &str| page.contains(&format!(">{address}<"));
    assert!(addresses.iter().all(|one| seen(&first, one) != seen(&second, one)), "everybody is on one page");
    assert_eq!(look(&house, &format!("{base}?after=nonsense"), &cookie).await.status, 400);
}

#[tokio::test]
async fn a_hold_names_somebody_or_is_refused() {
    let house = House::new();
    let browser = Browser::owner(&house).await;
    let key = house.master_key().await;
    let nobody = browser.submit("/holds", "provider=mx.nobody.example&why=night").await;
    assert!(nobody.status == 422 && nobody.text.contains("id=\"hold-provider-wrong\""), "{}", nobody.text);
    let refused = house.post("/api/v1/holds", &key, json!({ "provider": "goggle", "why": "night" })).await;
    assert!(refused.status == 422 && refused.text.contains("google"), "{}", refused.text);
    for named in ["google", "Google", "aspmx.l.google.com"] {
        let placed = house.post("/api/v1/holds", &key, json!({ "provider": named, "why": "night" })).await;
        assert_eq!(placed.json()["hold"]["provider"], "google", "{named}: {}", placed.text);
    }
    let empty = browser.look("/lanes?covers=0").await.text;
    assert!(empty.contains("nothing that waits now is covered"), "{empty}");
    let asked = browser.look("/lanes?hold=mx.a.example").await.text;
    assert!(
        asked.contains("name=\"provider\" value=\"mx.a.example\"") || asked.contains("value=\"mx.a.example\""),
        "{asked}"
    );
}

/// Somebody is refused for our signature.
async fn refuse(house: &House, campaign: CampaignId) {
    let (store, now) = (&house.app.store, house.app.now());
    let queued = store.deliveries(campaign, DeliveryState::Queued, None, 1).await.unwrap();
    let claimed = store.claim_one(queued[0].delivery).await.unwrap().unwrap();
    let verdict = Verdict {
        outcome: Outcome::Blocked,
        category: Category::AuthFailure,
        scope: Scope::Identity,
        stage: Stage::Final,
        rule: "enhanced-5.7.26".into(),
        retry_after: None,
    };
    let attempt = Attempt {
        delivery: queued[0].delivery,
        number: 1,
        started_at: now,
        duration_ms: 20,
        verdict,
        reply: Some(Reply::new(550, "5.7.26 unauthenticated")),
        note: None,
        host: Some("mx.first.example".to_owned()),
        address: None,
        tls: None,
        reached_receiver: true,
    };
    let one = Settlement { attempt: Some(attempt), ..Settlement::of(&claimed, DeliveryState::Blocked, now) };
    assert_eq!(store.settle(vec![one]).await.unwrap().written, 1);
}

#[tokio::test]
async fn refused_for_our_set_up_is_said_at_home_and_in_the_room() {
    let house = House::new();
    let cookie = owner(&house).await;
    let things = house.furnish().await;
    let id: CampaignId = things.campaign.parse().unwrap();
    let store = &house.app.store;
    store.set_campaign_state(id, CampaignState::Sending, None, &Actor::Engine, house.app.now()).await.unwrap();
    let before = look(&house, "/", &cookie).await.text;
    assert!(!before.contains("refused for our own set-up"), "{before}");
    house.pass(std::time::Duration::from_secs(2));
    refuse(&house, id).await;
    let home = look(&house, "/", &cookie).await.text;
    assert!(home.contains("first news: refused for our own set-up, 1 so far"), "{home}");
    let room = look(&house, &format!("/campaigns/{id}"), &cookie).await.text;
    assert!(room.contains("One person was refused for our own set-up") && room.contains("5.7.26"), "{room}");
    assert!(room.contains("href=\"/domains\""), "{room}");
}

/// A house whose way out is that of the campaigns it is furnished with.
fn with_their_way_out() -> House {
    let transport = Transport::Relay { url: "smtp://127.0.0.1:9".to_owned() };
    House::with(Config { sending: Sending { transport, ..Sending::default() }, ..Config::default() })
}

/// Somebody is put off until `due`.
async fn put_off(house: &House, delivery: DeliveryId, reply: &str, due: Timestamp) {
    let (store, now) = (&house.app.store, house.app.now());
    let site = store.site_id("mx.first.example", None, now).await.unwrap();
    let claimed = store.claim_one(delivery).await.unwrap().unwrap();
    let verdict = Verdict {
        outcome: Outcome::Deferred,
        category: Category::Greylisted,
        scope: Scope::Recipient,
        stage: Stage::Rcpt,
        rule: "reply-test".into(),
        retry_after: None,
    };
    let (code, text) = reply.split_once(' ').unwrap();
    let attempt = Attempt {
        delivery,
        number: 1,
        started_at: now,
        duration_ms: 20,
        verdict,
        reply: Some(Reply::new(code.parse().unwrap(), text)),
        note: None,
        host: Some("mx.first.example".to_owned()),
        address: None,
        tls: None,
        reached_receiver: true,
    };
    let due = Some((site, due));
    let one = Settlement { attempt: Some(attempt), due, ..Settlement::of(&claimed, DeliveryState::Deferred, now) };
    assert_eq!(store.settle(vec![one]).await.unwrap().written, 1);
}

#[tokio::test]
async fn until_when_people_are_tried_and_when_next_stands_beside_the_state() {
    let house = with_their_way_out();
    let cookie = owner(&house).await;
    let id: CampaignId = house.furnish().await.campaign.parse().unwrap();
    let (store, now) = (&house.app.store, house.app.now());
    let queued = store.deliveries(id, DeliveryState::Queued, None, 2).await.unwrap();
    let dues = [now + Duration::from_secs(5 * 60), now + Duration::from_secs(16 * 60)];
    put_off(&house, queued[0].delivery, "451 4.7.1 not yet", dues[0]).await;
    put_off(&house, queued[1].delivery, "452 4.2.2 full", dues[1]).await;
    for state in [CampaignState::Sending, CampaignState::Retrying] {
        store.set_campaign_state(id, state, None, &Actor::Engine, now).await.unwrap();
    }
    let base = format!("/campaigns/{id}");
    let table = look(&house, "/campaigns.csv?shelf=broadcasts", &cookie).await.text;
    let line = table.lines().find(|line| line.contains("first news")).unwrap_or_else(|| panic!("{table}"));
    assert!(table.contains(",people,skipped,accepted,in_progress,"), "{table}");
    assert!(line.contains(",retrying,") && line.ends_with(",0,2,0,0,0,0"), "as many as the list has: {line}");
    for page in ["/", "/campaigns", &base, &format!("{base}/report")] {
        let page = look(&house, page, &cookie).await.text;
        assert!(page.contains("Retrying until "), "{page}");
    }
    let room = look(&house, &base, &cookie).await.text;
    assert!(room.contains("Whoever is put off to the end is given up by"), "{room}");
    for number in ["queued\">0</a>", "deferred\">2</a>"] {
        assert!(room.contains(&format!("href=\"{base}/people?state={number}")), "{number}: {room}");
    }
    assert!(room.contains(&format!("href=\"{base}/investigate?cause=deferred:")), "who waits for a cause: {room}");
    let minute = |at: Timestamp| format!("{:02}:{:02}", at.as_secs() / 3600 % 24, at.as_secs() / 60 % 60);
    for (due, reply) in dues.into_iter().zip(["451 4.7.1 not yet", "452 4.2.2 full"]) {
        let line =
            room.split("<li class=\"go\">").find(|line| line.contains(reply)).unwrap_or_else(|| panic!("{room}"));
        assert!(line.starts_with(&format!("<time>{}</time>", minute(due))), "{line}");
    }
}

#[tokio::test]
async fn who_is_held_after_the_first_round_is_told_of_as_held_by_whom_and_why() {
    let house = with_their_way_out();
    let cookie = owner(&house).await;
    let id: CampaignId = house.furnish().await.campaign.parse().unwrap();
    let (store, now) = (&house.app.store, house.app.now());
    let queued = store.deliveries(id, DeliveryState::Queued, None, 2).await.unwrap();
    for one in &queued {
        put_off(&house, one.delivery, "452 4.2.2 full", now + Duration::from_secs(300)).await;
    }
    for state in [CampaignState::Sending, CampaignState::Retrying] {
        store.set_campaign_state(id, state, None, &Actor::Engine, now).await.unwrap();
    }
    let members = store.members(WorkspaceId::FIRST, None, 9).await.unwrap();
    let anna = members.into_iter().find(|member| member.user.name == "Anna").unwrap().user.id;
    let hold = NewHold {
        workspace: WorkspaceId::FIRST,
        campaign: None,
        provider: None,
        domain: Some("first.example".to_owned()),
        source: None,
        cold_only: false,
        until: None,
        why: "their night".to_owned(),
    };
    store.place_hold(hold, &Actor::User(anna), now).await.unwrap();
    house.pass(Duration::from_secs(600));
    let base = format!("/campaigns/{id}");
    let room = look(&house, &base, &cookie).await.text;
    assert!(room.contains("Held by Anna: their night") && room.contains("their night (Anna)"), "{room}");
    assert!(!room.contains("Retrying until") && !room.contains("is given up by"), "nobody can tell: {room}");
    let due = room.split("<li class=\"go\">").find(|line| line.contains("452 4.2.2 full")).unwrap();
    assert!(due.starts_with("<time></time>"), "no try is promised: {due}");
    let home = look(&house, "/", &cookie).await.text;
    assert!(home.contains("2 people are held: first news") && home.contains("Held by Anna: their night"), "{home}");
    assert!(home.contains("href=\"/lanes#holds\"") && !home.contains("Nothing needs you"), "{home}");
    assert!(home.contains(&format!("href=\"{base}/people?state=in_progress\">2 people are held</a>")), "{home}");
    let list = look(&house, "/campaigns", &cookie).await.text;
    assert!(list.contains("Held by Anna") && !list.contains("Retrying until"), "{list}");
    let people = look(&house, &format!("{base}/people?state=in_progress"), &cookie).await.text;
    assert!(people.contains("Held by Anna: their night") && !people.contains("next try"), "{people}");
    let message = look(&house, &format!("/deliveries/{}", queued[0].delivery), &cookie).await.text;
    assert!(message.contains("held by Anna: their night") && message.contains("Let the hold go"), "{message}");
    assert!(message.contains("href=\"/lanes\"") && !message.contains("user:u_"), "{message}");
    assert!(!message.contains("while a process is sending"), "{message}");
}

#[tokio::test]
async fn a_campaign_that_is_not_sent_from_here_says_so_and_promises_nothing() {
    let house = House::new();
    let cookie = owner(&house).await;
    let id: CampaignId = house.furnish().await.campaign.parse().unwrap();
    let (store, now) = (&house.app.store, house.app.now());
    let queued = store.deliveries(id, DeliveryState::Queued, None, 1).await.unwrap();
    put_off(&house, queued[0].delivery, "451 4.7.1 not yet", now + Duration::from_secs(300)).await;
    store.set_campaign_state(id, CampaignState::Sending, None, &Actor::Engine, now).await.unwrap();
    let home = look(&house, "/", &cookie).await.text;
    assert!(home.contains("first news is not sent from here: 2 in progress"), "{home}");
    let list = look(&house, "/campaigns", &cookie).await.text;
    assert!(list.contains("Not sent from here") && !list.contains("Sending</span>"), "{list}");
    let room = look(&house, &format!("/campaigns/{id}"), &cookie).await.text;
    assert!(room.contains("It was made for another way out"), "{room}");
    assert!(!room.contains("tried again then") && !room.contains("next try"), "{room}");
    assert!(room.contains("<li class=\"go\"><time></time>"), "no time is promised: {room}");
}

#[tokio::test]
async fn before_it_begins_its_report_says_that_it_has_not() {
    let house = rehearsal();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    let id = draft(&house, &key, &["anna@a.example"]).await;
    for page in ["report", "investigate"] {
        let page = look(&house, &format!("/campaigns/{id}/{page}"), &cookie).await;
        assert!(page.status == 200 && page.text.contains("It has not begun"), "{}", page.text);
        assert!(!page.text.contains("Not final") && !page.text.contains("The message has no links"), "{}", page.text);
    }
}

#[tokio::test]
async fn an_address_of_a_form_that_is_looked_at_is_a_page() {
    let house = House::new();
    let cookie = owner(&house).await;
    for path in ["/settings/name", "/first/look", "/campaigns/k_1/start"] {
        let page = look(&house, path, &cookie).await;
        assert_eq!(page.status, 405, "{}", page.text);
        assert!(
            page.text.contains("This cannot be done here") && page.text.contains("go to the page"),
            "{}",
            page.text
        );
    }
}

#[tokio::test]
async fn what_is_ours_to_mend_is_not_offered_once_more() {
    let house = House::new();
    let cookie = owner(&house).await;
    let things = house.furnish().await;
    let id: CampaignId = things.campaign.parse().unwrap();
    refuse(&house, id).await;
    let store = &house.app.store;
    let queued = store.deliveries(id, DeliveryState::Queued, None, 1).await.unwrap();
    let reply = Reply::new(550, "5.7.1 not today");
    settle(&house, queued[0].delivery, DeliveryState::Blocked, Outcome::Blocked, reply).await;
    for state in [CampaignState::Sending, CampaignState::Complete] {
        store.set_campaign_state(id, state, None, &Actor::Engine, house.app.now()).await.unwrap();
    }
    let base = format!("/campaigns/{id}");
    let report = look(&house, &format!("{base}/report"), &cookie).await.text;
    assert!(report.contains("One person was put off to the end or refused"), "{report}");
    let who = report.split("<a href=\"").find(|rest| rest.starts_with("/segments/new/people?"));
    let who = who.unwrap_or_else(|| panic!("{report}")).split('"').next().unwrap();
    let helped = look(&house, who, &cookie).await.text;
    assert_eq!(helped.matches("href=\"/contacts/c_").count(), 1, "{helped}");
    assert!(report.contains("One person was refused for what is ours to mend"), "{report}");
    let once = hidden(report.split("/again\"").nth(1).unwrap(), "once");
    let again = place(&submit(&house, &format!("{base}/again"), &cookie, &format!("once={once}")).await);
    let review = look(&house, &again, &cookie).await.text;
    assert!(review.contains("Of 1 people: 0 skipped"), "as many as were promised: {review}");
}

#[tokio::test]
async fn what_is_taken_out_is_what_is_shown() {
    let house = House::new();
    let cookie = owner(&house).await;
    let things = house.furnish().await;
    let id: CampaignId = things.campaign.parse().unwrap();
    refuse(&house, id).await;
    let page = look(&house, &format!("/campaigns/{id}/people?state=in_progress"), &cookie).await.text;
    let export = page.split("href=\"/api/v1/exports/").nth(1).unwrap().split('"').next().unwrap();
    let table = look(&house, &format!("/api/v1/exports/{export}"), &cookie).await.text;
    assert_eq!(table.lines().count(), 2, "its head and the one who waits: {table}");
    assert_eq!(look(&house, &format!("/api/v1/exports/campaigns/{id}?state=hard,nowhere"), &cookie).await.status, 422);
}

#[tokio::test]
async fn shelves_keep_what_is_sent_apart_from_tests_and_what_is_being_written() {
    let house = House::new();
    let cookie = owner(&house).await;
    let things = house.furnish().await;
    let id: CampaignId = things.campaign.parse().unwrap();
    let list = async |query: &str| look(&house, &format!("/campaigns?{query}"), &cookie).await;
    let stream = "first receipts";
    let all = list("").await.text;
    assert!(all.contains("first news") && !all.contains(stream), "{all}");
    assert!(!look(&house, "/", &cookie).await.text.contains(stream), "it is never over, and no campaign");
    assert!(list("shelf=single").await.text.contains(stream));
    let is_in = async |query: &str| list(query).await.text.contains(&format!("href=\"/campaigns/{id}\""));
    assert!(is_in("shelf=progress").await && !is_in("shelf=sent").await && !is_in("shelf=writing").await);
    let (store, now) = (&house.app.store, house.app.now());
    for delivery in store.deliveries(id, DeliveryState::Queued, None, 9).await.unwrap() {
        accept(&house, delivery.delivery).await;
    }
    for state in [CampaignState::Sending, CampaignState::Complete] {
        store.set_campaign_state(id, state, None, &Actor::Engine, now).await.unwrap();
    }
    assert!(is_in("shelf=sent").await && !is_in("shelf=progress").await);
    assert!(is_in("state=complete").await && !is_in("state=paused").await);
    for wrong in ["shelf=attic", "state=attic"] {
        assert_eq!(list(wrong).await.status, 404, "{wrong}");
    }
}

#[tokio::test]
async fn a_person_is_corrected_suppressed_and_forgotten_on_their_page() {
    let house = House::new();
    let things = house.furnish().await;
    let browser = Browser::owner(&house).await;
    let id = &things.by_kind["contacts"];
    let base = format!("/contacts/{id}");
    assert!(browser.look(&base).await.text.contains(&format!("{base}/change")));
    let page = browser.look(&format!("{base}/change")).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let wrong = browser.submit(&format!("{base}/address"), "email=nonsense").await;
    assert!(wrong.status == 422 && wrong.text.contains("id=\"address-email-wrong\""), "{}", wrong.text);
    assert_eq!(browser.submit(&format!("{base}/address"), "email=right%40first.example").await.status, 303);
    let nameless = browser.submit(&format!("{base}/values"), "name=&new=Ulm").await;
    assert!(nameless.status == 422 && nameless.text.contains("id=\"values-name-wrong\""), "{}", nameless.text);
    assert_eq!(browser.submit(&format!("{base}/values"), "name=city&new=Ulm").await.status, 303);
    let page = browser.look(&base).await.text;
    assert!(page.contains("right@first.example") && page.contains("<dd>Ulm</dd>"), "{page}");
    assert_eq!(browser.submit(&format!("{base}/suppress"), "note=asked").await.status, 303);
    let said = browser.look(&format!("{base}?done=suppressed")).await.text;
    assert!(said.contains("They are not mailed from now on"), "{said}");
    assert!(!browser.look(&base).await.text.contains("They are not mailed from now on"));
    assert!(
        browser.look(&format!("{base}/change")).await.text.contains("/suppressions/lift?target=right%40first.example")
    );
    let typo = browser.submit(&format!("{base}/forget"), "typed=other%40first.example").await;
    assert!(typo.status == 422 && typo.text.contains("id=\"forget-typed-wrong\""), "{}", typo.text);
    let analyst = roles(&house, Role::Analyst).await;
    assert!(!analyst.look(&base).await.text.contains("/change\""));
    for path in ["address", "values", "back", "suppress", "forget"] {
        let refused =
            analyst.submit(&format!("{base}/{path}"), "typed=right%40first.example&email=x%40y.example").await;
        assert_eq!(refused.status, 403, "{path}");
    }
    assert_eq!(browser.submit(&format!("{base}/forget"), "typed=right%40first.example").await.status, 303);
    assert_eq!(browser.look(&base).await.status, 404);
}

#[tokio::test]
async fn whoever_is_suppressed_on_their_page_is_told_with_what_waits_for_them() {
    let house = House::new();
    let things = house.furnish().await;
    let browser = Browser::owner(&house).await;
    let base = format!("/contacts/{}", things.by_kind["contacts"]);
    let sent = browser.submit(&format!("{base}/suppress"), "note=asked").await;
    let place = sent.headers["location"].to_str().unwrap();
    assert_eq!(place, format!("{base}?done=suppressed&waits=1"));
    let said = browser.look(place).await.text;
    assert!(said.contains("One message to them waits. It is skipped when it would be tried"), "{said}");
    assert!(!browser.look(&base).await.text.contains("One message to them waits"));
}

#[tokio::test]
async fn whoever_cannot_be_addressed_is_not_told_to_be_mailable() {
    let house = House::new();
    let cookie = owner(&house).await;
    people(&house, &[""]).await;
    let all = look(&house, "/contacts?state=active", &cookie).await.text;
    assert!(all.contains("> no address") && !all.contains("may be mailed"), "{all}");
    assert!(all.contains("has not opted out"), "what is chosen says what was asked: {all}");
}
