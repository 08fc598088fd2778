//! A campaign is written on the pages: from nothing to a draft that is saved, looked at, tried, changed back and copied;
//! and what is hostile in it does nothing.

use super::campaigns::{rehearsal, rehearsal_config};
use super::house::{Answer, House};
use super::pages::{look, owner, submit};
use crate::Config;
use axum::body::Body;
use axum::http::{Method, Request};
use model::{CampaignId, CampaignState};
use serde_json::json;

const HOSTILE: &str = "<p>Hello {{ first_name }}</p><script>alert(1)</script><img src=x onerror=alert(2)>\
    </iframe><form action=https://evil.example><button>x</button></form><a href=\"{{ unsubscribe_url }}\">bye</a>\
    {{ postal_address }}";

pub(super) fn place(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.headers["location"].to_str().unwrap().to_owned()
}

/// The value of a hidden field of a page.
pub(super) fn hidden(page: &str, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    page.split(&mark).nth(1).unwrap_or_else(|| panic!("no {name} in {page}")).split('"').next().unwrap().to_owned()
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// A draft, made on the page; where it is edited, and its id.
async fn begun(house: &House, cookie: &str, name: &str) -> (String, CampaignId) {
    let page = look(house, "/campaigns/new", cookie).await.text;
    let once = hidden(&page, "once");
    let fields = [
        ("name", name),
        ("from", "News <us@first.example>"),
        ("include", "everyone"),
        ("format", "html"),
        ("once", &once),
    ];
    let made = place(&submit(house, "/campaigns/new", cookie, &form(&fields)).await);
    let again = place(&submit(house, "/campaigns/new", cookie, &form(&fields)).await);
    assert_eq!(made, again, "two presses are one campaign");
    let id = made.split('/').nth(2).unwrap().parse().unwrap();
    (made, id)
}

fn written<'a>(name: &'a str, subject: &'a str, source: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("name", name),
        ("from", "News <us@first.example>"),
        ("subject", subject),
        ("preheader", "Look inside"),
        ("include", "everyone"),
        ("format", "html"),
        ("source", source),
        ("tracking", "full"),
        ("as", "mobile"),
    ]
}

#[tokio::test]
async fn a_campaign_is_written_and_keeps_what_it_was() {
    let house = House::new();
    house.furnish().await;
    let cookie = owner(&house).await;
    let empty = submit(&house, "/campaigns/new", &cookie, "name=&from=nobody&format=html").await;
    assert_eq!(empty.status, 422);
    assert!(empty.text.contains("id=\"name-wrong\"") && empty.text.contains("value=\"nobody\""), "{}", empty.text);
    let (edit, id) = begun(&house, &cookie, "spring").await;
    let page = look(&house, &edit, &cookie).await.text;
    assert!(page.contains("{{ unsubscribe_url }}") && page.contains("sandbox=\"\""), "{page}");
    let source =
        "<p>Hi {{ first_name | default(\"you\") }}</p><a href=\"{{ unsubscribe_url }}\">bye</a>{{ postal_address }}";
    let saved = submit(&house, &edit, &cookie, &form(&written("spring", "Spring", source))).await;
    assert!(place(&saved).starts_with(&format!("{edit}?contact=&as=mobile")));
    let campaign = house.app.store.campaign(id).await.unwrap().unwrap();
    let kept = engine::drafts::proposal(&house.app.store, &campaign).await.unwrap();
    assert_eq!(
        (kept.options.subject.as_deref(), kept.file.parts.preheader.as_deref()),
        (Some("Spring"), Some("Look inside"))
    );
    let reached = look(&house, &format!("/campaigns/{id}/audience"), &cookie).await.text;
    assert!(reached.contains("<b>2</b><small>people</small>") && !reached.contains("<html"), "{reached}");
    // What the script sends answers with the pane alone.
    let mut quiet = written("spring", "Spring again", source);
    quiet.push(("quietly", "1"));
    let pane = submit(&house, &edit, &cookie, &form(&quiet)).await;
    assert!(pane.status == 200 && pane.text.contains("<iframe") && !pane.text.contains("<html"), "{}", pane.text);
    let mut broken = written("spring", "Spring", "{% if %}");
    let refused = submit(&house, &edit, &cookie, &form(&broken)).await;
    assert_eq!(refused.status, 303, "what cannot be shown is saved all the same");
    assert!(look(&house, &edit, &cookie).await.text.contains("It cannot be shown"));
    broken.retain(|(name, _)| *name != "include");
    let refused = submit(&house, &edit, &cookie, &form(&broken)).await;
    assert!(
        refused.status == 422 && refused.text.contains("id=\"include-wrong\"") && refused.text.contains("{% if %}")
    );
    // What was is had back.
    let base = format!("/campaigns/{id}");
    let versions = look(&house, &format!("{base}/versions?version=1"), &cookie).await.text;
    assert!(versions.contains("preview?version=1") && versions.contains("Anna"), "{versions}");
    assert_eq!(versions.matches("as it is now").count(), 1, "the newest of them: {versions}");
    let rows = versions.matches("<tr><th scope=\"row\">").count();
    assert_eq!(versions.matches("name=\"version\"").count(), rows - 1, "what is there cannot be had back: {versions}");
    assert!(versions.contains(&format!("/api/v1{base}/versions?format=csv")), "{versions}");
    assert_eq!(look(&house, &format!("{base}/preview?version=1"), &cookie).await.status, 200);
    assert_eq!(look(&house, &format!("{base}/preview?version=9"), &cookie).await.status, 404);
    place(&submit(&house, &format!("{base}/versions"), &cookie, "version=1").await);
    assert!(look(&house, &edit, &cookie).await.text.contains("Write your message here."));
    // What recipients get begins in their language, whatever that of the pages.
    let key = house.master_key().await;
    let set = house.ask(Method::PUT, "/api/v1/settings/language", Some(&key), Some(json!({ "value": "de" })));
    assert_eq!(set.await.status, 200);
    let german = look(&house, &begun(&house, &cookie, "German").await.0, &cookie).await.text;
    assert!(german.contains("Hier steht Ihre Nachricht."), "{german}");
    // A copy is a draft of its own, however often the button is pressed.
    let once = hidden(&look(&house, &base, &cookie).await.text, "once");
    let copies = [0, 1].map(|_| format!("once={once}"));
    let one = place(&submit(&house, &format!("{base}/duplicate"), &cookie, &copies[0]).await);
    assert_eq!(place(&submit(&house, &format!("{base}/duplicate"), &cookie, &copies[1]).await), one);
    assert!(look(&house, &one, &cookie).await.text.contains("spring (2)"));
}

#[tokio::test]
async fn hostile_content_acts_nowhere() {
    let house = House::new();
    let things = house.furnish().await;
    let cookie = owner(&house).await;
    let (edit, id) = begun(&house, &cookie, "</title><script>alert(0)</script>").await;
    let name = "</title><script>alert(0)</script>";
    let subject = "\"><img src=x onerror=alert(3)>";
    assert_eq!(submit(&house, &edit, &cookie, &form(&written(name, subject, HOSTILE))).await.status, 303);
    let contact = &things.by_kind["contacts"];
    for page in [
        edit.clone(),
        format!("/campaigns/{id}"),
        format!("/campaigns/{id}/versions?version=2"),
        "/campaigns".to_owned(),
    ] {
        let page = look(&house, &page, &cookie).await;
        assert_eq!(page.status, 200);
        for acting in ["<script>alert", "<img src=x", "</iframe><form"] {
            assert!(!page.text.contains(acting), "{acting} in {}", page.text);
        }
    }
    for way in ["desktop", "mobile", "dark", "plain", "text", "nonsense"] {
        let path = format!("/campaigns/{id}/preview?contact={contact}&as={way}");
        let shown = look(&house, &path, &cookie).await;
        assert_eq!(shown.status, 200, "{}", shown.text);
        let policy = shown.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("sandbox; default-src 'none'") && !policy.contains("allow-"), "{policy}");
        assert!(!policy.contains("script") && policy.contains("form-action 'none'"), "{policy}");
        assert_eq!(policy.contains("img-src"), way != "plain", "{policy}");
        assert!(way != "text" || !shown.text.contains("<script"), "{}", shown.text);
    }
    let stranger = look(&house, &format!("/campaigns/{id}/preview"), "").await;
    assert_eq!(stranger.status, 303, "what is being written is nobody else's");
}

#[tokio::test]
async fn what_was_typed_outlives_the_session() {
    let house = House::new();
    house.furnish().await;
    let cookie = owner(&house).await;
    let (edit, id) = begun(&house, &cookie, "spring").await;
    assert_eq!(submit(&house, "/sign-out", &cookie, "").await.status, 303);
    let typed = form(&written("spring", "Typed too late", "<p>a & b</p>"));
    let door = submit(&house, &edit, &cookie, &typed).await;
    assert_eq!(door.status, 401);
    assert_eq!(hidden(&door.text, "carried_to"), edit);
    let carried = hidden(&door.text, "carried").replace("&#38;", "&").replace("&amp;", "&");
    let fields = [
        ("email", "anna@example.org"),
        ("password", "correct horse battery"),
        ("next", "/"),
        ("carried_to", &edit),
        ("carried", &carried),
    ];
    let inside = submit(&house, "/sign-in", "", &form(&fields)).await;
    assert_eq!(inside.status, 200, "{}", inside.text);
    assert!(inside.text.contains(&format!("action=\"{edit}\"")) && inside.text.contains("Typed too late"));
    let cookie = inside.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    place(&submit(&house, &edit, &cookie, &typed).await);
    let campaign = house.app.store.campaign(id).await.unwrap().unwrap();
    let kept = engine::drafts::proposal(&house.app.store, &campaign).await.unwrap();
    assert_eq!(kept.options.subject.as_deref(), Some("Typed too late"));
}

#[tokio::test]
async fn what_a_button_does_is_named_before_it_goes_on() {
    let house = House::new();
    house.furnish().await;
    let cookie = owner(&house).await;
    let (_, id) = begun(&house, &cookie, "spring").await;
    assert_eq!(submit(&house, "/sign-out", &cookie, "").await.status, 303);
    let asked = [("when", "now"), ("at", "2026-12-25T10:00"), ("deed", "Send to 881 people"), ("deed_of", "spring")];
    let door = submit(&house, &format!("/campaigns/{id}/start"), &cookie, &form(&asked)).await;
    assert_eq!(door.status, 401);
    let inside = go_on(&house, &door).await.text;
    for there in ["you had asked for", "<b>Send to 881 people</b>: <bdi>spring</bdi>", ">Send to 881 people</button>"] {
        assert!(inside.contains(there), "{there}: {inside}");
    }
    assert!(!inside.contains("what was typed") && !inside.contains("<bdi>2026"), "{inside}");
}

/// A form with files in it, sent by somebody whose session had ended.
async fn send_parts(house: &House, to: &str, cookie: &str, parts: &[(&str, &str)]) -> super::house::Answer {
    let part =
        |(head, value): &(&str, &str)| format!("--x\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n");
    let body = format!("{}--x--\r\n", parts.iter().map(part).collect::<String>());
    let request = Request::builder()
        .method(Method::POST)
        .uri(to)
        .header("cookie", cookie)
        .header("sec-fetch-site", "same-origin")
        .header("referer", format!("{}/imports/new", house.app.config.public_url))
        .header("content-type", "multipart/form-data; boundary=x")
        .body(Body::from(body))
        .unwrap();
    house.send(request).await
}

/// Signs in where one was led to, with what was carried there.
async fn go_on(house: &House, door: &super::house::Answer) -> super::house::Answer {
    let carried = ["next", "carried_to", "carried", "carried_as", "carried_file"];
    let carried: Vec<(&str, String)> = carried.into_iter().map(|name| (name, hidden(&door.text, name))).collect();
    let mut fields = vec![("email", "anna@example.org"), ("password", "correct horse battery")];
    fields.extend(carried.iter().map(|(name, value)| (*name, value.as_str())));
    submit(house, "/sign-in", "", &form(&fields)).await
}

#[tokio::test]
async fn pasted_rows_outlive_the_session_and_of_files_it_is_said_that_they_do_not() {
    const ROWS: &str = "email,name\nkim@a.example,K & L\n";
    let house = House::new();
    owner(&house).await;
    let send = async |parts: &[(&str, &str)]| send_parts(&house, "/imports/files", "", parts).await;
    let (file, text) = ("name=\"file\"; filename=\"a.csv\"", "name=\"text\"");
    let no_file = "name=\"file\"; filename=\"\"";
    let door = send(&[(no_file, ""), (text, ROWS)]).await;
    assert_eq!(door.status, 401, "{}", door.text);
    assert!(door.text.contains("What you typed is kept"), "{}", door.text);
    let inside = go_on(&house, &door).await;
    assert!(inside.text.contains("action=\"/imports/files\" enctype=\"multipart/form-data\""), "{}", inside.text);
    assert!(
        inside.text.contains("name=\"text\">\nemail,name\nkim@a.example,K &#38; L\n</textarea>"),
        "{}",
        inside.text
    );
    let cookie = inside.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let sent = send_parts(&house, "/imports/files", &cookie, &[(text, ROWS)]).await;
    assert_eq!(sent.status, 303, "{}", sent.text);

    let both = send(&[(file, ROWS), (text, ROWS)]).await;
    assert!(both.status == 401 && both.text.contains("The file is not"), "{}", both.text);
    assert!(go_on(&house, &both).await.text.contains("The file you had chosen could not be kept"));

    let alone = send(&[(file, ROWS), (text, "")]).await;
    assert!(alone.status == 401 && alone.text.contains("choose it again"), "{}", alone.text);
    assert_eq!(hidden(&alone.text, "next"), "/imports/new", "they come back to where it is chosen");

    let long = "a@b.example,x\n".repeat(400_000);
    let long = send(&[(text, &long)]).await;
    assert!(long.status == 401 && long.text.contains("longer than the 4 MB"), "{}", long.text);
}

#[tokio::test]
async fn the_longest_draft_is_carried_as_well() {
    let house = House::new();
    owner(&house).await;
    let typed = form(&[("name", "spring"), ("source", &"ü".repeat(450_000))]);
    assert!(typed.len() > crate::BODY_BYTES_MAX);
    let door = submit(&house, "/campaigns/new", "", &typed).await;
    assert_eq!(door.status, 401);
    let inside = go_on(&house, &door).await;
    assert!(inside.status == 200 && inside.text.contains(&"ü".repeat(450_000)), "{}", inside.status);
}

#[tokio::test]
async fn a_message_is_looked_at_with_the_values_of_anybody() {
    let house = House::new();
    house.furnish().await;
    let cookie = owner(&house).await;
    let (edit, _) = begun(&house, &cookie, "spring").await;
    let source = "<p>Hi</p><a href=\"{{ unsubscribe_url }}\">bye</a>{{ postal_address }}";
    let with = async |who: &str, more: &[(&str, &str)]| {
        let mut fields = written("spring", "Spring", source);
        fields.push(("who", who));
        fields.extend_from_slice(more);
        submit(&house, &edit, &cookie, &form(&fields)).await
    };
    let pane = with(" p1@first.example ", &[("quietly", "1")]).await;
    assert!(pane.status == 200 && pane.text.contains("contact=c_"), "{}", pane.text);
    let nobody = with("stranger@b.example", &[("quietly", "1")]).await;
    assert!(nobody.status == 200 && nobody.text.contains("id=\"who-none\""), "{}", nobody.text);
    assert!(nobody.text.contains("stranger@b.example") && !nobody.text.contains("contact=c_"), "{}", nobody.text);
    // Saved, whoever was found is the one that is chosen.
    let next = place(&with("p1@first.example", &[]).await);
    assert!(next.contains("contact=c_") && !next.contains("who="), "{next}");
    let page = look(&house, &next, &cookie).await.text;
    assert!(page.contains("selected>p1@first.example</option>"), "{page}");
    let next = place(&with("stranger@b.example", &[]).await);
    let page = look(&house, &next, &cookie).await.text;
    assert!(page.contains("value=\"stranger@b.example\"") && page.contains("id=\"who-none\""), "{next}: {page}");
}

#[tokio::test]
async fn a_picture_is_sent_in_and_put_in() {
    let house = House::new();
    house.furnish().await;
    let cookie = owner(&house).await;
    let (edit, id) = begun(&house, &cookie, "spring").await;
    let send = async |fields: &[(&str, &str)], content: &[u8]| {
        let mut body = Vec::new();
        for (name, value) in fields {
            let part = format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        body.extend_from_slice(
            b"--x\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"cat.png\"\r\n\r\n",
        );
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n--x--\r\n");
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("/campaigns/{id}/images"))
            .header("cookie", &cookie)
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "multipart/form-data; boundary=x")
            .body(Body::from(body))
            .unwrap();
        house.send(request).await
    };
    let drawn: &[u8] = b"\x89PNG\r\n\x1a\nrest";
    assert_eq!(send(&[], b"<svg onload=alert(1)>").await.status, 422, "that is no picture");
    place(&send(&[], drawn).await);
    let page = look(&house, &edit, &cookie).await.text;
    assert!(page.contains("cat.png") && page.contains("/m/"), "{page}");
    // What was typed comes along and is saved, whether the picture is taken or not.
    let source = "<p>Typed since</p><a href=\"{{ unsubscribe_url }}\">bye</a>{{ postal_address }}";
    let typed = written("spring", "Typed with a picture", source);
    let refused = send(&typed, b"<svg onload=alert(1)>").await;
    assert!(refused.status == 422 && refused.text.contains("id=\"picture-wrong\""), "{}", refused.text);
    assert!(refused.text.contains("href=\"#picture\"") && refused.text.contains("Typed since"), "{}", refused.text);
    let subject = async || {
        let campaign = house.app.store.campaign(id).await.unwrap().unwrap();
        engine::drafts::proposal(&house.app.store, &campaign).await.unwrap().options.subject
    };
    assert_eq!(subject().await.as_deref(), Some("Typed with a picture"));
    let place = place(&send(&written("spring", "And with this one", source), drawn).await);
    assert!(place.starts_with(&format!("{edit}?")) && place.ends_with("#pictures"), "{place}");
    assert_eq!(subject().await.as_deref(), Some("And with this one"));
    // What is wrong with both is told of both, and nothing of it is saved.
    let mut broken = written("spring", "Neither", source);
    broken.retain(|(name, _)| *name != "include");
    let refused = send(&broken, b"").await;
    assert!(refused.text.contains("id=\"picture-wrong\"") && refused.text.contains("id=\"include-wrong\""));
    assert_eq!(subject().await.as_deref(), Some("And with this one"));
}

#[tokio::test]
async fn a_campaign_begins_once_and_is_taken_back() {
    let house = rehearsal();
    house.furnish().await;
    let cookie = owner(&house).await;
    let (edit, id) = begun(&house, &cookie, "spring").await;
    let base = format!("/campaigns/{id}");
    let unknown = written("spring", "Spring", "<p>{{ nonsense }}</p>{{ unsubscribe_url }}");
    place(&submit(&house, &edit, &cookie, &form(&unknown)).await);
    let page = look(&house, &base, &cookie).await.text;
    assert!(
        page.contains("nonsense") && page.contains("Mend it in the message") && !page.contains("/start\""),
        "{page}"
    );
    let source = "<p>Hi</p><a href=\"{{ unsubscribe_url }}\">bye</a>{{ postal_address }}";
    place(&submit(&house, &edit, &cookie, &form(&written("spring", "Spring", source))).await);
    let page = look(&house, &base, &cookie).await.text;
    assert!(page.contains("Send to 2 people"), "{page}");
    let once = hidden(page.split("/start\"").nth(1).unwrap(), "once");
    let start = format!("{base}/start");
    let past =
        submit(&house, &start, &cookie, &form(&[("when", "later"), ("at", "2020-01-01T10:00"), ("once", &once)])).await;
    assert!(past.status == 422 && past.text.contains("id=\"at-wrong\"") && past.text.contains("2020-01-01T10:00"));
    let now = form(&[("when", "now"), ("once", &once)]);
    assert_eq!(place(&submit(&house, &start, &cookie, &now).await), base);
    assert_eq!(place(&submit(&house, &start, &cookie, &now).await), base, "a second press leads to the same place");
    let state = async || house.app.store.campaign(id).await.unwrap().unwrap().state;
    assert_eq!(state().await, CampaignState::Scheduled);
    let page = look(&house, &base, &cookie).await.text;
    assert!(page.contains("data-until=") && page.contains("take-back") && page.contains("data-stream"), "{page}");
    place(&submit(&house, &format!("{base}/take-back"), &cookie, "").await);
    assert_eq!(state().await, CampaignState::Draft);
    assert_eq!(place(&submit(&house, &start, &cookie, &now).await), base);
    assert_eq!(state().await, CampaignState::Draft, "who went back and pressed again begins nothing");
    let late = form(&[("when", "later"), ("at", "2026-02-01T10:00"), ("once", "another")]);
    place(&submit(&house, &start, &cookie, &late).await);
    let campaign = house.app.store.campaign(id).await.unwrap().unwrap();
    assert_eq!(campaign.start_at.map(|at| at.as_millis()), Some(1_769_940_000_000), "in the workspace's zone");
}

#[tokio::test]
async fn a_server_may_wait_longer_or_not_at_all_for_a_campaign_to_be_taken_back() {
    for (secs, says) in [(5, "taken back for 5 s"), (0, "begins at once")] {
        let house = House::with(Config { cancel_window_secs: secs, ..rehearsal_config() });
        house.furnish().await;
        let cookie = owner(&house).await;
        let (edit, id) = begun(&house, &cookie, "spring").await;
        let source = "<p>Hi</p><a href=\"{{ unsubscribe_url }}\">bye</a>{{ postal_address }}";
        place(&submit(&house, &edit, &cookie, &form(&written("spring", "Spring", source))).await);
        let page = look(&house, &format!("/campaigns/{id}"), &cookie).await.text;
        assert!(page.contains(says), "{page}");
        let once = hidden(page.split("/start\"").nth(1).unwrap(), "once");
        let now = house.app.now();
        place(
            &submit(&house, &format!("/campaigns/{id}/start"), &cookie, &form(&[("when", "now"), ("once", &once)]))
                .await,
        );
        let campaign = house.app.store.campaign(id).await.unwrap().unwrap();
        assert_eq!(campaign.start_at, Some(now + std::time::Duration::from_secs(secs.into())));
        if secs > 0 {
            let page = look(&house, &format!("/campaigns/{id}"), &cookie).await.text;
            assert!(page.contains(&format!("data-stream=\"/campaigns/{id}/live?waits=true\"")), "{page}");
        }
    }
}

#[tokio::test]
async fn a_topic_is_chosen_among_those_of_lists() {
    let house = House::new();
    house.furnish().await;
    let cookie = owner(&house).await;
    let list = store::NewList { name: "Tips".to_owned(), topic: Some("garden".to_owned()), ..Default::default() };
    let (actor, now) = (model::Actor::Engine, house.app.now());
    house.app.store.create_list(model::WorkspaceId::FIRST, list, &actor, now).await.unwrap();
    let (edit, id) = begun(&house, &cookie, "spring").await;
    let page = look(&house, &edit, &cookie).await.text;
    assert!(page.contains("<option value=\"garden\">garden</option>"), "{page}");
    let of = async |fields: &[(&str, &str)]| {
        let source = "<a href=\"{{ unsubscribe_url }}\">bye</a>{{ postal_address }}";
        let read = hidden(&look(&house, &edit, &cookie).await.text, "read");
        let fields = [&written("spring", "Spring", source)[..], &[("read", read.as_str())], fields].concat();
        place(&submit(&house, &edit, &cookie, &form(&fields)).await);
        house.app.store.campaign_topic(id).await.unwrap()
    };
    assert_eq!(of(&[("topic", "garden")]).await.as_deref(), Some("garden"));
    let page = look(&house, &edit, &cookie).await.text;
    assert!(page.contains("<option value=\"garden\" selected>garden</option>"), "{page}");
    assert_eq!(of(&[]).await.as_deref(), Some("garden"), "what has no field stays as it was");
    assert_eq!(of(&[("topic", "")]).await, None);
}
