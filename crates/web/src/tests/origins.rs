//! Where people came from, and the end of mailing them.

use super::house::House;
use serde_json::{Value, json};

fn line<'a>(list: &'a Value, origin: &str) -> &'a Value {
    let data = list["data"].as_array().unwrap();
    data.iter().find(|one| one["origin"] == origin).unwrap_or_else(|| panic!("{origin} is not in {list}"))
}

#[tokio::test]
async fn an_origin_is_stopped_for_a_reason_and_taken_back_for_one() {
    let house = House::new();
    let key = house.master_key().await;
    for (n, source) in [(1, "fair"), (2, "fair"), (3, "shop")] {
        let body = json!({ "email": format!("p{n}@a.example"), "lead_source": source });
        let made = house.post("/api/v1/contacts", &key, body).await;
        assert_eq!(made.status, 201, "{}", made.text);
    }
    let list = house.get("/api/v1/origins", &key).await.json();
    let fair = line(&list, "lead_source:fair");
    assert_eq!((&fair["people"], &fair["mailed"], &fair["harm"]), (&json!(2), &json!(0), &Value::Null), "{list}");
    let by_key = list["data"].as_array().unwrap().iter().find(|one| one["kind"] == "key").unwrap();
    assert_eq!((&by_key["people"], &by_key["name"]), (&json!(3), &json!("test")), "{list}");

    let change = |because: &str| json!({ "origin": "lead_source:fair", "because": because });
    let refused = house.post("/api/v1/origins/stop", &key, change(" ")).await;
    assert_eq!((refused.code().as_str(), &refused.json()["field"]), ("invalid_field", &json!("because")));
    let wrong = json!({ "origin": "fair", "because": "bought" });
    assert_eq!(house.post("/api/v1/origins/stop", &key, wrong).await.json()["field"], "origin");
    let strange = json!({ "origin": "import:i_7f2", "because": "bought" });
    assert_eq!(house.post("/api/v1/origins/stop", &key, strange).await.code(), "not_found");
    let stopped = house.post("/api/v1/origins/stop", &key, change("bought")).await;
    assert_eq!((stopped.status.as_u16(), &stopped.json()["stopped"]), (200, &json!(true)), "{}", stopped.text);
    let list = house.get("/api/v1/origins", &key).await.json();
    let told = &line(&list, "lead_source:fair")["stopped"];
    assert_eq!(told["because"], "bought", "{list}");
    assert!(told["actor"].as_str().unwrap().starts_with("key:k_"));

    let campaign = json!({
        "name": "news", "from": "us@first.example", "subject": "News",
        "message": { "format": "markdown", "source": "Hello" }, "audience": { "include": ["everyone"] }
    });
    let campaign = house.post("/api/v1/campaigns", &key, campaign).await.json();
    let path = format!("/api/v1/campaigns/{}/forecast", campaign["id"].as_str().unwrap());
    let forecast = house.post(&path, &key, json!({})).await.json();
    assert_eq!(forecast["skipped_by_reason"]["origin_stopped"], 2, "{forecast}");

    let allow = async |because| house.post("/api/v1/origins/allow", &key, change(because)).await;
    assert_eq!(allow("they are members").await.json()["stopped"], false);
    assert_eq!(allow("they are members").await.code(), "not_found");
    let forecast = house.post(&path, &key, json!({})).await.json();
    assert_eq!(forecast["skipped_by_reason"]["origin_stopped"], Value::Null, "{forecast}");
    let audit = house.get("/api/v1/audit?kinds=origin_stopped,origin_allowed", &key).await.json();
    assert_eq!(audit["data"].as_array().map(Vec::len), Some(2), "{audit}");
}
