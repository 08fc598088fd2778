//! The page where recipients choose which mail they want, as they and machines come to it.

use super::house::Answer;
use super::links::{Sent, W};
use crate::Config;
use axum::http::{Method, StatusCode};
use engine::options::TrackingMode;
use mail::token::Purpose;
use model::{Actor, ContactId, EventKind, SuppressionReason};
use store::{EventFilter, NewList, Preferences};

const SOURCE: &str =
    "---\nsubject: Hi\n---\n[Choose]({{ preferences_url }}) or [leave]({{ unsubscribe_url }}). {{ postal_address }}\n";

async fn sent(mode: TrackingMode) -> Sent {
    Sent::to(Config::default(), mode, SOURCE, &["kim@a.example".to_owned()]).await
}

impl Sent {
    async fn contact(&self) -> ContactId {
        self.house.app.store.delivery(self.delivery).await.unwrap().unwrap().contact
    }

    async fn chosen(&self) -> Preferences {
        self.house.app.store.preferences(W, self.contact().await).await.unwrap().unwrap()
    }

    async fn save(&self, body: &'static str) -> Answer {
        self.come(Method::POST, &self.page(), body).await
    }

    fn page(&self) -> String {
        format!("/p/{}", self.token(Purpose::Preferences))
    }

    async fn list(&self, name: &str, topic: Option<&str>, public: bool) -> model::ListId {
        let (store, now) = (&self.house.app.store, self.house.app.now());
        let new = NewList { name: name.to_owned(), topic: topic.map(str::to_owned), public, ..NewList::default() };
        let list = store.create_list(W, new, &Actor::Engine, now).await.unwrap().id;
        store.join_list(W, list, vec![self.contact().await], None, &Actor::Engine, now).await.unwrap();
        list
    }
}

#[tokio::test]
async fn looking_changes_nothing_and_saving_holds_at_once() {
    let sent = sent(TrackingMode::Full).await;
    sent.list("Weekly", Some("offers"), true).await;
    sent.list("Staff", None, false).await;
    let page = sent.get(&sent.page()).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("k…@a.example") && page.text.contains("value=\"offers\" checked"), "{}", page.text);
    assert!(page.text.contains("Weekly") && !page.text.contains("Staff"), "{}", page.text);
    assert_eq!(page.text.matches("<h1>").count(), 1);
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    sent.come(Method::HEAD, &sent.page(), "").await;
    assert_eq!(sent.chosen().await.topics.len(), 0);
    let saved = sent.save("do=save&topic=offers&pause=30").await;
    assert!(saved.status == StatusCode::OK && saved.text.contains("role=\"status\""), "{}", saved.text);
    assert!(saved.text.contains("You get no mail until 31 January 2026."), "{}", saved.text);
    let chosen = sent.chosen().await;
    assert_eq!(chosen.topics.get("offers"), Some(&false));
    assert_eq!(chosen.paused_until, Some(sent.house.app.now() + std::time::Duration::from_secs(30 * 86_400)));
    sent.save("do=save&topic=offers&want=offers&pause=none").await;
    let chosen = sent.chosen().await;
    assert_eq!((chosen.topics.get("offers"), chosen.paused_until), (Some(&true), None));
    let told = sent.house.app.store.events_in(W, EventFilter::default(), None, 100).await.unwrap().events;
    let by_them = told.iter().filter(|event| event.actor == "recipient" && event.reaction.is_none());
    let by_them: Vec<EventKind> = by_them.map(|event| event.kind).collect();
    let once = [EventKind::MailPaused, EventKind::TopicsChosen];
    assert_eq!(by_them, [once, once].concat());
    assert!(told.iter().all(|event| event.reaction.is_none()), "nobody is watched here");
}

#[tokio::test]
async fn a_list_left_here_can_be_come_back_to_for_a_day_and_one_they_were_taken_off_cannot() {
    let sent = sent(TrackingMode::Off).await;
    let (weekly, other) = (sent.list("Weekly", None, true).await, sent.list("Other", None, true).await);
    let is_on = async |list| sent.chosen().await.lists.iter().any(|one| one.list == list && one.ended_at.is_none());
    let form = |stays: bool| {
        let stay = if stays { format!("&stay={weekly}&stay={other}") } else { format!("&stay={other}") };
        format!("do=save&list={weekly}&list={other}{stay}&pause=none")
    };
    let page = sent.page();
    let left = sent.come(Method::POST, &page, form(false)).await;
    assert!(!is_on(weekly).await && is_on(other).await);
    assert!(left.text.contains("tick it to take that back"), "{}", left.text);
    sent.come(Method::POST, &page, form(true)).await;
    assert!(is_on(weekly).await);
    sent.come(Method::POST, &page, form(false)).await;
    sent.house.pass(store::engage::UNDO_WITHIN);
    assert!(!sent.get(&page).await.text.contains("Weekly"));
    sent.come(Method::POST, &page, form(true)).await;
    assert!(!is_on(weekly).await);
    let (store, me) = (&sent.house.app.store, Actor::CommandLine("anna".to_owned()));
    store.leave_list(W, other, vec![sent.contact().await], &me, sent.house.app.now()).await.unwrap();
    sent.come(Method::POST, &page, form(true)).await;
    assert!(!is_on(other).await, "an operator took them off");
}

#[tokio::test]
async fn leaving_everything_is_taken_back_here_and_a_complaint_is_not() {
    let sent = sent(TrackingMode::Anonymous).await;
    let gone = sent.save("do=unsubscribe").await;
    assert!(gone.text.contains("Subscribe again") && sent.is_suppressed().await, "{}", gone.text);
    assert!(sent.get(&sent.page()).await.text.contains("You are unsubscribed"));
    let link = format!("/u/{}", sent.token(Purpose::Unsubscribe));
    let looked = sent.get(&link).await.text;
    assert!(looked.contains("You are unsubscribed") && looked.contains("Subscribe again"), "{looked}");
    let back = sent.save("do=undo").await;
    assert!(back.text.contains("subscribed again") && !sent.is_suppressed().await);
    assert!(sent.get(&link).await.text.contains("Unsubscribe?"), "and is asked again");
    let (store, now) = (&sent.house.app.store, sent.house.app.now());
    let target = store::Target::Address("kim@a.example".to_owned());
    store.suppress(W, target, SuppressionReason::Complained, None, &Actor::Engine, now).await.unwrap();
    for body in ["do=save&pause=30", "do=undo"] {
        sent.save(body).await;
    }
    assert!(sent.is_suppressed().await && sent.chosen().await.paused_until.is_none());
    assert!(sent.get(&sent.page()).await.text.contains("reported a message of this sender as spam"));
}

#[tokio::test]
async fn what_cannot_be_is_said_and_nothing_is_changed() {
    let sent = sent(TrackingMode::Off).await;
    let wrong = sent.save("do=save&pause=until&until=2020-01-01").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("role=\"alert\"") && wrong.text.contains("aria-invalid"), "{}", wrong.text);
    sent.list("Weekly", Some("offers"), true).await;
    let kept = sent.save("do=save&topic=offers&pause=until&until=2020-01-01").await.text;
    for typed in ["name=\"want\" value=\"offers\">", "value=\"until\" checked", "value=\"2020-01-01\" aria-invalid"] {
        assert!(kept.contains(typed), "{typed}: {kept}");
    }
    assert!(sent.get(&sent.page()).await.text.contains("value=\"offers\" checked"), "nothing was changed");
    assert_eq!(sent.save("do=everything").await.status, StatusCode::BAD_REQUEST);
    let foreign = format!("/p/{}", sent.token(Purpose::Unsubscribe));
    for method in [Method::GET, Method::POST] {
        assert_eq!(sent.come(method, &foreign, "do=save").await.status, StatusCode::NOT_FOUND);
    }
    assert!(sent.get(&format!("/u/{}", sent.token(Purpose::Unsubscribe))).await.text.contains(&sent.page()));
    let shown = sent.get(&format!("/v/{}", sent.token(Purpose::View))).await;
    assert!(shown.text.contains(&format!("https://t.example{}", sent.page())), "{}", shown.text);
    let kim = "kim@a.example".parse().unwrap();
    sent.house.app.store.forget(W, &kim, &Actor::Engine, sent.house.app.now()).await.unwrap();
    let forgotten = sent.save("do=save&pause=30").await;
    assert!(forgotten.text.contains("Nothing more will be sent to your address"), "{}", forgotten.text);
}

#[tokio::test]
async fn pages_speak_the_language_and_show_the_colour_of_the_workspace() {
    let sent = sent(TrackingMode::Off).await;
    let key = sent.house.master_key().await;
    let put = async |name: &str, value: &str| {
        let body = serde_json::json!({ "value": value });
        sent.house.ask(Method::PUT, &format!("/api/v1/settings/{name}"), Some(&key), Some(body)).await
    };
    for (name, value) in [("language", "de"), ("brand_name", "Müller & Söhne"), ("brand_colour", "#7A0000")] {
        assert_eq!(put(name, value).await.status, StatusCode::OK);
    }
    let pale = put("brand_colour", "#ffee00").await;
    assert_eq!((pale.status, pale.code()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid_field".to_owned()));
    assert_eq!(put("language", "xx").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = sent.get(&sent.page()).await.text;
    assert!(
        page.contains("<html lang=\"de\">") && page.contains("Ihre Nachrichten") && page.contains("#7a0000"),
        "{page}"
    );
    assert!(page.contains("Müller &#38; Söhne"), "{page}");
    let asked = axum::http::Request::builder().uri("/u/nothing").header("accept-language", "de-CH, en;q=0.5");
    let nothing = sent.house.send(asked.body(axum::body::Body::empty()).unwrap()).await;
    assert!(nothing.text.contains("Hier ist nichts") && nothing.status == StatusCode::NOT_FOUND, "{}", nothing.text);
}
