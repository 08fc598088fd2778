//! Sources, pools and holds, told to the binary: what is described comes back, and what cannot be meant is refused in
//! words.

use crate::contacts::Room;

const MTA1: [&str; 7] = ["source", "add", "mta1", "--address", "127.0.0.2", "--ehlo", "mta1.letters.example"];

fn room() -> Room {
    let room = Room::new();
    let list = room.file("people.csv", b"email\nkim@a.example\nbo@b.example\n");
    room.says(&["import", &list]);
    room
}

#[test]
fn sources_and_pools_are_described_changed_and_taken_out_of_use() {
    let room = room();
    room.says(&MTA1);
    let second = ["source", "add", "mta2", "--address", "127.0.0.3", "--ehlo", "mta2.letters.example", "--warm"];
    room.says(&second);
    let changed: Vec<&str> = MTA1.iter().copied().chain(["--region", "eu"]).collect();
    assert!(room.says(&changed).contains("\"mta1\" is changed"));
    room.says(&["pool", "set", "news", "mta1=3", "mta2"]);
    room.says(&["pool", "use", "news", "--for", "broadcast", "--prefer-region", "eu"]);
    let listed = room.says(&["source", "list"]);
    assert!(
        listed.contains("mta1 · 127.0.0.2 · greets as mta1.letters.example · region eu · in news (weight 3)"),
        "{listed}"
    );
    assert!(
        listed.contains("mta2 · 127.0.0.3 · greets as mta2.letters.example · in news · known to be warm"),
        "{listed}"
    );
    assert!(room.says(&["pool", "list"]).contains("news: mta1=3, mta2; carries broadcast"));
    let (code, error) = room.fails(&["pool", "remove", "news"]);
    assert!(code == 3 && error.contains("the broadcast stream goes through"), "{error}");
    room.says(&["pool", "use", "-", "--for", "broadcast"]);
    room.says(&["pool", "remove", "news"]);
    room.says(&["source", "retire", "mta1"]);
    assert!(!room.says(&["source", "list"]).contains("mta1 ·"));
}

#[test]
fn what_cannot_be_meant_is_refused_in_words() {
    let room = room();
    room.says(&MTA1);
    let proxied: Vec<&str> = MTA1.iter().copied().chain(["--proxy", "socks5://anna@127.0.0.1:1080"]).collect();
    for (args, code, says) in [
        (&["source", "retire", "mta2"][..], 2, "did you mean mta1"),
        (&["source", "retire", "this machine"], 3, "cannot be retired"),
        (&["source", "add", "x", "--address", "0.0.0.0", "--ehlo", "x.example"], 2, "no mail can leave from 0.0.0.0"),
        (&["source", "add", "x", "--address", "127.0.0.4", "--ehlo", "not a host"], 2, "is not a host name"),
        (&proxied, 2, "POSTROOM_PROXY_PASSWORD"),
        (&["pool", "set", "news", "mta1=0"], 2, "SOURCE=WEIGHT"),
        (&["pool", "set", "news", "mta7"], 2, "there is no source \"mta7\""),
        (&["hold", "--provider", "google"], 2, "--because <TEXT>"),
        (&["hold", "--provider", "google", "--because", " "], 2, "a hold needs a reason"),
        (&["hold", "--because", "x"], 2, "a hold names what it covers"),
        (&["hold", "--provider", "gogle", "--because", "x"], 2, "did you mean google"),
        (&["hold", "--domain", "nowhere", "--because", "x"], 2, "is not a domain"),
        (&["hold", "--cold", "--until", "1999-01-01", "--because", "x"], 2, "is over already"),
        (&["hold", "7", "--because", "x"], 2, "there is no campaign"),
        (&["lanes", "trace", "google", "--for", "5h"], 2, "an hour at most"),
        (&["lanes", "trace", "google"], 3, "no process is sending"),
    ] {
        let (exit, error) = room.fails(args);
        assert!(exit == code && error.contains(says), "{args:?}: {exit} {error}");
    }
}

#[test]
fn a_proxys_password_is_kept_and_never_shown() {
    let room = room();
    let args: Vec<&str> = MTA1.iter().copied().chain(["--proxy", "socks5://anna@127.0.0.1:1080"]).collect();
    let added = room.command(&args).env("POSTROOM_PROXY_PASSWORD", "s3cret-of-the-proxy").output().unwrap();
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let shown = format!("{}{}", room.says(&["source", "list"]), room.says(&["source", "list", "--json"]));
    assert!(shown.contains("socks5://anna@127.0.0.1:1080") && !shown.contains("s3cret"), "{shown}");
}

#[test]
fn what_another_system_sent_counts_once() {
    let room = room();
    room.says(&MTA1);
    let line = |day: u32, n: u32| {
        format!(
            "2026-10-{day:02}T09:{n:02}:00.000000+00:00 mta1 postfix/smtp[9]: A{day}{n}: to=<a{n}@gmail.com>, \
             relay=gmail-smtp-in.l.google.com[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 OK)\n"
        )
    };
    let log: String = (1..=3).flat_map(|day| (0..40).map(move |n| line(day, n))).collect();
    let log = room.file("mail.log", log.as_bytes());
    let import = ["source", "history", "import", &log, "--source", "mta1"];
    let first = &room.json(&import)[0];
    assert_eq!(
        (&first["attempts"], &first["days"], &first["toward"][0]["name"]),
        (&120.into(), &3.into(), &"Google".into())
    );
    assert_eq!(first["domains"].as_array().map(Vec::len), Some(0), "the log names no sender");
    let again = &room.json(&import)[0];
    assert_eq!(again["toward"], first["toward"], "twice adds nothing");
    assert!(room.says(&import).contains("nothing is counted for a From domain"));
    let mine = room.says(&[&import[..], &["--domain", "news.example"]].concat());
    assert!(
        mine.contains("Counted for mail from news.example: 120 attempts on 3 days from 2026-10-01 to 2026-10-03"),
        "{mine}"
    );
    let (code, error) = room.fails(&[&import[..], &["--domain", "news"]].concat());
    assert!(code == 2 && error.contains("--domain \"news\""), "{error}");
    let copy = room.file("mail.log.copy", &std::fs::read(&log).unwrap());
    let (code, error) = room.fails(&["source", "history", "import", &log, &copy, "--source", "mta1"]);
    assert!(code == 2 && error.contains("it tells the same as"), "{error}");
    let (code, error) = room.fails(&["source", "history", "import", &log, "--source", "mta1", "--of", "mta9"]);
    assert!(code == 2 && error.contains("it names: mta1"), "{error}");
    let people = room.file("people.csv", b"email\nkim@a.example\n");
    let (code, error) = room.fails(&["source", "history", "import", &people, "--source", "mta1"]);
    assert!(code == 2 && error.contains("none of the first"), "{error}");
}

#[test]
fn holds_are_placed_listed_and_lifted() {
    let room = room();
    let placed = &room.json(&["hold", "--provider", "Google", "--for", "2h", "--because", "they asked us to wait"])[0];
    assert_eq!((&placed["provider"], &placed["covers"]), (&"google".into(), &0.into()));
    let listed = room.says(&["hold", "list"]);
    assert!(
        listed.contains("everything to google, until") && listed.contains("they asked us to wait (cli:anna"),
        "{listed}"
    );
    let id = placed["hold"].as_str().unwrap();
    assert!(room.says(&["hold", "lift", id]).contains("everything to google goes on"));
    assert!(room.says(&["hold", "list"]).starts_with("Nothing is held by hand."));
    assert!(room.says(&["lanes", "--log"]).contains("hold placed"));
}

#[test]
fn what_a_person_types_is_one_line_and_steers_no_terminal() {
    let room = room();
    room.says(&["hold", "--provider", "google", "--because", "\u{1b}[31mred\nERROR: all is lost\u{1b}[0m"]);
    for told in [room.says(&["hold", "list"]), room.says(&["lanes"]), room.says(&["lanes", "--log"])] {
        assert!(told.contains("\u{FFFD}[31mred ERROR: all is lost") && !told.contains('\u{1b}'), "{told:?}");
    }
    assert!(room.says(&["lanes", "--log"]).contains("to google: "), "the log says what is held");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let room = room();
    room.says(&MTA1);
    for (args, expected) in [
        (&["lanes", "--provider", "nosuch"][..], "no provider is called \"nosuch\""),
        (&["lanes", "--log", "0"], "from 1 to"),
        (
            &["source", "add", "twin", "--address", "127.0.0.2", "--ehlo", "twin.letters.example"],
            "that of the source \"mta1\"",
        ),
        (&["domain", "history", "withdraw", "nosuch.org", "--why", "a slip"], "declared history"),
        (&["domain", "history", "declare", "a.org", "--sent", "2020-01-01=5", "--why", "x"], "2020-01-01 is not over"),
    ] {
        let (code, error) = room.fails(args);
        assert!(code == 2 && error.contains(expected), "{args:?}: {code} {error}");
    }
    let (code, error) = room.fails(&["source", "delisted", "mta1"]);
    assert!(code == 3 && error.contains("does not rest for a listing"), "{error}");
}

#[test]
fn names_for_links_are_added_looked_for_and_retired() {
    let room = room();
    // Nobody answers there.
    let look = ["--public-url", "https://127.0.0.1", "--dns", "127.0.0.1:9"];
    let host = |words: &[&'static str]| [&["host"][..], words].concat();
    let added = room.says(&[&["host", "add", "Links.Example.org"][..], &look].concat());
    assert!(added.contains("links.example.org  unknown  (links.example.org: "), "{added}");
    assert!(room.says(&host(&["retire", "links.example.org"])).contains("  retired"));
    assert!(room.says(&host(&["list"])).contains("links.example.org  unknown  retired"));
    assert!(!room.says(&host(&["reuse", "links.example.org"])).contains("retired"));
}
