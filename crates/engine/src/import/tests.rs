//! Whole files into a ledger in memory: what is counted, what is kept, and what happens the second time.

use super::*;
use expect_test::{Expect, expect};
use model::{EmailAddress, EventKind};
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use store::OpenOptions;
use tempfile::TempDir;

struct Desk {
    dir: TempDir,
    store: Store,
}

impl Desk {
    fn new() -> Desk {
        let store = Store::open(OpenOptions::memory([7; 32]), at(0)).unwrap();
        Desk { dir: tempfile::tempdir().unwrap(), store }
    }

    fn request(&self, name: &str, content: &[u8]) -> ImportRequest {
        let file = self.dir.path().join(name);
        fs::write(&file, content).unwrap();
        ImportRequest {
            workspace: WorkspaceId::FIRST,
            file,
            name: None,
            typed: Default::default(),
            mapping: Mapping::new(),
            encoding: None,
            delimiter: None,
            rejects: self.dir.path().join("rejects").join(name),
            dry_run: false,
        }
    }

    async fn import(&self, request: &ImportRequest) -> Result<ImportReport, ImportError> {
        import_file(&self.store, request, &Actor::Engine, &|| at(1_000), &mut |_| Pace::Full).await
    }

    async fn text(&self, text: &str) -> ImportReport {
        self.import(&self.request("people.csv", text.as_bytes())).await.unwrap()
    }

    /// The contacts with an address, as the ledger has them.
    async fn contacts(&self, address: &str) -> String {
        let address = EmailAddress::parse(address).unwrap();
        let found = self.store.contacts_by_address(WorkspaceId::FIRST, &address).await.unwrap();
        let line = |c: &store::Contact| {
            let suppressed: Vec<&str> = c.suppressions.iter().map(|s| s.reason.word()).collect();
            format!("{} {:?} {} {suppressed:?}", c.status, c.external_id, c.attributes)
        };
        found.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + ms)
}

fn check(report: &ImportReport, expected: Expect) {
    let r = report;
    let sum = r.added + r.updated + r.unchanged + r.duplicates + r.rejected + r.forgotten;
    assert_eq!(r.rows, sum, "every row is counted once: {r:?}");
    expected.assert_eq(&format!(
        "{} rows = {} added + {} updated + {} unchanged + {} duplicates + {} rejected; {} blank, {} suppressed, {} listed, {:?}",
        r.rows, r.added, r.updated, r.unchanged, r.duplicates, r.rejected, r.blank, r.suppressed, r.listed, r.notes
    ));
}

#[tokio::test]
async fn every_row_has_a_fate_and_every_reject_a_reason() {
    let desk = Desk::new();
    let report = desk
        .text(
            "email,name,city\na@x.example,Ann,Oslo\nA@X.example,Ann again,\nnot an address,Bo,\n,Cy,\n\n,,\n\
             d@x.example,\"Dee\nd@y.example,Di,Rome,extra\ne@x.example,Eve\ninfo@x.example,Role,\n",
        )
        .await;
    check(
        &report,
        expect![
            "8 rows = 4 added + 0 updated + 0 unchanged + 1 duplicates + 3 rejected; 2 blank, 0 suppressed, 4 listed, {RoleAddress: 1, MissingConsent: 5, NoAddress: 1, UnreadableAddress: 1}"
        ],
    );
    assert_eq!(report.duplicate_lines, [SameAddress { line: 3, of: 2 }], "which row, and of which earlier one");
    let rejects = report.rejects_file.unwrap();
    let mode = |path: &std::path::Path| {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode(&rejects), mode(rejects.parent().unwrap())), (0o600, 0o700), "people's rows are nobody else's");
    let rejects = fs::read_to_string(rejects).unwrap();
    expect![[r#"
        email,name,city,reject_line,reject_reason,reject_raw
        not an address,Bo,,4,"""not an address"" is not an address: there is no @ in it",
        ,,,8,a quote opens in column 2 and never closes,"d@x.example,""Dee"
        d@y.example,Di,Rome,9,the row has 4 fields where the header names 3,"d@y.example,Di,Rome,extra"
        e@x.example,Eve,,10,the row has 2 fields where the header names 3,
    "#]]
    .assert_eq(&rejects);
}

#[tokio::test]
async fn a_row_with_more_values_than_a_person_may_have_is_refused_with_its_line() {
    let desk = Desk::new();
    let long = "x".repeat(store::person::ATTRIBUTES_BYTES_MAX / 2);
    let rows = format!("email,one,two\na@x.example,{long},\nb@x.example,{long},{long}\nc@x.example,,\n");
    let report = desk.text(&rows).await;
    assert_eq!((report.rows, report.added, report.rejected, report.listed), (3, 2, 1, 1));
    assert_eq!(report.notes, BTreeMap::from([(Note::MissingConsent, 2)]), "who is not taken has no notes");
    assert_eq!(desk.contacts("b@x.example").await, "");
    let rejects = std::fs::read_to_string(report.rejects_file.unwrap()).unwrap();
    assert!(rejects.contains(",3,a person's values have at most 65536 octets"), "it has its line and its reason");
}

#[tokio::test]
async fn what_stands_for_a_time_zone_and_is_none_is_told() {
    let rows = "email,timezone\na@x.example,Europe/Berlin\nb@x.example,Middle Earth\nc@x.example,\n\
                d@x.example,CET+1?\ne@x.example,Middle Earth\n";
    let report = Desk::new().text(rows).await;
    assert_eq!(report.notes.get(&Note::UnknownZone), Some(&3));
    assert_eq!(report.unknown_zones, ["Middle Earth", "CET+1?"]);
    assert_eq!(report.note_lines[&Note::UnknownZone].len(), 3, "each is told with its line: {:?}", report.note_lines);
}

#[tokio::test]
async fn a_repaired_rejects_file_is_an_import_like_any_other() {
    let desk = Desk::new();
    desk.text("email,name\nann@,Ann\n").await;
    let report =
        desk.text("email,name,reject_line,reject_reason,reject_raw\nann@x.example,Ann,2,\"no domain\",\n").await;
    check(
        &report,
        expect![
            "1 rows = 1 added + 0 updated + 0 unchanged + 0 duplicates + 0 rejected; 0 blank, 0 suppressed, 0 listed, {MissingConsent: 1}"
        ],
    );
    assert_eq!(desk.contacts("ann@x.example").await, r#"active None {"name":"Ann"} []"#);
    assert!(report.rejects_file.is_none() && !desk.dir.path().join("rejects/people.csv").exists());
}

#[tokio::test]
async fn the_same_file_again_does_nothing_and_a_new_one_updates() {
    let desk = Desk::new();
    let first = desk.text("email,customer id,name\na@x.example,7,Ann\nb@x.example,8,Bo\n").await;
    let again = desk.text("email,customer id,name\na@x.example,7,Ann\nb@x.example,8,Bo\n").await;
    assert!(!first.already_done && again.already_done && again.import == first.import && again.rows == 2);
    // The external id is who it is; the address may change.
    let next = desk.text("email,customer id,name\nann@y.example,7,Ann\nb@x.example,8,Bo\nc@x.example,9,Cy\n").await;
    check(
        &next,
        expect![
            "3 rows = 1 added + 1 updated + 1 unchanged + 0 duplicates + 0 rejected; 0 blank, 0 suppressed, 0 listed, {MissingConsent: 3}"
        ],
    );
    let moved = desk.contacts("ann@y.example").await;
    assert_eq!(moved, r#"active Some("7") {"customer_id":"7","name":"Ann"} []"#);
    assert_eq!(desk.contacts("a@x.example").await, moved, "the former address leads to them");
}

#[tokio::test]
async fn what_another_system_knows_is_not_forgotten() {
    let desk = Desk::new();
    let file = "email,status\na@x.example,subscribed\nb@x.example,unsubscribed\nc@x.example,cleaned\nd@x.example,spam\n\
                e@x.example,pending\nf@x.example,blocked\n";
    let report = desk.text(file).await;
    assert_eq!(report.suppressed, 4, "all but the subscribed and the unconfirmed");
    let mut shown = String::new();
    for name in ["a", "b", "c", "d", "e", "f"] {
        shown += &format!("{}\n", desk.contacts(&format!("{name}@x.example")).await);
    }
    expect![[r#"
        active None {"status":"subscribed"} []
        opted_out None {"status":"unsubscribed"} ["unsubscribed"]
        error None {"status":"cleaned"} ["hard_bounced"]
        opted_out None {"status":"spam"} ["unsubscribed", "complained"]
        unconfirmed None {"status":"pending"} []
        error None {"status":"blocked"} ["manual"]
    "#]]
    .assert_eq(&shown);
    // Who complained is counted as that: the stronger of the two. A later file that calls everybody subscribed revives nobody.
    desk.text("email,status\nb@x.example,subscribed\nd@x.example,active\n").await;
    assert!(desk.contacts("b@x.example").await.starts_with("opted_out"));
    assert!(desk.contacts("d@x.example").await.starts_with("opted_out"));
}

#[tokio::test]
async fn a_stopped_import_goes_on_where_it_was_and_lists_its_rejects_again() {
    let desk = Desk::new();
    let mut file = "email,n\nbroken\n".to_owned();
    for n in 0..2 * CHUNK_ROWS_MAX + 10 {
        file += &format!("p{n}@x.example,{n}\n");
    }
    let request = desk.request("people.csv", file.as_bytes());
    // The first run dies when it asks for the time to write its second chunk (begin, first, second).
    let (store, stopped) = (desk.store.clone(), request.clone());
    let killed = tokio::spawn(async move {
        let asked = AtomicU64::new(0);
        let clock = || if asked.fetch_add(1, Ordering::Relaxed) < 2 { at(0) } else { panic!("killed") };
        import_file(&store, &stopped, &Actor::Engine, &clock, &mut |_| Pace::Full).await
    });
    assert!(killed.await.unwrap_err().is_panic());
    assert_eq!(desk.contacts("p0@x.example").await, "", "nothing is visible before the end");
    let report = desk.import(&request).await.unwrap();
    assert!(report.continued_after_line >= CHUNK_ROWS_MAX as u64, "{}", report.continued_after_line);
    let people = 2 * CHUNK_ROWS_MAX as u64 + 10;
    assert_eq!((report.rows, report.added, report.rejected, report.listed), (people + 1, people, 1, 1));
    assert_eq!(
        report.notes,
        BTreeMap::from([(Note::MissingConsent, people)]),
        "what was written before is counted too"
    );
    assert!(desk.contacts("p0@x.example").await.starts_with("active"));
}

#[tokio::test]
async fn a_dry_run_counts_as_the_import_does_and_leaves_nothing() {
    let desk = Desk::new();
    desk.text("email,name\nold@x.example,Old\n").await;
    let text = "email,name,status\nold@x.example,Older,\na@x.example,Ann,bounced\nA@x.example,Ann,\nb@x.example,Bo\n";
    let real = desk.request("more.csv", text.as_bytes());
    let dry = ImportRequest { dry_run: true, ..real.clone() };
    let foretold = desk.import(&dry).await.unwrap();
    assert_eq!(desk.import(&dry).await.unwrap().rows, foretold.rows, "again, as often as one likes");
    assert_eq!(desk.contacts("a@x.example").await, "");
    assert_eq!(desk.contacts("old@x.example").await, "active None {\"name\":\"Old\"} []");
    let visible = desk.store.list_imports(WorkspaceId::FIRST).await.unwrap();
    assert_eq!(visible.len(), 1, "{visible:?}");
    assert!(desk.store.suppressions(WorkspaceId::FIRST, None, 10).await.unwrap().is_empty());
    let done = desk.import(&real).await.unwrap();
    let counts = |r: &ImportReport| (r.rows, r.added, r.updated, r.unchanged, r.duplicates, r.rejected, r.suppressed);
    assert_eq!(counts(&foretold), counts(&done));
    assert_eq!(counts(&done), (4, 1, 1, 0, 1, 1, 1));
    // The log tells of what was done, and of what was taken back by its name; of a trial nothing.
    desk.store.remove_import(done.import, &Actor::Engine, at(3_000)).await.unwrap();
    let told = desk.store.events(store::Cursor::START, 99).await.unwrap();
    let is_told = |event: &store::Event| matches!(event.kind, EventKind::ImportBegun | EventKind::ImportRemoved);
    let told: Vec<(EventKind, Option<String>)> =
        told.into_iter().filter(is_told).map(|event| (event.kind, event.detail)).collect();
    let of = |kind, name: &str| (kind, Some(name.to_owned()));
    let begun = ["people.csv", "more.csv"].map(|name| of(EventKind::ImportBegun, name));
    assert_eq!(told, [begun.as_slice(), &[of(EventKind::ImportRemoved, "more.csv")]].concat());
}

#[tokio::test]
async fn what_every_row_of_a_file_says_need_not_stand_in_it() {
    let desk = Desk::new();
    let mut request = desk.request("cleaned.csv", b"Email\na@x.example\n");
    request.mapping = [(Role::Status, "=cleaned".to_owned()), (Role::LeadSource, "=Mailchimp".to_owned())].into();
    desk.import(&request).await.unwrap();
    let address = EmailAddress::parse("a@x.example").unwrap();
    let found = desk.store.contacts_by_address(WorkspaceId::FIRST, &address).await.unwrap();
    assert_eq!(found[0].lead_source.as_deref(), Some("Mailchimp"));
    assert_eq!(found[0].suppressions[0].reason, SuppressionReason::HardBounced);
}

#[tokio::test]
async fn a_preview_shows_columns_and_first_rows() {
    let desk = Desk::new();
    let seen = preview(&desk.request("p.csv", b"Mail;Vorname\na@x.example;Ann\n;;\nb@x.example;Bo\n")).unwrap();
    assert_eq!(
        (seen.delimiter, seen.sample[1].as_slice()),
        (';', ["b@x.example".to_owned(), "Bo".to_owned()].as_slice())
    );
    assert_eq!(seen.columns[0].role, Some(Role::Email));
    assert!(matches!(preview(&desk.request("q.csv", b"")), Err(ImportError::Empty)));
}

#[tokio::test(start_paused = true)]
async fn an_import_that_gives_way_rests_and_comes_to_the_same() {
    let desk = Desk::new();
    let rows: String = (0..5_000).map(|n| format!("p{n}@x.example,P{n}\n")).collect();
    let request = desk.request("many.csv", format!("email,name\n{rows}").as_bytes());
    let begun = tokio::time::Instant::now();
    // Every look at the clock takes a hundredth of a second.
    let ms = AtomicU64::new(0);
    let clock = || at(i64::try_from(ms.fetch_add(10, Ordering::Relaxed)).unwrap());
    let mut asked = 0;
    let mut tell = |_| {
        asked += 1;
        Pace::GiveWay
    };
    let report = import_file(&desk.store, &request, &Actor::Engine, &clock, &mut tell).await.unwrap();
    assert_eq!((report.rows, report.added, asked), (5_000, 5_000, 3));
    assert!(begun.elapsed() >= Duration::from_millis(4 * 10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn who_left_with_a_date_left_then() {
    let desk = Desk::new();
    let text = "email,status,status_time\na@x.example,unsubscribed,2023-05-01T10:00:00Z\n\
        b@x.example,unsubscribed,\nc@x.example,bounced,1682935200\n";
    let report = desk.text(text).await;
    assert_eq!((report.rows, report.added, report.suppressed), (3, 3, 3));
    let kept = desk.store.suppressions(WorkspaceId::FIRST, None, 10).await.unwrap();
    let mut kept: Vec<(&str, i64)> = kept.iter().map(|one| (one.reason.word(), one.at.as_millis())).collect();
    kept.sort_unstable();
    assert_eq!(
        kept,
        [
            ("hard_bounced", 1_682_935_200_000),
            ("unsubscribed", 1_682_935_200_000),
            ("unsubscribed", at(1_000).as_millis())
        ]
    );
    assert!(desk.contacts("a@x.example").await.starts_with("opted_out"), "{}", desk.contacts("a@x.example").await);
}

#[tokio::test]
async fn who_was_forgotten_comes_back_by_no_row() {
    let desk = Desk::new();
    desk.text("email,name\ngus@x.example,Gus\n").await;
    let gus = EmailAddress::parse("gus@x.example").unwrap();
    desk.store.forget(WorkspaceId::FIRST, &gus, &Actor::Engine, at(1_500)).await.unwrap();
    let text = "email,id,name,status\nGus@x.example,crm-7,Gustav,\ngus@x.example,,Gustav,bounced\na@x.example,,Ann,\n";
    let real = desk.request("nightly.csv", text.as_bytes());
    let foretold = desk.import(&ImportRequest { dry_run: true, ..real.clone() }).await.unwrap();
    let done = desk.import(&real).await.unwrap();
    for report in [&foretold, &done] {
        let counts = (report.rows, report.added, report.forgotten, report.suppressed, report.listed);
        assert_eq!(counts, (3, 1, 2, 0, 0));
        assert_eq!(report.rejects_file, None, "no list says their address");
    }
    assert_eq!(desk.contacts("gus@x.example").await, "");
    let kept = desk.store.suppressions(WorkspaceId::FIRST, None, 10).await.unwrap();
    assert_eq!(
        kept.iter().map(|one| one.shown.as_deref()).collect::<Vec<_>>(),
        [None::<&str>],
        "known by a hash alone"
    );
    let again = desk.import(&real).await.unwrap();
    assert_eq!((again.already_done, again.rows, again.forgotten), (true, 1, 0));
}

/// A column that is a field is another name of it: kept once, it says the same under each name, also after a change.
#[tokio::test]
async fn a_field_is_kept_once_and_its_column_is_another_name_of_it() {
    let desk = Desk::new();
    desk.text("E-Mail;Vorname;Stadt\nbo@x.example;Bo;Graz\ncy@x.example;Cy;Ulm\n").await;
    let kept = r#"active None {"first_name":"Bo","Stadt":"Graz"} []"#;
    assert_eq!(desk.contacts("bo@x.example").await, kept);
    let names = desk.store.attribute_names(WorkspaceId::FIRST).await.unwrap();
    assert_eq!(names, ["Stadt", "Vorname", "e_mail", "email", "first_name"]);
    let aliases = desk.store.aliases(WorkspaceId::FIRST).await.unwrap();
    let named = |(name, of): (&str, &str)| (name.to_owned(), of.to_owned());
    assert_eq!(aliases, BTreeMap::from([("Vorname", "first_name"), ("e_mail", "email")].map(named)));
    // Rules call values as messages do.
    for (text, people, unknown) in [
        (r#"attr.stadt == "Graz""#, 1, None),
        (r#"attr.Stadt == "Graz""#, 1, None),
        (r#"attr.vorname == "Cy""#, 1, None),
        (r#"!(attr.Vorname == "Cy")"#, 1, None),
        (r#"attr.e_mail == "bo@x.example""#, 1, None),
        (r#"attr.email.endsWith("@x.example")"#, 2, None),
        (r#"attr.plz == "8010""#, 0, Some("plz")),
    ] {
        let rule = model::segment::parse(text).unwrap();
        let found = desk.store.segment_count(WorkspaceId::FIRST, rule.clone(), at(2_000)).await.unwrap();
        let told = desk.store.unknown_values(WorkspaceId::FIRST, rule).await.unwrap();
        assert_eq!((found, told.first().map(String::as_str)), (people, unknown), "{text}");
    }
    // A later file in which the name is a column of its own says what it means from then on.
    desk.text("email;Vorname;first_name\ndi@x.example;Diana;Di\n").await;
    let aliases = desk.store.aliases(WorkspaceId::FIRST).await.unwrap();
    assert!(!aliases.contains_key("Vorname"), "{aliases:?}");
}
