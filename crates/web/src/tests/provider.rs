//! Signing in by an identity provider: the way out and back, against a small one on loopback that checks what it is given.

use super::house::{Answer, House};
use super::pages::{look, owner, submit};
use crate::{Config, IdentityProvider};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use model::{Actor, Role, WorkspaceId};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::LinkPurpose;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the provider is to say of who signs in next, and what it saw.
#[derive(Default)]
struct Desk {
    claims: Value,
    challenge: String,
    asked: Vec<String>,
}

struct Provider {
    issuer: String,
    desk: Arc<Mutex<Desk>>,
}

impl Provider {
    async fn open() -> Provider {
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", door.local_addr().unwrap());
        let desk: Arc<Mutex<Desk>> = Arc::default();
        let (of, at) = (desk.clone(), issuer.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = door.accept().await.unwrap();
                tokio::spawn(answer(stream, at.clone(), of.clone()));
            }
        });
        Provider { issuer, desk }
    }

    fn config(&self) -> Config {
        let identity_provider = Some(IdentityProvider {
            issuer: self.issuer.clone(),
            client_id: "us".to_owned(),
            client_secret: Some("s&cret".to_owned()),
            name: "Acme ID".to_owned(),
            trusts_email: false,
        });
        Config { identity_provider, ..Config::default() }
    }

    fn asked(&self, path: &str) -> usize {
        self.desk.lock().unwrap().asked.iter().filter(|asked| *asked == path).count()
    }
}

async fn answer(mut stream: TcpStream, issuer: String, desk: Arc<Mutex<Desk>>) {
    let mut read = Vec::new();
    let (head, body) = loop {
        let mut piece = [0; 4_096];
        let count = stream.read(&mut piece).await.unwrap();
        read.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:").map(str::to_owned));
        if body.len() >= length.and_then(|length| length.trim().parse().ok()).unwrap_or(0) {
            break (head.to_owned(), body.to_owned());
        }
    };
    let path = head.split(' ').nth(1).unwrap().to_owned();
    desk.lock().unwrap().asked.push(path.clone());
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let (status, said) = match path.as_str() {
        "/.well-known/openid-configuration" => (
            200,
            json!({
                "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
                "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
            }),
        ),
        "/keys" => {
            let x = URL_SAFE_NO_PAD.encode(pair.public_key());
            let other = json!({ "kty": "oct", "kid": "other" });
            (200, json!({ "keys": [other, { "kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x }] }))
        }
        "/token" => token(&pair, &head, &body, &desk),
        _ => (404, json!({})),
    };
    let said = said.to_string();
    let answer = format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{said}", said.len());
    stream.write_all(answer.as_bytes()).await.unwrap();
}

/// Redeems a code, if the client proves who it is and that it asked for the code.
fn token(pair: &Ed25519KeyPair, head: &str, body: &str, desk: &Mutex<Desk>) -> (u16, Value) {
    let given: BTreeMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let desk = desk.lock().unwrap();
    let basic = format!("authorization: Basic {}", STANDARD.encode("us:s%26cret"));
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, given["code_verifier"].as_bytes()));
    let is_right = head.contains(&basic)
        && given["code"] == "c-1"
        && given["grant_type"] == "authorization_code"
        && given["redirect_uri"] == "http://127.0.0.1:8025/sign-in/provider/back"
        && challenge == desk.challenge;
    if !is_right {
        return (400, json!({ "error": "invalid_grant" }));
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&json!({ "alg": "EdDSA", "kid": "k1" })), part(&desk.claims));
    let signature = URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()));
    (200, json!({ "access_token": "x", "token_type": "Bearer", "id_token": format!("{message}.{signature}") }))
}

/// The fields of where somebody is sent, and the cookie they take along.
async fn away(house: &House, next: &str) -> (BTreeMap<String, String>, String) {
    let sent = look(house, &format!("/sign-in/provider?next={next}"), "").await;
    assert_eq!(sent.status, 303, "{}", sent.text);
    let to = sent.headers["location"].to_str().unwrap();
    let (_, query) = to.split_once("/authorize?").unwrap();
    let cookie = sent.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Max-Age=600"));
    let fields = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    (fields, cookie.split(';').next().unwrap().to_owned())
}

/// All the way: out, the provider says `claims` of whoever signs in there, and back.
async fn sign_in(house: &House, provider: &Provider, claims: Value) -> Answer {
    let (fields, cookie) = away(house, "/campaigns").await;
    let now = house.app.now().as_secs();
    let mut said =
        json!({ "iss": provider.issuer, "aud": "us", "exp": now + 300, "iat": now, "nonce": fields["nonce"] });
    said.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    {
        let mut desk = provider.desk.lock().unwrap();
        (desk.claims, desk.challenge) = (said, fields["code_challenge"].clone());
    }
    look(house, &format!("/sign-in/provider/back?code=c-1&state={}", fields["state"]), &cookie).await
}

fn session(answer: &Answer) -> String {
    let cookies = answer.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
    let session = cookies.map(|cookie| cookie.split(';').next().unwrap()).find(|one| one.starts_with("postroom="));
    session.unwrap_or_else(|| panic!("{} {}", answer.status, answer.text)).to_owned()
}

async fn invited(house: &House, email: &str) -> model::UserId {
    let (store, now) = (&house.app.store, house.app.now());
    let member = store.add_member(WorkspaceId::FIRST, email, "Bob", Role::Operator, &Actor::Engine, now).await;
    member.unwrap().user.id
}

#[tokio::test]
async fn whoever_is_known_signs_in_and_stays_bound_to_the_subject() {
    let provider = Provider::open().await;
    let house = House::with(provider.config());
    owner(&house).await;
    assert!(look(&house, "/sign-in?next=/campaigns", "").await.text.contains("Sign in with Acme ID"));
    assert!(
        !look(&House::new(), "/sign-in", "").await.text.contains("/sign-in/provider"),
        "only where one is configured"
    );
    let claims = json!({ "sub": "42", "email": "Bob@Example.org", "email_verified": true });
    let stranger = sign_in(&house, &provider, claims.clone()).await;
    assert_eq!(stranger.status, 401, "nobody is made by it");
    assert!(stranger.text.contains("Nobody here has your address"), "{}", stranger.text);

    let bob = invited(&house, "bob@example.org").await;
    let entered = sign_in(&house, &provider, claims).await;
    assert_eq!((entered.status.as_u16(), entered.headers["location"].to_str().unwrap()), (303, "/campaigns"));
    assert_eq!(look(&house, "/campaigns", &session(&entered)).await.status, 200);
    // From now on the subject says who it is, whatever the address.
    let renamed = json!({ "sub": "42", "email": "robert@example.org", "email_verified": false });
    assert_eq!(look(&house, "/", &session(&sign_in(&house, &provider, renamed).await)).await.status, 200);
    let successor = json!({ "sub": "43", "email": "bob@example.org", "email_verified": true });
    let refused = sign_in(&house, &provider, successor.clone()).await;
    assert!(refused.status == 401 && refused.text.contains("bound to another account"), "{}", refused.text);

    // A link for a new password unbinds.
    let (store, entropy) = (&house.app.store, house.app.world.entropy.as_ref());
    let who = (WorkspaceId::FIRST, Some(bob), LinkPurpose::Reset);
    let link = crate::make_link(store, entropy, who, &Actor::Engine, house.app.now()).await.unwrap();
    let chosen = submit(&house, &format!("/welcome/{link}"), "", "password=correct+horse+battery").await;
    assert_eq!(chosen.status, 303, "{}", chosen.text);
    assert_eq!(sign_in(&house, &provider, successor.clone()).await.status, 303);
    store.disable_user(WorkspaceId::FIRST, bob, true, &Actor::Engine, house.app.now()).await.unwrap();
    assert!(sign_in(&house, &provider, successor).await.text.contains("shut out"));
    assert_eq!(provider.asked("/.well-known/openid-configuration"), 1, "remembered");
    assert_eq!(provider.asked("/keys"), 1);
}

#[tokio::test]
async fn what_does_not_belong_together_signs_nobody_in() {
    let provider = Provider::open().await;
    let house = House::with(provider.config());
    invited(&house, "bob@example.org").await;
    let claims = json!({ "sub": "42", "email": "bob@example.org", "email_verified": true });
    for (changed, says) in [
        (json!({ "email_verified": false }), "does not say that your address is proved"),
        (json!({ "email_verified": Value::Null }), "does not say that your address is proved"),
        (json!({ "email": Value::Null }), "does not say that your address is proved"),
        (json!({ "nonce": "another" }), "could not sign you in"),
        (json!({ "aud": "them" }), "could not sign you in"),
        (json!({ "iss": "https://other.example" }), "could not sign you in"),
        (json!({ "exp": 7 }), "could not sign you in"),
    ] {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        let answer = sign_in(&house, &provider, claims).await;
        assert!(answer.status == 401 && answer.text.contains(says), "{changed}: {} {}", answer.status, answer.text);
        house.pass(Duration::from_secs(10));
    }
    let back = |query: String, cookie: String| {
        let house = &house;
        async move { look(house, &format!("/sign-in/provider/back?{query}"), &cookie).await }
    };
    let over = "is over, or was begun elsewhere";
    let (fields, cookie) = away(&house, "/").await;
    let state = &fields["state"];
    for (query, cookie) in [
        (format!("code=c-1&state={state}"), String::new()),
        ("code=c-1&state=another".to_owned(), cookie.clone()),
        (format!("state={state}"), cookie.clone()),
        (format!("error=access_denied&state={state}"), cookie.clone()),
        (format!("code=c-1&state={state}&iss=https://other.example"), cookie.clone()),
    ] {
        let answer = back(query, cookie).await;
        assert!(answer.status == 401 && answer.text.contains(over), "{}", answer.text);
    }
    let wrong_code = back(format!("code=c-2&state={state}"), cookie.clone()).await;
    assert_eq!(wrong_code.status, 502, "the provider does not take it");
    house.pass(Duration::from_secs(601));
    assert!(back(format!("code=c-1&state={state}"), cookie).await.text.contains(over), "ten minutes are enough");
    // Nobody is led elsewhere, and nobody asks the provider for ever.
    let (_, cookie) = away(&house, "//evil.example").await;
    let next = cookie.rsplit('.').next().unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(next).unwrap(), b"/");
    let mut last = 0;
    for _ in 0..31 {
        last = look(&house, "/sign-in/provider", "").await.status.as_u16();
    }
    assert_eq!(last, 429);
}

#[tokio::test]
async fn without_a_provider_there_is_no_such_door() {
    let house = House::new();
    assert_eq!(look(&house, "/sign-in/provider", "").await.status, 404);
    let silent = IdentityProvider {
        issuer: "http://127.0.0.1:9".to_owned(),
        client_id: "us".to_owned(),
        client_secret: None,
        name: "Silent".to_owned(),
        trusts_email: false,
    };
    assert!(!format!("{silent:?}").contains("secret"));
    let house = House::with(Config { identity_provider: Some(silent), ..Config::default() });
    let answer = look(&house, "/sign-in/provider", "").await;
    assert!(answer.status == 502 && answer.text.contains("could not sign you in"), "{}", answer.text);
}
