//! How many a draft would reach, and whom a rule holds for: asked once for all who look, and anew for what is decided.

use super::campaigns::{people, rehearsal, written};
use super::composer::hidden;
use super::house::House;
use super::pages::{look, owner, submit};
use axum::http::Method;
use model::{Actor, SuppressionReason, WorkspaceId};
use std::time::Duration;
use store::Target;

/// More people than are counted at every look.
const MANY: usize = 15_000;

/// A draft to so many people; its address.
async fn draft(house: &House, many: usize) -> String {
    let key = house.master_key().await;
    let addresses: Vec<String> = (0..many).map(|n| format!("p{n}@d{}.example", n % 7)).collect();
    let import = people(house, &addresses.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let made = house.post("/api/v1/campaigns", &key, written("spring", &import)).await;
    format!("/campaigns/{}", made.json()["id"].as_str().unwrap_or_else(|| panic!("{}", made.text)))
}

async fn suppress(house: &House, address: &str) {
    let (store, who) = (&house.app.store, Target::Address(address.to_owned()));
    let (first, reason) = (WorkspaceId::FIRST, SuppressionReason::Manual);
    store.suppress(first, who, reason, None, &Actor::Engine, house.app.now()).await.unwrap();
}

/// Its people are being counted, until this is dropped.
async fn counting(house: &House, base: &str) -> impl Drop {
    let id = base.rsplit('/').next().unwrap().parse().unwrap();
    house.app.desk.countings.busy(id).await
}

/// A page, when its people are counted.
async fn counted(house: &House, path: &str, cookie: &str) -> String {
    for _ in 0..1_500 {
        let page = look(house, path, cookie).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        if !page.text.contains("data-again") {
            return page.text;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{path} is never counted");
}

#[tokio::test]
async fn many_are_counted_once_for_all_who_look() {
    let house = rehearsal();
    let cookie = owner(&house).await;
    let base = draft(&house, MANY).await;
    let busy = counting(&house, &base).await;
    let first = look(&house, &base, &cookie).await.text;
    drop(busy);
    assert!(first.contains("are being counted") && !first.contains("Send to"), "nobody waits for it: {first}");
    assert!(counted(&house, &base, &cookie).await.contains("Send to 15,000 people"));
    // Whoever looks in the next minute sees that counting, on every page and with its time.
    suppress(&house, "p0@d0.example").await;
    house.pass(Duration::from_secs(30));
    let skipped = format!("{base}/people?state=skipped");
    assert!(look(&house, &base, &cookie).await.text.contains("Send to 15,000 people"));
    let list = look(&house, &skipped, &cookie).await.text;
    assert!(list.contains("Nobody stands there.") && list.contains("Count again"), "{list}");
    assert!(look(&house, &format!("{base}/audience"), &cookie).await.text.contains("15,000"));
    let mut seen = std::collections::BTreeSet::new();
    let mut page = format!("{base}/people?state=attempted");
    for _ in 0..3 {
        let text = look(&house, &page, &cookie).await.text;
        assert_eq!(text.matches("class=\"q mono\"").count(), 50, "{text}");
        seen.insert(text.split("class=\"q mono\" href=\"").nth(1).unwrap().split('"').next().unwrap().to_owned());
        // The first is of this page: the form for how pages look comes back to it.
        let next = text.split("after=").last().unwrap().split('"').next().unwrap();
        page = format!("{base}/people?state=attempted&after={next}");
    }
    assert_eq!(seen.len(), 3, "each page has its own people");
    // By the button it is counted at once …
    let again = submit(&house, &format!("{base}/count"), &cookie, "page=people").await;
    assert_eq!((again.status.as_u16(), again.headers["location"].to_str().unwrap()), (303, &*format!("{base}/people")));
    assert!(counted(&house, &skipped, &cookie).await.contains("p0@d0.example"));
    // … and else when the minute is over, by the next who looks: what is known is shown meanwhile.
    suppress(&house, "p1@d1.example").await;
    house.pass(Duration::from_secs(61));
    assert!(look(&house, &base, &cookie).await.text.contains("Send to 14,999 people"));
    let mut left = 1_500;
    while !look(&house, &base, &cookie).await.text.contains("Send to 14,998 people") {
        left -= 1;
        assert!(left > 0, "it is never counted anew");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_begins_is_counted_then_and_what_is_written_anew_as_well() {
    let house = rehearsal();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    let base = draft(&house, MANY).await;
    let page = counted(&house, &base, &cookie).await;
    suppress(&house, "p0@d0.example").await;
    let form = format!("once={}&when=now&people=15000", hidden(page.split("/start\"").nth(1).unwrap(), "once"));
    let begun = submit(&house, &format!("{base}/start"), &cookie, &form).await;
    assert!(begun.status == 422 && begun.text.contains("Send to 14,999 people"), "{}", begun.text);
    let change = written("spring", "everyone");
    let changed = house.ask(Method::PUT, &format!("/api/v1{base}"), Some(&key), Some(change)).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let busy = counting(&house, &base).await;
    let changed = look(&house, &base, &cookie).await.text;
    drop(busy);
    assert!(changed.contains("are being counted"), "that was another audience: {changed}");
}

#[tokio::test]
async fn few_are_counted_at_every_look() {
    let house = rehearsal();
    let cookie = owner(&house).await;
    let base = draft(&house, 3).await;
    assert!(look(&house, &base, &cookie).await.text.contains("Send to 3 people"));
    suppress(&house, "p0@d0.example").await;
    let page = look(&house, &base, &cookie).await.text;
    assert!(page.contains("Send to 2 people") && !page.contains("Count again"), "{page}");
}

/// A page about a rule, when everybody was asked.
async fn asked(house: &House, path: &str, cookie: &str) -> String {
    for _ in 0..1_500 {
        let page = look(house, path, cookie).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        if !page.text.contains("data-going") && !page.text.contains("data-again") {
            return page.text;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{path} is never answered");
}

#[tokio::test]
async fn nobody_waits_until_everybody_was_asked_by_a_rule() {
    let house = rehearsal();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    draft(&house, MANY).await;
    // The last of them all.
    let text = r#"email.startsWith("p1499")"#;
    let rule = model::segment::parse(text).unwrap();
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("text", text).finish();
    let (builder, list) = (format!("/segments/new?{query}"), format!("/segments/new/people?{query}"));
    let busy = house.app.desk.gatherings.busy(WorkspaceId::FIRST, &rule, house.app.now()).await;
    let first = look(&house, &builder, &cookie).await.text;
    assert!(first.contains("0 found among 0 so far") && first.contains("data-going"), "{first}");
    let people = look(&house, &list, &cookie).await.text;
    assert!(people.contains("Nobody here so far.") && people.contains("data-again"), "{people}");
    // Where it holds for many, the first of them are there at once.
    let many = look(&house, "/segments/new/people?text=has(email)", &cookie).await.text;
    assert!(many.contains("p0@d0.example") && !many.contains("so far"), "{many}");
    drop(busy);
    let found = asked(&house, &builder, &cookie).await;
    assert!(found.contains("11 people") && found.contains("As of"), "{found}");
    assert!(asked(&house, &list, &cookie).await.contains("p14999@d5.example"));
    // It is kept for all who look, and asked anew by the button, or when a minute is over.
    let new = serde_json::json!({ "email": "p1499x@new.example" });
    assert_eq!(house.post("/api/v1/contacts", &key, new).await.status, 201);
    assert!(look(&house, &builder, &cookie).await.text.contains("11 people"));
    let form = format!("do=count&was=&{query}");
    submit(&house, "/segments/new", &cookie, &form).await;
    assert!(asked(&house, &builder, &cookie).await.contains("12 people"));
    assert!(asked(&house, &list, &cookie).await.contains("p1499x@new.example"));
}
