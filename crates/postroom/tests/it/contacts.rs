//! Stories about people and lists, told to the binary: import, correct, suppress, forget, back up.

use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

pub(crate) struct Room {
    dir: TempDir,
}

impl Room {
    pub(crate) fn new() -> Room {
        Room { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) -> String {
        fs::write(self.path(name), content).unwrap();
        self.path(name).display().to_string()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
        command.args(args).args(["--data", &self.path("data").display().to_string()]);
        command.env("USER", "anna").env("TZ", "UTC").env_remove("POSTROOM_DATA").stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Standard output of a command that must succeed.
    pub(crate) fn says(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The JSON lines of a command that must succeed.
    pub(crate) fn json(&self, args: &[&str]) -> Vec<Value> {
        let all: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        self.says(&all).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Exit code and standard error of a command that must fail.
    pub(crate) fn fails(&self, args: &[&str]) -> (i32, String) {
        let output = self.run(args);
        assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }
}

#[test]
fn a_list_comes_in_and_a_person_is_corrected_and_forgotten() {
    let room = Room::new();
    let list =
        room.file("people.csv", "E-Mail;Vorname\nkim@old.example;Kim\nbo@x.example;Bo\nno address;Cy\n".as_bytes());
    let report = &room.json(&["import", &list])[0];
    assert_eq!((&report["rows"], &report["added"], &report["listed"]), (&3.into(), &3.into(), &1.into()));
    assert!(fs::read_to_string(report["rejects_file"].as_str().unwrap()).unwrap().contains("no @ in it"));
    assert_eq!(room.json(&["import", &list])[0]["already_done"], true);

    let (code, error) = room.fails(&["contact", "show", "kin@old.example"]);
    assert!(code == 2 && error.contains("did you mean kim@old.example"), "{error}");

    let edited = room.json(&["contact", "edit", "kim@old.example", "--email", "kim@new.example", "--set", "city=Oslo"]);
    assert_eq!(edited[0]["email"], "kim@new.example");
    let values = &edited[0]["attributes"];
    assert_eq!(
        values,
        &serde_json::json!({ "first_name": "Kim", "city": "Oslo" }),
        "the address is no value beside itself"
    );

    let (code, error) = room.fails(&["contact", "forget", "kim@new.example"]);
    assert!(code == 3 && error.contains("--yes"), "{error}");
    room.says(&["contact", "forget", "kim@new.example", "--yes"]);
    assert_eq!(room.fails(&["contact", "show", "kim@new.example"]).0, 2);
    let listed = room.json(&["suppress", "list"]);
    assert!(listed.iter().any(|entry| entry["reason"] == "forgotten" && entry["target"].is_null()), "{listed:?}");
}

#[test]
fn what_a_person_said_cannot_be_lifted_and_what_we_said_can() {
    let room = Room::new();
    let list = room.file("people.csv", b"email,status\na@x.example,unsubscribed\nb@x.example,active\n");
    room.says(&["import", &list]);
    let (code, error) = room.fails(&["suppress", "remove", "b@x.example", "--reason", "a slip"]);
    assert!(code == 2 && error.contains("is not suppressed"), "{error}");
    assert!(!error.contains("mean b@x.example") && !error.contains("or b@x.example"), "that was typed: {error}");
    room.says(&["suppress", "add", "b@x.example", "bad.example", "--note", "asked by phone"]);
    let list = room.json(&["suppress", "list"]);
    assert_eq!(list.len(), 3, "{list:?}");
    assert!(list.iter().any(|entry| entry["is_domain"] == true && entry["by"] == "cli:anna"));
    for unknown in ["nosuch", "gmail"] {
        let (code, error) = room.fails(&["suppress", "lift", "--provider", unknown, "--reason", "their incident"]);
        assert_eq!(code, 2, "{error}");
        assert!(error.contains("no provider is called") && error.contains("google"), "{error}");
    }
    let (code, error) = room.fails(&["suppress", "lift", "a@x.example", "--reason", "they are nice"]);
    assert!(code == 3 || code == 2, "{code} {error}");
    room.says(&["suppress", "remove", "b@x.example", "--reason", "a mistake"]);
    let left: Vec<Value> = room.json(&["suppress", "list"]).iter().map(|entry| entry["target"].clone()).collect();
    assert!(left.contains(&"a@x.example".into()) && !left.contains(&"b@x.example".into()), "{left:?}");
}

#[test]
fn files_that_are_no_lists_are_refused_in_words_and_leave_nothing() {
    let room = Room::new();
    for (content, words) in [
        (&b""[..], "is empty"),
        (b"PK\x03\x04rest", "spreadsheet"),
        (b"name,city\nAnn,Oslo\n", "no column holds email addresses"),
        (b"ann@x.example,Ann\n", "add a header line"),
    ] {
        let list = room.file("list.csv", content);
        let (code, error) = room.fails(&["import", &list]);
        assert!(code == 2 && error.contains(words) && error.contains("list.csv"), "{code} {error}");
    }
    let folder = room.dir.path().display().to_string();
    assert!(room.fails(&["import", &folder]).1.contains("it is a folder"));
    assert!(room.fails(&["import", "nowhere.csv"]).1.contains("cannot be opened"));
    assert!(room.json(&["import", "--list"]).is_empty());
}

#[test]
fn a_killed_import_is_taken_up_again() {
    let room = Room::new();
    let mut text = "email,n\n".to_owned();
    for n in 0..60_000 {
        text += &format!("p{n}@d{}.example,{n}\n", n % 97);
    }
    let list = room.file("people.csv", text.as_bytes());
    let mut first = room.command(&["import", &list]).stdout(Stdio::null()).spawn().unwrap();
    // Killed when the first chunk is in the ledger's log, or when it was quicker than us.
    let log = room.path("data").join("ledger.db-wal");
    while first.try_wait().unwrap().is_none() && fs::metadata(&log).map_or(0, |found| found.len()) < 3_000_000 {
        std::thread::yield_now();
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let report = &room.json(&["import", &list])[0];
    assert_eq!((&report["rows"], &report["added"]), (&60_000.into(), &60_000.into()), "{report}");
    let imports = room.json(&["import", "--list"]);
    assert_eq!((imports.len(), &imports[0]["state"]), (1, &"done".into()));
    room.says(&["import", "--remove", imports[0]["import"].as_str().unwrap()]);
    assert_eq!(room.fails(&["contact", "show", "p1@d1.example"]).0, 2);
}

#[test]
fn a_backup_opens_held_until_it_is_adopted() {
    let room = Room::new();
    let list = room.file("people.csv", b"email\na@x.example\n");
    room.says(&["import", &list]);
    let copy = room.path("copy").display().to_string();
    assert_eq!(room.json(&["backup", &copy, "--verify"])[0]["verified"], true);
    let restored = room.path("restored").display().to_string();
    let there = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
        command.args(args).args(["--data", &restored, "--json"]).stdin(Stdio::null()).output().unwrap()
    };
    assert!(there(&["restore", &copy]).status.success());
    assert!(!there(&["restore", &copy]).status.success(), "a ledger is never written over");
    let shown: Value = serde_json::from_slice(&there(&["contact", "show", "a@x.example"]).stdout).unwrap();
    assert_eq!(shown["email"], "a@x.example");
    assert_eq!(there(&["adopt"]).status.code(), Some(3), "nobody is there to be asked");
    let adopted: Value = serde_json::from_slice(&there(&["adopt", "--yes"]).stdout).unwrap();
    assert_eq!(adopted["adopted"], true);
}

#[test]
fn where_nothing_can_be_written_a_backup_is_made_by_reading() {
    let room = Room::new();
    let list = room.file("people.csv", b"email\na@x.example\n");
    room.says(&["import", &list]);
    let lock = room.path("data").join("lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let copy = room.path("copy").display().to_string();
    assert_eq!(room.fails(&["contact", "forget", "a@x.example", "--yes"]).0, 1, "nothing can be changed");
    assert_eq!(room.json(&["backup", &copy])[0]["verified"], true, "the copy is checked unasked");
    // A ledger that is damaged is not handed on.
    let ledger = room.path("data").join("ledger.db");
    let octets = fs::read(&ledger).unwrap();
    fs::write(&ledger, octets.get(..octets.len() / 2).unwrap()).unwrap();
    let damaged = room.path("damaged").display().to_string();
    assert_eq!(room.fails(&["backup", &damaged]).0, 1);
}

/// What `judge replies` makes of lines.
fn judged(room: &Room, lines: &str) -> Vec<Value> {
    let mut judge = room.command(&["judge", "replies"]);
    let mut judge = judge.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    judge.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = judge.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn replies_are_judged_by_the_rules_of_the_data_directory() {
    const PROVIDERS: &str = "[[provider]]\nkey = 'acme'\nname = 'Acme'\nmx = ['.acme.test']\nsource = 'asked them'\n\
                             hits = [['mx1.acme.test']]\nmisses = [['mx.notacme.test']]\n";
    const RULES: &str = "[[rule]]\nname = 'acme-slow'\nprovider = 'acme'\nany = ['\\bslow please']\n\
                         category = 'rate_limited'\nsource = 'seen'\nhits = ['450 slow please']\nmisses = ['450 no']\n";
    let room = Room::new();
    let category = || judged(&room, "{\"text\":\"450 slow please\",\"provider\":\"acme\"}\n")[0]["category"].clone();
    let shipped = category();
    assert_ne!(shipped, "rate_limited");
    fs::create_dir(room.path("data")).unwrap();
    fs::write(room.path("data").join("providers.toml"), PROVIDERS).unwrap();
    fs::write(room.path("data").join("rules.toml"), RULES).unwrap();
    assert_eq!(category(), "rate_limited");
    let of_nobody = judged(&room, "{\"text\":\"450 slow please\"}\n")[0]["category"].clone();
    assert_eq!(of_nobody, shipped, "the rule is that provider's");
    fs::write(room.path("data").join("rules.toml"), "nonsense").unwrap();
    let output = room.command(&["judge", "replies"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("rules.toml, line 1"));
}

#[test]
fn replies_are_judged_line_by_line_without_a_ledger() {
    let room = Room::new();
    let lines =
        "{\"id\":\"1\",\"text\":\"550 5.1.1 No such user\"}\n{\"id\":\"2\",\"text\":\"452 4.2.2 Mailbox full\"}\n";
    let words = judged(&room, lines);
    assert_eq!((&words[0]["category"], &words[0]["suppress"]), (&"unknown_recipient".into(), &true.into()));
    assert_eq!((&words[1]["category"], &words[1]["disposition"]), (&"mailbox_full".into(), &"retry".into()));
    assert!(!room.path("data").exists());
}

#[test]
fn keys_are_made_once_and_their_record_is_shown() {
    let room = Room::new();
    let key = &room.json(&["domain", "keygen", "example.org", "--selector", "s1"])[0];
    assert_eq!(key["record_name"], "s1._domainkey.example.org");
    assert!(key["record_value"].as_str().unwrap().starts_with("v=DKIM1; k=rsa; p="), "{key}");
    assert_eq!(room.fails(&["domain", "keygen", "example.org", "--selector", "s1"]).0, 3);
}

#[test]
fn an_export_of_another_platform_moves_in_and_whoever_left_stays_away() {
    let room = Room::new();
    let export = room.path("export");
    fs::create_dir(&export).unwrap();
    let write = |name: &str, text: &str| fs::write(export.join(name), text).unwrap();
    write(
        "subscribed_email_audience_export_1.csv",
        "Email Address,First Name,CONFIRM_TIME\nann@x.example,Ann,2024-03-01 10:00:00\nbo@x.example,Bo,\n",
    );
    write("cleaned_email_audience_export_1.csv", "Email Address,First Name\nbo@x.example,Bo\n");
    write("unsubscribed_email_audience_export_1.csv", "Email Address\nann@x.example\ncy@x.example\nno address\n");
    let folder = export.display().to_string();

    let dry = room.json(&["migrate", "mailchimp", &folder, "--dry-run"]);
    assert_eq!(dry.last().unwrap()["rows"], 6);
    assert_eq!(room.json(&["suppress", "list"]).len(), 0);

    let told = room.json(&["migrate", "mailchimp", &folder]);
    let kinds: Vec<&str> = told.iter().filter_map(|file| file["kind"].as_str()).collect();
    assert_eq!(kinds, ["bounced", "unsubscribed", "people"]);
    for one in &told {
        let count = |name: &str| one[name].as_u64().unwrap();
        let fates = count("added") + count("updated") + count("unchanged") + count("duplicates") + count("rejected");
        let fates = fates + count("left_out");
        assert_eq!(count("rows"), fates, "{one}");
    }
    let suppressed: Vec<Value> = room.json(&["suppress", "list"]);
    let reason = |address: &str| suppressed.iter().find(|entry| entry["target"] == address).unwrap()["reason"].clone();
    assert_eq!((reason("bo@x.example"), reason("cy@x.example")), ("hard_bounced".into(), "unsubscribed".into()));
    assert_eq!(reason("ann@x.example"), "unsubscribed", "a list of subscribers revives nobody");
    let again = room.json(&["migrate", "mailchimp", &folder]);
    assert_eq!(again.last().unwrap()["added"], 0, "the same files again change nothing");
    let (code, error) = room.fails(&["migrate", "mailchump", &folder]);
    assert!(code == 2 && error.contains("did you mean mailchimp"), "{error}");
}

#[test]
fn nobody_of_a_file_of_suppressions_becomes_mailable() {
    let room = Room::new();
    let export = room.path("customerio");
    fs::create_dir(&export).unwrap();
    let write = |name: &str, text: &str| fs::write(export.join(name), text).unwrap();
    write("people.csv", "email,cio_id,unsubscribed\nann@x.example,1,false\nbo@x.example,2,false\n");
    write("suppressions.csv", "email,reason,created\nbo@x.example,spam,1\ncy@x.example,bounce,1\ndee@x.example,,1\n");
    room.json(&["migrate", "customerio", &export.display().to_string()]);
    let suppressed: Vec<Value> = room.json(&["suppress", "list"]);
    let reason = |address: &str| {
        let all = suppressed.iter().filter(|entry| entry["target"] == address);
        all.map(|entry| entry["reason"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
    };
    assert!(reason("bo@x.example").contains("complained"), "{suppressed:?}");
    assert_eq!((reason("cy@x.example"), reason("dee@x.example")), ("hard_bounced".into(), "manual".into()));
    assert_eq!(reason("ann@x.example"), "");
}

#[test]
fn lists_templates_and_typed_values_of_listmonk_move_in_once() {
    let room = Room::new();
    let export = room.path("listmonk");
    fs::create_dir(&export).unwrap();
    let write = |name: &str, text: &str| fs::write(export.join(name), text).unwrap();
    let news = |status: &str| {
        format!(r#"{{"id":3,"name":"News","type":"public","optin":"double","subscription_status":"{status}"}}"#)
    };
    let person = |n: u32, attribs: &str, status: &str| {
        format!(
            r#"{{"uuid":"u{n}","email":"p{n}@x.example","name":"P{n}","status":"enabled","attribs":{attribs},"lists":[{}],
                "created_at":"2022-05-06T07:08:09Z"}}"#,
            news(status)
        )
    };
    let people = [
        person(1, r#"{"city":"Ulm","age":42,"vip":true}"#, "confirmed"),
        person(2, "{}", "confirmed"),
        person(3, "{}", "unconfirmed"),
        person(4, "{}", "unsubscribed"),
    ];
    write("subscribers.json", &format!(r#"{{"data":{{"results":[{}],"total":4}}}}"#, people.join(",")));
    write(
        "templates.json",
        r#"{"data":[{"name":"Welcome","subject":"Hi","body":"<p>{{ .Subscriber.FirstName }}</p>"},
            {"name":"Odd","body":"{{ if .Subscriber.Name }}x{{ end }}"}]}"#,
    );
    let folder = export.display().to_string();
    let of = |told: &[Value], name: &str| {
        told.iter().find(|one| one.get("list").is_some_and(|l| l == name)).unwrap().clone()
    };
    let check = |told: &[Value], joined: u64, already: u64| {
        let list = of(told, "News");
        let count = |field: &str| list[field].as_u64().unwrap();
        assert_eq!(count("people"), count("members") + count("left_there") + count("unconfirmed_there"), "{list}");
        let fates = count("joined") + count("already") + count("left_here") + count("unknown");
        assert_eq!((count("members"), fates), (2, 2), "{list}");
        assert_eq!((count("joined"), count("already")), (joined, already), "{list}");
    };
    let templates = |told: &[Value]| told.last().unwrap()["templates"].clone();
    let dry = room.json(&["migrate", "listmonk", &folder, "--dry-run"]);
    check(&dry, 2, 0);
    assert_eq!(templates(&dry), serde_json::json!({ "found": 2, "added": 1, "unchanged": 0, "refused": 1 }));
    let told = room.json(&["migrate", "listmonk", &folder]);
    check(&told, 2, 0);
    assert_eq!(templates(&told)["added"], 1);
    let shown = room.json(&["contact", "show", "p1@x.example"]);
    let attributes = &shown[0]["attributes"];
    assert_eq!(
        (&attributes["age"], &attributes["vip"], &attributes["city"]),
        (&42.into(), &true.into(), &"Ulm".into())
    );
    let consent = &shown[0]["consent"]["at"];
    assert!(
        consent.as_str().is_some_and(|at| at.starts_with("2022-05-06T07:08:09")),
        "to move is no consent: {shown:?}"
    );
    let again = room.json(&["migrate", "listmonk", &folder]);
    check(&again, 0, 2);
    assert_eq!(templates(&again), serde_json::json!({ "found": 2, "added": 0, "unchanged": 1, "refused": 1 }));
    assert_eq!(again.last().unwrap()["added"], 0);
    // Who never confirmed, and who left by the link of a mail, stand as enabled there.
    let stands = |address: &str| {
        let shown = room.json(&["contact", "show", address]);
        (shown[0]["status"].as_str().unwrap().to_owned(), shown[0]["consent"].is_null())
    };
    assert_eq!(stands("p1@x.example"), ("active".to_owned(), false));
    assert_eq!(stands("p3@x.example"), ("unconfirmed".to_owned(), true));
    assert_eq!(stands("p4@x.example").0, "opted_out");
    let suppressed = room.json(&["suppress", "list"]);
    assert_eq!(suppressed.len(), 1, "{suppressed:?}");
    assert_eq!((&suppressed[0]["target"], &suppressed[0]["reason"]), (&"p4@x.example".into(), &"unsubscribed".into()));
}

#[test]
fn what_sendgrid_blocked_is_counted_and_nobodys_suppression_and_who_left_left_then() {
    let room = Room::new();
    let export = room.path("sendgrid");
    fs::create_dir(&export).unwrap();
    let write = |name: &str, text: &str| fs::write(export.join(name), text).unwrap();
    write("contacts.csv", "EMAIL,FIRST_NAME,CONTACT_ID\nann@x.example,Ann,1\nbo@x.example,Bo,2\n");
    write(
        "suppression_blocks.csv",
        "status,reason,email,created\n4.7.1,\"421 rate limited\",ann@x.example,1700000000\n",
    );
    write("suppression_unsubscribes.csv", "email,created\nbo@x.example,1700000000\n");
    let folder = export.display().to_string();
    for how in [&["--dry-run"][..], &[], &[]] {
        let told = room.json(&[&["migrate", "sendgrid", folder.as_str()], how].concat());
        let sum = told.last().unwrap();
        let count = |name: &str| sum[name].as_u64().unwrap();
        let fates = ["added", "updated", "unchanged", "duplicates", "rejected", "left_out"].map(count);
        assert_eq!((count("rows"), fates.iter().sum(), count("left_out")), (4, 4, 1), "{sum}");
    }
    let suppressed = room.json(&["suppress", "list"]);
    assert_eq!((suppressed.len(), &suppressed[0]["target"]), (1, &"bo@x.example".into()), "{suppressed:?}");
    assert!(suppressed[0].to_string().contains("2023-11-14T22:13:20"), "{suppressed:?}");
}
