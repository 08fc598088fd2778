//! Names under which links are answered: whose they are, and what is answered there.

use super::links::{FIREFOX, Sent, W};
use crate::Config;
use axum::body::Body;
use axum::http::{Method, Request};
use engine::options::TrackingMode;
use mail::token::Purpose;
use model::{Actor, HostFound, MailDomain};
use net::{BoxFuture, DnsAnswer, DnsFailure, Mx, Resolve, Tlsa};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

const SOURCE: &str =
    "---\nsubject: Hi\n---\n[Spring](https://shop.example/) [Leave]({{ unsubscribe_url }}) {{ postal_address }}\n";

async fn under(sent: &Sent, host: &str, method: Method, path: &str) -> u16 {
    let request = Request::builder().method(method).uri(path).header("host", host).header("user-agent", FIREFOX);
    let request = request.body(Body::from("List-Unsubscribe=One-Click")).unwrap();
    // A pixel is no text.
    crate::router(sent.house.app.clone()).oneshot(request).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_token_is_answered_under_its_own_workspaces_names_and_ours() {
    let sent = Sent::to(Config::default(), TrackingMode::Full, SOURCE, &["kim@a.example".to_owned()]).await;
    let (store, now) = (&sent.house.app.store, sent.house.app.now());
    let other = store.make_workspace("other", &Actor::Engine, now).await.unwrap().id;
    store.add_tracking_host(W, "own.example", &Actor::Engine, now).await.unwrap();
    store.add_tracking_host(other, "theirs.example", &Actor::Engine, now).await.unwrap();
    store.retire_tracking_host(W, "own.example", true, &Actor::Engine, now).await.unwrap();
    let paths = [
        (Method::GET, format!("/c/{}/1", sent.token(Purpose::Click)), 302),
        (Method::GET, format!("/u/{}", sent.token(Purpose::Unsubscribe)), 200),
        (Method::GET, format!("/p/{}", sent.token(Purpose::Preferences)), 200),
        (Method::GET, format!("/v/{}", sent.token(Purpose::View)), 200),
        (Method::POST, format!("/u/{}", sent.token(Purpose::Unsubscribe)), 200),
    ];
    for (method, path, _) in &paths {
        assert_eq!(under(&sent, "THEIRS.example", method.clone(), path).await, 404, "{path}");
    }
    assert!(!sent.is_suppressed().await);
    for (method, path, status) in paths {
        // A retired one answers for the messages it stands in.
        assert_eq!(under(&sent, "own.example:443", method.clone(), &path).await, status, "{path}");
        assert_eq!(under(&sent, "127.0.0.1:8025", method, &path).await, status, "{path}");
    }
    let pixel = format!("/o/{}.gif", sent.token(Purpose::Open));
    assert_eq!(under(&sent, "theirs.example", Method::GET, &pixel).await, 200);
    let opens =
        |counts: Vec<store::ReactionCount>| counts.iter().filter(|one| one.kind == model::ReactionKind::Opened).count();
    assert_eq!(opens(sent.counts().await), 0, "a pixel is a pixel, and under a foreign name it counts nothing");
}

#[tokio::test]
async fn hosts_are_added_retired_and_their_workspaces_alone() {
    let house = super::messages::rehearsal();
    let (key, foreign) = (house.master_key().await, house.foreign_key().await);
    let path = "/api/v1/tracking-hosts";
    let made = house.post(path, &key, json!({ "host": "Links.Example.org" })).await;
    assert_eq!((made.status.as_u16(), &made.json()["host"]), (201, &json!("links.example.org")), "{}", made.text);
    // No name server answers here.
    assert_eq!((&made.json()["found"], &made.json()["usable"]), (&json!("unknown"), &json!(false)));
    assert_eq!(house.post(path, &foreign, json!({ "host": "links.example.org" })).await.code(), "already_exists");
    assert_eq!(house.post(path, &key, json!({ "host": "no host" })).await.code(), "invalid_field");
    let one = format!("{path}/links.example.org");
    for (method, path, body) in
        [(Method::PATCH, one.clone(), json!({ "retired": true })), (Method::POST, format!("{one}/check"), json!({}))]
    {
        assert_eq!(house.ask(method, &path, Some(&foreign), Some(body)).await.code(), "not_found", "{path}");
    }
    house.pass(std::time::Duration::from_secs(1));
    let (app, now) = (&house.app, house.app.now());
    let at = async |from: &str| app.links_at(W, &MailDomain::parse(from).unwrap()).await.unwrap();
    assert_eq!(at("shop.example").await, "http://127.0.0.1:8025");
    for host in ["links.example.org", "go.shop.example"] {
        if host != "links.example.org" {
            app.store.add_tracking_host(W, host, &Actor::Engine, now).await.unwrap();
        }
        app.store.note_tracking_host(W, host, HostFound::PointsHere, None, now).await.unwrap();
    }
    app.desk.hosts.forget();
    assert_eq!(at("shop.example").await, "http://go.shop.example:8025", "the one under the sending domain");
    assert_eq!(at("example.org").await, "http://links.example.org:8025");
    assert_eq!(at("notshop.example").await, "http://links.example.org:8025", "else the oldest");
    let retired = house.ask(Method::PATCH, &one, Some(&key), Some(json!({ "retired": true }))).await.json();
    assert!(retired["retired_at"].is_string() && retired["usable"] == json!(false), "{retired}");
    assert_eq!(at("example.org").await, "http://go.shop.example:8025");
    assert_eq!(house.get(path, &foreign).await.json()["data"], json!([]));
}

/// A name server that says for which workspace a name is.
struct Named(String);

impl Resolve for Named {
    fn mx<'a>(&'a self, _: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<Mx>>> {
        Box::pin(async { DnsAnswer::failed(DnsFailure::TimedOut, Duration::ZERO) })
    }
    fn addresses<'a>(&'a self, _: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<IpAddr>>> {
        Box::pin(async { DnsAnswer::failed(DnsFailure::TimedOut, Duration::ZERO) })
    }
    fn txt<'a>(&'a self, name: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<String>>> {
        let answer = match name {
            "_postroom.links.example.org" => DnsAnswer::found(vec![self.0.clone()], Duration::from_secs(60)),
            _ => DnsAnswer::failed(DnsFailure::TimedOut, Duration::ZERO),
        };
        Box::pin(async { answer })
    }
    fn tlsa<'a>(&'a self, _: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<Tlsa>>> {
        Box::pin(async { DnsAnswer::failed(DnsFailure::TimedOut, Duration::ZERO) })
    }
    fn names(&self, _: IpAddr) -> BoxFuture<'_, DnsAnswer<Vec<String>>> {
        Box::pin(async { DnsAnswer::failed(DnsFailure::TimedOut, Duration::ZERO) })
    }
}

#[tokio::test]
async fn a_host_goes_to_the_workspace_that_its_domain_names() {
    let mut house = super::messages::rehearsal();
    let (key, squatter) = (house.master_key().await, house.foreign_key().await);
    let path = "/api/v1/tracking-hosts";
    let both = ["links.example.org", "other.example.org"];
    for host in both {
        assert_eq!(house.post(path, &squatter, json!({ "host": host })).await.status, 201);
        let refused = house.post(path, &key, json!({ "host": host })).await;
        assert_eq!(refused.code(), "already_exists");
        assert!(refused.text.contains(&format!("_postroom.{host} with the value {W}")), "{}", refused.text);
    }
    let world = house.app.world.clone();
    house.app.world = net::World { resolve: Arc::new(Named(W.to_string())), ..world };
    house.router = crate::router(house.app.clone());
    let statuses = [
        house.post(path, &key, json!({ "host": both[0] })).await.status.as_u16(),
        house.post(path, &key, json!({ "host": both[0] })).await.status.as_u16(),
        house.post(path, &key, json!({ "host": both[1] })).await.status.as_u16(),
    ];
    assert_eq!(statuses, [201, 409, 409]);
    let theirs = house.get(path, &squatter).await.json();
    assert_eq!((&theirs["data"][0]["host"], &theirs["data"][1]), (&json!(both[1]), &Value::Null));
}
