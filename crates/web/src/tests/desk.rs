//! Bringing people in and segments, as a browser meets them.

use super::browser::{Browser, roles};
use super::campaigns::people;
use super::composer::hidden;
use super::house::{House, snapshot};
use model::{Actor, CampaignKind, Role, WorkspaceId};
use store::{Audience, NewCampaign};

const FILE: &str = "E-Mail,Stadt,Name\nkim@a.example,Berlin,Kim\nlee@a.example,Bonn,Lee\nnonsense,Ulm,<b>Sam</b>\n";

/// A file as a form sends it.
fn form(text: &str) -> (String, String) {
    let boundary = "----line";
    let body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"fair.csv\"\r\nContent-Type: \
         text/csv\r\n\r\n{text}\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\n\r\n--{boundary}--\r\n"
    );
    (format!("multipart/form-data; boundary={boundary}"), body)
}

/// The page of a job once it is over.
async fn over(browser: &Browser<'_>, path: &str) -> String {
    for _ in 0..200 {
        let page = browser.look(path).await.text;
        if !page.contains("data-again") {
            return page;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{path} goes on");
}

#[tokio::test]
async fn a_file_is_looked_at_tried_and_imported_and_what_was_not_taken_is_told() {
    let house = House::new();
    let browser = Browser::owner(&house).await;
    let nothing = form("");
    let refused = browser.send("/imports/files", &nothing.0, nothing.1).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("id=\"send-file-wrong\""), "{}", refused.text);
    let (kind, body) = form(FILE);
    let sent = browser.send("/imports/files", &kind, body).await;
    assert_eq!(sent.status, 303, "{}", sent.text);
    let mapping = sent.headers["location"].to_str().unwrap().to_owned();
    assert!(mapping.ends_with("?name=fair.csv"));
    let page = browser.look(&mapping).await.text;
    assert!(page.contains("value=\"fair.csv\"") && page.contains("&#60;b&#62;Sam"), "{page}");
    assert!(page.contains("<option value=\"email\" selected>the address"));
    assert!(page.contains("a value of the person: {{ stadt }}, as messages name it"), "{page}");
    let path = mapping.split('?').next().unwrap();
    let meant = "name=fair&column-1=email&column-2=&column-3=name";
    let missing = browser.submit(path, meant).await;
    assert_eq!(missing.status, 422);
    assert!(missing.text.contains("id=\"mapping-consent-wrong\"") && missing.text.contains("value=\"fair\""));
    let twice = browser.submit(path, "name=fair&consent=x&column-1=email&column-2=email&column-3=").await;
    assert!(twice.status == 422 && twice.text.contains("id=\"mapping-column-2-wrong\""), "{}", twice.text);
    let meant = format!("{meant}&consent=signed+at+the+fair");
    let tried = browser.submit(path, &meant).await;
    let job = tried.headers["location"].to_str().unwrap().to_owned();
    let page = over(&browser, &job).await;
    assert!(page.contains("3 = 3 new + 0 changed + 0 as they were + 0 duplicates + 0 not taken"), "{page}");
    for says in [
        "<th scope=\"col\" class=\"num\">How many</th>",
        "What that is",
        "People who were not here before",
        "Not taken",
    ] {
        assert!(page.contains(says), "{says}: {page}");
    }
    assert!(
        page.contains("name=\"consent\" value=\"signed at the fair\"") && page.contains("<td data-l=\"Why\""),
        "{page}"
    );
    assert!(house.app.store.contacts_page(WorkspaceId::FIRST, None, 9).await.unwrap().is_empty(), "no trace");
    let done = browser.submit(path, &format!("{meant}&do=import")).await;
    let page = over(&browser, done.headers["location"].to_str().unwrap()).await;
    assert!(page.contains("The people are there."), "{page}");
    let people = house.app.store.contacts_page(WorkspaceId::FIRST, None, 9).await.unwrap();
    assert_eq!(people.len(), 3);
    assert!(people.iter().all(|one| one.consent.as_ref().unwrap().source.as_deref() == Some("signed at the fair")));
    let list = browser.look("/imports").await.text;
    let take_back = list.split("href=\"").find(|rest| rest.contains("/take-back\"")).unwrap();
    let take_back = take_back.split('"').next().unwrap();
    assert!(browser.look(take_back).await.text.contains("Take 3 people back"));
    assert_eq!(browser.submit(take_back, "").await.status, 303);
    assert!(house.app.store.contacts_page(WorkspaceId::FIRST, None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_import_whose_people_a_campaign_has_is_not_taken_back_and_says_why() {
    let house = House::new();
    let (store, now, me) = (&house.app.store, house.app.now(), Actor::Engine);
    let browser = Browser::owner(&house).await;
    let (kind, body) = form(FILE);
    let sent = browser.send("/imports/files", &kind, body).await;
    let path = sent.headers["location"].to_str().unwrap().split('?').next().unwrap().to_owned();
    let meant = "name=fair&column-1=email&column-2=&column-3=name&consent=fair&do=import";
    let done = browser.submit(&path, meant).await;
    over(&browser, done.headers["location"].to_str().unwrap()).await;
    let import = store.list_imports(WorkspaceId::FIRST).await.unwrap()[0].id;
    let people = store.contacts_page(WorkspaceId::FIRST, None, 9).await.unwrap();
    let new = NewCampaign {
        workspace: WorkspaceId::FIRST,
        name: "to everybody".to_owned(),
        kind: CampaignKind::Broadcast,
        message: snapshot(),
        audience: Audience::everyone(),
        files_hash: [1; 32],
        content_hash: [2; 32],
        canary: 0,
        trial: None,
    };
    let campaign = store.create_campaign(new, &me, now).await.unwrap();
    store.build_campaign(campaign.id, &me, now).await.unwrap();
    let take_back = format!("/imports/{import}/take-back");
    let refused = browser.submit(&take_back, "").await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    let says = format!("campaigns mailed or skipped {} of the people it brought", people.len());
    assert!(refused.text.contains(&says), "{}", refused.text);
    assert!(browser.look(&format!("/contacts/{}", people[0].id)).await.status == 200, "everybody is there as before");
    assert!(browser.look("/imports").await.text.contains("/take-back\""), "and so is the import");
}

#[tokio::test]
async fn a_segment_is_built_in_the_form_or_as_text_and_both_say_the_same() {
    let house = House::new();
    let things = house.furnish().await;
    let browser = Browser::owner(&house).await;
    let added = browser.submit("/segments/new", "name=Dom&join=all&was=&text=&do=add&add=domain").await;
    assert_eq!(added.status, 200, "{}", added.text);
    assert!(added.text.contains("name=\"c1-kind\" value=\"domain\""));
    let form = "name=Dom&join=all&was=&text=&c1-kind=domain&c1-op=is&c1-value=first.example";
    let counted = browser.submit("/segments/new", &format!("{form}&do=count")).await.text;
    assert!(counted.contains("2 people") && counted.contains("p1@first.example"), "{counted}");
    assert!(counted.contains("domain == &#34;first.example&#34;</textarea>"), "{counted}");
    let nobody = browser.submit("/segments/new", &format!("{form}&do=count&who=x%40y.example")).await;
    assert!(nobody.status == 422 && nobody.text.contains("id=\"who-wrong\""));
    let why = browser.submit("/segments/new", &format!("{form}&do=why&who=p1%40first.example")).await.text;
    assert!(why.contains("class=\"d0 ok\""), "{why}");
    let unnamed = browser.submit("/segments/new", &format!("{}&do=save", form.replace("name=Dom", "name="))).await;
    assert!(unnamed.status == 422 && unnamed.text.contains("id=\"name-wrong\""), "{}", unnamed.text);
    let saved = browser.submit("/segments/new", &format!("{form}&do=save")).await;
    assert_eq!(saved.status, 303, "{}", saved.text);
    let path = saved.headers["location"].to_str().unwrap().to_owned();
    // The text was changed by hand: it counts.
    let was = "was=domain+%3D%3D+%22first.example%22";
    let text = "text=domain+%3D%3D+%22other.example%22+%7C%7C+email.contains(%22p1%22)";
    let lines = "name=Dom&c1-kind=domain&c1-op=is&c1-value=first.example";
    let changed = browser.submit(&path, &format!("{lines}&{was}&{text}&do=save")).await;
    assert_eq!(changed.status, 303, "{}", changed.text);
    let page = browser.look(&path).await.text;
    assert!(page.contains("name=\"c2-kind\" value=\"email\"") && page.contains("one person"), "{page}");
    assert!(page.contains("<option value=\"any\" selected>"));
    let wrong = browser.submit(&path, "name=Dom&was=&text=domain+%3D%3D%3D&do=count").await;
    assert!(wrong.status == 422 && wrong.text.contains("id=\"text-wrong\"") && wrong.text.contains("domain ==="));
    let csv = browser.look(&format!("/api/v1/exports{path}")).await.text;
    assert!(csv.contains("p1@first.example") && !csv.contains("p0@first.example"), "{csv}");
    let behind = browser.look(&format!("/campaigns/{}/people?state=accepted", things.campaign)).await.text;
    assert!(behind.contains("/segments/new?text=accepted.campaign"), "the people behind a number become a segment");
    for state in ["soft", "hard", "blocked", "in_doubt", "skipped"] {
        let behind = browser.look(&format!("/campaigns/{}/people?state={state}", things.campaign)).await.text;
        assert!(behind.contains(&format!("/segments/new?text={state}.campaign")), "{state}: {behind}");
    }
    let people = format!("/segments/new?text=accepted.campaign(\"{}\")", things.campaign).replace('"', "%22");
    assert!(browser.look(&people).await.text.contains("0 people"));
    assert!(browser.look(&format!("{path}/remove")).await.text.contains("Remove Dom?"));
    assert_eq!(browser.submit(&format!("{path}/remove"), "").await.status, 303);
    assert_eq!(browser.look(&path).await.status, 404);
}

#[tokio::test]
async fn of_lines_and_text_that_were_both_changed_neither_is_thrown_away_unasked() {
    let house = House::new();
    let browser = Browser::owner(&house).await;
    let form = async |was: &str, line: &str, text: &str, wish: &str| {
        let fields = [("name", "Dom"), ("c1-kind", "domain"), ("c1-op", "is"), ("c1-value", line)];
        let more = [("was", was), ("text", text), ("do", wish)];
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).extend_pairs(more).finish();
        browser.submit("/segments/new", &form).await
    };
    let rule = |domain: &str| format!("domain == \"{domain}\"");
    let (was, lines, text) = (rule("first.example"), rule("line.example"), rule("text.example"));
    let both = form(&was, "line.example", &text, "save").await;
    assert!(both.status == 422 && both.text.contains("id=\"text-wrong\""), "{} {}", both.status, both.text);
    assert!(both.text.contains("value=\"line.example\"") && both.text.contains("text.example"), "{}", both.text);
    assert_eq!(hidden(&both.text, "was"), lines.replace('"', "&#34;"), "the next press takes the text");
    let kept = async |saved: super::house::Answer| {
        assert_eq!(saved.status, 303, "{}", saved.text);
        let path = saved.headers["location"].to_str().unwrap().to_owned();
        let page = browser.look(&path).await.text;
        assert_eq!(browser.submit(&format!("{path}/remove"), "").await.status, 303);
        hidden(&page, "was").replace("&#34;", "\"")
    };
    assert_eq!(kept(form(&lines, "line.example", &text, "save").await).await, text);
    assert_eq!(
        kept(form(&lines, "line.example", "", "save").await).await,
        lines,
        "without the text the lines are meant"
    );
    assert_eq!(kept(form(&was, "text.example", &text, "save").await).await, text, "both say the same");
}

#[tokio::test]
async fn of_two_windows_on_a_segment_the_later_one_throws_nothing_away_unasked() {
    let house = House::new();
    let rule = model::segment::parse("sent").unwrap();
    let (store, now) = (&house.app.store, house.app.now());
    let known = store.create_segment(WorkspaceId::FIRST, "towns", rule, false, &Actor::Engine, now).await.unwrap();
    let browser = Browser::owner(&house).await;
    let path = format!("/segments/{}", known.id);
    let drawn = browser.look(&path).await.text;
    let read = hidden(&drawn, "read");
    let save = async |read: &str, text: &str, wish: &str| {
        let fields = [("name", "towns"), ("was", ""), ("read", read), ("text", text), ("do", wish)];
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        browser.submit(&path, &form).await
    };
    let kept = async || store.segment(WorkspaceId::FIRST, known.id).await.unwrap().unwrap().rule.to_string();
    let why = save(&read, "sent", "why").await.text;
    assert!(!drawn.contains("Not saved yet.") && !why.contains("Not saved yet."), "it is as it is kept: {why}");
    assert!(save(&read, "opened", "count").await.text.contains("Not saved yet."));
    assert_eq!(save(&read, "opened", "save").await.status, 303);
    let late = save(&read, "clicked", "save").await;
    assert!(late.status == 409 && late.text.contains("id=\"overtaken\""), "{} {}", late.status, late.text);
    assert!(late.text.contains("<code>opened</code>"), "what is kept stands beside it: {}", late.text);
    assert!(late.text.contains("clicked</textarea>"), "what was typed stands where it was: {}", late.text);
    assert_eq!(kept().await, "opened");
    assert_eq!(save(&hidden(&late.text, "read"), "clicked", "save").await.status, 303, "a second press is meant");
    assert_eq!(kept().await, "clicked");
    assert_eq!(save(&read, "clicked", "save").await.status, 303, "the same words throw nothing away");
}

#[tokio::test]
async fn the_number_of_a_segment_opens_its_people() {
    let house = House::new();
    let addresses: Vec<String> = (0..52).map(|n| format!("p{n}@town.example")).collect();
    people(&house, &addresses.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (store, now) = (&house.app.store, house.app.now());
    let rule = |text: &str| model::segment::parse(text).unwrap();
    let town = rule("domain == \"town.example\"");
    let town = store.create_segment(WorkspaceId::FIRST, "town", town, false, &Actor::Engine, now).await.unwrap();
    let other = rule("opened");
    let other = store.create_segment(WorkspaceId::FIRST, "other", other, false, &Actor::Engine, now).await.unwrap();
    let browser = Browser::owner(&house).await;
    let path = format!("/segments/{}", town.id);
    let page = browser.look(&path).await.text;
    assert!(page.contains(&format!("href=\"{path}/people\">52 people</a>")), "{page}");
    let unsaved = browser.submit(&path, "name=town&was=&text=opened&do=count").await.text;
    assert!(!unsaved.contains("/people\""), "those of what is typed are not those of what is kept: {unsaved}");
    assert!(unsaved.contains("href=\"/segments/new/people?text=opened\">0 people</a>"), "{unsaved}");
    let query = "text=domain+%3D%3D+%22town.example%22";
    let typed = browser.look(&format!("/segments/new/people?{query}")).await.text;
    assert_eq!(
        typed.matches("href=\"/contacts/c_").count(),
        50,
        "a rule that is no segment has a page as well: {typed}"
    );
    assert!(typed.contains(&format!("/segments/new/people?{query}&#38;after=")), "{typed}");
    assert!(typed.contains(&format!("href=\"/segments/new?{query}\"")), "{typed}");
    let out = format!("/api/v1/exports/segments?{query}");
    assert!(typed.contains(&format!("href=\"{out}\"")), "{typed}");
    assert_eq!(browser.look(&out).await.text.lines().count(), 53);
    assert_eq!(browser.look("/segments/new/people?text=opend").await.status, 422);
    let first = browser.look(&format!("{path}/people")).await.text;
    assert_eq!(first.matches("href=\"/contacts/c_").count(), 50, "{first}");
    assert!(first.contains(&format!("/api/v1/exports{path}")), "{first}");
    let next = first.split("/people?after=").nth(1).unwrap().split('"').next().unwrap();
    let last = browser.look(&format!("{path}/people?after={next}")).await.text;
    assert_eq!(last.matches("href=\"/contacts/c_").count(), 2, "{last}");
    assert!(addresses.iter().all(|one| first.contains(&format!(">{one}<")) != last.contains(&format!(">{one}<"))));
    let elsewhere = browser.look(&format!("/segments/{}/people?after={next}", other.id)).await;
    assert_eq!(elsewhere.status, 400, "{}", elsewhere.text);
    let nobody = browser.look(&format!("/segments/{}/people", other.id)).await;
    assert!(nobody.status == 200 && nobody.text.contains("Nobody is in it now."), "{}", nobody.text);
}

#[tokio::test]
async fn who_may_only_read_changes_nothing_here() {
    let house = House::new();
    house.furnish().await;
    let rule = model::segment::parse("sent").unwrap();
    let (store, now) = (&house.app.store, house.app.now());
    let known = store.create_segment(WorkspaceId::FIRST, "all", rule, false, &Actor::Engine, now).await.unwrap();
    let analyst = roles(&house, Role::Analyst).await;
    let path = format!("/segments/{}", known.id);
    let page = analyst.look(&path).await;
    assert!(page.status == 200 && !page.text.contains("value=\"save\""));
    assert_eq!(analyst.submit(&path, "name=x&was=&text=opened&do=save").await.status, 403);
    assert_eq!(analyst.submit(&format!("{path}/remove"), "").await.status, 403);
    assert_eq!(analyst.look("/imports/new").await.status, 403);
    let (kind, body) = form(FILE);
    assert_eq!(analyst.send("/imports/files", &kind, body).await.status, 403);
    assert_eq!(analyst.look(&format!("/api/v1/exports{path}")).await.status, 403);
    assert!(!analyst.look("/suppressions").await.text.contains("/exports/suppressions"), "a link that is refused");
}

#[tokio::test]
async fn a_duplicate_is_told_with_the_row_before_it_tried_and_imported() {
    let house = House::new();
    let browser = Browser::owner(&house).await;
    let (kind, body) = form("E-Mail,Vorname\nkim@a.example,Kim\nlee@a.example,Lee\nKim@A.example,Kim B.\n");
    let sent = browser.send("/imports/files", &kind, body).await;
    let path = sent.headers["location"].to_str().unwrap().split('?').next().unwrap().to_owned();
    let meant = "name=fair&consent=form&column-1=email&column-2=first_name";
    for how in ["", "&do=import"] {
        let begun = browser.submit(&path, &format!("{meant}{how}")).await;
        let job = begun.headers["location"].to_str().unwrap().to_owned();
        let page = over(&browser, &job).await;
        let table = page.split("id=\"duplicates\"").nth(1).unwrap_or_else(|| panic!("{how}: {page}"));
        assert!(table.contains("<th scope=\"row\">4</th>") && table.contains("<div>2</div>"), "{how}: {table}");
        let with = if job.contains('?') { '&' } else { '?' };
        let file = browser.look(&format!("{job}{with}csv=duplicates")).await.text;
        assert!(file.ends_with("4,2\n"), "{file}");
    }
}

#[tokio::test]
async fn an_import_that_took_nobody_says_so_and_offers_nobody_to_be_taken_back() {
    let house = House::new();
    let browser = Browser::owner(&house).await;
    let kim = model::EmailAddress::parse("kim@a.example").unwrap();
    let import = async |csv: &str| {
        let (kind, body) = form(csv);
        let sent = browser.send("/imports/files", &kind, body).await;
        let path = sent.headers["location"].to_str().unwrap().split('?').next().unwrap().to_owned();
        let begun = browser.submit(&path, "name=fair&consent=form&column-1=email&column-2=first_name&do=import").await;
        over(&browser, begun.headers["location"].to_str().unwrap()).await
    };
    import("E-Mail,Vorname\nkim@a.example,Kim\n").await;
    let (store, now) = (&house.app.store, house.app.now());
    store.forget(WorkspaceId::FIRST, &kim, &Actor::Engine, now).await.unwrap();
    let page = import("E-Mail,Vorname\nkim@a.example,Kim\nKim@a.example,Kim\n").await;
    assert!(page.contains("Nobody was taken.") && !page.contains("The people are there."), "{page}");
    let list = browser.look("/imports").await.text;
    let rows: Vec<&str> = list.split("<tr>").skip(2).collect();
    assert!(rows[0].contains("href=\"/imports/jobs/") && rows[0].contains(">2</a>"), "two rows left out: {list}");
    assert!(!rows[0].contains("/take-back\"") && rows[1].contains("/take-back\""), "{list}");
    let table = browser.look("/api/v1/imports?format=csv").await.text;
    assert!(table.lines().next().unwrap().contains("not_taken"), "{table}");
}
