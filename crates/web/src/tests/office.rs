//! Keys, people, settings, webhooks, alerts and sequences, as a browser meets them.

use super::browser::{Browser, roles};
use super::house::House;
use super::messages::rehearsal;
use axum::http::Method;
use model::{Role, WorkspaceId};
use serde_json::json;

/// What stands between two texts.
fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let rest = text.split_once(from).unwrap_or_else(|| panic!("no {from} in {text}")).1;
    rest.split_once(to).unwrap().0
}

#[tokio::test]
async fn a_key_is_shown_once_however_often_its_form_is_sent() {
    let house = House::new();
    let browser = Browser::owner(&house).await;
    let page = browser.look("/keys").await.text;
    let once = between(&page, "name=\"once\" value=\"", "\"");
    let form = format!("once={once}&name=shop");
    let none = browser.submit("/keys", &form).await;
    assert!(none.status == 422 && none.text.contains("value=\"shop\"") && none.text.contains("choose what it may do"));
    let form = format!("{form}&scopes=messages.send&scopes=events.read");
    let made = browser.submit("/keys", &form).await;
    let secret = between(&made.text, "<code class=\"copied\">", "<").to_owned();
    assert!(made.status == 200 && secret.starts_with("pk_"), "{}", made.text);
    let me = house.get("/api/v1/me", &secret).await.json();
    assert_eq!(me["scopes"], serde_json::json!(["messages.send", "events.read"]));
    assert_eq!(browser.submit("/keys", &form).await.status, 409, "sent twice, made once");
    let page = browser.look("/keys").await.text;
    assert!(page.contains("shop") && !page.contains(&secret));
    let revoke = between(&page, "href=\"/keys/", "\"");
    assert!(browser.look(&format!("/keys/{revoke}")).await.text.contains("Revoke shop?"));
    assert_eq!(browser.submit(&format!("/keys/{revoke}"), "").await.status, 303);
    assert_eq!(house.get("/api/v1/me", &secret).await.status, 401);
    let developer = roles(&house, Role::Developer).await;
    let page = developer.look("/keys").await.text;
    assert!(!page.contains("users.write"), "nobody gives what they have not");
}

#[tokio::test]
async fn people_are_invited_changed_and_shut_out() {
    let house = House::new();
    let browser = Browser::owner(&house).await;
    let wrong = browser.submit("/users", "name=Lee&email=nonsense&role=operator").await;
    assert!(wrong.status.is_client_error() && wrong.text.contains("value=\"Lee\""), "{}", wrong.text);
    let invited = browser.submit("/users", "name=Lee&email=lee%40a.example&role=analyst").await;
    let link = between(&invited.text, "<code class=\"copied\">", "<");
    assert!(link.contains("/welcome/"), "{}", invited.text);
    let page = browser.look("/users").await.text;
    assert!(page.contains("lee@a.example") && page.contains("invited"));
    let members = house.app.store.members(WorkspaceId::FIRST, None, 9).await.unwrap();
    let lee = members.iter().find(|member| member.user.name == "Lee").unwrap().user.id;
    let base = format!("/users/{lee}");
    assert_eq!(browser.submit(&format!("{base}/role"), "role=operator").await.status, 303);
    assert_eq!(browser.submit(&format!("{base}/role"), "role=king").await.status, 422);
    let page = browser.look(&base).await.text;
    assert!(!page.contains("/door"), "who has not accepted is not shut out, but taken out: {page}");
    let body = json!({ "token": link.rsplit('/').next(), "password": "correct horse battery" });
    assert_eq!(house.ask(Method::POST, "/api/v1/welcome", None, Some(body)).await.status, 200);
    assert_eq!(browser.submit(&format!("{base}/door"), "disabled=yes").await.status, 303);
    let page = browser.look(&base).await.text;
    assert!(page.contains("shut out") && page.contains("Let in again"), "{page}");
    assert_eq!(browser.submit(&format!("{base}/door"), "disabled=").await.status, 303);
    assert!(browser.submit(&format!("{base}/reset"), "").await.text.contains("/welcome/"));
    assert_eq!(browser.submit(&format!("{base}/remove"), "").await.status, 303);
    assert_eq!(browser.look(&base).await.status, 404);
    let me = members.iter().find(|member| member.role == Role::Owner).unwrap().user.id;
    let last = browser.submit(&format!("/users/{me}/remove"), "").await;
    assert!(last.status.is_client_error() && last.text.contains("role=\"alert\""), "an owner stays: {}", last.text);
}

#[tokio::test]
async fn a_password_is_asked_for_before_ones_own_account_changes() {
    let house = House::new();
    let browser = Browser::owner(&house).await;
    let wrong = browser.submit("/account/password", "password=guess&new_password=a+few+words+more").await;
    assert!(wrong.status == 401 && wrong.text.contains("id=\"password-password-wrong\""), "{}", wrong.text);
    assert!(!wrong.text.contains("guess"), "secrets are typed again");
    let wrong = browser.submit("/account/factor", "password=guess").await;
    assert!(wrong.status == 401 && wrong.text.contains("id=\"begin-password-wrong\""));
}

#[tokio::test]
async fn somebody_gives_themselves_another_name_and_the_log_says_so() {
    let house = House::new();
    let browser = Browser::owner(&house).await;
    let renamed = browser.submit("/account/name", "name=Ada+Byron").await;
    assert!(renamed.status == 200 && renamed.text.contains("Your name was changed."), "{}", renamed.text);
    assert!(renamed.text.contains("value=\"Ada Byron\""), "{}", renamed.text);
    let wrong = browser.submit("/account/name", "name=+").await;
    assert!(wrong.status == 422 && wrong.text.contains("id=\"name-name-wrong\""), "{}", wrong.text);
    assert!(browser.look("/users").await.text.contains("Ada Byron"));
    let events = house.app.store.events(store::Cursor::START, 99).await.unwrap();
    let last = events.last().unwrap();
    assert_eq!(last.kind, model::EventKind::UserChanged);
    assert!(last.detail.as_deref().unwrap().ends_with(" name"), "{last:?}");
    let key = house.master_key().await;
    let answer = house.ask(Method::PUT, "/api/v1/me/name", Some(&key), Some(json!({ "name": "x" }))).await;
    assert!(answer.status.is_client_error(), "a key has no name of its own");
}

#[tokio::test]
async fn settings_are_kept_and_what_cannot_be_is_said_beside_them() {
    let house = House::new();
    let browser = Browser::owner(&house).await;
    let form =
        "brand_name=Shop&sender=shop%40a.example&postal_address=1+Way%0D%0ATown&brand_colour=%23ffdd00&language=en";
    let wrong = browser.submit("/settings", form).await;
    assert!(wrong.status == 422 && wrong.text.contains("id=\"settings-brand_colour-wrong\""), "{}", wrong.text);
    assert!(wrong.text.contains("value=\"Shop\"") && wrong.text.contains("contrast"));
    let form = form.replace("%23ffdd00", "%232a48c4") + "&time_zone=Europe%2FBerlin";
    assert_eq!(browser.submit("/settings", &form).await.status, 303);
    let kept = house.app.store.setting(WorkspaceId::FIRST, "postal_address").await.unwrap();
    assert_eq!(kept.as_deref(), Some("1 Way\nTown"));
    assert_eq!(browser.submit("/settings/caps", "per_day=2&per_week=&topic_per_week=x").await.status, 422);
    assert_eq!(browser.submit("/settings/caps", "per_day=2&per_week=5&topic_per_week=0").await.status, 303);
    assert_eq!(house.app.store.frequency(WorkspaceId::FIRST).await.unwrap().per_week, 5);
    assert_eq!(browser.submit("/settings/name", "name=The+shop").await.status, 303);
    let page = browser.look("/settings").await.text;
    assert!(page.contains("value=\"The shop\"") && page.contains("href=\"/api/v1/settings?format=csv\""), "{page}");
    let table = browser.look("/api/v1/settings?format=csv").await;
    assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8", "{}", table.text);
    let analyst = roles(&house, Role::Analyst).await;
    let page = analyst.look("/settings").await.text;
    assert!(page.contains("1 Way") && !page.contains("name=\"brand_name\""));
    assert_eq!(analyst.submit("/settings", &form).await.status, 403);
}

#[tokio::test]
async fn a_webhook_is_made_rotated_switched_off_and_removed() {
    let house = House::new();
    let browser = Browser::owner(&house).await;
    let page = browser.look("/webhooks").await.text;
    let once = between(&page, "name=\"once\" value=\"", "\"");
    let wrong =
        browser.submit("/webhooks", &format!("once={once}&url=http%3A%2F%2F10.0.0.1%2F&events=nothing.such")).await;
    assert!(wrong.status == 422 && wrong.text.contains("id=\"make-events-wrong\""), "{}", wrong.text);
    assert!(wrong.text.contains("value=\"http://10.0.0.1/\""));
    house.furnish().await;
    let hooks = house.app.store.webhooks(WorkspaceId::FIRST, None, 9).await.unwrap();
    let base = format!("/webhooks/{}", hooks[0].id);
    let page = browser.look(&base).await.text;
    let once = between(&page, "name=\"once\" value=\"", "\"");
    let rotated = browser.submit(&format!("{base}/rotate"), &format!("once={once}")).await;
    assert!(rotated.text.contains("whsec_"), "{}", rotated.text);
    assert_eq!(browser.submit(&format!("{base}/rotate"), &format!("once={once}")).await.status, 409);
    assert_eq!(browser.submit(&format!("{base}/disable"), "").await.status, 303);
    assert!(browser.look(&base).await.text.contains("switched off"));
    assert_eq!(browser.submit(&format!("{base}/enable"), "").await.status, 303);
    let never = browser.submit(&format!("{base}/replay"), "since=soon").await;
    assert!(never.status == 422 && never.text.contains("id=\"replay-since-wrong\""));
    assert_eq!(browser.submit(&format!("{base}/replay"), "since=2025-12-31T00:00").await.status, 303);
    assert_eq!(browser.submit(&format!("{base}/remove"), "").await.status, 303);
    assert_eq!(browser.look(&base).await.status, 404);
}

#[tokio::test]
async fn the_log_is_filtered_by_its_address_and_alerts_go_quiet() {
    let house = House::new();
    house.furnish().await;
    let browser = Browser::owner(&house).await;
    let page = browser.look("/events?kinds=imported").await.text;
    assert!(page.contains(">imported</div>") && !page.contains(">audience frozen</div>"), "{page}");
    assert!(page.contains("/api/v1/events/export?kinds=imported"));
    assert!(page.contains("<option value=\"imported\" selected>"));
    assert_eq!(browser.look("/events?kinds=nonsense").await.status, 422);
    // Names and addresses, not what programs call them.
    let built = browser.look("/events?kinds=built").await.text;
    assert!(built.contains(">first news</a>") && built.contains("href=\"/campaigns/m_"), "{built}");
    // An audit log says about whom: who was invited, whose place was changed, which address or domain was suppressed.
    let (store, w, now) = (&house.app.store, WorkspaceId::FIRST, house.app.now());
    let by = model::Actor::Engine;
    let invited = store.invite(w, "carla@c.example", "Carla", Role::Developer, &by, now).await.unwrap();
    for target in [store::Target::Address("gone@a.example".into()), store::Target::Domain("tiny.example".into())] {
        store.suppress(w, target, model::SuppressionReason::Manual, None, &by, now).await.unwrap();
    }
    let about = browser.look("/events?kinds=user_added,suppressed").await.text;
    for whom in ["carla@c.example", "gone@a.example", "tiny.example"] {
        assert!(about.contains(whom), "{whom}: {about}");
    }
    store.set_role(w, invited.user.id, None, &by, now).await.unwrap();
    assert!(browser.look("/events?kinds=user_removed").await.text.contains("carla@c.example"), "also when it is gone");
    let analyst = roles(&house, Role::Analyst).await;
    assert_eq!(analyst.look("/events?hand=yes").await.status, 403, "who changed what is for few");
    assert_eq!(analyst.look("/events").await.status, 200);
    let wrong = browser.submit("/alerts/channels", "name=us&kind=mail&to=a%40b.example").await;
    assert!(wrong.status == 422 && wrong.text.contains("id=\"channel-from-wrong\""), "{}", wrong.text);
    assert!(wrong.text.contains("value=\"a@b.example\""));
}

#[tokio::test]
async fn a_sequence_is_written_changed_paused_and_ended() {
    let house = rehearsal();
    let browser = Browser::owner(&house).await;
    let page = browser.look("/sequences/new?view=text").await.text;
    assert!(page.contains("&#34;steps&#34;"), "{page}");
    let encode = |definition: &str| {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("name", "Hello").append_pair("definition", definition).append_pair("messages", "{}").finish()
    };
    let broken = browser.submit("/sequences/new", &encode("{\n \"entries\": [,]}")).await;
    assert!(broken.status == 422 && broken.text.contains("Line 2, column"), "{}", broken.text);
    assert!(broken.text.contains("id=\"sequence-definition-wrong\"") && broken.text.contains("[,]"));
    let unknown =
        browser.submit("/sequences/new", &encode(r#"{"entries": [{"by": "api"}], "steps": [{"fly": 1}]}"#)).await;
    assert!(unknown.status == 422 && unknown.text.contains("id=\"sequence-definition-wrong\""), "{}", unknown.text);
    let made = browser.submit("/sequences/new", &encode(r#"{"entries": [{"by": "api"}], "steps": ["end"]}"#)).await;
    assert_eq!(made.status, 303, "{}", made.text);
    let base = made.headers["location"].to_str().unwrap().to_owned();
    assert!(browser.look(&format!("{base}/edit?view=text")).await.text.contains("&#34;entries&#34;"));
    assert_eq!(browser.submit(&format!("{base}/activate"), "").await.status, 303);
    let page = browser.look(&base).await.text;
    assert!(
        page.contains(&format!("href=\"{base}/people?who=entered&#38;version=1\">0</a>"))
            && page.contains(&format!("{base}/pause")),
        "{page}"
    );
    assert!(page.contains(&format!("href=\"{base}/steps.csv?version=1\"")), "{page}");
    let steps = browser.look(&format!("{base}/steps.csv")).await.text;
    assert!(steps.starts_with("step,does,entered,waiting,left,campaign,sent") && steps.lines().count() == 2, "{steps}");
    assert_eq!(browser.submit(&format!("{base}/pause"), "").await.status, 303);
    assert!(browser.look(&format!("{base}/archive")).await.text.contains("End Hello for good?"));
    assert_eq!(browser.submit(&format!("{base}/archive"), "").await.status, 303);
    assert!(!browser.look(&base).await.text.contains(&format!("{base}/activate")));
    let analyst = roles(&house, Role::Analyst).await;
    assert!(!analyst.look(&base).await.text.contains("/edit"));
    assert_eq!(analyst.submit("/sequences/new", &encode("{}")).await.status, 403);
    assert_eq!(analyst.look("/sequences/new").await.status, 403);
}

#[tokio::test]
async fn a_list_with_a_form_takes_whoever_confirms_and_tells_nobody_who_is_known() {
    let house = rehearsal();
    let browser = Browser::owner(&house).await;
    let form = "name=Weekly&topic=news&public=yes&confirms=yes&sender=Anna+%3Canna%40shop.example%3E";
    assert_eq!(browser.submit("/lists", form).await.status, 303);
    let again = browser.submit("/lists", form).await;
    assert!(again.status == 409 && again.text.contains("id=\"list-name-wrong\""), "{}", again.text);
    let page = browser.look("/lists").await.text;
    let path = format!("/lists/{}", between(&page, "href=\"/lists/", "\""));
    let page = browser.look(&path).await.text;
    let join = format!("/join/{}", between(&page, "/join/", "<"));
    assert!(page.contains("&#60;form method=&#34;post&#34; action=&#34;"), "{page}");
    let ask = async |method: Method, body: &str| {
        let request = axum::http::Request::builder()
            .method(method)
            .uri(&join)
            .header("origin", "https://their.example")
            .header("content-type", "application/x-www-form-urlencoded");
        house.send(request.body(axum::body::Body::from(body.to_owned())).unwrap()).await
    };
    let shown = ask(Method::GET, "").await;
    assert!(shown.status == 200 && shown.text.contains("name=\"email\""), "{}", shown.text);
    let wrong = ask(Method::POST, "email=nonsense").await;
    assert!(wrong.status == 422 && wrong.text.contains("value=\"nonsense\""));
    let (store, w) = (&house.app.store, WorkspaceId::FIRST);
    assert!(ask(Method::POST, "email=bot%40a.example&website=x").await.text.contains("Look into your mailbox"));
    assert!(store.contacts_page(w, None, 9).await.unwrap().is_empty(), "programs are thanked and forgotten");
    let first = ask(Method::POST, "email=kim%40a.example").await.text;
    let second = ask(Method::POST, "email=kim%40a.example").await.text;
    assert_eq!(first, second);
    let people = store.contacts_page(w, None, 9).await.unwrap();
    assert_eq!(people.len(), 1);
    assert_eq!(people[0].status, model::ContactStatus::Unconfirmed);
    assert_eq!(people[0].consent.as_ref().unwrap().source.as_deref(), Some("sign-up form"));
    let gone = model::EmailAddress::parse("gus@a.example").unwrap();
    store.forget(w, &gone, &model::Actor::Engine, house.app.now()).await.unwrap();
    let forgotten = ask(Method::POST, "email=gus%40a.example").await.text;
    assert_eq!(forgotten.replace("gus@", "kim@"), first, "the answer tells nothing");
    assert_eq!(store.contacts_page(w, None, 9).await.unwrap().len(), 1, "nothing of them is kept");
    crate::asking::ask_due(&house.app).await.unwrap();
    let id = path.trim_start_matches("/lists/").parse().unwrap();
    let members = store.list_members(w, id, None, 9).await.unwrap();
    assert!(members[0].asked_at.is_some() && members[0].confirmed_at.is_none(), "{members:?}");
    let mut refused = 0;
    for _ in 0..12 {
        refused += u32::from(ask(Method::POST, "email=kim%40a.example").await.status == 503);
    }
    assert!(refused > 0, "one address of the network types so much and no more");
    assert_eq!(browser.submit(&path, &form.replace("&public=yes", "")).await.status, 303);
    assert_eq!(ask(Method::GET, "").await.status, 404, "a list that is not public has no form");
}
