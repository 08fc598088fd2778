//! Variants of a message: written by the API, compared by people's own clicks, shown as each got theirs, chosen once.

use super::campaigns::{people, rehearsal, written};
use super::composer::{hidden, place};
use super::house::House;
use super::links::{FIREFOX, W};
use super::pages::{look, owner, submit};
use super::readers::accept;
use axum::body::Body;
use axum::http::{Method, Request};
use engine::launch::token_ring;
use mail::token::Purpose;
use model::{Actor, CampaignId, CampaignState, DeliveryId, DeliveryState};
use serde_json::{Value, json};
use std::time::Duration;
use store::DeliveryRow;

const OTHER: &str = "---\nsubject: Other\n---\nThe [other](https://shop.example/other).\n\n[Stop]({{ unsubscribe_url }})\n\n\
    {{ postal_address }}\n";
const FIRST: &str = "---\nsubject: Hi\n---\nThe [first](https://shop.example/first).\n\n[Stop]({{ unsubscribe_url }})\n\n\
    {{ postal_address }}\n";

/// A campaign that compares two messages on everybody, or on half.
fn compared(import: &str, percent: u8) -> Value {
    let mut body = written("Spring", import);
    body["message"]["source"] = json!(FIRST);
    body["tracking"] = json!({ "mode": "full" });
    body["compare"] = json!({
        "variants": [{ "message": { "format": "markdown", "source": OTHER } }, { "subject": "Hello, {{ first_name }}" }],
        "sample_percent": percent,
        "chosen_by": "person"
    });
    body
}

/// The campaign of an import of so many, begun; its id.
async fn begun(house: &House, key: &str, percent: u8) -> CampaignId {
    let all: Vec<String> = (0..120).map(|n| format!("p{n}@a.example")).collect();
    let import = people(house, &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let made = house.post("/api/v1/campaigns", key, compared(&import, percent)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id: CampaignId = made.json()["id"].as_str().unwrap().parse().unwrap();
    let app = &house.app;
    let stakes = engine::Stakes::Rehearsal;
    engine::drafts::begin(&app.store, &app.world, stakes, id, &Actor::Engine).await.unwrap();
    id
}

/// Everybody's deliveries.
async fn rows(house: &House, campaign: CampaignId, state: DeliveryState) -> Vec<DeliveryRow> {
    house.app.store.deliveries(campaign, state, None, 1_000).await.unwrap()
}

async fn get(house: &House, path: &str) -> super::house::Answer {
    let request = Request::builder().method(Method::GET).uri(path).header("user-agent", FIREFOX);
    house.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn every_variant_is_checked_as_the_message_is() {
    let house = rehearsal();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    let import = people(&house, &["anna@a.example"]).await;
    assert_eq!(house.post("/api/v1/contacts", &key, json!({ "email": "bob@b.example" })).await.status, 201);
    let mut body = compared(&import, 50);
    body["audience"] = json!({ "include": ["everyone"] });
    let running = OTHER.replace("https://shop.example/other", "javascript:go()");
    body["compare"]["variants"][0]["message"]["source"] = json!(running);
    let made = house.post("/api/v1/campaigns", &key, body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let base = format!("/campaigns/{}", made.json()["id"].as_str().unwrap());
    let checked = house.post(&format!("/api/v1{base}/check"), &key, json!({})).await.json();
    assert_eq!(checked["gaps"], json!([{ "tag": "first_name", "people": 1 }]), "a gap in the third: {checked}");
    let test = look(&house, &format!("{base}/test"), &cookie).await.text;
    assert!(test.contains("<option value=\"\">each of them") && test.contains("<option value=\"C\">"), "{test}");
    let review = look(&house, &base, &cookie).await.text;
    assert!(review.contains("One person has no value for “first_name”"), "{review}");
    assert!(review.contains("javascript:go()"), "a link of the second that runs something: {review}");
}

#[tokio::test]
async fn a_test_is_of_each_variant_or_of_the_one_named() {
    let house = rehearsal();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    let import = people(&house, &["anna@a.example"]).await;
    let made = house.post("/api/v1/campaigns", &key, compared(&import, 50)).await;
    let base = format!("/campaigns/{}", made.json()["id"].as_str().unwrap());
    let test = format!("/api/v1{base}/test");
    let contents = async |sent: &Value| {
        let mut texts = Vec::new();
        for one in sent["data"].as_array().unwrap() {
            let id: model::MessageId = one["id"].as_str().unwrap().parse().unwrap();
            let kept = house.app.store.message(id.into()).await.unwrap().unwrap();
            let text = house.app.store.message_content(kept.content.unwrap()).await.unwrap().unwrap();
            let content: Value = serde_json::from_str(&text).unwrap();
            texts.push((content["tried"]["letter"].clone(), content["tried"]["subject"].clone()));
        }
        texts
    };
    let each = house.post(&test, &key, json!({ "to": ["me@b.example"] })).await;
    assert_eq!(each.status, 202, "{}", each.text);
    let (a, b, c) =
        ((json!("A"), Value::Null), (json!("B"), Value::Null), (json!("C"), json!("Hello, {{ first_name }}")));
    assert_eq!(contents(&each.json()).await, [a, b, c.clone()]);
    let third = house.post(&test, &key, json!({ "to": ["me@b.example", "you@b.example"], "variant": "C" })).await;
    assert_eq!(contents(&third.json()).await, [c.clone(), c]);
    let none = house.post(&test, &key, json!({ "to": ["me@b.example"], "variant": "D" })).await;
    assert_eq!((none.status.as_u16(), none.json()["field"].clone()), (422, json!("variant")), "{}", none.text);
    let once = hidden(&look(&house, &format!("{base}/test"), &cookie).await.text, "once");
    let form = format!("to=me%40b.example&variant=B&once={once}");
    let sent = submit(&house, &format!("{base}/test"), &cookie, &form).await;
    let page = look(&house, &place(&sent), &cookie).await.text;
    assert!(page.contains("<b>B</b>") && page.contains("<option value=\"B\" selected>"), "{page}");
    // What keeps a test from being tried is told where it is awaited.
    let hold = json!({ "domain": "b.example", "why": "the shop is closed" });
    assert_eq!(house.post("/api/v1/holds", &key, hold).await.status, 201);
    assert!(look(&house, &place(&sent), &cookie).await.text.contains("the shop is closed"));
    let two = format!("to=me%40b.example%2C+you&variant=&once={once}x");
    let refused = submit(&house, &format!("{base}/test"), &cookie, &two).await;
    assert!(refused.status == 422 && refused.text.contains("you: there is no @ in it"), "{}", refused.text);
}

#[tokio::test]
async fn what_is_compared_is_written_and_read_again() {
    let house = rehearsal();
    let key = house.master_key().await;
    let import = people(&house, &["anna@a.example"]).await;
    let made = house.post("/api/v1/campaigns", &key, compared(&import, 50)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let compare = &made.json()["compare"];
    assert_eq!((&compare["sample_percent"], &compare["wait_minutes"]), (&json!(50), &json!(240)));
    assert_eq!(compare["variants"][1], json!({ "subject": "Hello, {{ first_name }}" }));
    assert_eq!(compare["variants"][0]["message"]["source"], OTHER);
    let copy = format!("/api/v1/campaigns/{}/duplicate", made.json()["id"].as_str().unwrap());
    let copy = house.post(&copy, &key, json!({ "name": "Copy" })).await;
    assert_eq!(copy.json()["compare"], *compare);
    let with = |field: &str, value: Value| {
        let mut body = compared(&import, 50);
        body["name"] = json!(format!("with {field} {value}"));
        body["compare"][field] = value;
        body
    };
    let mut unread = with("wait_minutes", json!(5));
    unread["tracking"] = json!({ "mode": "anonymous" });
    unread["compare"]["chosen_by"] = json!("figures");
    for wrong in [
        with("sample_percent", json!(0)),
        with("sample_people", json!(5)),
        with("wait_minutes", json!(0)),
        with("variants", json!([])),
        with("variants", json!([{}])),
        with("goal", json!("")),
        unread.clone(),
    ] {
        let refused = house.post("/api/v1/campaigns", &key, wrong.clone()).await;
        assert_eq!(refused.code(), "invalid_field", "{wrong}: {}", refused.text);
    }
    let mut by_person = unread.clone();
    by_person["compare"]["chosen_by"] = json!("person");
    assert_eq!(house.post("/api/v1/campaigns", &key, by_person).await.status, 201, "nor does a person");
    unread["name"] = json!("by a goal");
    unread["compare"]["goal"] = json!("booked");
    assert_eq!(house.post("/api/v1/campaigns", &key, unread).await.status, 201, "a goal needs no clicks");
    let broken = with("variants", json!([{ "subject": "Hello, {{ nobody }}" }]));
    let made = house.post("/api/v1/campaigns", &key, broken).await.json();
    let checked =
        house.post(&format!("/api/v1/campaigns/{}/check", made["id"].as_str().unwrap()), &key, json!({})).await;
    assert_eq!(checked.status.as_u16(), 422, "every variant is checked: {}", checked.text);
}

#[tokio::test]
async fn each_sees_and_clicks_their_own_variant() {
    let house = rehearsal();
    let key = house.master_key().await;
    let campaign = begun(&house, &key, 100).await;
    let ring = token_ring(&house.app.store, house.app.world.entropy.as_ref()).unwrap();
    let (all, start) = (rows(&house, campaign, DeliveryState::Queued).await, house.app.now());
    assert!(all.iter().all(|row| row.variant.is_some()));
    for row in &all {
        accept(&house, row.delivery, start).await;
    }
    house.pass(Duration::from_secs(3_600));
    let of =
        |variant: u8| all.iter().filter(|row| row.variant == Some(variant)).map(|row| row.delivery).collect::<Vec<_>>();
    let arms: Vec<Vec<DeliveryId>> = (0..3).map(of).collect();
    for (variant, says) in [(0, "first"), (1, "other"), (2, "first")] {
        let page = get(&house, &format!("/v/{}", ring.seal(Purpose::View, arms[variant][0]))).await;
        assert!(page.text.contains(&format!("https://shop.example/{says}")), "{variant}: {}", page.text);
    }
    let click = |delivery: DeliveryId, link: u16| format!("/c/{}/{link}", ring.seal(Purpose::Click, delivery));
    for (delivery, link, leads) in
        [(arms[1][0], 1_001, "other"), (arms[1][1], 1_001, "other"), (arms[0][0], 1, "first")]
    {
        let answer = get(&house, &click(delivery, link)).await;
        assert_eq!(answer.headers["location"], format!("https://shop.example/{leads}"));
        house.pass(Duration::from_secs(60));
    }
    house.app.engine.write_hits().await.unwrap();
    let told = house.get(&format!("/api/v1/campaigns/{campaign}/report"), &key).await.json()["trial"].clone();
    let clicked: Vec<&Value> = told["variants"].as_array().unwrap().iter().map(|one| &one["clicked"]).collect();
    assert_eq!(clicked, [&json!(1), &json!(2), &json!(0)], "{told}");
    let subjects: Vec<&Value> = told["variants"].as_array().unwrap().iter().map(|one| &one["subject"]).collect();
    assert_eq!(subjects, [&json!("Hi"), &json!("Other"), &json!("Hello, {{ first_name }}")]);
    assert_eq!(
        (&told["finding"], &told["is_judged"], &told["leader"]),
        (&json!("too_little"), &json!(false), &json!("B"))
    );
    let one = house.get(&format!("/api/v1/deliveries/{}", arms[1][0]), &key).await.json();
    assert_eq!(one["variant"], "B");

    // Every number of a variant opens the people behind it: by the API, on the page and as a table.
    let cookie = owner(&house).await;
    let report = look(&house, &format!("/campaigns/{campaign}/report"), &cookie).await.text;
    let mut asked = Vec::new();
    for (at, arm) in told["variants"].as_array().unwrap().iter().enumerate() {
        let letter = arm["variant"].as_str().unwrap();
        for (field, query) in [
            ("people", "state=all"),
            ("accepted", "state=accepted"),
            ("clicked", "did=clicked"),
            ("opened", "did=opened"),
            ("unsubscribed", "did=unsubscribed"),
            ("complained", "did=complained"),
        ] {
            let link = format!("/campaigns/{campaign}/people?{query}&amp;variant={letter}\"");
            assert!(report.contains(&link), "{link}: {report}");
            asked.push((at, arm[field].as_u64().unwrap(), format!("{query}&variant={letter}")));
        }
    }
    for (at, people, query) in asked {
        let export = format!("/api/v1/exports/campaigns/{campaign}?{}", query.replace("state=all&", ""));
        let table = house.get(&export, &key).await.text;
        let found: Vec<&str> = table.lines().skip(1).map(|line| line.split(',').nth(2).unwrap()).collect();
        assert_eq!(found.len() as u64, people, "{query}: {table}");
        let own: Vec<String> = arms[at].iter().map(ToString::to_string).collect();
        assert!(found.iter().all(|one| own.iter().any(|known| known == one)), "{query}: {table}");
        let page = look(&house, &format!("/campaigns/{campaign}/people?{query}"), &cookie).await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert_eq!(page.text.matches("href=\"/deliveries/").count() as u64, people.min(50), "{query}: {}", page.text);
        if people == 0 || query.contains("state=all") {
            continue;
        }
        let list = house.get(&format!("/api/v1/campaigns/{campaign}/recipients?{query}&limit=1"), &key).await.json();
        assert_eq!(list["data"].as_array().unwrap().len(), 1, "{list}");
        assert!(people == 1 || list["has_more"] == true, "{query}: {list}");
    }
    let table = look(&house, &format!("/campaigns/{campaign}/variants.csv"), &cookie).await.text;
    assert!(table.starts_with("variant,subject,people,accepted,clicked") && table.contains("\nB,Other,"), "{table}");
    let hours = look(&house, &format!("/campaigns/{campaign}/curve.csv"), &cookie).await.text;
    let row: Vec<&str> = hours.lines().nth(1).unwrap().split(',').collect();
    assert_eq!((row[0], row[3]), ("1", "3"), "people who clicked in the second hour: {hours}");
    assert!(report.contains("/variants.csv\"") && report.contains("/curve.csv\""), "{report}");
    let clickers = look(&house, &format!("/campaigns/{campaign}/people?did=clicked"), &cookie).await.text;
    assert!(
        clickers.matches("href=\"/deliveries/").count() == 3 && clickers.contains("People who clicked"),
        "{clickers}"
    );
    let wrong = ["state=accepted&variant=Z", "did=slept", "state=accepted&did=clicked", ""];
    for query in wrong {
        let refused = house.get(&format!("/api/v1/campaigns/{campaign}/recipients?{query}"), &key).await;
        assert_eq!(refused.code(), "invalid_field", "{query}: {}", refused.text);
    }
}

#[tokio::test]
async fn a_person_chooses_once_and_the_rest_gets_it() {
    let house = rehearsal();
    let key = house.master_key().await;
    let campaign = begun(&house, &key, 50).await;
    let at = |rest: &str| format!("/api/v1/campaigns/{campaign}/{rest}");
    let choose = async |body: Value| house.post(&at("variant"), &key, body).await;
    assert_eq!(choose(json!({ "variant": "Z" })).await.code(), "refused");
    assert_eq!(choose(json!({ "variant": "7" })).await.code(), "invalid_field");
    let told = house.get(&at("report"), &key).await.json()["trial"].clone();
    assert_eq!((&told["stage"], &told["winner"]), (&json!("sending"), &Value::Null), "{told}");
    let chosen = choose(json!({ "variant": "b", "because": "it is shorter" })).await;
    assert_eq!(chosen.status, 200, "{}", chosen.text);
    assert_eq!((&chosen.json()["stage"], &chosen.json()["winner"]), (&json!("chosen"), &json!("B")));
    assert_eq!(chosen.json()["by_hand"]["because"], "it is shorter");
    let report = look(&house, &format!("/campaigns/{campaign}/report"), &owner(&house).await).await.text;
    assert!(report.contains("did that: it is shorter"), "{report}");
    assert_eq!(choose(json!({ "variant": "A" })).await.code(), "refused", "once");
    let rest = rows(&house, campaign, DeliveryState::Queued).await;
    assert_eq!(rest.iter().filter(|row| row.variant.is_none()).count(), 0, "everybody gets one");
    let events = house.get("/api/v1/events?limit=100", &key).await.text;
    assert!(events.contains("it is shorter"), "{events}");
    let plain = house.post("/api/v1/campaigns", &key, written("Plain", "everyone")).await.json();
    let nothing = format!("/api/v1/campaigns/{}/variant", plain["id"].as_str().unwrap());
    assert_eq!(house.post(&nothing, &key, json!({ "variant": "A" })).await.code(), "not_found");
    assert!(house.app.store.trial(model::WorkspaceId(77), campaign).await.unwrap().is_none());
    assert_eq!(house.app.store.trial(W, campaign).await.unwrap().unwrap().winner, Some(1));
}

#[tokio::test]
async fn whoever_has_to_choose_is_asked_wherever_they_look() {
    let house = rehearsal();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    let campaign = begun(&house, &key, 50).await;
    let room = look(&house, &format!("/campaigns/{campaign}"), &cookie).await.text;
    assert!(room.contains("Nobody can tell: everybody who is not in the sample"), "from the start: {room}");
    let settling = store::Settling { found: Some("{}".to_owned()), winner: None, said: "B led.".to_owned() };
    house.app.store.settle_trial(W, campaign, settling, &Actor::Engine, house.app.now()).await.unwrap();
    // What the pages show may be a second old.
    house.pass(Duration::from_secs(1));
    let place = format!("/campaigns/{campaign}/report#trial");
    let home = look(&house, "/", &cookie).await.text;
    assert!(home.contains("somebody must choose the variant") && home.contains(&place), "{home}");
    let room = look(&house, &format!("/campaigns/{campaign}"), &cookie).await.text;
    for said in
        ["Waits for a choice of variant", "until somebody chooses a variant", "Nobody can tell", "choose it</a>"]
    {
        assert!(room.contains(said), "{said}: {room}");
    }
    let waiting = rows(&house, campaign, DeliveryState::Queued).await;
    let rest = waiting.iter().find(|row| row.variant.is_none()).unwrap();
    let page = look(&house, &format!("/deliveries/{}", rest.delivery), &cookie).await.text;
    assert!(page.contains("everybody else waits until somebody chooses theirs"), "{page}");
    house.post(&format!("/api/v1/campaigns/{campaign}/variant"), &key, json!({ "variant": "A" })).await;
    house.pass(Duration::from_secs(1));
    assert!(!look(&house, "/", &cookie).await.text.contains(&place), "nobody is asked any more");
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// What the composer sends of a message that is compared by clicks on a fifth, with `more` in place of what is usual.
fn composed<'a>(more: &[(&'a str, &'a str)]) -> String {
    let usual = [
        ("name", "Spring"),
        ("from", "News <us@first.example>"),
        ("subject", "Spring is here"),
        ("include", "everyone"),
        ("format", "markdown"),
        ("source", "Hello [there](https://shop.example/a).\n\n[Stop]({{ unsubscribe_url }})\n\n{{ postal_address }}\n"),
        ("tracking", "full"),
        ("sample", "20"),
        ("sample_unit", "percent"),
        ("wait", "3"),
        ("wait_unit", "hours"),
        ("measure", "clicks"),
        ("goal", ""),
        ("chosen_by", "clear"),
        ("variant1_subject", "Is it spring?"),
        ("variant1_preheader", "Only today"),
        ("variant1_from_name", "Anna of the shop"),
        (
            "variant3_source",
            "Another [one](https://shop.example/b).\n\n[Stop]({{ unsubscribe_url }})\n\n{{ postal_address }}\n",
        ),
        ("variant3_format", "markdown"),
    ];
    let kept = usual.into_iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name));
    form(&kept.chain(more.iter().copied()).collect::<Vec<_>>())
}

#[tokio::test]
async fn variants_are_written_on_the_page_foretold_and_looked_at() {
    let house = rehearsal();
    let key = house.master_key().await;
    let all: Vec<String> = (0..50).map(|n| format!("p{n}@a.example")).collect();
    people(&house, &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let cookie = owner(&house).await;
    let made = house.post("/api/v1/campaigns", &key, written("Spring", "everyone")).await.json();
    let id = made["id"].as_str().unwrap().to_owned();
    let edit = format!("/campaigns/{id}/edit");
    place(&submit(&house, &edit, &cookie, &composed(&[])).await);
    let compare = house.get(&format!("/api/v1/campaigns/{id}"), &key).await.json()["compare"].clone();
    assert_eq!(
        compare["variants"][0],
        json!({ "subject": "Is it spring?", "preheader": "Only today", "from_name": "Anna of the shop" })
    );
    assert_eq!(compare["variants"][1]["message"]["format"], "markdown", "an empty one is none: {compare}");
    assert_eq!(
        (&compare["sample_percent"], &compare["wait_minutes"], &compare["no_difference"]),
        (&json!(20), &json!(180), &json!("ask"))
    );
    // What was written stands in the form again, and the third has moved up.
    let page = look(&house, &edit, &cookie).await.text;
    for there in ["value=\"Is it spring?\"", "value=\"Only today\"", "Another [one]", "<option value=\"C\">C</option>"]
    {
        assert!(page.contains(there), "{there}: {page}");
    }
    assert!(page.contains("<option value=\"hours\" selected>") && !page.contains("<option value=\"D\""), "{page}");
    // Each variant is looked at.
    let shown =
        async |variant: &str| look(&house, &format!("/campaigns/{id}/preview?variant={variant}"), &cookie).await;
    assert!(shown("C").await.text.contains("Another") && shown("B").await.text.contains("Only today"));
    assert!(shown("A").await.text.contains("Hello") && shown("Z").await.text.contains("Hello"));
    let pane = submit(&house, &edit, &cookie, &composed(&[("variant", "B"), ("quietly", "1")])).await.text;
    assert!(pane.contains("<b><bdi>Is it spring?</bdi></b>") && pane.contains("variant=B"), "{pane}");
    // Who gets what: of 50 people the ten of the sample, whom three variants share, and the rest waits.
    let review = look(&house, &format!("/campaigns/{id}"), &cookie).await.text;
    assert!(review.contains("Who gets which variant") && review.contains("Anna of the shop"), "{review}");
    assert_eq!(review.matches("data-l=\"People\">4</td>").count(), 1, "{review}");
    assert_eq!(review.matches("data-l=\"People\">3</td>").count(), 2, "{review}");
    assert!(review.contains("data-l=\"People\">40</td>") && review.contains("about 167 of each"), "{review}");
    // Where everybody is in the sample nobody is spoken of who waits for the choice.
    assert!(!review.contains("nobody is left to choose for"), "{review}");
    place(&submit(&house, &edit, &cookie, &composed(&[("sample", "100")])).await);
    let whole = look(&house, &format!("/campaigns/{id}"), &cookie).await.text;
    assert!(whole.contains("nobody is left to choose for") && !whole.contains("Everybody else"), "{whole}");
    // What cannot be is refused, with what was typed.
    for (wrong, says) in [
        (&[("tracking", "anonymous")][..], "id=\"compare-wrong\""),
        (&[("sample", "many")], "id=\"sample-wrong\""),
        (&[("sample", "0")], "id=\"compare-wrong\""),
        (&[("wait", "15"), ("wait_unit", "days")], "id=\"compare-wrong\""),
    ] {
        let refused = submit(&house, &edit, &cookie, &composed(wrong)).await;
        assert_eq!(refused.status, 422, "{}", refused.text);
        assert!(refused.text.contains(says) && refused.text.contains("Only today"), "{wrong:?}: {}", refused.text);
    }
    // A form of before, which does not ask, changes nothing of it; empty fields take it away.
    let nothing =
        [("variant1_subject", ""), ("variant1_preheader", ""), ("variant1_from_name", ""), ("variant3_source", "")];
    place(&submit(&house, &edit, &cookie, &composed(&nothing)).await);
    assert_eq!(house.get(&format!("/api/v1/campaigns/{id}"), &key).await.json().get("compare"), None);
}

#[tokio::test]
async fn the_report_compares_and_somebody_chooses_there() {
    let house = rehearsal();
    let key = house.master_key().await;
    let campaign = begun(&house, &key, 50).await;
    let cookie = owner(&house).await;
    let report = format!("/campaigns/{campaign}/report");
    let page = look(&house, &report, &cookie).await.text;
    assert!(page.contains("Variants compared") && page.contains("Too few acted to say which is better."), "{page}");
    assert!(page.contains("The sample is being sent.") && page.contains("A message of its own"), "{page}");
    let room = look(&house, &format!("/campaigns/{campaign}"), &cookie).await.text;
    assert!(room.contains("data-part=\"trial\"") && room.contains("/report#trial"), "{room}");
    let choose = format!("/campaigns/{campaign}/variant");
    assert_eq!(submit(&house, &choose, &cookie, "").await.status, 422, "nothing is chosen");
    let chosen = submit(&house, &choose, &cookie, "variant=B&because=shorter").await;
    assert_eq!(place(&chosen), format!("{report}#trial"));
    let page = look(&house, &report, &cookie).await.text;
    assert!(page.contains("Somebody chose B at") && !page.contains(&format!("action=\"{choose}\"")), "{page}");
    assert_eq!(house.app.store.trial(W, campaign).await.unwrap().unwrap().winner, Some(1));
    let stranger = submit(&house, &choose, "", "variant=A").await;
    assert_ne!(stranger.status, 200);
}

#[tokio::test]
async fn who_is_written_to_once_more_gets_the_chosen_variant() {
    let house = rehearsal();
    let key = house.master_key().await;
    let id = begun(&house, &key, 50).await;
    let store = &house.app.store;
    let meant = async || {
        let campaign = store.campaign(id).await.unwrap().unwrap();
        engine::drafts::proposal_of_chosen(store, &campaign, house.app.now()).await.unwrap()
    };
    let open = meant().await;
    assert!(open.trial.is_none() && open.file.source == FIRST, "A, where none is chosen or ahead");
    let chosen = house.post(&format!("/api/v1/campaigns/{id}/variant"), &key, json!({ "variant": "C" })).await;
    assert_eq!(chosen.status, 200, "{}", chosen.text);
    let third = meant().await;
    assert_eq!(third.options.subject.as_deref(), Some("Hello, {{ first_name }}"));
    assert_eq!((third.trial, third.file.source), (None, FIRST.replace("subject: Hi\n", "")));
}

#[tokio::test]
async fn a_paused_campaign_says_who_paused_it() {
    let house = rehearsal();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    let id = begun(&house, &key, 50).await;
    let set = async |state: CampaignState, by: &Actor| {
        let now = house.app.now();
        house.app.store.set_campaign_state(id, state, None, by, now).await.unwrap();
        look(&house, &format!("/campaigns/{id}"), &cookie).await.text
    };
    let by_hand = set(CampaignState::Paused, &Actor::CommandLine("kim".to_owned())).await;
    assert!(by_hand.contains("Paused by "), "{by_hand}");
    let on = set(CampaignState::Sending, &Actor::CommandLine("kim".to_owned())).await;
    assert!(!on.contains("Paused by "), "{on}");
    let by_brake = set(CampaignState::Paused, &Actor::Engine).await;
    assert!(!by_brake.contains("Paused by "), "an order of before: {by_brake}");
}

#[tokio::test]
async fn where_everybody_is_in_the_sample_nobody_else_is_spoken_of() {
    let house = rehearsal();
    let key = house.master_key().await;
    let campaign = begun(&house, &key, 100).await;
    let cookie = owner(&house).await;
    for page in [format!("/campaigns/{campaign}"), format!("/campaigns/{campaign}/report")] {
        let text = look(&house, &page, &cookie).await.text;
        assert!(text.contains("Everybody is in the sample, and it is being sent."), "{page}: {text}");
        assert!(!text.contains("Everybody else") && !text.contains("everybody else"), "{page}: {text}");
    }
}
