//! The operator's pages, as a browser meets them: forms in, HTML out, through the whole router.

use super::house::{Answer, House};
use crate::auth::sign_in;
use axum::body::Body;
use axum::http::{Method, Request};
use model::{Actor, EventKind, WorkspaceId};
use store::{LinkPurpose, NewContact};

const PASSWORD: &str = "correct horse battery";

/// What a browser sends from a page of ours.
pub(super) async fn submit(house: &House, path: &str, cookie: &str, form: &str) -> Answer {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("cookie", cookie)
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form.to_owned()))
        .unwrap();
    house.send(request).await
}

pub(super) async fn look(house: &House, path: &str, cookie: &str) -> Answer {
    let request = Request::builder().uri(path).header("cookie", cookie).body(Body::empty()).unwrap();
    house.send(request).await
}

/// Becomes the owner by the link, on the page; the cookie.
pub(super) async fn owner(house: &House) -> String {
    let (store, entropy) = (&house.app.store, house.app.world.entropy.as_ref());
    let who = (WorkspaceId::FIRST, None, LinkPurpose::Welcome);
    let token = sign_in::make_link(store, entropy, who, &Actor::Engine, house.app.now()).await.unwrap();
    let path = format!("/welcome/{token}");
    assert!(look(house, &path, "").await.text.contains("name=\"email\""));
    let short = submit(house, &path, "", "email=anna%40example.org&name=Anna&password=short").await;
    assert_eq!(short.status, 422);
    assert!(short.text.contains("value=\"anna@example.org\"") && short.text.contains("id=\"password-wrong\""));
    let form = format!("email=anna%40example.org&name=Anna&password={}", PASSWORD.replace(' ', "+"));
    let begun = submit(house, &path, "", &form).await;
    assert_eq!((begun.status.as_u16(), &begun.headers["location"]), (303, &"/".parse().unwrap()), "{}", begun.text);
    assert_eq!(look(house, &path, "").await.status, 404, "a link works once");
    let cookie = begun.headers["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn whoever_is_not_signed_in_is_led_to_the_door_and_back() {
    let house = House::new();
    owner(&house).await;
    let away = look(&house, "/campaigns?after=x", "").await;
    assert_eq!(away.headers["location"], "/sign-in?next=/campaigns%3Fafter%3Dx");
    let wrong = submit(&house, "/sign-in", "", "email=anna%40example.org&password=wrong&next=/campaigns").await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.text.contains("value=\"anna@example.org\"") && wrong.text.contains("value=\"/campaigns\""));
    let form = format!("email=anna%40example.org&password={}&next=/campaigns", PASSWORD.replace(' ', "+"));
    let entered = submit(&house, "/sign-in", "", &form).await;
    assert_eq!((entered.status.as_u16(), entered.headers["location"].to_str().unwrap()), (303, "/campaigns"));
    let cookie = entered.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(look(&house, "/campaigns", &cookie).await.status, 200);
    assert_eq!(submit(&house, "/sign-out", &cookie, "").await.status, 303);
    assert_eq!(look(&house, "/campaigns", &cookie).await.status, 303);
}

/// Pages whose tables are taken out elsewhere, and where.
const NO_CSV: [(&str, &str); 1] =
    [("/", "the campaigns that are there are some of /campaigns, which has /campaigns.csv")];

/// Before each table of a page, and behind the one before it, stands where it can be taken out.
fn every_table_can_be_taken_out(path: &str, page: &str) {
    let parts: Vec<&str> = page.split("<table").collect();
    let before = parts.iter().take(parts.len() - 1);
    for part in before.map(|part| part.rsplit("</table>").next().unwrap_or(part)) {
        let hrefs = part.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let is_way_out = |href: &str| href.contains("csv") || href.contains("/exports/") || href.ends_with("/rejects");
        let is_there = hrefs.into_iter().any(is_way_out);
        assert!(is_there || NO_CSV.iter().any(|(without, _)| *without == path), "{path}: no way out for {part}");
    }
}

/// Templates with a table that say nothing of a file themselves, and why.
const WITHOUT_CSV: [(&str, &str); 6] = [
    ("table.html", "every such table is given one by the page's own code, or a reason why not"),
    ("campaign_table.html", "drawn into the list, which has campaigns.csv, and into the first page, which leads there"),
    ("causes.html", "drawn into the report, which has causes.csv"),
    ("lanes.html", "drawn into the machine room, which leads to the table of lanes"),
    ("trial.html", "drawn into the report, which has variants.csv, and into the machine room, which leads there"),
    ("trial_foretold.html", "what variants would have to show; once it began they are variants.csv"),
];

#[test]
fn every_table_of_a_template_can_be_taken_out() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/pages");
    let mut without = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        if text.contains("<table") && !text.contains("csv") {
            without.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    without.sort();
    let mut known = WITHOUT_CSV.map(|(template, _)| template.to_owned());
    known.sort();
    assert_eq!(without, known);
}

#[tokio::test]
async fn a_table_of_a_page_is_a_file_by_the_page_s_own_address() {
    let house = House::new();
    let things = house.furnish().await;
    let cookie = owner(&house).await;
    let page = look(&house, "/machine", &cookie).await.text;
    assert!(page.contains("href=\"?csv=machine\""), "{page}");
    let table = look(&house, "/machine?csv=machine", &cookie).await;
    assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(table.headers["content-disposition"], "attachment; filename=\"machine.csv\"");
    let mut rows = csv::Reader::from_reader(table.text.as_bytes());
    assert!(rows.records().map(Result::unwrap).count() > 3, "{}", table.text);
    let delivery = &things.by_kind["deliveries"];
    let tries = look(&house, &format!("/deliveries/{delivery}?csv=tries"), &cookie).await;
    assert!(tries.status == 200 && tries.text.starts_with("#,"), "{}", tries.text);
    let campaign = &things.campaign;
    let causes = look(&house, &format!("/campaigns/{campaign}/causes.csv"), &cookie).await;
    assert_eq!(causes.headers["content-type"], "text/csv; charset=utf-8");
    let nothing = look(&house, "/machine?csv=nothing", &cookie).await;
    assert!(nothing.status == 404 && nothing.text.contains("<html"), "{}", nothing.text);
    assert_eq!(look(&house, "/machine?csv=machine", "").await.status, 303, "for those who may see the page");
    let noted = house.app.store.latest_events(vec![EventKind::Exported], 9).await.unwrap();
    let noted: Vec<_> = noted.iter().rev().map(|event| (event.detail.as_deref(), event.campaign.is_some())).collect();
    assert_eq!(noted, [(Some("machine"), false), (Some("tries"), false), (Some("causes"), true)]);
}

#[tokio::test]
async fn every_page_is_drawn_and_loads_nothing_from_elsewhere() {
    let house = House::new();
    let things = house.furnish().await;
    let cookie = owner(&house).await;
    let (campaign, contact) = (&things.campaign, &things.by_kind["contacts"]);
    let delivery = &things.by_kind["deliveries"];
    let paths = [
        "/".to_owned(),
        "/campaigns".to_owned(),
        format!("/campaigns/{campaign}"),
        format!("/campaigns/{campaign}/report"),
        format!("/campaigns/{campaign}/people"),
        format!("/campaigns/{campaign}/people?state=in_progress"),
        format!("/campaigns/{campaign}/investigate"),
        format!("/campaigns/{campaign}/investigate?person={delivery}"),
        format!("/campaigns/{campaign}/investigate?cause=7"),
        format!("/campaigns/{campaign}/cancel"),
        format!("/campaigns/{campaign}/versions"),
        format!("/deliveries/{delivery}"),
        "/campaigns/new".to_owned(),
        "/contacts".to_owned(),
        "/contacts?q=p1@first.example".to_owned(),
        "/contacts?q=nonsense".to_owned(),
        format!("/contacts/{contact}"),
        "/imports".to_owned(),
        "/imports/new".to_owned(),
        format!("/imports/{}/take-back", things.by_kind["imports"]),
        "/segments".to_owned(),
        "/segments/new".to_owned(),
        "/segments/new?text=sent%20%7C%7C%20(attr.a==1%20%26%26%20opened)&who=p1@first.example".to_owned(),
        "/suppressions".to_owned(),
        "/suppressions/lift?target=p1@first.example".to_owned(),
        "/lanes".to_owned(),
        "/machine".to_owned(),
        "/sunsets".to_owned(),
        "/sources".to_owned(),
        "/domains".to_owned(),
        "/lists".to_owned(),
        "/sequences".to_owned(),
        "/sequences/new".to_owned(),
        format!("/sequences/{}", things.by_kind["sequences"]),
        format!("/sequences/{}/people?who=entered", things.by_kind["sequences"]),
        format!("/sequences/{}/edit", things.by_kind["sequences"]),
        "/events".to_owned(),
        "/events?hand=yes".to_owned(),
        "/alerts?all=yes".to_owned(),
        "/settings".to_owned(),
        "/users".to_owned(),
        format!("/users/{}", things.by_kind["users"]),
        "/keys".to_owned(),
        "/webhooks".to_owned(),
        format!("/webhooks/{}", things.by_kind["webhooks"]),
        "/account".to_owned(),
    ];
    for path in paths {
        for language in ["en", "de"] {
            let cookie = format!("{cookie}; postroom-look=dark.more.{language}");
            let page = look(&house, &path, &cookie).await;
            assert_eq!(page.status, 200, "{path}: {}", page.text);
            let policy = page.headers["content-security-policy"].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}");
            assert_eq!(page.headers["referrer-policy"], "same-origin", "forms tell where they come from");
            assert!(
                page.text.contains(&format!("<html lang=\"{language}\" data-theme=\"dark\" data-contrast=\"more\">"))
            );
            assert_eq!(page.text.matches("<h1").count(), 1, "{path}");
            every_table_can_be_taken_out(&path, &page.text);
            for foreign in [" style=", "<style", "http://", "javascript:", "onclick"] {
                assert!(!page.text.contains(foreign), "{path} has {foreign}");
            }
        }
    }
    let style = look(&house, &format!("{}/style.css", *crate::pages::ASSETS_PLACE), "").await;
    assert_eq!(
        (style.status.as_u16(), style.headers["cache-control"].to_str().unwrap()),
        (200, "public, max-age=31536000, immutable")
    );
}

#[tokio::test]
async fn what_is_not_of_the_workspace_is_not_found_and_foreign_forms_do_nothing() {
    let house = House::new();
    let things = house.furnish().await;
    let cookie = owner(&house).await;
    let campaign = &things.campaign;
    assert_eq!(look(&house, "/campaigns/m_7zzzzzzzzzzzz", &cookie).await.status, 404);
    let foreign = Request::builder()
        .method(Method::POST)
        .uri(format!("/campaigns/{campaign}/pause"))
        .header("cookie", &cookie)
        .header("sec-fetch-site", "cross-site")
        .body(Body::empty())
        .unwrap();
    let answer = house.send(foreign).await;
    assert_eq!(answer.status, 403);
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/html"), "people get a page");
    let key = house.foreign_key().await;
    let by_key = house.get(&format!("/campaigns/{campaign}"), &key).await;
    assert_eq!(by_key.status, 403, "keys have the API");
}

#[tokio::test]
async fn a_campaign_is_paused_cancelled_and_told() {
    let house = House::new();
    let things = house.furnish().await;
    let cookie = owner(&house).await;
    let base = format!("/campaigns/{}", things.campaign);
    let page = look(&house, &base, &cookie).await;
    assert!(page.text.contains("data-stream=\"") && page.text.contains("data-part=\"equation\""), "{}", page.text);
    assert_eq!(submit(&house, &format!("{base}/pause"), &cookie, "").await.status, 303);
    let paused = look(&house, "/", &cookie).await.text;
    assert!(paused.contains("first news is paused; 2 people wait"), "{paused}");
    assert!(look(&house, &format!("{base}/cancel"), &cookie).await.text.contains("Cancel it for 2 people"));
    assert_eq!(submit(&house, &format!("{base}/cancel"), &cookie, "").await.status, 303);
    let report = look(&house, &base, &cookie).await;
    assert_eq!(
        report.headers["location"].to_str().unwrap(),
        format!("{base}/report"),
        "it is over: this is its report"
    );
    let report = look(&house, &format!("{base}/report"), &cookie).await.text;
    assert!(report.contains("2 cancelled") && report.contains("These totals are final."), "{report}");
    let again = submit(&house, &format!("{base}/pause"), &cookie, "").await;
    assert_eq!(again.status, 409, "nothing is done twice");
}

#[tokio::test]
async fn how_pages_look_is_chosen_where_one_stands() {
    let house = House::new();
    let cookie = owner(&house).await;
    let page = look(&house, "/contacts?q=a@b.example", &cookie).await.text;
    assert!(page.contains("<input type=\"hidden\" name=\"next\" value=\"/contacts?q=a@b.example\">"), "{page}");
    let chosen = submit(&house, "/look", &cookie, "theme=dark&next=%2Fcampaigns").await;
    assert_eq!((chosen.status.as_u16(), chosen.headers["location"].to_str().unwrap()), (303, "/campaigns"));
}

#[tokio::test]
async fn hostile_names_are_letters_and_nothing_else() {
    let house = House::new();
    let cookie = owner(&house).await;
    let new = NewContact {
        address: "eve@example.org".parse().unwrap(),
        external_id: None,
        attributes: r#"{"<script>alert(1)</script>": "\"><img src=x onerror=alert(2)>"}"#.to_owned(),
        unconfirmed: false,
        consent: None,
        lead_source: Some("<b>fair</b>".to_owned()),
    };
    let made = house.app.store.create_contact(WorkspaceId::FIRST, new, &Actor::Engine, house.app.now()).await.unwrap();
    let page = look(&house, &format!("/contacts/{}", made.id), &cookie).await.text;
    for hostile in ["<script>alert", "<img", "<b>fair"] {
        assert!(!page.contains(hostile), "{hostile}");
    }
}

#[tokio::test]
async fn pages_are_small_on_the_way_to_whoever_takes_that() {
    let house = House::new();
    let cookie = owner(&house).await;
    let plain = look(&house, "/campaigns", &cookie).await;
    assert!(plain.headers.get("content-encoding").is_none() && plain.headers["vary"] == "accept-encoding");
    let asked = |path: &str| {
        let request = Request::builder().uri(path).header("cookie", &cookie).header("accept-encoding", "gzip, br");
        request.body(Body::empty()).unwrap()
    };
    let response = house.open(asked("/campaigns")).await;
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let packed = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let mut page = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&packed[..]), &mut page).unwrap();
    assert_eq!(page, plain.text);
    assert!(packed.len() * 2 < page.len(), "{} of {}", packed.len(), page.len());
    let program = house.open(asked("/api/v1/campaigns")).await;
    assert!(program.headers().get("content-encoding").is_none(), "programs get what they got before");
}

#[tokio::test]
async fn what_is_refused_is_said_in_the_language_of_the_page() {
    let house = House::new();
    let cookie = owner(&house).await;
    let german = format!("{cookie}; postroom-look=..de");
    let form = "target=nobody&note=";
    let page = submit(&house, "/suppressions", &cookie, form).await.text;
    assert!(page.contains("has no dot: a whole domain name is needed"), "{page}");
    let page = submit(&house, "/suppressions", &german, form).await.text;
    assert!(page.contains("lang=\"de\"") && page.contains("hat keinen Punkt"), "{page}");
}
