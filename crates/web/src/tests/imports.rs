//! Files of people in, tables out.

use super::browser::Browser;
use super::house::{Answer, House};
use axum::body::Body;
use axum::http::{Method, Request};
use model::WorkspaceId;
use serde_json::{Value, json};
use std::time::Duration;

pub(super) async fn send_in(house: &House, key: &str, csv: &str) -> Answer {
    let request = Request::post("/api/v1/imports/files")
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "text/csv; charset=utf-8")
        .body(Body::from(csv.to_owned()));
    house.send(request.unwrap()).await
}

/// Begins an import and waits for the end of its job.
pub(super) async fn import(house: &House, key: &str, wanted: Value) -> Value {
    let begun = house.post("/api/v1/imports", key, wanted).await;
    assert_eq!(begun.status, 202, "{}", begun.text);
    let place = begun.headers["location"].to_str().unwrap().to_owned();
    for _ in 0..1_000 {
        let job = house.get(&place, key).await.json();
        if job["state"] != "running" {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the import does not end");
}

const PEOPLE: &str = "Mail,Name,City\nanna@a.example,Anna,Oslo\nbo@b.example,Bo,=HYPERLINK(1)\nnobody,Cy,\n";

#[tokio::test]
async fn a_file_is_sent_in_tried_and_imported() {
    let house = House::new();
    let key = house.master_key().await;
    let sent = send_in(&house, &key, PEOPLE).await;
    assert_eq!(sent.status, 201, "{}", sent.text);
    let sent = sent.json();
    assert_eq!((&sent["columns"][0]["role"], &sent["sample"][1][1]), (&json!("email"), &json!("Bo")));
    let file = &sent["file"];

    let tried = import(&house, &key, json!({ "file": file, "dry_run": true })).await;
    assert_eq!((&tried["kind"], &tried["state"]), (&json!("import_dry_run"), &json!("done")), "{tried}");
    assert_eq!((&tried["result"]["rows"], &tried["result"]["added"]), (&json!(3), &json!(3)));
    assert_eq!(house.get("/api/v1/contacts", &key).await.json()["data"], json!([]));

    let list = house.post("/api/v1/lists", &key, json!({ "name": "readers" })).await.json();
    let wanted = json!({ "file": file, "name": "spring.csv", "mapping": { "first_name": "Name" }, "list": list["id"] });
    let done = import(&house, &key, wanted.clone()).await;
    assert_eq!((&done["state"], &done["result"]["joined"]), (&json!("done"), &json!(3)), "{done}");
    let imports = house.get("/api/v1/imports", &key).await.json();
    assert_eq!((&imports["data"][0]["name"], &imports["data"][0]["added"]), (&json!("spring.csv"), &json!(3)));
    let rejects = house.get(done["result"]["rejects_file"].as_str().unwrap(), &key).await;
    assert!(rejects.text.contains("there is no @ in it"), "{}", rejects.text);
    assert_eq!(rejects.headers["content-disposition"], "attachment; filename=\"rejects.csv\"");
    // The file is gone with its import.
    assert_eq!(house.post("/api/v1/imports", &key, wanted).await.json()["field"], "file");

    let table = house.get("/api/v1/exports/contacts", &key).await;
    assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
    assert!(table.text.starts_with("email,contact,external_id,status,"), "{}", table.text);
    assert!(table.text.contains("anna@a.example") && table.text.contains("'=HYPERLINK(1)"), "{}", table.text);
    assert_eq!(table.text.lines().count(), 4);
    let audit = house.get("/api/v1/audit?kinds=exported", &key).await.json();
    assert_eq!(audit["data"][0]["detail"], "contacts");

    let id = imports["data"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/imports/{id}");
    assert_eq!(house.ask(Method::DELETE, &path, Some(&key), None).await.status, 204);
    assert_eq!(house.get(&path, &key).await.code(), "not_found");
    assert_eq!(house.get("/api/v1/contacts", &key).await.json()["data"], json!([]));
}

#[tokio::test]
async fn an_import_leaves_out_and_counts_who_was_forgotten() {
    let house = House::new();
    let key = house.master_key().await;
    let anna = house.post("/api/v1/contacts", &key, json!({ "email": "anna@a.example" })).await.json();
    let forget = format!("/api/v1/contacts/{}/forget", anna["id"].as_str().unwrap());
    assert_eq!(house.post(&forget, &key, json!({})).await.status, 200);
    let sent = send_in(&house, &key, PEOPLE).await.json();
    let tried = import(&house, &key, json!({ "file": sent["file"], "dry_run": true })).await;
    let done = import(&house, &key, json!({ "file": sent["file"] })).await;
    for job in [&tried, &done] {
        let counts = ["rows", "added", "forgotten"].map(|count| job["result"][count].as_u64());
        assert_eq!(counts, [Some(3), Some(2), Some(1)], "{job}");
    }
    let browser = Browser::owner(&house).await;
    let page = browser.look(&format!("/imports/jobs/{}", done["id"].as_str().unwrap())).await.text;
    for said in ["+ 1 left out", "One person was forgotten at their own wish", "known by a hash alone"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let table = house.get("/api/v1/exports/contacts", &key).await.text;
    assert!(!table.contains("anna@") && table.lines().count() == 3, "{table}");
}

#[tokio::test]
async fn an_import_says_that_nobody_is_asked_to_confirm() {
    let house = House::new();
    let key = house.master_key().await;
    let list = json!({ "name": "Garten", "confirms": true });
    let list = house.post("/api/v1/lists", &key, list).await.json();
    let sent = send_in(&house, &key, PEOPLE).await.json();
    let browser = Browser::owner(&house).await;
    let asked = browser.look(&format!("/imports/files/{}", sent["file"].as_str().unwrap())).await.text;
    assert!(asked.contains("Garten (asks to confirm)") && asked.contains("An import asks nobody."), "{asked}");
    let done = import(&house, &key, json!({ "file": sent["file"], "list": list["id"] })).await;
    assert_eq!(done["result"]["not_confirmed"], 3, "{done}");
    let page = browser.look(&format!("/imports/jobs/{}", done["id"].as_str().unwrap())).await.text;
    assert!(page.contains("3 people of these are on the list and have not confirmed"), "{page}");
    let place = format!("/lists/{}", list["id"].as_str().unwrap());
    let of_list = browser.look(&place).await.text;
    let waiting = format!("{place}/waiting");
    assert!(of_list.contains("3 wait for their confirmation") && of_list.contains(&waiting), "{of_list}");
    let people = browser.look(&waiting).await.text;
    assert!(people.contains("anna@a.example") && people.contains("bo@b.example"), "{people}");
}

#[tokio::test]
async fn the_numbers_of_an_import_open_its_people() {
    let house = House::new();
    let key = house.master_key().await;
    let again = "Mail,Name,City\nanna@a.example,Anne,Oslo\ncid@c.example,Cid,Rome\ncid@c.example,Cid,Rome\n";
    let mut ids = Vec::new();
    for csv in [PEOPLE, again] {
        let sent = send_in(&house, &key, csv).await.json();
        let done = import(&house, &key, json!({ "file": sent["file"], "name": "spring.csv" })).await;
        assert_eq!(done["state"], "done", "{done}");
        ids.push((done["result"]["import"].as_str().unwrap().to_owned(), done["id"].as_str().unwrap().to_owned()));
    }
    let browser = super::browser::Browser::owner(&house).await;
    let (import, job) = &ids[1];
    for page in ["/imports".to_owned(), format!("/imports/jobs/{job}")] {
        let page = browser.look(&page).await.text;
        for fate in ["added", "duplicates", "known"] {
            let opens = format!("href=\"/contacts?import={import}&#38;fate={fate}\">1</a>");
            assert!(page.contains(&opens), "{fate}: {page}");
        }
    }
    let first = browser.look(&format!("/imports/jobs/{}", ids[0].1)).await.text;
    assert!(first.contains("href=\"#rejects\">1</a>") && first.contains("id=\"rejects\""), "{first}");
    let people = async |fate: &str| browser.look(&format!("/contacts?import={import}{fate}")).await.text;
    let doubled = people("&fate=duplicates").await;
    let says = "another contact has this address</span>";
    assert!(doubled.contains(says) && !doubled.contains("may be mailed"), "{doubled}");
    let alike = browser.look("/contacts?state=shares_address").await.text;
    assert!(alike.matches("cid@c.example").count() == 1 && alike.contains(says), "{alike}");
    let own = alike.split("<a class=\"q\" href=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let own = browser.look(own).await.text;
    assert!(own.contains("A campaign that means both mails one of them") && own.contains("The other contact"), "{own}");
    let table = house.get("/api/v1/exports/contacts?state=shares_address", &key).await.text;
    assert!(table.lines().count() == 2 && table.contains(",shares_address_with,"), "{table}");
    let known = people("&fate=known").await;
    assert!(known.contains("anna@a.example") && !known.contains("cid@c.example"), "{known}");
    assert!(known.contains("Who was in the import") && known.contains("spring.csv"), "{known}");
    assert!(known.contains(&format!("/api/v1/exports/contacts?import={import}&#38;fate=known")), "{known}");
    assert!(!known.contains("/segments/new?text="), "no rule says who was here before: {known}");
    assert_eq!(super::behind::rule_of(&people("").await), format!("in_import(\"{import}\")"));
    let list = async |query: &str| house.get(&format!("/api/v1/contacts?{query}"), &key).await;
    let added = list(&format!("import={import}&fate=added")).await.json();
    assert_eq!((&added["data"][0]["email"], &added["data"][1]), (&json!("cid@c.example"), &Value::Null));
    for wrong in ["fate=known".to_owned(), format!("import={import}&fate=lazy"), "import=i_7f2".to_owned()] {
        assert_eq!(list(&wrong).await.code(), "invalid_field", "{wrong}");
    }
}

#[tokio::test]
async fn what_cannot_be_imported_is_refused_with_its_field() {
    let house = House::new();
    let key = house.master_key().await;
    assert_eq!(send_in(&house, &key, "").await.json()["field"], "file");
    let without = send_in(&house, &key, "colour,size\nred,3\n").await.json();
    let detail = without["detail"].as_str().unwrap();
    assert_eq!(without["field"], "file");
    assert!(detail.contains("colour, size. Call the one") && !detail.contains("--map"), "{detail}");
    let file = send_in(&house, &key, PEOPLE).await.json()["file"].clone();
    let foreign = house.foreign_key().await;
    let cases = [
        (json!({ "file": "../../ledger.db" }), "file"),
        (json!({ "file": "a".repeat(64) }), "file"),
        (json!({ "file": file, "mapping": { "emial": "Mail" } }), "mapping.emial"),
        (json!({ "file": file, "delimiter": "ab" }), "delimiter"),
        (json!({ "file": file, "name": "" }), "name"),
        (json!({ "file": file, "list": "l_7" }), "list"),
    ];
    for (wanted, field) in cases {
        let answer = house.post("/api/v1/imports", &key, wanted.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.json()["field"].as_str()), (422, Some(field)), "{wanted}");
    }
    assert_eq!(house.post("/api/v1/imports", &foreign, json!({ "file": file })).await.json()["field"], "file");
    // What only shows while it is read fails the job.
    let failed =
        import(&house, &key, json!({ "file": file, "mapping": { "email": "City" }, "encoding": "utf-9" })).await;
    assert_eq!(failed["state"], "failed", "{failed}");
    assert!(failed["error"].as_str().unwrap().contains("utf-9"), "{failed}");
}

#[tokio::test]
async fn a_picture_has_an_address_that_everybody_may_see() {
    let house = House::new();
    let key = house.master_key().await;
    let send = async |bytes: &'static [u8]| -> Answer {
        let request = Request::post("/api/v1/images?name=logo").header("authorization", format!("Bearer {key}"));
        house.send(request.body(Body::from(bytes)).unwrap()).await
    };
    let kept = send(b"GIF89a tiny").await.json();
    assert_eq!((&kept["type"], &kept["name"], &kept["size_bytes"]), (&json!("image/gif"), &json!("logo"), &json!(11)));
    let path = kept["url"].as_str().unwrap().strip_prefix(&house.app.config.public_url).unwrap().to_owned();
    let shown = house.ask(Method::GET, &path, None, None).await;
    assert_eq!((shown.text.as_str(), &shown.headers["content-type"]), ("GIF89a tiny", &"image/gif".parse().unwrap()));
    assert!(shown.headers["cache-control"].to_str().unwrap().contains("immutable"));
    let again = Request::get(&path).header("if-none-match", &shown.headers["etag"]).body(Body::empty()).unwrap();
    assert_eq!(house.send(again).await.status, 304);
    assert_eq!(house.ask(Method::GET, &path.replace('a', "b"), None, None).await.status, 404);
    assert_eq!(house.get("/api/v1/images", &key).await.json()["data"][0]["hash"], kept["hash"]);
    assert_eq!(house.get("/api/v1/images", &house.foreign_key().await).await.json()["data"], json!([]));
    assert_eq!(send(b"<svg onload=alert(1)>").await.code(), "unsupported_media_type");
}

#[tokio::test]
async fn recipients_and_suppressions_go_out_as_tables() {
    let house = House::new();
    let key = house.master_key().await;
    let things = house.furnish().await;
    let suppress = async |target: String| {
        let target = store::Target::Address(target);
        let (reason, me) = (model::SuppressionReason::Manual, model::Actor::Engine);
        house.app.store.suppress(WorkspaceId::FIRST, target, reason, None, &me, house.app.now()).await.unwrap();
    };
    for number in 0..1_100 {
        suppress(format!("p{number}@many.example")).await;
    }
    let table = house.get("/api/v1/exports/suppressions", &key).await.text;
    let targets: std::collections::BTreeSet<&str> =
        table.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!((table.lines().count(), targets.len()), (1_101, 1_100), "each once");
    let path = format!("/api/v1/exports/campaigns/{}", things.campaign);
    let table = house.get(&path, &key).await.text;
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(table.contains("p0@first.example"), "{table}");
    let queued = house.get(&format!("{path}?state=accepted"), &key).await.text;
    assert_eq!(queued.lines().count(), 1, "only the names of the columns: {queued}");
    assert_eq!(house.get(&format!("{path}?state=lost"), &key).await.json()["field"], "state");
    assert_eq!(house.get(&path, &house.foreign_key().await).await.code(), "not_found");
}
