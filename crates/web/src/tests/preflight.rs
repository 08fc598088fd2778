//! What stands on the page with the button that begins a campaign: what is sent to whom, and what was checked.

use super::browser::{Browser, roles};
use super::campaigns::{people, rehearsal, written};
use super::house::House;
use super::pages::{look, owner};
use model::Role;
use serde_json::{Value, json};
use std::time::Duration;

/// Makes a draft; its review.
async fn reviewed(house: &House, cookie: &str, key: &str, draft: Value) -> String {
    let made = house.post("/api/v1/campaigns", key, draft).await;
    let id = made.json()["id"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned();
    let page = look(house, &format!("/campaigns/{id}"), cookie).await;
    assert_eq!(page.status, 200, "{}", page.text);
    page.text
}

/// A draft to everybody that says this.
fn saying(name: &str, front: &str, body: &str) -> Value {
    let mut draft = written(name, "everyone");
    draft["message"]["source"] = json!(format!("---\n{front}\n---\n{body}\n\n{{{{ postal_address }}}}\n"));
    draft
}

#[tokio::test]
async fn what_is_sent_to_whom_stands_beside_the_button() {
    let house = rehearsal();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    people(&house, &["anna@a.example"]).await;
    let made = async |path: &str, new: Value| house.post(path, &key, new).await.json()["id"].clone();
    let list = made("/api/v1/lists", json!({ "name": "Gardeners" })).await;
    let segment = made("/api/v1/segments", json!({ "name": "Bergen", "text": "attr.first_name == \"Bo\"" })).await;
    let body = "Dear {{ first_name }},\n\n[Stop]({{ unsubscribe_url }})";
    let mut draft = saying("spring", "subject: The first crocuses\npreheader: They are out", body);
    draft["audience"] = json!({ "include": ["everyone"], "exclude": [list, segment] });
    let page = reviewed(&house, &cookie, &key, draft).await;
    let said = ["The first crocuses", "They are out", "Everybody", "Gardeners", "Bergen", "anna@a.example"];
    for one in said.into_iter().chain(["<iframe class=\"mail desktop\" sandbox=\"\"", "Send to one person"]) {
        assert!(page.contains(one), "{one} is missing: {page}");
    }
    let other = reviewed(&house, &cookie, &key, saying("spring (2)", "subject: The last snow", body)).await;
    assert!(other.contains("The last snow") && !other.contains("The first crocuses"), "they are told apart: {other}");
    assert!(!other.contains("Gardeners"), "{other}");
}

#[tokio::test]
async fn what_was_checked_is_told_with_its_result() {
    let house = rehearsal();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    people(&house, &["anna@a.example"]).await;
    let body = "Dear {{ first_name }},\n\n[Stop]({{ unsubscribe_url }})";
    let page = reviewed(&house, &cookie, &key, saying("spring", "subject: Hi", body)).await;
    for (what, result) in [
        ("Signature (DKIM)", "not looked for in DNS"),
        ("Unsubscribing", "a link in the message"),
        ("Legal name and postal address", "missing"),
        ("Text part", "made from the message"),
        ("Values without a fallback", "whoever gets it has them all"),
        ("Links", "none"),
        ("Size", "kB of HTML"),
        ("Topic", "none: nobody is skipped"),
        ("Of use until", "none"),
    ] {
        let told =
            page.split(&format!("<dt>{what}</dt>")).nth(1).unwrap_or_else(|| panic!("{what} is missing: {page}"));
        assert!(told.split("</dd>").next().is_some_and(|told| told.contains(result)), "{what}: {told}");
    }
    assert_eq!(page.matches("kB of HTML").count(), 1, "its size is told once: {page}");
    let whole = page.split("Look at it by itself").next().unwrap().rsplit("href=\"").next().unwrap();
    let whole = whole.split('"').next().unwrap().replace("&#38;", "&");
    assert_eq!(look(&house, &whole, &cookie).await.status, 200, "{whole}");
    let new = json!({ "name": "Gardeners", "topic": "gardens" });
    let list = house.post("/api/v1/lists", &key, new).await.json()["id"].clone();
    let mut draft = saying("summer", "subject: Hi", body);
    draft["audience"] = json!({ "include": [list] });
    let page = reviewed(&house, &cookie, &key, draft).await;
    assert!(page.contains("gardens, which its lists share"), "{page}");
    // What stands against it is told as such.
    let house = House::new();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    people(&house, &["anna@a.example"]).await;
    let page = reviewed(&house, &cookie, &key, saying("spring", "subject: Hi", body)).await;
    let told = page.split("<dt>Signature (DKIM)</dt>").nth(1).unwrap_or_else(|| panic!("{page}"));
    assert!(told.split("</dd>").next().is_some_and(|told| told.contains("stands against it")), "{told}");
}

#[tokio::test]
async fn what_mail_does_not_run_and_letters_that_are_turned_around_are_told() {
    let house = rehearsal();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    people(&house, &["anna@a.example"]).await;
    let body = "<p onmouseover=\"run()\">Hi</p><meta http-equiv=\"refresh\" content=\"0;url=https://first.example\">\
        <a href=\"{{ unsubscribe_url }}\">Stop</a>";
    let mut draft = saying("turned", "subject: Bill \u{202E}fdp.exe", body);
    draft["message"]["format"] = json!("html");
    draft["from"] = json!("An\u{202E}na <news@first.example>");
    let page = reviewed(&house, &cookie, &key, draft).await;
    for told in [
        "&#60;p&#62; has onmouseover: mail programs run no scripts",
        "a &#60;meta&#62; leads on to another page",
        "the subject has a sign that turns letters around",
        "the sender&#39;s name has a sign that turns letters around",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
}

#[tokio::test]
async fn what_mends_a_draft_is_a_link_for_those_who_may_write() {
    let house = rehearsal();
    let key = house.master_key().await;
    people(&house, &["anna@a.example"]).await;
    let mut draft = saying("spring", "subject: Hi", "Dear {{ first_name }},\n\n[Stop]({{ unsubscribe_url }})");
    draft["expires_at"] = json!("2026-02-01T08:00:00Z");
    let made = house.post("/api/v1/campaigns", &key, draft).await;
    let path = format!("/campaigns/{}", made.json()["id"].as_str().unwrap_or_else(|| panic!("{}", made.text)));
    house.pass(Duration::from_secs(60 * 86_400));
    let mends = format!("<p class=\"mute\"><a href=\"{path}/edit\">Choose a later time");
    let page = Browser::owner(&house).await.look(&path).await.text;
    assert!(page.contains(&mends), "{page}");
    let page = roles(&house, Role::Analyst).await.look(&path).await.text;
    assert!(page.contains("<p class=\"mute\">Choose a later time"), "{page}");
    assert!(!page.contains(&format!("{path}/edit\"")), "{page}");
}
