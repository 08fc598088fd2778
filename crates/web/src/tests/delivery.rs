//! Whom not to mail, domains, sources and lanes, as a browser meets them.

use super::browser::{Browser, roles};
use super::house::{House, START_MS};
use crate::Config;
use model::alert::Standing;
use model::{Actor, AlertId, AlertKind, CampaignId, CampaignState, Role, SuppressionReason, Timestamp, WorkspaceId};
use serde_json::json;
use std::time::Duration;
use store::{Alert, Listing, OpenOptions, Store, Target};

#[tokio::test]
async fn what_keeps_mail_back_is_added_found_and_lifted_with_a_reason() {
    let house = House::new();
    let browser = Browser::owner(&house).await;
    let wrong = browser.submit("/suppressions", "target=no+address%40&note=typed").await;
    assert!(
        wrong.status == 422 && wrong.text.contains("no address@</textarea>") && wrong.text.contains("value=\"typed\"")
    );
    assert!(wrong.text.contains("id=\"add-target-wrong\"") && wrong.text.contains("<details class=\"card fold\" open"));
    let star = browser.submit("/suppressions", "target=*%40a.example&note=").await;
    assert!(star.status == 422 && star.text.contains("write @a.example"), "{}", star.text);
    let slip = browser.submit("/suppressions", "target=bo%40c.example%0D%0Ano+address%40&note=").await;
    assert_eq!(slip.status, 422, "{}", slip.text);
    assert!(
        !browser.look("/suppressions").await.text.contains("bo@c.example"),
        "of a list with a slip nothing is kept"
    );
    let several = browser.submit("/suppressions", "target=bo%40c.example%0D%0A%0D%0A+d.example&note=").await;
    assert_eq!(several.status, 303, "{}", several.text);
    let list = browser.look("/suppressions").await.text;
    assert!(list.contains("bo@c.example") && list.contains(">d.example<"), "{list}");
    let added = browser.submit("/suppressions", "target=kim%40a.example&note=asked+by+phone").await;
    let place = added.headers["location"].to_str().unwrap();
    assert_eq!((added.status.as_u16(), place), (303, "/suppressions?done=suppressed&waits=0"));
    let said = browser.look(place).await.text;
    assert!(said.contains("mail that waits included") && !said.contains("when it would be tried"), "{said}");
    let said = browser.look("/suppressions?done=suppressed&waits=3").await.text;
    assert!(said.contains("3 messages to them wait. Each is skipped when it would be tried"), "{said}");
    let gone = Target::Address("lee@a.example".to_owned());
    let (store, now) = (&house.app.store, house.app.now());
    let why = SuppressionReason::Complained;
    store.suppress(WorkspaceId::FIRST, gone, why, None, &Actor::Engine, now).await.unwrap();
    let list = browser.look("/suppressions?q=kim%40a.example").await.text;
    assert!(list.contains("asked by phone") && !list.contains("lee@a.example"), "{list}");
    let all = browser.look("/suppressions").await.text;
    assert!(all.contains("Nobody can lift it but the person"), "{all}");
    assert!(!all.contains("/suppressions/lift?target=lee"), "what cannot be lifted is not offered");
    let page = browser.look("/suppressions/lift?target=kim%40a.example").await.text;
    assert!(page.contains("Mail kim@a.example again?"));
    let reasonless = browser.submit("/suppressions/lift", "target=kim%40a.example&reason=").await;
    assert!(reasonless.status == 422 && reasonless.text.contains("id=\"lift-reason-wrong\""));
    let refused = browser.submit("/suppressions/lift", "target=lee%40a.example&reason=x").await;
    assert!(refused.status == 422 && refused.text.contains("role=\"alert\""), "{}", refused.text);
    assert_eq!(browser.submit("/suppressions/lift", "target=kim%40a.example&reason=she+wrote").await.status, 303);
    let counted = browser.submit("/suppressions/lift-many", "code=5.1.1&since=2025-01-01T00:00&reason=outage").await;
    assert!(counted.text.contains("0 entries would be lifted.") && counted.text.contains("value=\"5.1.1\""));
    let nothing = browser.submit("/suppressions/lift-many", "reason=outage&do=lift").await;
    assert!(nothing.status == 422 && nothing.text.contains("value=\"outage\""));
    let never = browser.submit("/suppressions/lift-many", "since=yesterday&reason=x").await;
    assert!(never.text.contains("id=\"many-since-wrong\""), "{}", never.text);
}

#[tokio::test]
async fn a_domain_gets_a_key_and_its_record_is_looked_for() {
    let house = House::new();
    let browser = Browser::owner(&house).await;
    let wrong = browser.submit("/domains", "domain=not+one").await;
    assert!(wrong.status == 422 && wrong.text.contains("id=\"add-domain-wrong\"") && wrong.text.contains("not one"));
    let made = browser.submit("/domains", "domain=News.first.example").await;
    assert_eq!(made.headers["location"], "/domains/news.first.example", "{}", made.text);
    let page = browser.look("/domains/news.first.example").await.text;
    assert!(page.contains("postroom._domainkey.news.first.example") && page.contains("v=DKIM1"), "{page}");
    for wanted in
        ["_dmarc.news.first.example", "v=DMARC1; p=none", "nobody looked yet", "Publish this, if there is none"]
    {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    let zone = page.split("<pre class=\"copied\">").nth(1).unwrap_or_default().split("</pre>").next().unwrap();
    assert!(!zone.contains("DMARC1"), "nobody knows whether there is one: {zone}");
    let checked = browser.submit("/domains/news.first.example/check", "").await.text;
    assert!(checked.contains("DNS did not answer") && checked.contains("_dmarc."), "{checked}");
    let twice = browser.submit("/domains/news.first.example/keys", "selector=postroom&kind=ed25519").await;
    assert_eq!(twice.status, 409, "a key in use is never replaced");
    assert!(browser.look("/domains").await.text.contains("postroom (rsa)"));
}

#[tokio::test]
async fn sources_pools_and_holds_are_described_bounded_and_let_go() {
    let house = House::new();
    let browser = Browser::owner(&house).await;
    let nameless = browser.submit("/sources", "name=north&ehlo_name=").await;
    assert!(
        nameless.status == 422 && nameless.text.contains("the name that leads to its address"),
        "{}",
        nameless.text
    );
    let wrong = browser.submit("/sources", "name=north&ehlo_name=mx.first.example&address=nowhere").await;
    assert!(wrong.status == 422 && wrong.text.contains("id=\"source-address-wrong\"") && wrong.text.contains("north"));
    let form = "name=north&ehlo_name=mx.first.example&address=192.0.2.7&is_warm=yes";
    assert_eq!(browser.submit("/sources", form).await.status, 303);
    assert_eq!(browser.submit("/sources/north/ceilings", "messages_per_day=500").await.status, 303);
    let page = browser.look("/sources/north").await.text;
    assert!(page.contains("name=\"messages_per_day\" value=\"500\"") && page.contains("192.0.2.7"), "{page}");
    let zero = browser.submit("/sources/north/ceilings", "messages_per_day=0").await;
    assert!(zero.text.contains("id=\"ceilings-messages_per_day-wrong\""), "{}", zero.text);
    let unknown = browser.submit("/pools", "name=main&members=south+2").await;
    assert!(unknown.status == 422 && unknown.text.contains("id=\"pool-members-wrong\""));
    assert_eq!(browser.submit("/pools", "name=main&members=north+2").await.status, 303);
    assert!(browser.look("/sources").await.text.contains("north 2"));
    assert_eq!(browser.submit("/pools/main/remove", "").await.status, 303);
    assert_eq!(browser.submit("/sources/north/retire", "").await.status, 303);
    let reasonless = browser.submit("/holds", "provider=google&why=").await;
    assert!(reasonless.status == 422 && reasonless.text.contains("id=\"hold-why-wrong\""));
    assert!(reasonless.text.contains("value=\"google\""));
    let held = browser.submit("/holds", "provider=google&why=they+asked&until=2026-02-01T09:00").await;
    assert_eq!(held.headers["location"], "/lanes?covers=0", "{}", held.text);
    let lanes = browser.look("/lanes?provider=goo").await.text;
    assert!(lanes.contains("they asked") && lanes.contains("value=\"goo\""), "{lanes}");
    let lift = lanes.split("action=\"").find(|rest| rest.contains("/lift\"")).unwrap().split('"').next().unwrap();
    assert_eq!(browser.submit(lift, "").await.status, 303);
    assert!(!browser.look("/lanes").await.text.contains("they asked"));
}

/// A house whose campaign is paused, two people waiting.
async fn paused() -> (House, CampaignId) {
    let house = House::new();
    let id = house.furnish().await.campaign.parse().unwrap();
    let now = house.app.now();
    house.app.store.set_campaign_state(id, CampaignState::Paused, None, &Actor::Engine, now).await.unwrap();
    (house, id)
}

#[tokio::test]
async fn what_a_hold_keeps_back_is_cancelled_from_its_page() {
    let (house, id) = paused().await;
    let (browser, key) = (Browser::owner(&house).await, house.master_key().await);
    let store = &house.app.store;
    let reach = json!({ "campaign": id.to_string(), "domain": "first.example", "why": "they asked" });
    let placed = house.post("/api/v1/holds", &key, reach).await.json();
    let action = format!("/holds/{}/cancel", placed["hold"]["id"].as_str().unwrap());
    assert!(browser.look("/lanes").await.text.contains(&action));
    let asked = browser.look(&action).await.text;
    assert!(asked.contains("Skip 2 people") && asked.contains("value=\"they asked\""), "{asked}");
    let button = asked.rsplit_once("Skip 2 people").unwrap().0.rsplit_once("<button").unwrap().1;
    assert!(button.contains("risk"), "what cannot be undone looks like it: {button}");
    let reasonless = browser.submit(&action, "why=").await;
    assert!(reasonless.status == 422 && reasonless.text.contains("id=\"part-why-wrong\""), "{}", reasonless.text);
    assert_eq!(browser.submit(&action, "why=they+asked").await.status, 303);
    assert_eq!(store.tally(id).await.unwrap().in_progress(), 0);
    let lanes = browser.look("/lanes").await.text;
    assert!(lanes.contains("for good: this part is cancelled") && !lanes.contains(&action), "{lanes}");
    let again = browser.look(&action).await;
    assert!(again.status == 200 && again.text.contains("is cancelled already"), "{}", again.text);
    assert!(again.text.contains(&format!("/campaigns/{id}")) && !again.text.contains("name=\"why\""), "{}", again.text);
    let second = browser.submit(&action, "why=they+asked").await;
    assert!(second.status == 303 && second.headers["location"].to_str().unwrap().starts_with(&action));
}

#[tokio::test]
async fn what_a_hold_of_every_campaign_keeps_back_of_one_is_cancelled_from_its_page() {
    let (house, id) = paused().await;
    let (browser, key) = (Browser::owner(&house).await, house.master_key().await);
    let store = &house.app.store;
    let reach = json!({ "domain": "first.example", "why": "they asked" });
    let placed = house.post("/api/v1/holds", &key, reach).await.json();
    let hold = placed["hold"]["id"].as_str().unwrap();
    let action = format!("/holds/{hold}/cancel?campaign={id}");
    let lanes = browser.look("/lanes").await.text;
    assert!(lanes.contains(&action) && lanes.contains("Cancel “first news” for 2 people…"), "{lanes}");
    assert_eq!(browser.look(&format!("/holds/{hold}/cancel")).await.status, 404, "of which campaign?");
    let foreign = house.post("/api/v1/holds", &key, json!({ "why": "all of it" })).await.json();
    let whole = format!("/holds/{}/cancel?campaign={id}", foreign["hold"]["id"].as_str().unwrap());
    assert_eq!(browser.look(&whole).await.status, 404, "the whole of a campaign is cancelled on its own page");
    assert!(browser.look(&action).await.text.contains("Skip 2 people"));
    assert_eq!(store.tally(id).await.unwrap().in_progress(), 2, "asked first");
    assert_eq!(browser.submit(&action, "why=they+asked").await.status, 303);
    assert_eq!(store.tally(id).await.unwrap().in_progress(), 0);
    let now = house.app.now();
    let holds = store.holds(Some(now)).await.unwrap();
    assert!(holds.iter().any(|one| one.id.to_string() == hold), "it goes on for the others");
    assert!(browser.look(&action).await.text.contains("is cancelled already"));
}

#[tokio::test]
async fn a_source_that_left_a_list_is_tried_again_from_the_page() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = || OpenOptions::directory(dir.path(), [7; 32]);
    let store = Store::open(ledger(), Timestamp::from_millis(START_MS)).unwrap();
    let source = store.sources().await.unwrap().swap_remove(0);
    let until = START_MS + 86_400_000;
    let rest = json!({ "until": until, "why": "listed there: 554 5.7.1", "site": "mx.gatehouse.example" });
    let kept = json!({ "rests": [[source.id, "354c", rest]] }).to_string();
    store.keep_brake_memory(&kept).await.unwrap();
    drop(store);
    let house = House::over(ledger(), Config::default());
    let browser = Browser::owner(&house).await;
    let page = browser.look("/lanes").await.text;
    let action = format!("/sources/{}/delisted", source.name);
    assert!(page.contains("mx.gatehouse.example") && page.contains(&action), "{page}");
    // As a browser asks for it.
    let action = action.replace(' ', "%20");
    assert_eq!(browser.submit(&action, "provider=gmx").await.status, 409, "it rests elsewhere");
    assert_eq!(browser.submit(&action, "provider=mx.gatehouse.example").await.status, 303);
    let page = browser.look("/lanes").await.text;
    assert!(!page.contains("/delisted"), "{page}");
    let key = house.master_key().await;
    let again = house.post(&format!("/api/v1{action}"), &key, json!({})).await;
    assert_eq!((again.status.as_u16(), again.code()), (409, "wrong_state".to_owned()));
    assert_eq!(house.post("/api/v1/sources/nowhere/delisted", &key, json!({})).await.status, 404);
}

#[tokio::test]
async fn the_alert_of_a_listing_has_the_way_out_beside_it_though_its_lane_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = || OpenOptions::directory(dir.path(), [7; 32]);
    let now = Timestamp::from_millis(START_MS);
    let store = Store::open(ledger(), now).unwrap();
    let source = store.sources().await.unwrap().swap_remove(0);
    let text = "this machine is listed at mx.gatehouse.example".to_owned();
    let (told, snoozed_until, over_at) = (None, None, None);
    let standing = Standing { text, first_at: now, last_at: now, count: 1, told, snoozed_until, over_at };
    let listing = Listing { source: source.name.clone(), site: "mx.gatehouse.example".to_owned() };
    let (id, workspace, kind) = (AlertId(0), WorkspaceId::FIRST, AlertKind::SourceListed);
    let (subject, listing) = (listing.to_string(), Some(listing));
    let alert = Alert { id, workspace, kind, subject, listing, standing, closed_at: None };
    store.keep_alert(alert, true, now).await.unwrap();
    drop(store);
    let house = House::over(ledger(), Config::default());
    let browser = Browser::owner(&house).await;
    assert!(browser.look("/").await.text.contains("href=\"/alerts\""), "home leads to where it can be done");
    let page = browser.look("/alerts").await.text;
    let action = format!("/sources/{}/delisted", source.name);
    assert!(page.contains(&action) && page.contains("value=\"mx.gatehouse.example\""), "{page}");
    assert!(page.contains("Or in a terminal: postroom source delisted"), "{page}");
    let told = house.get("/api/v1/alerts", &house.master_key().await).await.json();
    let names = (&told["data"][0]["source"], &told["data"][0]["site"]);
    assert_eq!(names, (&json!(source.name), &json!("mx.gatehouse.example")), "{told}");
    let form = format!("provider=mx.gatehouse.example&alert={}", AlertId(1));
    let pressed = browser.submit(&action.replace(' ', "%20"), &form).await;
    assert_eq!((pressed.status.as_u16(), pressed.headers["location"].to_str().unwrap()), (303, "/alerts"));
    for _ in 0..200 {
        if !browser.look("/alerts").await.text.contains("/delisted") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the alert stays open");
}

#[tokio::test]
async fn who_may_only_read_sees_it_all_and_changes_nothing() {
    let house = House::new();
    house.furnish().await;
    let analyst = roles(&house, Role::Analyst).await;
    for path in ["/suppressions", "/lanes", "/sources", "/domains"] {
        let page = analyst.look(path).await;
        assert!(page.status == 200 && page.text.matches("method=\"post\"").count() == 2, "{path}: {}", page.text);
    }
    let refused = [
        ("/suppressions", "target=kim%40a.example"),
        ("/suppressions/lift", "target=kim%40a.example&reason=x"),
        ("/suppressions/lift-many", "code=550&reason=x"),
        ("/holds", "why=x"),
        ("/sources", "name=a&ehlo_name=b.example"),
        ("/pools", "name=a&members="),
        ("/sources/a/delisted", ""),
        ("/domains", "domain=a.example"),
    ];
    for (path, form) in refused {
        assert_eq!(analyst.submit(path, form).await.status, 403, "{path}");
    }
}
