//! Double opt-in from sign-up to yes, and what bounds it.

use super::house::{Answer, House};
use super::links::W;
use super::messages::rehearsal;
use crate::asking::ask_due;
use axum::body::Body;
use axum::http::{Method, Request};
use engine::launch::token_ring;
use mail::token::Purpose;
use model::{DeliveryId, EventKind};
use serde_json::{Value, json};
use std::time::Duration;
use store::EventFilter;

const DAY: Duration = Duration::from_secs(86_400);

/// A house with a list that asks, and somebody on it.
struct Asking {
    house: House,
    key: String,
    list: String,
    kim: String,
}

impl Asking {
    async fn with(list: Value) -> Asking {
        let house = rehearsal();
        let key = house.master_key().await;
        let kim = house.post("/api/v1/contacts", &key, json!({ "email": "kim@a.example" })).await;
        let list = house.post("/api/v1/lists", &key, list).await;
        assert_eq!(list.status.as_u16(), 201, "{}", list.text);
        let id = |answer: &Answer| answer.json()["id"].as_str().unwrap().to_owned();
        Asking { key, list: id(&list), kim: id(&kim), house }
    }

    async fn new() -> Asking {
        Asking::with(json!({ "name": "Weekly", "confirms": true, "sender": "Anna <anna@shop.example>" })).await
    }

    async fn join(&self, list: &str) -> Value {
        let body = json!({ "contacts": [self.kim], "consent": { "source": "form" } });
        self.house.post(&format!("/api/v1/lists/{list}/members"), &self.key, body).await.json()
    }

    /// Asks whoever is due; how many were asked in all.
    async fn asked(&self) -> usize {
        ask_due(&self.house.app).await.unwrap();
        self.told(EventKind::ConfirmationAsked).await
    }

    async fn told(&self, kind: EventKind) -> usize {
        let filter = EventFilter { kinds: vec![kind], ..EventFilter::default() };
        self.house.app.store.events_in(W, filter, None, 100).await.unwrap().events.len()
    }

    /// The page behind the link of the message that asked last.
    async fn page(&self) -> String {
        let filter =
            EventFilter { kinds: vec![EventKind::ConfirmationAsked], newest_first: true, ..EventFilter::default() };
        let told = self.house.app.store.events_in(W, filter, None, 1).await.unwrap().events.remove(0);
        let message = self.house.app.store.message(told.delivery.unwrap()).await.unwrap().unwrap();
        let data: Value = serde_json::from_str(&message.data.unwrap()).unwrap();
        let url = data["confirm_url"].as_str().unwrap();
        url.strip_prefix("http://127.0.0.1:8025").unwrap().to_owned()
    }

    async fn come(&self, method: Method, path: &str, body: &'static str) -> Answer {
        self.house.send(Request::builder().method(method).uri(path).body(Body::from(body)).unwrap()).await
    }

    async fn preferences(&self) -> Value {
        self.house.get(&format!("/api/v1/contacts/{}/preferences", self.kim), &self.key).await.json()
    }
}

#[tokio::test]
async fn a_sign_up_is_asked_by_mail_and_only_a_post_says_yes() {
    let asking = Asking::new().await;
    assert_eq!(asking.join(&asking.list).await, json!({ "changed": 1, "asked": 1 }));
    assert_eq!(asking.asked().await, 1);
    assert_eq!(asking.asked().await, 1, "once");
    let page = asking.page().await;
    let shown = asking.come(Method::GET, &page, "").await;
    assert!(shown.text.contains("I want mail of “Weekly” from this sender at k…@a.example."), "{}", shown.text);
    asking.come(Method::HEAD, &page, "").await;
    assert_eq!(asking.come(Method::POST, &page, "").await.status.as_u16(), 400, "not even an empty POST");
    assert!(asking.preferences().await["lists"][0].get("confirmed_at").is_none());
    let yes = asking.come(Method::POST, &page, "do=confirm").await;
    assert!(yes.status.as_u16() == 200 && yes.text.contains("You are on “Weekly” now."), "{}", yes.text);
    let kept = asking.preferences().await;
    assert!(kept["lists"][0]["confirmed_at"].is_string(), "{kept}");
    let consent = &kept["consents"][1];
    assert_eq!((&consent["source"], &consent["list"]), (&json!("confirmed by mail"), &json!(asking.list)));
    assert!(
        consent["said"].as_str().unwrap().starts_with("I want mail of “Weekly”") && consent["ip"].is_string(),
        "{kept}"
    );
    assert!(asking.come(Method::GET, &page, "").await.text.contains("Thank you"));
    assert_eq!(asking.told(EventKind::ListConfirmed).await, 1);
    let ring = token_ring(&asking.house.app.store, asking.house.app.world.entropy.as_ref()).unwrap();
    for token in [ring.seal(Purpose::Confirm, DeliveryId(7)), ring.seal(Purpose::View, DeliveryId(7)), "x".to_owned()] {
        assert_eq!(asking.come(Method::POST, &format!("/confirm/{token}"), "do=confirm").await.status.as_u16(), 404);
    }
}

#[tokio::test]
async fn nobody_is_flooded_and_a_reminder_comes_once_if_at_all() {
    let asking = Asking::new().await;
    for _ in 0..5 {
        asking.join(&asking.list).await;
        asking.asked().await;
    }
    assert_eq!(asking.asked().await, 1, "once a day for one list, however often somebody signs up");
    let mut lists = Vec::new();
    for name in ["b", "c", "d"] {
        let list = json!({ "name": name, "confirms": true, "sender": "anna@shop.example" });
        lists.push(
            asking.house.post("/api/v1/lists", &asking.key, list).await.json()["id"].as_str().unwrap().to_owned(),
        );
    }
    for list in &lists {
        asking.join(list).await;
    }
    assert_eq!(asking.asked().await, 3, "and three a day for one address");
    asking.house.pass(DAY);
    assert_eq!(asking.asked().await, 5, "the others a day later");
    asking.house.pass(DAY * 10);
    assert_eq!(asking.asked().await, 5, "these lists do not remind");
    let reminding =
        Asking::with(json!({ "name": "R", "confirms": true, "sender": "a@shop.example", "reminds": true })).await;
    reminding.join(&reminding.list).await;
    assert_eq!(reminding.asked().await, 1);
    reminding.house.pass(DAY * 3);
    assert_eq!(reminding.asked().await, 2);
    reminding.house.pass(DAY * 20);
    assert_eq!(reminding.asked().await, 2);
}

#[tokio::test]
async fn an_old_link_and_one_of_a_list_that_was_left_confirm_nothing() {
    let asking = Asking::new().await;
    asking.join(&asking.list).await;
    asking.asked().await;
    let page = asking.page().await;
    let leave = json!({ "contacts": [asking.kim] });
    let members = format!("/api/v1/lists/{}/members", asking.list);
    asking.house.post(&format!("{members}/remove"), &asking.key, leave).await;
    assert_eq!(asking.come(Method::POST, &page, "do=confirm").await.status.as_u16(), 410);
    asking.house.pass(DAY);
    asking.join(&asking.list).await;
    asking.asked().await;
    asking.house.pass(DAY * 30);
    let late = asking.come(Method::POST, &page, "do=confirm").await;
    assert!(late.status.as_u16() == 410 && late.text.contains("This link is too old"), "{}", late.text);
    assert_eq!(asking.told(EventKind::ListConfirmed).await, 0);
}

#[tokio::test]
async fn a_list_without_a_sender_says_so_and_asks_when_there_is_one() {
    let asking = Asking::with(json!({ "name": "Weekly", "confirms": true })).await;
    asking.join(&asking.list).await;
    assert_eq!(asking.asked().await, 0);
    let members = asking.house.get(&format!("/api/v1/lists/{}/members", asking.list), &asking.key).await.json();
    assert!(members["data"][0]["not_asked_because"].as_str().unwrap().contains("`sender`"), "{members}");
    let (path, value) = ("/api/v1/settings/sender", json!({ "value": "anna@shop.example" }));
    assert_eq!(asking.house.ask(Method::PUT, path, Some(&asking.key), Some(value)).await.status.as_u16(), 200);
    asking.house.pass(Duration::from_secs(3_600));
    assert_eq!(asking.asked().await, 1);
    let members = asking.house.get(&format!("/api/v1/lists/{}/members", asking.list), &asking.key).await.json();
    assert!(members["data"][0]["asked_at"].is_string(), "{members}");
}

#[tokio::test]
async fn a_list_may_ask_in_its_own_words() {
    let asking = Asking::new().await;
    let write = async |source: &str| {
        let parts = json!({ "format": "markdown", "source": source, "subject": "Really, {{ first_name }}?" });
        let made = asking.house.post("/api/v1/templates", &asking.key, json!({ "name": source, "parts": parts })).await;
        made.json()["id"].as_str().unwrap().to_owned()
    };
    let (silent, own) = (write("Hello").await, write("[Yes to {{ list }}]({{ confirm_url }})").await);
    let change = async |template: &str| {
        let to = json!({ "name": "Weekly", "confirms": true, "sender": "a@shop.example", "template": template });
        asking.house.ask(Method::PUT, &format!("/api/v1/lists/{}", asking.list), Some(&asking.key), Some(to)).await
    };
    let refused = change(&silent).await;
    assert_eq!(
        (refused.status.as_u16(), refused.json()["field"].clone()),
        (422, json!("template")),
        "{}",
        refused.text
    );
    assert_eq!(change(&own).await.status.as_u16(), 200);
    asking.join(&asking.list).await;
    assert_eq!(asking.asked().await, 1);
}

#[tokio::test]
async fn who_asks_is_named_where_the_sender_has_no_name() {
    let asking =
        Asking::with(json!({ "name": "Weekly", "confirms": true, "public": true, "sender": "a@b.example" })).await;
    let look = async || asking.come(Method::GET, &format!("/join/{W}/{}", asking.list), "").await.text;
    let set = async |name: &str, value: &str| {
        let (store, now) = (&asking.house.app.store, asking.house.app.now());
        store.set_setting(W, name, value, &model::Actor::Engine, now).await.unwrap();
    };
    assert!(look().await.contains("from this sender."));
    set("sender", "Anna <anna@shop.example>").await;
    assert!(look().await.contains("from shop.example."), "the domain it sends from");
    set("postal_address", "Shop Ltd\n1 Way").await;
    assert!(look().await.contains("from Shop Ltd."), "its legal name");
    set("brand_name", "The Shop").await;
    assert!(look().await.contains("from The Shop."), "its name");
}
