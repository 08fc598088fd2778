//! What pages say of what happened, and to whom: in words, in the reader's language, with what is not known called so.

use super::browser::Browser;
use super::campaigns::{people, rehearsal, written};
use super::house::House;
use super::imports::{import, send_in};
use axum::body::Body;
use axum::http::Request;
use serde_json::json;

/// A page as somebody who reads German sees it.
async fn in_german(house: &House, browser: &Browser<'_>, path: &str) -> String {
    let request = Request::builder().uri(path).header("cookie", &browser.cookie).header("accept-language", "de");
    house.send(request.body(Body::empty()).unwrap()).await.text
}

#[tokio::test]
async fn what_is_refused_keeps_the_menu_of_who_is_signed_in() {
    let house = House::new();
    let browser = Browser::owner(&house).await;
    for path in ["/contacts/c_000000000000", "/campaigns/m_000000000000", "/settings/name"] {
        let refused = browser.look(path).await;
        assert!(refused.status.is_client_error(), "{path}: {}", refused.status);
        assert!(refused.text.contains("aria-label=\"Main\""), "{path}: {}", refused.text);
        assert!(!refused.text.contains("<p>There is no such thing</p>"), "it is said once: {}", refused.text);
        assert!(!refused.text.contains("aria-current=\"page\""), "it is none of the menu's pages: {}", refused.text);
    }
    assert!(browser.look("/settings/name").await.text.contains("This cannot be done here"), "an address of a form");
    let ask = async |path: &str, accept: &str| {
        let request = Request::builder().uri(path).header("cookie", &browser.cookie).header("accept", accept);
        house.send(request.body(Body::empty()).unwrap()).await
    };
    let nowhere = ask("/nowhere", "text/html").await;
    assert!(nowhere.status == 404 && nowhere.text.contains("aria-label=\"Main\""), "{}", nowhere.text);
    assert_eq!(ask("/nowhere", "*/*").await.code(), "no_such_route");
    assert_eq!(ask("/api/v1/nowhere", "text/html").await.code(), "no_such_route");
    let stranger = Browser::of(&house, "").submit("/first/look", "").await;
    assert!(!stranger.text.contains("aria-label=\"Main\""), "{}", stranger.text);
}

#[tokio::test]
async fn the_machine_page_calls_well_only_what_was_looked_at() {
    let house = House::new();
    let (browser, key) = (Browser::owner(&house).await, house.master_key().await);
    let row = |page: &str, name: &str| {
        let row = page.split("<tr").find(|row| row.contains(name)).map(str::to_owned);
        row.unwrap_or_else(|| panic!("{page}"))
    };
    let page = browser.look("/machine").await.text;
    for name in ["DNS shows what mail is verified by", "The certificate holds"] {
        assert!(row(&page, name).contains("unknown") && !row(&page, name).contains("no alert"), "{page}");
    }
    assert!(row(&page, "The ledger").contains(" MB"), "small and not nothing: {page}");
    let made = house.post("/api/v1/domains/first.example/keys", &key, json!({ "ed25519": true })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let page = browser.look("/machine").await.text;
    assert!(row(&page, "DNS shows what mail is verified by").contains("not to be seen in DNS"), "{page}");
    let shows = House::with(crate::Config { shows_certificate: true, ..crate::Config::default() });
    let page = Browser::owner(&shows).await.look("/machine").await.text;
    assert!(row(&page, "The certificate holds").contains("no alert"), "{page}");
}

#[tokio::test]
async fn events_name_whom_and_what_they_are_about() {
    let house = rehearsal();
    let (browser, key) = (Browser::owner(&house).await, house.master_key().await);
    let import = people(&house, &["anna@a.example"]).await;
    let made = house.post("/api/v1/campaigns", &key, written("spring", &import)).await.json();
    let id = made["id"].as_str().unwrap();
    let page = in_german(&house, &browser, "/events").await;
    assert!(page.contains(&format!("href=\"/campaigns/{id}\">spring</a>")), "{page}");
    let found = house.get("/api/v1/contacts?email=anna@a.example", &key).await.json();
    let contact = found["data"][0]["id"].as_str().unwrap().to_owned();
    let change = json!({ "attributes": { "city": "Graz" } });
    let place = format!("/api/v1/contacts/{contact}");
    let changed = house.ask(axum::http::Method::PATCH, &place, Some(&key), Some(change)).await;
    assert_eq!(changed.status, 200);
    let page = in_german(&house, &browser, "/events").await;
    assert!(page.contains(&format!("href=\"/contacts/{contact}\">anna@a.example</a>")), "{page}");
    let page = in_german(&house, &browser, &format!("/contacts/{contact}")).await;
    assert!(page.contains("<small class=\"mute\">Werte</small>"), "{page}");
}

#[tokio::test]
async fn the_composer_names_all_that_stands_in_braces_and_leaves_out_nobody_by_everybody() {
    let house = rehearsal();
    let (browser, key) = (Browser::owner(&house).await, house.master_key().await);
    let import = people(&house, &["anna@a.example"]).await;
    let made = house.post("/api/v1/campaigns", &key, written("spring", &import)).await.json();
    let page = browser.look(&format!("/campaigns/{}/edit", made["id"].as_str().unwrap())).await.text;
    for tag in mail::compose::OUR_TAGS {
        assert!(page.contains(&format!("<code class=\"nb\">{{{{ {tag} }}}}</code>")), "{tag}: {page}");
    }
    assert!(page.contains("id=\"include-everyone\"") && !page.contains("id=\"exclude-everyone\""), "{page}");
    let (form, saved) = (page.find("</form>\n<div>").unwrap(), page.find("id=\"saved\"").unwrap());
    assert!(saved < form, "what becomes of what is typed is said where it is typed");
}

#[tokio::test]
async fn a_wrong_password_of_ones_own_is_called_that() {
    let house = House::new();
    let browser = Browser::owner(&house).await;
    let wrong = browser.submit("/account/password", "password=guess&new_password=a+few+words+more").await;
    assert!(wrong.status == 401 && wrong.text.contains("That is not your password."), "{}", wrong.text);
    assert!(!wrong.text.contains("This address"), "{}", wrong.text);
}

#[tokio::test]
async fn rows_that_were_not_taken_say_why_in_the_readers_language() {
    let house = House::new();
    let (browser, key) = (Browser::owner(&house).await, house.master_key().await);
    let sent = send_in(&house, &key, "email,name\nanna@a.example,Anna\nno one@a.example,Bo\n").await.json();
    let wanted = json!({ "file": sent["file"], "dry_run": true });
    let tried = import(&house, &key, wanted).await;
    let page = in_german(&house, &browser, &format!("/imports/jobs/{}", tried["id"].as_str().unwrap())).await;
    assert!(page.contains("ist vor dem @ nicht erlaubt"), "{page}");
    assert!(!page.contains("is not an address"), "{page}");
}
