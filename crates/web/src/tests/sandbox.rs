//! The first minutes, and the sandbox as a browser meets it: below its own address, marked on every page, signed in at home.
//! A second ledger stands in for what a sandbox is made of.

use super::browser::{Browser, roles};
use super::composer::{hidden, place};
use super::house::House;
use crate::frame::told;
use crate::{App, Config, SANDBOX_PLACE, Sandbox, router};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Uri};
use model::{Actor, Role, WorkspaceId};
use net::BoxFuture;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use store::NewContact;

/// A sandbox that is there when it is asked for.
struct Toy {
    inside: App,
    open: Mutex<Option<Router>>,
}

impl Sandbox for Toy {
    fn router(&self) -> Option<Router> {
        self.open.lock().unwrap().clone()
    }

    fn open<'a>(&'a self, home: &'a App) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async {
            *self.open.lock().unwrap() = Some(router(self.inside.clone().as_sandbox_of(home)));
            Ok(())
        })
    }

    fn remove(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            *self.open.lock().unwrap() = None;
            Ok(())
        })
    }
}

/// A house with a sandbox, and what is inside.
async fn houses() -> (House, House) {
    let public_url = format!("http://127.0.0.1:8025{SANDBOX_PLACE}");
    let inside = House::with(Config { public_url, ..Config::default() });
    inside.furnish().await;
    let toy = Toy { inside: inside.app.clone(), open: Mutex::default() };
    (House::new().offering(Arc::new(toy)), inside)
}

#[tokio::test]
async fn an_untouched_workspace_begins_with_its_first_steps_and_each_is_looked_up() {
    let (house, _inside) = houses().await;
    let anna = Browser::owner(&house).await;
    let first = anna.look("/").await.text;
    assert!(first.contains("id=\"open-sandbox\"") && first.contains("id=\"own-domain\""), "{first}");
    assert_eq!(first.matches(">missing<").count(), 4, "{first}");
    let (store, now) = (&house.app.store, house.app.now());
    let kim = NewContact {
        address: "kim@a.example".parse().unwrap(),
        external_id: None,
        attributes: "{}".to_owned(),
        unconfirmed: false,
        consent: None,
        lead_source: None,
    };
    store.create_contact(WorkspaceId::FIRST, kim, &Actor::Engine, now).await.unwrap();
    let home = anna.look("/").await.text;
    assert!(home.contains("2 of 5 steps are done") && !home.contains("open-sandbox"), "{home}");
    let first = anna.look("/first").await.text;
    assert!(first.contains("open-sandbox") && first.matches(">missing<").count() == 3, "{first}");
}

#[tokio::test]
async fn only_whoever_may_send_opens_and_removes_it_and_a_foreign_page_never() {
    let (house, _inside) = houses().await;
    let analyst = roles(&house, Role::Analyst).await;
    assert!(!analyst.look("/first").await.text.contains("open-sandbox"));
    assert_eq!(analyst.submit("/first/sandbox", "").await.status, 403);
    assert_eq!(analyst.look("/sandbox/campaigns").await.headers["location"], "/first", "there is none yet");
    let operator = roles(&house, Role::Operator).await;
    let foreign =
        Request::post("/first/sandbox").header("cookie", &operator.cookie).header("sec-fetch-site", "cross-site");
    assert_eq!(house.send(foreign.body(Body::empty()).unwrap()).await.status, 403);
    assert_eq!(operator.submit("/first/sandbox", "").await.headers["location"], "/sandbox/");
    assert_eq!(analyst.look("/sandbox/campaigns").await.status, 200, "whoever works here may look");
    assert_eq!(analyst.submit("/sandbox/suppressions", "target=a%40b.example").await.status, 403);
    assert_eq!(analyst.submit("/first/sandbox/remove", "").await.status, 403);
    assert!(operator.look("/first/sandbox/remove").await.text.contains("id=\"remove-sandbox\""));
    assert_eq!(operator.submit("/first/sandbox/remove", "").await.headers["location"], "/first");
    assert_eq!(operator.look("/sandbox/").await.headers["location"], "/first");
    assert_eq!(operator.submit("/first/sandbox/remove", "").await.status, 303, "gone is gone");
}

#[tokio::test]
async fn whoever_is_not_signed_in_at_home_is_led_to_its_door_and_back_into_the_sandbox() {
    let (house, _inside) = houses().await;
    let anna = Browser::owner(&house).await;
    anna.submit("/first/sandbox", "").await;
    let stranger = Browser::of(&house, "");
    let away = stranger.look("/sandbox/campaigns?after=x").await;
    assert_eq!(away.headers["location"], "/sign-in?next=/sandbox/campaigns%3Fafter%3Dx");
    let typed = stranger.submit("/sandbox/suppressions", "target=a%40b.example").await;
    assert_eq!(typed.status, 401);
    assert!(typed.text.contains("action=\"/sign-in\"") && typed.text.contains("value=\"/sandbox/suppressions\""));
    assert!(anna.look("/sandbox/webhooks").await.text.contains("In the sandbox nobody is reached by it"));
    let table = anna.look("/sandbox/api/v1/campaigns?shelf=broadcasts&format=csv").await;
    assert!(
        table.status == 200 && table.headers["content-type"].to_str().unwrap().starts_with("text/csv"),
        "{}",
        table.text
    );
    for path in [
        "/sandbox/sign-in",
        "/sandbox/welcome/x",
        "/sandbox/api/v1/me",
        "/sandbox/api/v1/campaigns",
        "/sandbox/keys",
        "/sandbox/users",
    ] {
        let page = anna.look(path).await;
        assert!(page.status == 404 && page.text.contains("not in the sandbox"), "{path}: {}", page.text);
    }
}

#[tokio::test]
async fn every_page_of_it_is_marked_and_leads_to_pages_of_it() {
    let (house, _inside) = houses().await;
    let anna = Browser::owner(&house).await;
    anna.submit("/first/sandbox", "").await;
    let (mut seen, mut ahead) = (BTreeSet::new(), vec!["/sandbox/".to_owned()]);
    while let Some(path) = ahead.pop() {
        if !seen.insert(path.clone()) || seen.len() > 150 {
            continue;
        }
        let page = anna.look(&path).await;
        let kind = page.headers.get("content-type").map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
        if page.status == 303 || !kind.starts_with("text/html") || path.contains("/preview") {
            continue;
        }
        let is_there = page.status == 200 || page.text.contains("not in the sandbox");
        assert!(is_there && page.text.contains("id=\"sandbox-mark\""), "{path}: {}", page.text);
        assert!(page.text.contains("<title>Sandbox: "), "{path}");
        // Any attribute whose value is an address of this server, whatever it is called; only what is typed is no address.
        let attribute_of = |before: &str| before.rsplit([' ', '\n']).next().unwrap_or_default().to_owned();
        let pieces: Vec<&str> = page.text.split("=\"/").collect();
        let addressed: BTreeSet<String> = pieces.iter().rev().skip(1).map(|before| attribute_of(before)).collect();
        for attribute in addressed.iter().filter(|name| *name != "value") {
            for to in page.text.split(&format!(" {attribute}=\"/")).skip(1) {
                let to = format!("/{}", to.split('"').next().unwrap()).replace("&#38;", "&").replace("&amp;", "&");
                let leads_out = ["/first", "/sign-out", "/assets/"].iter().any(|out| to.starts_with(out));
                let is_inside = to == "/sandbox" || to.starts_with("/sandbox/");
                assert!(leads_out || is_inside, "{path} leads to {to} by {attribute}");
                // What a browser would write in another way first (quotation marks in a rule) is left out.
                if attribute == "href" && !leads_out && to.parse::<Uri>().is_ok() {
                    ahead.push(to.split('#').next().unwrap().to_owned());
                }
            }
        }
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(!policy.contains("http"), "{path}: {policy}");
    }
    assert!(seen.len() > 30, "{seen:?}");
}

#[tokio::test]
async fn what_is_done_in_it_is_done_there_alone_and_sets_no_session() {
    let (house, inside) = houses().await;
    let anna = Browser::owner(&house).await;
    anna.submit("/first/sandbox", "").await;
    let done = anna.submit("/sandbox/suppressions", "target=bob%40b.example").await;
    assert!(done.status == 303 && done.headers["location"].to_str().unwrap().starts_with("/sandbox/"), "{}", done.text);
    assert!(!done.headers.contains_key("set-cookie"));
    assert!(anna.look("/sandbox/suppressions").await.text.contains("bob@b.example"));
    assert!(!anna.look("/suppressions").await.text.contains("bob@b.example"));
    let looks = anna.submit("/sandbox/look", "theme=dark&next=/campaigns").await;
    assert_eq!(looks.headers["location"], "/sandbox/campaigns");
    assert!(looks.headers["set-cookie"].to_str().unwrap().starts_with("postroom-look="));
    let members = inside.app.store.members(WorkspaceId::FIRST, None, 9).await.unwrap();
    assert!(members.iter().any(|member| member.user.email == "owner@first.example"), "she is known there");
}

#[tokio::test]
async fn a_picture_sent_in_from_its_composer_stays_in_it_with_all_that_was_typed() {
    let (house, _inside) = houses().await;
    let anna = Browser::owner(&house).await;
    anna.submit("/first/sandbox", "").await;
    let once = hidden(&anna.look("/sandbox/campaigns/new").await.text, "once");
    let begun = format!("name=Pictured&from=news%40a.example&format=html&include=everyone&once={once}");
    let edit = place(&anna.submit("/sandbox/campaigns/new", &begun).await);
    assert!(edit.starts_with("/sandbox/campaigns/"), "{edit}");
    let images = edit.replace("/edit", "/images");
    let composer = anna.look(&edit).await.text;
    assert!(composer.contains(&format!(" formaction=\"{images}\"")), "{composer}");
    let field =
        |name: &str, value: &str| format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let typed = [
        ("name", "Pictured"),
        ("from", "news@a.example"),
        ("include", "everyone"),
        ("format", "html"),
        ("subject", "Typed since"),
        ("source", "<p>Hi</p><a href=\"{{ unsubscribe_url }}\">bye</a>{{ postal_address }}"),
    ];
    let mut body: String = typed.map(|(name, value)| field(name, value)).concat();
    body.push_str("--x\r\ncontent-disposition: form-data; name=\"picture\"; filename=\"a.gif\"\r\n");
    body.push_str("content-type: image/gif\r\n\r\nGIF89a and more\r\n--x--\r\n");
    let sent = anna.send(&images, "multipart/form-data; boundary=x", body).await;
    let back = place(&sent);
    assert!(back.starts_with(&edit) && back.ends_with("#pictures"), "{back}");
    let page = anna.look(&edit).await.text;
    assert!(page.contains("Typed since") && page.contains("a.gif"), "{page}");
}

#[tokio::test]
async fn the_log_tells_its_requests_from_those_of_the_real_workspace() {
    let (house, inside) = houses().await;
    let app = inside.app.clone().as_sandbox_of(&house.app);
    assert_eq!(told(&app, "/campaigns/m_1/report"), "/sandbox/campaigns/m_1/report");
    assert_eq!(told(&house.app, "/campaigns/m_1/report"), "/campaigns/m_1/report");
    let left = told(&house.app, "/u/secret");
    assert!(!told(&app, "/u/secret").contains("secret") && !left.contains("secret"), "{left}");
}
