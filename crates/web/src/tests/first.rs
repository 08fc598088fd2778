//! The first page: the machine, looked at when somebody asks.

use super::browser::Browser;
use super::campaigns::rehearsal;
use axum::http::Method;
use serde_json::json;

#[tokio::test]
async fn the_machine_is_looked_at_when_somebody_asks() {
    let house = rehearsal();
    let (browser, key) = (Browser::owner(&house).await, house.master_key().await);
    let source = json!({ "address": "10.0.0.7", "ehlo_name": "out.first.example" });
    assert_eq!(house.ask(Method::PUT, "/api/v1/sources/out", Some(&key), Some(source)).await.status, 200);
    let before = browser.look("/first").await.text;
    assert!(before.contains("action=\"/first/look\"") && !before.contains("id=\"checks\""), "{before}");
    let looked = browser.submit("/first/look", "").await;
    assert_eq!(looked.status, 200, "{}", looked.text);
    for told in [
        "The public address: http://127.0.0.1:8025 <span class=\"v small\">to be put right</span>",
        "links in mail would lead recipients nowhere",
        "This is a rehearsal: nothing leaves this machine.",
        "The reverse name of the source: out <span class=\"v small\">not known</span>",
        "10.0.0.7 is an address of a private network",
    ] {
        assert!(looked.text.contains(told), "{told}: {}", looked.text);
    }
    let foreign = Browser::of(&house, "").submit("/first/look", "").await;
    assert_eq!(foreign.status, 401, "for people who signed in");
}
