//! The people behind a number: as many as it says, in the list it opens, in its table, and as a segment.

use super::browser::{Browser, roles};
use super::house::House;
use super::live::{accept, settle};
use super::pages::{look, owner, submit};
use model::{Actor, CampaignId, CampaignState, DeliveryState, Outcome, Reply, Role, SkipReason};
use serde_json::{Value, json};
use store::{DeliveryRow, Settlement};

/// A campaign that is being sent to two people.
async fn begun(house: &House) -> (CampaignId, Vec<DeliveryRow>) {
    let id = house.furnish().await.campaign.parse().unwrap();
    let store = &house.app.store;
    let queued = store.deliveries(id, DeliveryState::Queued, None, 10).await.unwrap();
    assert_eq!(queued.len(), 2);
    store.set_campaign_state(id, CampaignState::Sending, None, &Actor::Engine, house.app.now()).await.unwrap();
    (id, queued)
}

/// The rule of the segment that a page offers to make of its people.
pub(super) fn rule_of(page: &str) -> String {
    let mut places = page.split("href=\"").filter_map(|rest| rest.split('"').next());
    let place = places.find(|href| href.starts_with("/segments/new?text=")).unwrap_or_else(|| panic!("{page}"));
    let query = place.split_once('?').unwrap().1.replace("&#38;", "&");
    form_urlencoded::parse(query.as_bytes()).next().unwrap().1.into_owned()
}

/// For how many people a rule holds.
pub(super) async fn people_of(house: &House, key: &str, rule: &str) -> u64 {
    let told = house.post("/api/v1/segments/preview", key, json!({ "text": rule })).await;
    told.json()["people"].as_u64().unwrap_or_else(|| panic!("{rule}: {}", told.text))
}

#[tokio::test]
async fn who_takes_it_back_too_late_is_led_to_what_stops_it() {
    let house = House::new();
    let cookie = owner(&house).await;
    let (id, queued) = begun(&house).await;
    accept(&house, queued[0].delivery).await;
    let base = format!("/campaigns/{id}");
    let late = submit(&house, &format!("{base}/take-back"), &cookie, "").await;
    assert!(late.status == 409 && late.text.contains("one person has it"), "{}", late.text);
    let ways = [format!("action=\"{base}/pause\""), format!("href=\"{base}/cancel\"")];
    assert!(ways.iter().all(|way| late.text.contains(way)), "{}", late.text);
}

#[tokio::test]
async fn whoever_was_put_off_at_first_is_behind_the_number() {
    let house = House::new();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    let (id, queued) = begun(&house).await;
    let later = Reply::new(451, "4.7.1 later");
    settle(&house, queued[0].delivery, DeliveryState::Deferred, Outcome::Deferred, later).await;
    for one in &queued {
        accept(&house, one.delivery).await;
    }
    let [first, other] = [0, 1].map(|n: usize| queued[n].email.clone().unwrap());
    let base = format!("/campaigns/{id}");
    let report = look(&house, &format!("{base}/report"), &cookie).await.text;
    let opens = format!("href=\"{base}/people?state=accepted&amp;put_off=true\">1</a>");
    assert!(report.contains(&opens), "{report}");
    let query = "state=accepted&put_off=true";
    let page = look(&house, &format!("{base}/people?{query}"), &cookie).await.text;
    assert!(page.contains(&first) && !page.contains(&other) && page.contains("put off at first"), "{page}");
    assert!(
        page.contains("?state=all\"") && !page.contains("?state=accepted\""),
        "no number but of what it opens: {page}"
    );
    let listed = house.get(&format!("/api/v1{base}/recipients?{query}"), &key).await.json();
    assert_eq!((listed["data"][0]["address"].as_str(), &listed["data"][1]), (Some(first.as_str()), &Value::Null));
    let table = house.get(&format!("/api/v1/exports{base}?{query}"), &key).await.text;
    assert!(table.lines().count() == 2 && table.contains(&first), "{table}");
    assert!(page.contains(&format!("/api/v1/exports{base}?put_off=true&#38;state=accepted")), "{page}");
    let rule = rule_of(&page);
    assert_eq!(
        (rule.as_str(), people_of(&house, &key, &rule).await),
        (&*format!("accepted.campaign(\"{id}\").put_off()"), 1)
    );
    for wrong in ["did=clicked&put_off=true", "put_off=true"] {
        for list in [format!("/api/v1{base}/recipients?{wrong}"), format!("/api/v1/exports{base}?{wrong}")] {
            assert_eq!(house.get(&list, &key).await.code(), "invalid_field", "{list}");
        }
    }
}

#[tokio::test]
async fn the_numbers_of_a_campaign_open_their_people_on_each_of_its_pages() {
    let house = House::new();
    let cookie = owner(&house).await;
    let (id, _) = begun(&house).await;
    let base = format!("/campaigns/{id}");
    for (path, numbers) in [
        ("/campaigns".to_owned(), &["all\">2</a>", "in_progress\">2</a>"][..]),
        (base.clone(), &["all\">2</a>", "in_progress\">2</a>", "accepted\">"][..]),
        (format!("{base}/report"), &["accepted\">", "hard\">", "blocked\">"][..]),
        (format!("{base}/investigate"), &["not_delivered\">"][..]),
        (format!("{base}/cancel"), &["in_progress\">Who they are</a>"][..]),
    ] {
        let page = look(&house, &path, &cookie).await.text;
        for number in numbers {
            assert!(page.contains(&format!("href=\"{base}/people?state={number}")), "{path}, {number}: {page}");
        }
    }
}

#[tokio::test]
async fn the_others_at_somebodys_domain_are_behind_their_numbers() {
    let house = House::new();
    let cookie = owner(&house).await;
    let (id, queued) = begun(&house).await;
    let gone = Reply::new(550, "5.1.1 no such user");
    settle(&house, queued[0].delivery, DeliveryState::Hard, Outcome::Hard, gone).await;
    let page = look(&house, &format!("/deliveries/{}", queued[0].delivery), &cookie).await.text;
    for (number, states) in
        [(0, "accepted"), (1, "(hard || blocked)"), (0, "(soft || in_doubt)"), (1, "(queued || deferred)")]
    {
        let mail = format!(".campaign(\"{id}\")");
        let states = states.replace(" || ", &format!("{mail} || "));
        let states = match states.strip_suffix(')') {
            Some(several) => format!("{several}{mail})"),
            None => format!("{states}{mail}"),
        };
        let rule = format!("{states} && domain == \"first.example\"");
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("text", &rule).finish();
        let place = format!("/segments/new/people?{query}");
        assert!(page.contains(&format!("<a href=\"{place}\">{number}</a>")), "{rule}: {page}");
        let people = look(&house, &place, &cookie).await.text;
        assert_eq!(people.matches("href=\"/contacts/c_").count(), number, "{rule}: {people}");
    }
}

#[tokio::test]
async fn every_reason_to_skip_opens_those_whom_it_kept_from_their_mail() {
    let house = House::new();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    let (id, queued) = begun(&house).await;
    for (one, reason) in queued.iter().zip([SkipReason::Stale, SkipReason::CannotCompose]) {
        let claimed = house.app.store.claim_one(one.delivery).await.unwrap().unwrap();
        let skipped = Settlement::of(&claimed, DeliveryState::Skipped, house.app.now());
        house.app.store.settle(vec![Settlement { skip: Some(reason), ..skipped }]).await.unwrap();
    }
    let [first, other] = [0, 1].map(|n: usize| queued[n].email.clone().unwrap());
    let base = format!("/campaigns/{id}");
    let query = "state=skipped&reason=stale";
    for path in [&*base, &*format!("{base}/report")] {
        let page = look(&house, path, &cookie).await.text;
        let opens = format!("href=\"{base}/people?{}\"", query.replace('&', "&#38;"));
        assert!(page.contains(&opens), "{path}: {page}");
    }
    let page = look(&house, &format!("{base}/people?{query}"), &cookie).await.text;
    assert!(page.contains(&first) && !page.contains(&other) && page.contains("came too late"), "{page}");
    assert!(
        page.contains("?state=all\"") && !page.contains("?state=skipped\""),
        "no number but of what it opens: {page}"
    );
    let listed = house.get(&format!("/api/v1{base}/recipients?{query}"), &key).await.json();
    assert_eq!((listed["data"][0]["address"].as_str(), &listed["data"][1]), (Some(first.as_str()), &Value::Null));
    let table = house.get(&format!("/api/v1/exports{base}?{query}"), &key).await.text;
    assert!(table.lines().count() == 2 && table.contains(&first), "{table}");
    assert!(page.contains(&format!("/api/v1/exports{base}?reason=stale&#38;state=skipped")), "{page}");
    let rule = rule_of(&page);
    assert_eq!(
        (rule.as_str(), people_of(&house, &key, &rule).await),
        (&*format!("skipped.campaign(\"{id}\").reason(\"stale\")"), 1)
    );
    for wrong in ["did=clicked&reason=stale", "state=accepted&reason=stale", "state=skipped&reason=lazy"] {
        for list in [format!("/api/v1{base}/recipients?{wrong}"), format!("/api/v1/exports{base}?{wrong}")] {
            assert_eq!(house.get(&list, &key).await.code(), "invalid_field", "{list}");
        }
    }
}

#[tokio::test]
async fn no_door_is_offered_that_is_shut_for_a_role() {
    let house = House::new();
    let (id, queued) = begun(&house).await;
    let gone = Reply::new(550, "5.1.1 no such user");
    settle(&house, queued[0].delivery, DeliveryState::Hard, Outcome::Hard, gone).await;
    let path = format!("/campaigns/{id}/investigate?person={}", queued[0].delivery);
    let door = format!("/contacts/{}/change", queued[0].contact);
    let offered = format!("href=\"{door}\"");
    let page = Browser::owner(&house).await.look(&path).await.text;
    assert!(page.contains(&offered), "{page}");
    for role in [Role::Analyst, Role::Postmaster, Role::Developer] {
        let kim = roles(&house, role).await;
        let page = kim.look(&path).await;
        assert_eq!(page.status, 200, "{role}: {}", page.text);
        assert!(!page.text.contains(&offered) && !page.text.contains("postroom contact edit"), "{role}: {}", page.text);
        let refused = kim.look(&door).await;
        assert_eq!(refused.status, 403, "{role}");
        let says = format!("one of these roles: owner, operator. Yours is: {role}.");
        assert!(refused.text.contains(&says), "who may do it is told: {}", refused.text);
        assert!(refused.text.contains("<a href=\"/campaigns\""), "the menu stays: {}", refused.text);
    }
}

#[tokio::test]
async fn the_people_of_a_cause_and_of_every_term_become_a_segment_of_just_them() {
    let house = House::new();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    let (id, queued) = begun(&house).await;
    let refused = Reply::new(550, "5.7.1 not today");
    settle(&house, queued[0].delivery, DeliveryState::Blocked, Outcome::Blocked, refused).await;
    let base = format!("/campaigns/{id}");
    let page = look(&house, &format!("{base}/investigate"), &cookie).await.text;
    let mark = "blocked:unknown_recipient::550:5.7.1:";
    let rule = rule_of(&page);
    assert_eq!(rule, format!("blocked.campaign(\"{id}\").cause(\"{mark}\")"));
    assert_eq!(people_of(&house, &key, &rule).await, 1);
    let made = house.post("/api/v1/segments", &key, json!({ "name": "refused", "text": rule })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let tree = &made.json()["rule"]["event"]["of"];
    assert_eq!((&tree["what"], &tree["cause"]), (&json!("blocked"), &json!(mark)));
    let unheard = json!({ "name": "nobody", "text": rule.replace("5.7.1", "5.7.9") });
    let unheard = house.post("/api/v1/segments", &key, unheard).await;
    assert!(unheard.status == 422 && unheard.text.contains("a cause that is not there"), "{}", unheard.text);
    // The form has the cause to choose.
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("text", &rule).finish();
    let form = look(&house, &format!("/segments/new?{query}"), &cookie).await.text;
    assert!(form.contains("name=\"c1-cause\"") && form.contains(&format!("value=\"{mark}\" selected")), "{form}");
    assert!(form.contains("550 5.7.1</option>"), "told by what it means: {form}");

    let report = house.get(&format!("/api/v1{base}/report"), &key).await.json();
    for term in ["recipients", "skipped", "attempted", "accepted", "in_progress", "soft", "hard", "blocked", "in_doubt"]
    {
        let state = if term == "recipients" { "all" } else { term };
        let page = look(&house, &format!("{base}/people?state={state}"), &cookie).await.text;
        let counted = people_of(&house, &key, &rule_of(&page)).await;
        assert_eq!(json!(counted), report[term], "{term}: {}", rule_of(&page));
    }
}
