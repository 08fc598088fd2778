//! People: the first owner, signing in, the second factor, and what happens to those who guess.

use super::house::{Answer, House};
use crate::auth::{sign_in, totp};
use axum::body::Body;
use axum::http::{Method, Request};
use http_body_util::BodyExt;
use model::{Actor, Role, WorkspaceId};
use serde_json::{Value, json};
use std::time::Duration;
use store::LinkPurpose;

const PASSWORD: &str = "correct horse battery";

/// A request as a browser sends it from a page of ours.
async fn browse(house: &House, method: Method, path: &str, cookie: &str, body: Value) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("cookie", cookie)
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    house.send(request).await
}

async fn link(house: &House) -> String {
    let (store, entropy) = (&house.app.store, house.app.world.entropy.as_ref());
    let who = (WorkspaceId::FIRST, None, LinkPurpose::Welcome);
    sign_in::make_link(store, entropy, who, &Actor::Engine, house.app.now()).await.unwrap()
}

/// A house with an owner.
async fn owned() -> House {
    let house = House::new();
    let body =
        json!({ "token": link(&house).await, "email": "Anna@Example.org", "name": "Anna", "password": PASSWORD });
    let made = house.ask(Method::POST, "/api/v1/welcome", None, Some(body)).await;
    assert_eq!((made.status.as_u16(), made.json()["email"].as_str()), (200, Some("anna@example.org")), "{}", made.text);
    house
}

async fn try_in(house: &House, body: Value) -> Answer {
    house.ask(Method::POST, "/api/v1/session", None, Some(body)).await
}

/// The cookie of somebody who signs in.
async fn cookie(house: &House, body: Value) -> String {
    let answer = try_in(house, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let header = answer.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(header.contains("HttpOnly; SameSite=Lax") && header.contains("Path=/;"), "{header}");
    header.split(';').next().unwrap().to_owned()
}

fn anna() -> Value {
    json!({ "email": "anna@EXAMPLE.org", "password": PASSWORD })
}

#[tokio::test]
async fn the_first_owner_comes_by_a_link_that_works_once() {
    let house = House::new();
    let token = link(&house).await;
    let body = |password: &str| json!({ "token": token, "email": "a@example.org", "name": "A", "password": password });
    let ask = async |body: Value| house.ask(Method::POST, "/api/v1/welcome", None, Some(body)).await;
    assert_eq!(ask(body("short")).await.json()["field"], "password");
    assert_eq!(ask(json!({ "token": "wrong", "password": PASSWORD })).await.code(), "not_found");
    assert_eq!(ask(body(PASSWORD)).await.status, 200);
    assert_eq!(ask(body(PASSWORD)).await.code(), "not_found", "once");
    let late = link(&house).await;
    let again = json!({ "token": late, "email": "b@example.org", "name": "B", "password": PASSWORD });
    assert_eq!(ask(again.clone()).await.code(), "wrong_state", "there is an owner");
    house.pass(sign_in::LINK_LASTS);
    assert_eq!(ask(again).await.code(), "not_found");
}

#[tokio::test]
async fn a_session_works_from_our_pages_and_ends() {
    let house = owned().await;
    let cookie = cookie(&house, anna()).await;
    let me = browse(&house, Method::GET, "/api/v1/me", &cookie, json!({})).await.json();
    assert_eq!((&me["role"], &me["account"]["email"]), (&json!("owner"), &json!("anna@example.org")));
    let foreign = Request::post("/api/v1/workspaces")
        .header("cookie", &cookie)
        .header("sec-fetch-site", "cross-site")
        .header("content-type", "application/json")
        .body(Body::from("{\"name\":\"x\"}"))
        .unwrap();
    assert_eq!(house.send(foreign).await.code(), "cross_site");
    let bare = Request::delete("/api/v1/session").header("cookie", &cookie).body(Body::empty()).unwrap();
    assert_eq!(house.send(bare).await.code(), "cross_site", "a cookie and no word about where it comes from");
    let origin = Request::post("/api/v1/workspaces")
        .header("cookie", &cookie)
        .header("origin", "http://127.0.0.1:8025")
        .header("content-type", "application/json")
        .body(Body::from("{\"name\":\"second\"}"))
        .unwrap();
    assert_eq!(house.send(origin).await.status, 201);
    assert_eq!(browse(&house, Method::DELETE, "/api/v1/session", &cookie, json!({})).await.status, 204);
    assert_eq!(browse(&house, Method::GET, "/api/v1/me", &cookie, json!({})).await.code(), "not_signed_in");
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_and_at_its_time() {
    let house = owned().await;
    let idle = cookie(&house, anna()).await;
    house.pass(sign_in::SESSION_IDLE);
    assert_eq!(browse(&house, Method::GET, "/api/v1/me", &idle, json!({})).await.code(), "not_signed_in");
    let busy = cookie(&house, anna()).await;
    let hours = sign_in::SESSION_LASTS.as_secs() / 3600;
    for _ in 0..hours / 12 {
        assert_eq!(browse(&house, Method::GET, "/api/v1/me", &busy, json!({})).await.status, 200);
        house.pass(Duration::from_secs(12 * 3600));
    }
    assert_eq!(browse(&house, Method::GET, "/api/v1/me", &busy, json!({})).await.code(), "not_signed_in");
}

#[tokio::test]
async fn a_planted_session_is_not_taken_up() {
    let house = owned().await;
    let planted = cookie(&house, anna()).await;
    let request = Request::post("/api/v1/session")
        .header("cookie", &planted)
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/json")
        .body(Body::from(anna().to_string()))
        .unwrap();
    let fresh = house.send(request).await;
    assert_eq!(fresh.status, 200);
    assert!(!fresh.headers["set-cookie"].to_str().unwrap().starts_with(&planted));
    assert_eq!(browse(&house, Method::GET, "/api/v1/me", &planted, json!({})).await.code(), "not_signed_in");
}

#[tokio::test]
async fn who_guesses_is_not_heard_for_a_while() {
    let house = owned().await;
    let wrong = json!({ "email": "anna@example.org", "password": "wrong horse battery" });
    let nobody = json!({ "email": "nobody@example.org", "password": PASSWORD });
    assert_eq!(try_in(&house, nobody).await.code(), "bad_credentials");
    for _ in 0..10 {
        assert_eq!(try_in(&house, wrong.clone()).await.code(), "bad_credentials");
    }
    let shut = try_in(&house, anna()).await;
    assert_eq!((shut.code().as_str(), &shut.headers["retry-after"]), ("too_many_attempts", &"900".parse().unwrap()));
    house.pass(Duration::from_secs(900));
    assert_eq!(try_in(&house, anna()).await.status, 200);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_its_codes_work_once() {
    let house = owned().await;
    let session = cookie(&house, anna()).await;
    let path = "/api/v1/me/second-factor";
    let offered = browse(&house, Method::POST, path, &session, json!({ "password": PASSWORD })).await.json();
    let secret = totp::unbase32(offered["secret"].as_str().unwrap()).unwrap();
    let code = |house: &House| totp::digits(&secret, house.app.now().as_secs() / 30);
    let confirm = json!({ "password": PASSWORD, "secret": offered["secret"], "code": code(&house) });
    let codes = browse(&house, Method::PUT, path, &session, confirm).await.json()["recovery_codes"].clone();
    let with = |code: &str| json!({ "email": "anna@example.org", "password": PASSWORD, "code": code });
    assert_eq!(try_in(&house, anna()).await.code(), "second_factor_needed");
    assert_eq!(try_in(&house, with(&code(&house))).await.code(), "second_factor_wrong", "this step was used");
    let guessed = json!({ "email": "anna@example.org", "password": "wrong horse battery", "code": code(&house) });
    let stranger = json!({ "email": "nobody@example.org", "password": PASSWORD, "code": "000000" });
    for told in [guessed, stranger] {
        assert_eq!(
            try_in(&house, told).await.code(),
            "bad_credentials",
            "only who knows the password hears of the code"
        );
    }
    house.pass(Duration::from_secs(30));
    assert_eq!(try_in(&house, with(&code(&house))).await.status, 200);
    assert_eq!(try_in(&house, with(&code(&house))).await.code(), "second_factor_wrong", "a replay");
    let recovery = codes[0].as_str().unwrap();
    assert_eq!(try_in(&house, with(recovery)).await.status, 200);
    assert_eq!(try_in(&house, with(recovery)).await.code(), "second_factor_wrong");
    for _ in 0..9 {
        assert_eq!(try_in(&house, with("000000")).await.code(), "second_factor_wrong");
    }
    assert_eq!(
        try_in(&house, with(codes[1].as_str().unwrap())).await.code(),
        "too_many_attempts",
        "codes are no guess"
    );
    house.pass(Duration::from_secs(900));
    let away = json!({ "password": PASSWORD, "code": code(&house) });
    assert_eq!(browse(&house, Method::POST, &format!("{path}/remove"), &session, away).await.status, 204);
    assert_eq!(try_in(&house, anna()).await.status, 200);
}

#[tokio::test]
async fn an_invited_person_works_in_their_role_until_they_are_shut_out() {
    let house = owned().await;
    let owner = cookie(&house, anna()).await;
    let body = json!({ "email": "bob@example.org", "name": "Bob", "role": "analyst" });
    let invited = browse(&house, Method::POST, "/api/v1/users", &owner, body.clone()).await.json();
    assert_eq!(browse(&house, Method::POST, "/api/v1/users", &owner, body).await.code(), "already_exists");
    let token = invited["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let welcome = json!({ "token": token, "password": PASSWORD });
    assert_eq!(house.ask(Method::POST, "/api/v1/welcome", None, Some(welcome)).await.status, 200);
    let bob = cookie(&house, json!({ "email": "bob@example.org", "password": PASSWORD })).await;
    assert_eq!(browse(&house, Method::GET, "/api/v1/suppressions", &bob, json!({})).await.status, 200);
    let refused = browse(&house, Method::POST, "/api/v1/suppressions", &bob, json!({ "target": "x.example" })).await;
    assert_eq!(refused.code(), "not_allowed");
    let path = format!("/api/v1/users/{}", invited["user"]["id"].as_str().unwrap());
    let change = json!({ "role": "operator" });
    assert_eq!(browse(&house, Method::PATCH, &path, &owner, change).await.json()["role"], "operator");
    let allowed = browse(&house, Method::POST, "/api/v1/suppressions", &bob, json!({ "target": "x.example" })).await;
    assert_eq!(allowed.status, 201, "a role holds from the next request on");
    assert_eq!(browse(&house, Method::PATCH, &path, &owner, json!({ "disabled": true })).await.status, 200);
    assert_eq!(browse(&house, Method::GET, "/api/v1/me", &bob, json!({})).await.code(), "not_signed_in");
    let shut = try_in(&house, json!({ "email": "bob@example.org", "password": PASSWORD })).await;
    assert_eq!(shut.code(), "bad_credentials");
}

#[tokio::test]
async fn a_workspace_keeps_an_owner_and_its_people_to_itself() {
    let house = owned().await;
    let owner = cookie(&house, anna()).await;
    let me = browse(&house, Method::GET, "/api/v1/users", &owner, json!({})).await.json();
    let path = format!("/api/v1/users/{}", me["data"][0]["id"].as_str().unwrap());
    assert_eq!(browse(&house, Method::DELETE, &path, &owner, json!({})).await.code(), "refused");
    assert_eq!(browse(&house, Method::PATCH, &path, &owner, json!({ "role": "analyst" })).await.code(), "refused");
    let foreign = house.foreign_key().await;
    assert_eq!(house.get(&path, &foreign).await.code(), "not_found");
    assert_eq!(house.get("/api/v1/workspaces", &foreign).await.json()["data"].as_array().unwrap().len(), 1);
    let other = format!("/api/v1/workspaces/{}", WorkspaceId::FIRST);
    assert_eq!(house.get(&other, &foreign).await.code(), "not_found");
    assert_eq!(house.post("/api/v1/workspaces", &foreign, json!({ "name": "mine" })).await.code(), "not_allowed");
}

/// The answer to an invitation, without what is another each time, and the secret of its link.
fn invitation(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 201, "{}", answer.text);
    let invited = answer.json();
    let token = invited["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let id = invited["user"]["id"].as_str().unwrap();
    (answer.text.replace(id, "ID").replace(&token, "TOKEN"), token)
}

async fn accept(house: &House, body: Value) -> Answer {
    house.ask(Method::POST, "/api/v1/welcome", None, Some(body)).await
}

#[tokio::test]
async fn nobody_learns_of_an_account_elsewhere_by_an_invitation() {
    let house = owned().await;
    let foreign = house.foreign_key().await;
    let whom = |email: &str| json!({ "email": email, "name": "Kim", "role": "analyst" });
    let (known, token) = invitation(&house.post("/api/v1/users", &foreign, whom("anna@example.org")).await);
    let (unknown, other) = invitation(&house.post("/api/v1/users", &foreign, whom("kims@example.org")).await);
    assert_eq!(known.replace("anna@", "kims@"), unknown, "byte for byte");
    let page = async |token: &str| browse(&house, Method::GET, &format!("/welcome/{token}"), "", json!({})).await.text;
    let (known, unknown) = (page(&token).await, page(&other).await);
    assert!(known.contains("You are invited"), "{known}");
    assert_eq!(known.replace("anna@", "kims@").replace(&token, &other), unknown, "whoever made the link may open it");
    let again = house.post("/api/v1/users", &foreign, whom("anna@example.org")).await;
    let once_more = house.post("/api/v1/users", &foreign, whom("kims@example.org")).await;
    let told = |answer: &Answer| answer.text.split(",\"request_id\"").next().unwrap_or_default().to_owned();
    assert_eq!(told(&again).replace("anna@", "kims@"), told(&once_more));
    assert_eq!(again.code(), "already_exists");
    let all = house.get("/api/v1/users", &foreign).await.json()["data"].clone();
    assert!(all.as_array().unwrap().iter().all(|one| one["invited"] == true && one["name"] == "Kim"), "{all}");
    for one in all.as_array().unwrap() {
        let path = format!("/api/v1/users/{}", one["id"].as_str().unwrap());
        assert_eq!(house.get(&path, &foreign).await.json(), *one);
        let shut_out = house.ask(Method::PATCH, &path, Some(&foreign), Some(json!({ "disabled": true }))).await;
        assert_eq!(shut_out.code(), "wrong_state", "{}", shut_out.text);
        let reset = house.post(&format!("{path}/reset"), &foreign, json!({})).await;
        assert_eq!(reset.status, 201, "another link: {}", reset.text);
        assert_eq!(house.ask(Method::DELETE, &path, Some(&foreign), None).await.status, 204);
    }
    assert_eq!(accept(&house, json!({ "token": other, "password": PASSWORD })).await.code(), "not_found", "taken back");
}

#[tokio::test]
async fn a_link_that_opens_somebodys_account_leaves_a_trace_of_who_made_it() {
    let house = owned().await;
    let key = house.master_key().await;
    let owner = house.get("/api/v1/users", &key).await.json()["data"][0]["id"].as_str().unwrap().to_owned();
    let made = house.post(&format!("/api/v1/users/{owner}/reset"), &key, json!({})).await;
    let token = made.json()["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let told = async || {
        let newest = house.get("/api/v1/audit?kinds=user_changed&limit=1", &key).await.json()["data"][0].clone();
        (newest["actor"].as_str().unwrap().to_owned(), newest["detail"].as_str().unwrap().to_owned())
    };
    let (actor, detail) = told().await;
    assert!(actor.starts_with("key:"), "{actor}");
    assert_eq!(detail, format!("{owner} link to set a new password made"));
    let set = accept(&house, json!({ "token": token, "password": "another horse battery" })).await;
    assert_eq!(set.status, 200, "{}", set.text);
    let (actor, detail) = told().await;
    assert_eq!(actor, format!("user:{owner}"));
    assert!(detail.ends_with("by a link"), "whoever had the link: {detail}");
}

#[tokio::test]
async fn who_is_invited_reads_nothing_until_they_accept() {
    let house = owned().await;
    let (foreign, own) = (house.foreign_key().await, cookie(&house, anna()).await);
    let there = house.get("/api/v1/me", &foreign).await.json()["workspace"].as_str().unwrap().to_owned();
    let whom = json!({ "email": "Anna@example.org", "name": "Kim", "role": "analyst" });
    let (_, token) = invitation(&house.post("/api/v1/users", &foreign, whom).await);
    let go =
        async || browse(&house, Method::POST, "/api/v1/session/workspace", &own, json!({ "workspace": there })).await;
    assert_eq!(go().await.code(), "not_found", "an account is no place");
    let me = browse(&house, Method::GET, "/api/v1/me", &own, json!({})).await;
    assert!(!me.text.contains(&there), "{}", me.text);
    let guessed = accept(&house, json!({ "token": token, "password": "wrong horse battery" })).await;
    assert_eq!((guessed.code().as_str(), &guessed.json()["field"]), ("bad_credentials", &json!("password")));
    assert_eq!(go().await.code(), "not_found");
    let page = browse(&house, Method::GET, &format!("/welcome/{token}"), &own, json!({})).await.text;
    assert!(
        page.contains("Accept") && !page.contains("type=\"password\""),
        "signed in, she has nothing to prove: {page}"
    );
    let accepted = browse(&house, Method::POST, "/api/v1/welcome", &own, json!({ "token": token })).await;
    assert_eq!(accepted.json()["email"], "anna@example.org", "{}", accepted.text);
    assert_eq!(go().await.status, 200);
    assert_eq!(browse(&house, Method::GET, "/api/v1/suppressions", &own, json!({})).await.status, 200);
    let all = house.get("/api/v1/users", &foreign).await.json()["data"].clone();
    assert_eq!((&all[0]["name"], &all[0]["invited"], &all[1]), (&json!("Anna"), &json!(false), &Value::Null));
    assert_eq!(accept(&house, json!({ "token": token, "password": PASSWORD })).await.code(), "not_found", "once");
    assert_eq!(try_in(&house, anna()).await.status, 200, "her password is hers");
}

#[tokio::test]
async fn an_invitation_is_accepted_with_the_password_of_an_account_and_its_second_factor() {
    let house = owned().await;
    let (foreign, own) = (house.foreign_key().await, cookie(&house, anna()).await);
    let path = "/api/v1/me/second-factor";
    let offered = browse(&house, Method::POST, path, &own, json!({ "password": PASSWORD })).await.json();
    let secret = totp::unbase32(offered["secret"].as_str().unwrap()).unwrap();
    let code = |house: &House| totp::digits(&secret, house.app.now().as_secs() / 30);
    let confirm = json!({ "password": PASSWORD, "secret": offered["secret"], "code": code(&house) });
    assert_eq!(browse(&house, Method::PUT, path, &own, confirm).await.status, 200);
    let whom = json!({ "email": "anna@example.org", "name": "Kim", "role": "analyst" });
    let (_, token) = invitation(&house.post("/api/v1/users", &foreign, whom).await);
    let asked = accept(&house, json!({ "token": token, "password": PASSWORD })).await;
    assert_eq!((asked.code().as_str(), &asked.json()["field"]), ("second_factor_needed", &json!("code")));
    house.pass(Duration::from_secs(30));
    let body = json!({ "token": token, "password": PASSWORD, "code": code(&house) });
    assert_eq!(accept(&house, body).await.status, 200);
}

/// Everything that is told until the stream ends, which it does soon.
async fn rest(mut body: Body) -> String {
    let reading = async {
        let mut told = String::new();
        while let Some(frame) = body.frame().await {
            told.push_str(&String::from_utf8_lossy(&frame.unwrap().into_data().unwrap()));
        }
        told
    };
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("the stream ends")
}

#[tokio::test]
async fn who_follows_hears_nothing_more_when_the_right_ends() {
    let house = owned().await;
    let owner = cookie(&house, anna()).await;
    let key = house.master_key().await;
    let follow = async |name: &str, value: String| {
        let request = Request::builder().uri("/api/v1/events/follow").header(name, value).body(Body::empty()).unwrap();
        let response = house.open(request).await;
        assert_eq!(response.status(), 200);
        response.into_body()
    };
    let invite = async |email: &str| {
        let body = json!({ "email": email, "name": "Bob", "role": "analyst" });
        let invited = browse(&house, Method::POST, "/api/v1/users", &owner, body).await.json();
        let token = invited["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let welcome = json!({ "token": token, "password": PASSWORD });
        assert_eq!(house.ask(Method::POST, "/api/v1/welcome", None, Some(welcome)).await.status, 200);
        let cookie = cookie(&house, json!({ "email": email, "password": PASSWORD })).await;
        (format!("/api/v1/users/{}", invited["user"]["id"].as_str().unwrap()), cookie)
    };
    let ((bob, bobs), (lee, lees), (_, kims)) =
        (invite("bob@example.org").await, invite("lee@example.org").await, invite("kim@example.org").await);
    let new = json!({ "name": "reads", "scopes": ["events.read"] });
    let made = house.post("/api/v1/keys", &key, new).await.json();
    let streams = [
        follow("authorization", format!("Bearer {}", made["secret"].as_str().unwrap())).await,
        follow("cookie", bobs).await,
        follow("cookie", lees).await,
        follow("cookie", kims.clone()).await,
    ];
    let path = format!("/api/v1/keys/{}", made["key"]["id"].as_str().unwrap());
    assert_eq!(house.ask(Method::DELETE, &path, Some(&key), None).await.status, 200);
    assert_eq!(browse(&house, Method::PATCH, &bob, &owner, json!({ "disabled": true })).await.status, 200);
    assert_eq!(browse(&house, Method::DELETE, &lee, &owner, json!({})).await.status, 204);
    assert_eq!(browse(&house, Method::DELETE, "/api/v1/session", &kims, json!({})).await.status, 204);
    let secret = house.post("/api/v1/contacts", &key, json!({ "email": "secret@example.org" })).await;
    assert_eq!(secret.status, 201);
    for stream in streams {
        let told = rest(stream).await;
        assert!(!told.contains("contact_made"), "it was told after the right ended: {told}");
    }
    let mut stays = follow("cookie", owner.clone()).await;
    house.post("/api/v1/contacts", &key, json!({ "email": "other@example.org" })).await;
    assert!(stays.frame().await.is_some(), "whoever may reads on");
}

#[tokio::test]
async fn each_role_may_what_its_table_says() {
    let house = House::new();
    for role in Role::ALL {
        let key = house.key(WorkspaceId::FIRST, role.scopes()).await;
        for (path, scope) in [
            ("/api/v1/suppressions", "suppressions.read"),
            ("/api/v1/keys", "keys.read"),
            ("/api/v1/users", "users.read"),
        ] {
            let allowed = role.scopes().iter().any(|has| has.word() == scope);
            let answer = house.get(path, &key).await;
            assert_eq!(answer.status == 200, allowed, "{role} {path}");
        }
    }
}
