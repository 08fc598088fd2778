//! Lists as tables, and people looked for.

use super::browser::Browser;
use super::house::House;
use axum::http::Method;
use model::WorkspaceId;
use model::access::Scope;
use serde_json::json;

/// The lists of the API: path, and whether it can be asked for as a table.
async fn lists(house: &House) -> Vec<(String, bool)> {
    let found = house.operations().await.into_iter().filter_map(|(method, path, operation)| {
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
        let is_list = method == Method::GET && schema.as_str().is_some_and(|name| name.contains("Page_"));
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        is_list.then(|| (path, parameters.iter().any(|one| one["name"] == "format")))
    });
    found.collect()
}

#[tokio::test]
async fn every_list_is_a_table() {
    let house = House::new();
    let key = house.master_key().await;
    house.furnish().await;
    let lists = lists(&house).await;
    assert!(lists.len() > 25, "{}", lists.len());
    let (mut tables, mut filled) = (0, 0);
    for (path, is_table) in lists {
        if path.contains('{') {
            continue;
        }
        let plain = house.get(&path, &key).await;
        let answer = house.get(&format!("{path}?format=csv"), &key).await;
        if !is_table {
            assert_eq!(answer.json()["field"], "format", "{path}");
            continue;
        }
        // What asks for more, or is for people who signed in alone, says so.
        if plain.status != 200 {
            assert_eq!((answer.status, answer.code()), (plain.status, plain.code()), "{path}");
            continue;
        }
        assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8", "{path}");
        let mut rows = csv::Reader::from_reader(answer.text.as_bytes());
        assert!(!rows.headers().unwrap().is_empty(), "{path}");
        // A row with more or fewer cells than columns is an error.
        let rows = rows.records().collect::<Result<Vec<_>, _>>().unwrap();
        assert!(rows.len() >= plain.json()["data"].as_array().unwrap().len(), "{path}: {}", answer.text);
        tables += 1;
        filled += usize::from(!rows.is_empty());
    }
    assert!(tables > 18 && filled > 5, "{tables} tables, {filled} with rows");
    let audit = house.get("/api/v1/audit?kinds=exported&limit=1", &key).await.json();
    assert_eq!(audit["data"][0]["kind"], "exported");
}

#[tokio::test]
async fn lanes_are_a_table_with_its_columns_even_where_there_are_none() {
    let house = House::new();
    let key = house.master_key().await;
    let table = house.get("/api/v1/lanes?format=csv", &key).await;
    assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8", "{}", table.text);
    assert!(table.headers["content-disposition"].to_str().unwrap().contains("lanes"), "{:?}", table.headers);
    assert!(table.text.starts_with("source,site,provider,"), "{}", table.text);
}

#[tokio::test]
async fn a_table_has_every_entry_in_columns_that_stay_and_no_formula() {
    let house = House::new();
    let key = house.master_key().await;
    for n in 0..600 {
        let list = json!({ "name": format!("=list {n}"), "topic": "a, \"b\"" });
        assert_eq!(house.post("/api/v1/lists", &key, list).await.status, 201);
    }
    let table = house.get("/api/v1/lists?format=csv&limit=3", &key).await.text;
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let columns: Vec<String> = rows.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(columns[..2], ["id", "name"], "as they are declared");
    let rows: Vec<_> = rows.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 600, "however many a page has");
    assert!(rows.iter().all(|row| row[1].starts_with("'=list ")), "a cell is no formula");
    let topic = columns.iter().position(|name| name == "topic").unwrap();
    assert_eq!(&rows[0][topic], "a, \"b\"");
    let empty = house.foreign_key().await;
    let nothing = house.get("/api/v1/lists?format=csv", &empty).await.text;
    assert_eq!(nothing.trim_end(), columns.join(","), "the head stands without rows");
    assert_eq!(house.get("/api/v1/lists?format=xml", &key).await.json()["field"], "format");
    assert_eq!(house.get("/api/v1/lists?format=csv&color=red", &key).await.code(), "unknown_field");
    assert_eq!(house.get("/api/v1/contacts?format=csv", &key).await.json()["field"], "format");
}

#[tokio::test]
async fn whoever_may_not_take_people_out_gets_no_table_of_them() {
    let house = House::new();
    let master = house.master_key().await;
    let list = house.post("/api/v1/lists", &master, json!({ "name": "news" })).await.json();
    let scopes = [Scope::SegmentsRead, Scope::ContactsRead].into_iter().collect();
    let key = house.key(WorkspaceId::FIRST, scopes).await;
    let members = format!("/api/v1/lists/{}/members", list["id"].as_str().unwrap());
    assert_eq!(house.get(&members, &key).await.status, 200);
    assert_eq!(house.get(&format!("{members}?format=csv"), &key).await.code(), "not_allowed");
    assert_eq!(house.get(&format!("{members}?format=csv"), &master).await.status, 200);
    assert_eq!(house.get("/api/v1/lists?format=csv", &key).await.status, 200);
    assert_eq!(house.get("/api/v1/webhooks?format=csv", &key).await.code(), "not_allowed");
}

#[tokio::test]
async fn who_got_a_campaign_is_a_table_for_those_who_may_take_people_out() {
    let house = House::new();
    let master = house.master_key().await;
    let things = house.furnish().await;
    let key = house.key(WorkspaceId::FIRST, model::Role::Analyst.scopes()).await;
    let recipients = format!("/api/v1/campaigns/{}/recipients?state=queued", things.campaign);
    assert_eq!(house.get(&recipients, &key).await.status, 200);
    assert_eq!(house.get(&format!("{recipients}&format=csv"), &key).await.code(), "not_allowed");
    assert_eq!(house.get(&format!("{recipients}&format=csv"), &master).await.status, 200);
    let audit = house.get("/api/v1/audit?kinds=exported&limit=1", &master).await.json();
    assert_eq!(audit["data"][0]["campaign"], things.campaign, "of which campaign: {audit}");
    let origins = house.get("/api/v1/origins?format=csv", &master).await;
    assert!(origins.text.starts_with("origin,kind,name,"), "{}", origins.text);
}

#[tokio::test]
async fn people_are_looked_for_by_beginning_domain_state_and_list() {
    let house = House::new();
    let key = house.master_key().await;
    house.furnish().await;
    for email in ["Kim@one.example", "kit@one.example", "kim@two.example"] {
        assert_eq!(house.post("/api/v1/contacts", &key, json!({ "email": email })).await.status, 201);
    }
    house.post("/api/v1/suppressions", &key, json!({ "target": "kit@one.example" })).await;
    let emails = async |query: &str| {
        let page = house.get(&format!("/api/v1/contacts?{query}"), &key).await.json();
        let data = page["data"].as_array().unwrap_or_else(|| panic!("{page}"));
        data.iter().map(|one| one["email"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(emails("email_begins=KI&domain=one.example").await, ["Kim@one.example", "kit@one.example"]);
    assert_eq!(emails("email_begins=ki&state=manual").await, ["kit@one.example"]);
    assert_eq!(emails("email_begins=ki&state=suppressed").await, ["kit@one.example"]);
    assert_eq!(emails("domain=two.example").await, ["kim@two.example"]);
    let page = house.get("/api/v1/contacts?email_begins=ki&limit=2", &key).await.json();
    let next = page["next"].as_str().unwrap();
    assert_eq!(emails(&format!("email_begins=ki&limit=2&after={next}")).await.len(), 1);
    for (query, field) in [("state=happy", "state"), ("domain=-", "domain"), ("list=l_7", "list")] {
        assert_eq!(house.get(&format!("/api/v1/contacts?{query}"), &key).await.json()["field"], field, "{query}");
    }
    let table = house.get("/api/v1/exports/contacts?email_begins=ki&state=manual", &key).await.text;
    assert_eq!((table.lines().count(), table.contains("kit@one.example")), (2, true), "{table}");
}

#[tokio::test]
async fn the_page_says_that_addresses_are_searched_and_leads_to_where_names_are() {
    let house = House::new();
    let key = house.master_key().await;
    let new = json!({ "email": "z@one.example", "attributes": { "first_name": "Zoë", "last_name": "Ek" } });
    assert_eq!(house.post("/api/v1/contacts", &key, new).await.status, 201);
    let browser = Browser::owner(&house).await;
    let page = browser.look("/contacts?q=zo").await.text;
    assert!(page.contains("Names are not.") && !page.contains("z@one.example"), "{page}");
    let link = page.split("href=\"").find(|rest| rest.starts_with("/segments/new?text=")).unwrap();
    let link = link.split('"').next().unwrap().replace("&amp;", "&");
    let found = browser.look(&link).await;
    assert!(found.status == 200 && found.text.contains("z@one.example"), "{}", found.text);
    assert!(!browser.look("/contacts?q=z@one").await.text.contains("/segments/new?text=attr"));
}
