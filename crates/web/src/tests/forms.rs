//! Every form tells at once all that is wrong, each beside its field, and keeps what was typed.
//!
//! The forms are found in the routes themselves, so that a new one is in one of the two lists below or the test fails.

use super::browser::Browser;
use super::campaigns::{people, rehearsal, written};
use super::house::House;
use crate::auth::sign_in;
use model::{Actor, WorkspaceId};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use store::LinkPurpose;

/// Where forms go to.
const ROUTES: [&str; 3] =
    [include_str!("../pages/mod.rs"), include_str!("../pages/desk.rs"), include_str!("../public/mod.rs")];

/// A form with several mistakes: where it goes to, what is sent, whose reasons have to stand there, and what has to be
/// there again.
struct Sent {
    to: &'static str,
    form: &'static str,
    wrong: &'static [&'static str],
    kept: &'static [&'static str],
}

const fn sent(
    to: &'static str,
    form: &'static str,
    wrong: &'static [&'static str],
    kept: &'static [&'static str],
) -> Sent {
    Sent { to, form, wrong, kept }
}

/// Steps in each of which something is wrong: what cannot be read, and what would be refused.
macro_rules! wrong_steps {
    ($do:literal) => {
        concat!(
            "name=&goal=%7Bnot&zone=Mars%2FOlympus&e1-kind=event&e1-value=two+words&e1-again=after&e1-days=some",
            "&s1-kind=send&s1-name=message_1&s1-from=not+an+address&s1-subject=Hi&s1-source=x",
            "&s2-kind=wait&s2-amount=1e9x&s2-unit=days&s3-kind=call&s3-name=two+words&s4-kind=until&s4-value=&do=",
            $do
        )
    };
}

const WRONG_STEPS_SAVED: &str = wrong_steps!("save");
const WRONG_STEPS_AS_TEXT: &str = wrong_steps!("text");
const WRONG_STEPS: &[&str] =
    &["name", "goal", "zone", "e1-value", "e1-days", "s1-from", "s2-amount", "s3-name", "s4-value"];

const SEVERAL: &[Sent] = &[
    sent("/sign-in", "email=&password=&next=/lists", &["email", "password"], &["/lists"]),
    sent("/welcome/{token}", "email=nonsense&name=&password=short", &["email", "password"], &["nonsense"]),
    sent(
        "/account/password",
        "password=not+mine&new_password=short",
        &["password-password", "password-new_password"],
        &[],
    ),
    sent(
        "/account/factor/confirm",
        "password=not+mine&secret=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&uri=otpauth:x&code=0",
        &["confirm-password", "confirm-code"],
        &["otpauth:x"],
    ),
    sent(
        "/settings",
        "brand_colour=mauve&time_zone=Nowhere",
        &["settings-brand_colour", "settings-time_zone"],
        &["mauve", "Nowhere"],
    ),
    sent(
        "/settings/caps",
        "per_day=some&per_week=more&topic_per_week=3",
        &["caps-per_day", "caps-per_week"],
        &["some", "more"],
    ),
    sent("/users", "name=&email=kim&role=operator", &["invite-name", "invite-email"], &["kim"]),
    sent("/users", "name=Kim&email=kim&role=emperor", &["invite-email", "invite-role"], &["Kim"]),
    sent("/keys", "once=a1&name=&expires_at=soon", &["make-name", "make-scopes", "make-expires_at"], &["soon"]),
    sent(
        "/keys",
        "once=a2&name=&scopes=contacts.read&expires_at=2001-01-01T00:00",
        &["make-name", "make-expires_at"],
        &["2001-01-01T00:00"],
    ),
    sent(
        "/webhooks",
        "once=a3&url=nonsense&events=message.eaten&description=shop",
        &["make-url", "make-events"],
        &["nonsense", "message.eaten", "shop"],
    ),
    sent(
        "/webhooks/{id}",
        "url=nonsense&events=message.eaten&description=shop",
        &["change-url", "change-events"],
        &["nonsense", "message.eaten"],
    ),
    sent(
        "/alerts/channels",
        "name=&kind=mail&to=kim&from=lee&relay=nowhere",
        &["channel-name", "channel-to", "channel-from", "channel-relay"],
        &["kim", "lee", "nowhere"],
    ),
    sent(
        "/alerts/channels",
        "name=night&kind=ping&every_minutes=often",
        &["channel-url", "channel-every_minutes"],
        &["night", "often"],
    ),
    sent(
        "/sources",
        "name=&address=here&ehlo_name=two+words&proxy=ftp",
        &["source-name", "source-address", "source-ehlo_name", "source-proxy"],
        &["here", "two words", "ftp"],
    ),
    sent(
        "/sources/{name}/ceilings",
        "connections=many&per_connection=0&messages_per_day=7",
        &["ceilings-connections", "ceilings-per_connection"],
        &["many"],
    ),
    sent("/pools", "name=&members=out+1+2", &["pool-name", "pool-members"], &["out 1 2"]),
    sent("/pools", "name=&members=nobody+1", &["pool-name", "pool-members"], &["nobody 1"]),
    sent(
        "/holds",
        "until=whenever&why=&domain=no+domain",
        &["hold-until", "hold-why", "hold-domain"],
        &["whenever", "no domain"],
    ),
    sent("/lists", "name=&sender=kim&topic=shoes", &["list-name", "list-sender"], &["kim", "shoes"]),
    sent("/lists/{id}", "name=&sender=kim&topic=shoes", &["list-name", "list-sender"], &["kim", "shoes"]),
    sent(
        "/sunsets",
        "days=1&mailings=many&because=&do=rest",
        &["rest-days", "rest-mailings", "rest-because"],
        &["many"],
    ),
    sent("/segments/new", "name=&was=&text=sent+%7C%7C&do=save", &["name", "text"], &["sent ||"]),
    sent("/segments/{id}", "name=&was=&text=sent+%7C%7C&do=save", &["name", "text"], &["sent ||"]),
    sent(
        "/sequences/new",
        "name=&definition=%7B&messages=%7Bno",
        &["sequence-name", "sequence-definition", "sequence-messages"],
        &["{no"],
    ),
    sent("/sequences/new", WRONG_STEPS_SAVED, WRONG_STEPS, &["{not", "Mars/Olympus", "not an address", "1e9x"]),
    sent("/sequences/{id}/edit", WRONG_STEPS_AS_TEXT, WRONG_STEPS, &["{not", "Mars/Olympus", "not an address", "1e9x"]),
    sent(
        "/sequences/{id}/edit",
        "name=&definition=%7B%7D&messages=%7Bno",
        &["sequence-name", "sequence-definition", "sequence-messages"],
        &["{no"],
    ),
    sent(
        "/suppressions/lift-many",
        "since=then&until=now&reason=",
        &["many-since", "many-until", "many-reason"],
        &["then", "now"],
    ),
    sent(
        "/imports/files/{file}",
        "name=fair&column-1=email&column-2=email&column-3=",
        &["mapping-column-2", "mapping-consent"],
        &["fair"],
    ),
    sent("/campaigns/new", "once=a4&name=&from=kim&format=html", &["name", "from"], &["kim"]),
    sent(
        "/campaigns/{id}/edit",
        "name=&from=kim&subject=Hi&include=everyone&format=html&source=x&tracking=off",
        &["name", "from"],
        &["kim", "Hi"],
    ),
];

/// Forms in which no two things can be wrong: what is chosen in them, or the one thing that is typed.
const ONE: &[&str] = &[
    // A button, or a choice among what stands there.
    "/look",
    "/sign-out",
    "/first/look",
    "/first/sandbox",
    "/first/sandbox/remove",
    "/campaigns/{id}/duplicate",
    "/campaigns/{id}/versions",
    "/campaigns/{id}/pause",
    "/campaigns/{id}/cancel",
    "/campaigns/{id}/again",
    "/campaigns/{id}/resend",
    "/campaigns/{id}/count",
    "/campaigns/{id}/take-back",
    "/deliveries/{id}/resend",
    "/campaigns/{id}/variant",
    "/imports/{id}/take-back",
    "/segments/{id}/remove",
    "/suppressions/lift",
    "/holds/{id}/lift",
    "/holds/{id}/cancel",
    "/sources/{name}/retire",
    "/sources/{name}/delisted",
    "/pools/{name}/remove",
    "/domains/{domain}/check",
    "/lists/{id}/remove",
    "/sunsets/{id}/undo",
    "/sequences/{id}/activate",
    "/sequences/{id}/pause",
    "/sequences/{id}/archive",
    "/alerts/channels/{id}/test",
    "/alerts/channels/{id}/remove",
    "/alerts/{id}/snooze",
    "/users/{id}/role",
    "/users/{id}/door",
    "/users/{id}/reset",
    "/users/{id}/remove",
    "/keys/{id}/revoke",
    "/webhooks/{id}/test",
    "/webhooks/{id}/enable",
    "/webhooks/{id}/disable",
    "/webhooks/{id}/rotate",
    "/webhooks/{id}/remove",
    "/u/{token}",
    "/p/{token}",
    "/confirm/{token}",
    // One field that can be wrong.
    "/domains/{domain}/keys",
    "/settings/name",
    "/account/name",
    "/domains",
    "/suppressions",
    "/webhooks/{id}/replay",
    "/join/{workspace}/{list}",
    "/account/factor",
    "/contacts/{id}/address",
    "/contacts/{id}/values",
    "/contacts/{id}/back",
    "/contacts/{id}/suppress",
    "/contacts/{id}/forget",
    "/campaigns/{id}/images",
    "/campaigns/{id}/test",
    "/imports/files",
    "/deliveries/{id}/doubt",
    // The reason a brake asks for, and whom it wants left out; when to begin, and the number of many people: each has a test.
    "/campaigns/{id}/resume",
    "/campaigns/{id}/start",
    // The code is looked at once the password is right, or nobody would need the password to try codes.
    "/account/factor/drop",
];

/// Every address a form goes to.
fn forms() -> BTreeSet<String> {
    let of = |routes: &'static str| {
        routes.split(".route(").skip(1).filter(|route| route.contains("post(")).map(|route| {
            let quoted = route.split('"').nth(1).unwrap_or_default();
            quoted.to_owned()
        })
    };
    ROUTES.into_iter().flat_map(of).collect()
}

#[test]
fn every_form_is_known() {
    let listed: BTreeSet<String> =
        SEVERAL.iter().map(|sent| sent.to).chain(ONE.iter().copied()).map(str::to_owned).collect();
    let forms = forms();
    assert!(forms.len() > 70, "the routes are not read: {forms:?}");
    assert_eq!(forms.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "neither list has them");
    assert_eq!(listed.difference(&forms).collect::<Vec<_>>(), Vec::<&String>::new(), "there are none such");
}

/// One thing of each kind that forms are about: the beginning of their addresses, and what stands in their braces.
async fn places(house: &House, browser: &Browser<'_>) -> BTreeMap<&'static str, String> {
    let things = house.furnish().await;
    let key = house.master_key().await;
    let import = people(house, &["anna@a.example"]).await;
    let draft = house.post("/api/v1/campaigns", &key, written("spring", &import)).await.json();
    let list = house.post("/api/v1/lists", &key, json!({ "name": "News" })).await.json();
    let segment = house.post("/api/v1/segments", &key, json!({ "name": "Sent", "text": "sent" })).await.json();
    let source = json!({ "address": "192.0.2.9", "ehlo_name": "out.first.example" });
    let put = house.ask(axum::http::Method::PUT, "/api/v1/sources/out", Some(&key), Some(source)).await;
    assert_eq!(put.status, 200, "{}", put.text);
    let file = "--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nemail,a,b\nk@a.example,1,2\n\r\n--x--\r\n";
    let file = browser.send("/imports/files", "multipart/form-data; boundary=x", file.to_owned()).await;
    let file = file.headers["location"].to_str().unwrap().split(['/', '?']).nth(3).unwrap().to_owned();
    let who = (WorkspaceId::FIRST, None, LinkPurpose::Welcome);
    let link =
        sign_in::make_link(&house.app.store, house.app.world.entropy.as_ref(), who, &Actor::Engine, house.app.now());
    let id = |one: &serde_json::Value| one["id"].as_str().unwrap().to_owned();
    [
        ("/welcome/", link.await.unwrap()),
        ("/webhooks/", things.by_kind["webhooks"].clone()),
        ("/sequences/", things.by_kind["sequences"].clone()),
        ("/sources/", "out".to_owned()),
        ("/lists/", id(&list)),
        ("/segments/", id(&segment)),
        ("/imports/files/", file),
        ("/campaigns/", id(&draft)),
    ]
    .into()
}

#[tokio::test]
async fn every_form_tells_all_that_is_wrong_and_keeps_what_was_typed() {
    let house = rehearsal();
    let browser = Browser::owner(&house).await;
    let places = places(&house, &browser).await;
    for Sent { to, form, wrong, kept } in SEVERAL {
        let path = match to.split_once('{') {
            None => (*to).to_owned(),
            Some((before, rest)) => {
                let rest = rest.split_once('}').unwrap().1;
                format!("{before}{}{rest}", places[before])
            }
        };
        let answer = browser.submit(&path, form).await;
        let status = answer.status.as_u16();
        assert!([401, 409, 422].contains(&status), "{to} {form}: {status} {}", answer.text);
        for field in *wrong {
            let id = format!("id=\"{field}-wrong\"");
            assert!(answer.text.contains(&id), "{to} {form}: nothing beside {field}: {}", answer.text);
        }
        for typed in *kept {
            let escaped = typed.replace('|', "&#124;");
            let is_there = answer.text.contains(typed) || answer.text.contains(&escaped);
            assert!(is_there, "{to} {form}: {typed:?} is lost: {}", answer.text);
        }
    }
}
