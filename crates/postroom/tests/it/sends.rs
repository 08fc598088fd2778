//! Whole campaigns by the real binary toward real servers on loopback: what the receiver's own log shows is what counts.

#![allow(clippy::disallowed_methods, reason = "other programs live in real time")]

use crate::peers::dkim::DkimVerifier;
use crate::peers::postfix::Postfix;
use crate::peers::python_smtp::PythonSmtp;
use crate::peers::{end, free_port, wait_until};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Nothing here takes longer, however busy the machine.
const LIMIT: Duration = Duration::from_secs(90);
/// Conversations at once, as loopback mode has it by default.
const CONNECTIONS: usize = 20;

/// A folder with people, a message and a ledger.
struct Place {
    dir: TempDir,
}

/// How a command ended.
struct Done {
    code: i32,
    said: String,
    errors: String,
}

impl Done {
    /// The one JSON line on standard output.
    fn object(&self) -> Value {
        assert_eq!(self.said.lines().count(), 1, "{}\n{}", self.said, self.errors);
        serde_json::from_str(&self.said).unwrap()
    }

    fn count(&self, field: &str) -> u64 {
        self.object()[field].as_u64().unwrap_or_else(|| panic!("{field} in {}", self.said))
    }
}

impl Place {
    /// `people` of them at seven domains, and a message that greets them by name.
    fn with(people: usize) -> Place {
        let place = Place { dir: tempfile::tempdir().unwrap() };
        let rows = (0..people).map(|n| format!("p{n}@peer{}.test,Name{n}\n", n % 7));
        place.write("people.csv", &std::iter::once("email,first_name\n".to_owned()).chain(rows).collect::<String>());
        place.write(
            "spring.md",
            "---\nsubject: Hello {{ first_name }}\n---\nDear {{ first_name }}\n\n[Stop]({{ unsubscribe_url }})\n",
        );
        place
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
        command.current_dir(self.dir.path()).env_remove("POSTROOM_DATA").args(args).args(["--data", "data", "--json"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn begin(&self, args: &[&str]) -> Child {
        self.command(args).spawn().unwrap()
    }

    fn run(&self, args: &[&str]) -> Done {
        ended(self.begin(args))
    }

    /// The arguments of a send to `relay`.
    fn send<'a>(&self, relay: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let plain =
            ["send", "--from", "Mira <mira@letters.example>", "--message", "spring.md", "--contacts", "people.csv"];
        plain.into_iter().chain(["--relay", relay]).chain(more.iter().copied()).collect()
    }
}

/// Waits for a command; kills it when it does not end.
fn ended(mut child: Child) -> Done {
    // Both streams are drained beside the wait, so that a full pipe never stops the child.
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let said = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).map(|_| text)
    });
    let errors = std::thread::spawn(move || {
        let mut text = String::new();
        err.read_to_string(&mut text).map(|_| text)
    });
    let status = wait_until(LIMIT, || child.try_wait().unwrap());
    if status.is_none() {
        child.kill().unwrap();
    }
    let (said, errors) = (said.join().unwrap().unwrap(), errors.join().unwrap().unwrap());
    let status = status.unwrap_or_else(|| panic!("it did not end in time: {errors}"));
    Done { code: status.code().unwrap_or(-1), said, errors }
}

fn relay(server: &PythonSmtp) -> String {
    format!("smtp://{}", server.endpoint())
}

/// Copies per recipient, as the receiver wrote them down.
fn copies(server: &PythonSmtp) -> BTreeMap<String, usize> {
    let mut copies = BTreeMap::new();
    for message in server.received() {
        for to in message.rcpt_to {
            *copies.entry(to).or_default() += 1;
        }
    }
    copies
}

fn equation_holds(object: &Value) {
    let n = |field: &str| object[field].as_u64().unwrap();
    assert_eq!(n("recipients"), n("skipped") + n("attempted"), "{object}");
    let terms = ["accepted", "in_progress", "soft", "hard", "blocked", "in_doubt"];
    assert_eq!(n("attempted"), terms.iter().map(|term| n(term)).sum::<u64>(), "{object}");
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn everybody_gets_one_copy_however_often_the_command_is_run() {
    let Some(server) = PythonSmtp::start(&[]) else { return };
    let (place, url) = (Place::with(300), relay(&server));
    let first = place.run(&place.send(&url, &[]));
    assert_eq!((first.code, first.count("accepted")), (0, 300), "{}", first.errors);
    equation_holds(&first.object());
    let again = place.run(&place.send(&url, &[]));
    assert_eq!((again.code, again.object()), (0, first.object()), "{}", again.errors);
    let renamed = place.run(&place.send(&url, &["--name", "Another"]));
    assert_eq!(renamed.code, 3, "{}", renamed.errors);
    assert!(renamed.errors.contains("would mail them twice"), "{}", renamed.errors);
    let nothing_left = place.run(&["resume"]);
    assert_eq!((nothing_left.code, nothing_left.count("accepted")), (0, 300));
    let received = server.received();
    assert_eq!(received.len(), 300);
    assert!(copies(&server).values().all(|count| *count == 1));
    let text = String::from_utf8(received[0].message.clone()).unwrap();
    assert!(text.starts_with("DKIM-Signature:") && text.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"));
}

#[test]
fn other_peoples_software_verifies_the_signature() {
    let Some(verifier) = DkimVerifier::find() else { return };
    let Some(server) = PythonSmtp::start(&[]) else { return };
    let (place, url) = (Place::with(6), relay(&server));
    let key = place.run(&["domain", "keygen", "letters.example", "--selector", "spring"]).object();
    let text = |field: &str| key[field].as_str().unwrap().to_owned();
    let sent = place.run(&place.send(&url, &[]));
    assert_eq!((sent.code, sent.count("accepted")), (0, 6), "{}", sent.errors);
    let records = BTreeMap::from([(text("record_name"), text("record_value"))]);
    for received in server.received() {
        let signatures = verifier.verify(&received.message, &records);
        assert_eq!(signatures.len(), 1);
        assert!(signatures[0].valid && signatures[0].selector == "spring", "{signatures:?}");
    }
}

#[test]
fn postfix_takes_and_delivers_every_copy_once() {
    let Some(postfix) = Postfix::start() else { return };
    let place = Place::with(40);
    let url = format!("smtp://{}", postfix.endpoint());
    let sent = place.run(&place.send(&url, &["--connections", "4"]));
    assert_eq!((sent.code, sent.count("accepted")), (0, 40), "{}\n{}", sent.errors, postfix.log());
    let delivered = postfix.wait_for(40, LIMIT);
    assert_eq!(delivered.len(), 40, "{}", postfix.log());
    let mut to: Vec<String> = delivered.iter().map(|message| original_recipient(message)).collect();
    to.sort_unstable();
    to.dedup();
    assert_eq!(to.len(), 40, "nobody twice");
}

fn original_recipient(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let field = text.lines().find_map(|line| line.strip_prefix("X-Original-To: "));
    field.unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[test]
fn a_stale_list_goes_on_only_for_a_reason_and_is_then_measured_anew() {
    let dead: Vec<String> = (0..33).map(|n| format!("p{n}=550 5.1.1 No such user")).collect();
    let refuse: Vec<&str> = dead.iter().flat_map(|one| ["--refuse", one.as_str()]).collect();
    let Some(server) = PythonSmtp::start(&refuse) else { return };
    let (place, url) = (Place::with(330), relay(&server));
    let first = place.run(&place.send(&url, &[]));
    assert_eq!((first.code, &first.object()["campaign"]["state"]), (3, &"paused".into()), "{}", first.errors);
    assert!(first.count("accepted") < 290 && first.errors.contains("do not exist"), "{}", first.errors);
    // Too few are left to be measured again.
    let unanswered = place.run(&["resume", "1"]);
    assert_eq!((unanswered.code, unanswered.said.as_str()), (3, ""), "{}", unanswered.errors);
    assert!(unanswered.errors.contains("--because"), "{}", unanswered.errors);
    let answered = place.run(&["resume", "1", "--because", "the old part is through"]);
    assert_eq!(
        (answered.code, answered.count("accepted"), answered.count("hard")),
        (0, 297, 33),
        "{}",
        answered.errors
    );
    let log = place.run(&["lanes", "--log"]);
    assert!(log.said.contains("resumed because: the old part is through"), "{}", log.said);
}

#[test]
fn a_bad_list_is_left_out_by_the_name_of_its_file() {
    let dead: Vec<String> = (0..33).map(|n| format!("p{n}=550 5.1.1 No such user")).collect();
    let refuse: Vec<&str> = dead.iter().flat_map(|one| ["--refuse", one.as_str()]).collect();
    let Some(server) = PythonSmtp::start(&refuse) else { return };
    let (place, url) = (Place::with(330), relay(&server));
    let first = place.run(&place.send(&url, &[]));
    assert_eq!(first.code, 3, "{}", first.errors);
    let without = |list: &str| place.run(&["resume", "1", "--because", "it is old", "--without-import", list]);
    let mistyped = without("peple.csv");
    assert_eq!(mistyped.code, 2, "{}", mistyped.errors);
    assert!(mistyped.errors.contains("people.csv"), "{}", mistyped.errors);
    let copies_before = copies(&server).len();
    let left_out = without("people.csv");
    assert_eq!((left_out.code, left_out.count("in_progress")), (0, 0), "{}", left_out.errors);
    assert!(left_out.object()["skipped_by_reason"]["quarantined_import"].as_u64() > Some(0), "{}", left_out.said);
    assert_eq!(copies(&server).len(), copies_before, "nobody else of it is mailed");
}

#[test]
fn a_part_is_cancelled_for_a_reason_and_the_campaign_is_complete() {
    let Some(server) = PythonSmtp::start(&["--first-refuse", "p2=451 4.7.1 Come back later"]) else { return };
    let (place, url) = (Place::with(10), relay(&server));
    let first = place.run(&place.send(&url, &["--retry", "1s,2s", "--give-up", "20s"]));
    assert_eq!((first.code, first.count("in_progress")), (5, 1), "{}", first.errors);
    let cancel = |more: &[&str]| place.run(&[&["cancel", "1"][..], more].concat());
    let because = ["--because", "they asked"];
    assert_eq!(cancel(&["--source", "this machine"]).code, 2, "a part needs a reason");
    assert_eq!(cancel(&because).code, 2, "and a reason a part");
    let nobody = cancel(&[&["--domain", "elsewhere.example"][..], &because].concat());
    assert_eq!((nobody.code, nobody.count("skipped")), (0, 0), "{}", nobody.errors);
    let done = cancel(&[&["--source", "this machine"][..], &because].concat());
    assert_eq!((done.code, done.count("skipped")), (0, 1), "{}", done.errors);
    assert!(done.errors.contains("1 person waiting there"), "{}", done.errors);
    let report = place.run(&["report", "1"]).object();
    assert_eq!(report["skipped_by_reason"]["cancelled"], 1);
    assert_eq!((&report["accepted"], &report["campaign"]["state"]), (&9.into(), &"complete".into()));
    equation_holds(&report);
    assert_eq!(copies(&server).len(), 9);
}

#[test]
fn whoever_is_put_off_waits_and_resume_goes_on() {
    let gone = ["--refuse", "p1=550 5.1.1 No such user", "--first-refuse", "p2=451 4.7.1 Come back later"];
    let Some(server) = PythonSmtp::start(&gone) else { return };
    let (place, url) = (Place::with(10), relay(&server));
    let retry = ["--retry", "1s,2s", "--give-up", "20s"];
    let first = place.run(&place.send(&url, &retry));
    let object = first.object();
    assert_eq!(first.code, 5, "{}", first.errors);
    assert_eq!((&object["hard"], &object["waiting"]["retry"], &object["accepted"]), (&1.into(), &1.into(), &8.into()));
    equation_holds(&object);
    let rest = place.run(&["resume"]);
    assert_eq!((rest.code, rest.count("accepted"), rest.count("in_progress")), (0, 9, 0), "{}", rest.errors);
    assert_eq!(rest.object()["campaigns"].as_array().map(Vec::len), Some(1));
    assert_eq!(copies(&server).len(), 9);
}

#[test]
fn a_kill_at_any_moment_loses_nobody_and_doubles_nobody() {
    let Some(server) = PythonSmtp::start(&["--final-delay-ms", "60"]) else { return };
    let (place, url) = (Place::with(400), relay(&server));
    let mut kills = 0;
    for (number, wait_ms) in [700, 350, 480, 260, 410].into_iter().enumerate() {
        let mut child = match number {
            0 => place.begin(&place.send(&url, &["--wait", "done"])),
            _ => place.begin(&["resume"]),
        };
        std::thread::sleep(Duration::from_millis(wait_ms));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
    }
    assert!(kills > 0, "the send must not be over before it is killed");
    let started = place.run(&["status"]);
    let last = match started.said.is_empty() {
        // The first kill came before the campaign was made: the same command goes on.
        true => place.run(&place.send(&url, &["--wait", "done"])),
        false => place.run(&["resume", "1"]),
    };
    assert_eq!(last.code, 0, "{}", last.errors);
    let object = last.object();
    equation_holds(&object);
    let doubtful = place.run(&["report", "1", "--in-doubt"]);
    let doubtful = doubtful.object();
    let people = doubtful["people"].as_array().unwrap();
    assert!(people.iter().all(|one| one["host"].is_string() && one["time"].is_string()), "{doubtful}");
    let doubtful: Vec<&str> = people.iter().map(|one| one["address"].as_str().unwrap()).collect();
    assert_eq!(doubtful.len() as u64, object["in_doubt"].as_u64().unwrap());
    assert!(doubtful.len() <= kills * CONNECTIONS, "{} in doubt after {kills} kills", doubtful.len());
    let copies = copies(&server);
    for n in 0..400 {
        let address = format!("p{n}@peer{}.test", n % 7);
        let count = copies.get(&address).copied().unwrap_or(0);
        let expected = if doubtful.contains(&address.as_str()) { 0..=1 } else { 1..=1 };
        assert!(
            expected.contains(&count),
            "{address} got {count} copies; in doubt: {}",
            doubtful.contains(&address.as_str())
        );
    }
}

#[test]
fn a_pause_is_in_force_when_it_returns_and_a_suppression_too() {
    let Some(server) = PythonSmtp::start(&["--final-delay-ms", "80"]) else { return };
    let (place, url) = (Place::with(150), relay(&server));
    let sending = place.begin(&place.send(&url, &["--connections", "3"]));
    assert!(server.wait_for(10, LIMIT).len() >= 10);
    let status = place.run(&["status"]).object();
    assert!(status["process"].is_u64(), "{status}");
    let paused = place.run(&["pause", "spring"]);
    let at_return = server.received().len();
    assert_eq!(paused.code, 0, "{}", paused.errors);
    let interrupted = ended(sending);
    assert_eq!(interrupted.code, 3, "{}", interrupted.errors);
    equation_holds(&interrupted.object());
    assert!(server.received().len() <= at_return + 3, "only what was under way may end");
    assert_eq!(place.run(&["resume"]).code, 0, "what a person paused is not taken up by itself");
    let left =
        (0..150).map(|n| format!("p{n}@peer{}.test", n % 7)).find(|to| !copies(&server).contains_key(to)).unwrap();
    assert_eq!(place.run(&["suppress", "add", &left]).code, 0);
    let rest = place.run(&["resume", "spring"]);
    assert_eq!((rest.code, rest.count("accepted"), rest.count("skipped")), (0, 149, 1), "{}", rest.errors);
    assert!(!copies(&server).contains_key(&left) && copies(&server).values().all(|count| *count == 1));
}

#[test]
fn what_is_cancelled_or_suppressed_while_it_is_sent_stops_there() {
    let Some(server) = PythonSmtp::start(&["--final-delay-ms", "80"]) else { return };
    let (place, url) = (Place::with(150), relay(&server));
    let sending = place.begin(&place.send(&url, &["--connections", "2"]));
    assert!(server.wait_for(6, LIMIT).len() >= 6);
    // Somebody of a domain nobody of which was reached yet, so that no conversation with them is under way.
    let reached: Vec<String> =
        copies(&server).into_keys().map(|to| to.rsplit_once('@').unwrap().1.to_owned()).collect();
    let later = (0..150).map(|n| (n, format!("peer{}.test", n % 7))).rfind(|(_, domain)| !reached.contains(domain));
    let (number, domain) = later.expect("domains follow each other");
    let suppressed = format!("p{number}@{domain}");
    assert_eq!(place.run(&["suppress", "add", &suppressed]).code, 0);
    let second_owner = place.run(&place.send(&url, &["--name", "Other"]));
    assert_eq!(second_owner.code, 3, "{}", second_owner.errors);
    assert!(second_owner.errors.contains("another postroom process"), "{}", second_owner.errors);
    assert_eq!(place.run(&["cancel", "1"]).code, 0);
    let cancelled = ended(sending);
    assert_eq!((cancelled.code, cancelled.count("in_progress")), (0, 0), "{}", cancelled.errors);
    equation_holds(&cancelled.object());
    assert_eq!(cancelled.count("accepted"), server.received().len() as u64);
    assert!(cancelled.object()["skipped_by_reason"]["cancelled"].as_u64().unwrap() > 0);
    assert!(!copies(&server).contains_key(&suppressed));
    assert_eq!(place.run(&["resume", "1"]).code, 3);
}

#[test]
fn ctrl_c_waits_for_the_replies_to_what_is_under_way() {
    let Some(server) = PythonSmtp::start(&["--final-delay-ms", "80"]) else { return };
    let (place, url) = (Place::with(120), relay(&server));
    let sending = place.begin(&place.send(&url, &["--connections", "3"]));
    assert!(server.wait_for(10, LIMIT).len() >= 10);
    signal(&sending, "INT");
    let interrupted = ended(sending);
    assert_eq!((interrupted.code, interrupted.count("in_doubt")), (3, 0), "{}", interrupted.errors);
    assert_eq!(interrupted.count("accepted"), server.received().len() as u64);
    let rest = place.run(&["resume"]);
    assert_eq!((rest.code, rest.count("accepted")), (0, 120), "{}", rest.errors);
    assert!(copies(&server).values().all(|count| *count == 1) && copies(&server).len() == 120);
}

#[test]
fn a_campaign_in_the_background_goes_on_by_itself() {
    let Some(server) = PythonSmtp::start(&[]) else { return };
    let (place, url) = (Place::with(40), relay(&server));
    let detached = place.run(&place.send(&url, &["--detach"]));
    assert_eq!((detached.code, detached.count("recipients")), (0, 40), "{}", detached.errors);
    let is_complete = || {
        let status = place.run(&["status"]).object();
        (status["campaign"]["state"] == "complete").then_some(status)
    };
    let status = wait_until(LIMIT, is_complete).expect("it completes");
    assert_eq!(status["accepted"], 40);
    assert_eq!(copies(&server).len(), 40);
}

#[test]
fn a_dry_run_says_what_would_be_and_keeps_nothing() {
    let place = Place::with(5);
    place.write("people.csv", "email,first_name\na@x.test,A\nA@X.test,A\n,B\nnonsense,C\n");
    let forecast = place.run(&place.send("smtp://127.0.0.1:9", &["--dry-run"]));
    assert_eq!(
        (forecast.code, forecast.count("recipients"), forecast.count("attempted")),
        (0, 4, 1),
        "{}",
        forecast.errors
    );
    assert_eq!(forecast.object()["skipped_by_reason"]["duplicate_address"], 1);
    assert_eq!(forecast.object()["forecast"]["waiting"], 1);
    assert_eq!(place.run(&["campaigns"]).said, "");
}

#[test]
fn a_weekly_newsletter_that_moved_in_with_its_logs_goes_in_one_day() {
    let place = Place::with(700);
    let foretold = || {
        let done = place.run(&place.send("smtp://192.0.2.1:25", &["--dry-run", "--name", "weekly"]));
        assert_eq!((done.code, done.count("attempted")), (0, 700), "{}", done.errors);
        (done.object()["forecast"].clone(), done.errors)
    };
    let (new, said) = foretold();
    let days: Vec<u64> = new["days"].as_array().unwrap().iter().map(|day| day[1].as_u64().unwrap()).collect();
    // In the evening the sample alone goes today: the rest waits for it past midnight.
    assert!(days.len() > 1 && days[0] <= 500 && days.iter().sum::<u64>() == 700, "{new}");
    let because = "the budget of letters.example: day 1 of warming";
    assert!(said.contains(because), "{said}");

    // Four weeks of it from another system, whose bounces came to a name below the domain.
    let today = jiff::Timestamp::now();
    let letter = |(week, n): (i64, usize)| {
        let at = today - jiff::SignedDuration::from_hours(24 * 7 * week);
        let log = |program: &str, told: String| format!("{at} mta1 postfix/{program}[9]: {week:X}{n:05X}: {told}\n");
        log("qmgr", format!("from=<b+p{n}=peer.test@bounces.letters.example>, size=900, nrcpt=1 (queue active)"))
            + &log(
                "smtp",
                format!("to=<p{n}@peer.test>, relay=mx.peer.test[192.0.2.9]:25, dsn=2.0.0, status=sent (250 OK)"),
            )
            + &log("qmgr", "removed".to_owned())
    };
    let mails = (1..=4).rev().flat_map(|week| (0..700).map(move |n| (week, n)));
    place.write("mail.log", &mails.map(letter).collect::<String>());
    let import = ["source", "history", "import", "mail.log", "--source", "this machine"];
    for _ in 0..2 {
        let counted = place.run(&import).object();
        let domains = counted["domains"].as_array().unwrap();
        let names: Vec<_> = domains.iter().map(|domain| domain["domain"].as_str().unwrap()).collect();
        assert_eq!(names, ["letters.example", "bounces.letters.example"]);
        let own = &domains[0];
        assert_eq!((&own["attempts"], &own["days"], &own["greatest_day"]), (&2800.into(), &4.into(), &700.into()));
        assert_eq!((&own["is_warm"], &own["today"]), (&true.into(), &1400.into()), "{own}");
    }
    let (known, said) = foretold();
    // Nothing but the sample that goes first makes it wait.
    assert_eq!(
        (&known["bound"], &known["because"]),
        (&"sample".into(), &"the sample that goes first".into()),
        "{known}"
    );
    assert!(said.contains("no day budget and no ceiling spreads it over several days"), "{said}");

    // Mail of nobody else is counted for a domain, unless it is said whose it was.
    let wrong = place.run(&[&import[..], &["--domain", "shop.example"]].concat());
    assert_eq!(wrong.code, 2);
    assert!(wrong.errors.contains("the senders are of: bounces.letters.example"), "{}", wrong.errors);
    let said = place.run(&[&import[..], &["--domain", "shop.example=letters.example"]].concat()).object();
    assert_eq!(said["domains"][0]["domain"], "shop.example");
    assert!(foretold().1.contains(because), "the days were said to be the shop's");
}

#[test]
fn send_is_told_which_column_holds_the_address() {
    let place = Place::with(5);
    place.write("people.csv", "work,home,first_name\n,a@x.test,A\n,b@x.test,B\n");
    let mapped = place.run(&place.send("smtp://127.0.0.1:9", &["--dry-run", "--map", "email=home"]));
    assert_eq!((mapped.code, mapped.count("attempted")), (0, 2), "{}", mapped.errors);
    let mapped = place.run(&place.send("smtp://127.0.0.1:9", &["--dry-run", "--map", "email=work"]));
    assert_eq!((mapped.code, mapped.count("attempted")), (0, 0), "{}", mapped.errors);
}

#[test]
fn bad_input_is_told_with_what_to_do() {
    let place = Place::with(3);
    place.write("broken.md", "---\nsubject: x\n---\nDear {{ first_name }\n\n[Stop]({{ unsubscribe_url }})\n");
    place.write("tag.md", "---\nsubject: x\n---\nDear {{ frist_name }}\n\n[Stop]({{ unsubscribe_url }})\n");
    place.write("key.pem", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
    let base = |message: &'static str, contacts: &'static str| {
        vec!["send", "--from", "mira@letters.example", "--message", message, "--contacts", contacts]
    };
    // This machine's own mail server passes mail on to the world, like one elsewhere.
    for way in [["--dns", "192.0.2.1:53"], ["--relay", "smtp://127.0.0.1"], ["--relay", "smtp://localhost:587"]] {
        let no_key = Place::with(3).run(&[base("spring.md", "people.csv"), way.to_vec()].concat());
        assert_eq!(no_key.code, 3, "{way:?}: {}", no_key.errors);
        for word in ["postroom domain keygen letters.example", "nobody could unsubscribe", "postal address"] {
            assert!(no_key.errors.contains(word), "{way:?}: {}", no_key.errors);
        }
    }
    let cases: [(&str, &str, &[&str], i32, &str); 8] = [
        ("spring.md", "nobody.csv", &["--relay", "smtp://127.0.0.1:9"], 2, "nobody.csv"),
        ("none.md", "people.csv", &["--relay", "smtp://127.0.0.1:9"], 2, "none.md"),
        ("people.csv", "people.csv", &["--relay", "smtp://127.0.0.1:9"], 2, ".mjml, .md, .html or .txt"),
        ("broken.md", "people.csv", &["--relay", "smtp://127.0.0.1:9"], 2, "line 4"),
        ("tag.md", "people.csv", &["--relay", "smtp://127.0.0.1:9"], 2, "first_name"),
        ("spring.md", "people.csv", &["--relay", "smtp://a:b@127.0.0.1:9"], 2, "password"),
        (
            "spring.md",
            "people.csv",
            &["--relay", "smtp://127.0.0.1:9", "--dkim-key", "key.pem", "--selector", "s"],
            2,
            "key.pem",
        ),
        ("spring.md", "people.csv", &["--port", "2525"], 2, "rehearsal"),
    ];
    for (message, contacts, more, code, word) in cases {
        let done = place.run(&[base(message, contacts), more.to_vec()].concat());
        assert_eq!(done.code, code, "{message} {contacts} {more:?}: {}", done.errors);
        assert!(done.errors.contains(word), "{message} {contacts} {more:?}: {}", done.errors);
        assert_eq!(done.said, "");
    }
    assert_eq!(place.run(&["import", "--list"]).said, "", "a message that cannot be sent leaves no people behind");
    fs::write(place.dir.path().join("data").join("providers.toml"), b"# mine\n# M\xfcller\n").unwrap();
    let foreign = place.run(&[base("spring.md", "people.csv"), vec!["--relay", "smtp://127.0.0.1:9"]].concat());
    assert_eq!(foreign.code, 2, "{}", foreign.errors);
    assert!(foreign.errors.contains("providers.toml, line 2: it is not UTF-8"), "{}", foreign.errors);
    let typo = place.run(&["pause", "sprnig"]);
    assert_eq!(typo.code, 2, "{}", typo.errors);
    fs::write(place.dir.path().join("data").join("ledger.db"), "no database\n".repeat(1_000)).unwrap();
    let damaged = place.run(&["status"]);
    assert_eq!(damaged.code, 2, "{}", damaged.errors);
    assert!(damaged.errors.contains("postroom restore"), "{}", damaged.errors);
}

#[test]
fn a_relay_that_is_not_there_charges_nobody() {
    let place = Place::with(5);
    let port = free_port();
    let url = format!("smtp://127.0.0.1:{port}");
    let silent = place.run(&place.send(&url, &[]));
    assert_eq!(silent.code, 3, "{}", silent.errors);
    assert_eq!(silent.object()["campaign"]["state"], "paused");
    assert_eq!(silent.count("in_progress"), 5);
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let place = Place::with(0);
    let told = |more: &[&str]| ended(place.command(&[&["demo", "--people", "300"], more].concat()).spawn().unwrap());
    let (first, second, other) = (told(&[]), told(&[]), told(&["--seed", "8"]));
    assert_eq!((first.code, other.code), (0, 0), "{}", first.errors);
    assert_eq!(first.said, second.said);
    equation_holds(&first.object());
    for state in ["accepted", "soft", "hard", "blocked"] {
        assert!(first.count(state) > 0, "{state}: {}", first.said);
    }
    assert!(first.object()["skipped_by_reason"].as_object().unwrap().len() >= 5);
    assert_ne!(first.object()["trace"], other.object()["trace"]);
    let theirs = place.dir.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    fs::write(theirs.join("precious"), "x").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
    command.args(["demo", "--json", "--data"]).arg(&theirs).stdout(Stdio::piped()).stderr(Stdio::piped());
    assert_eq!(ended(command.spawn().unwrap()).code, 2);
    assert!(theirs.join("precious").exists());
}

#[test]
fn a_demo_is_over_when_the_last_window_is() {
    let demo = Place::with(0).run(&["demo"]);
    let virtual_hours = demo.object()["virtual_seconds"].as_u64().unwrap() / 3_600;
    assert!((29..=31).contains(&virtual_hours), "somebody waited through a second window: {virtual_hours} h");
}

#[test]
fn a_campaign_of_a_demo_is_not_sent_from_outside_of_it() {
    let place = Place::with(0);
    let demo = place.run(&["demo", "--people", "300"]);
    assert_eq!(demo.code, 0, "{}", demo.errors);
    let refused = place.run(&["resume", "1"]);
    assert_eq!(refused.code, 3, "{}", refused.said);
    assert!(refused.errors.contains("in the simulated world of a demo, which is over"), "{}", refused.errors);
    assert!(refused.errors.contains(" demo --data data") && refused.errors.contains(" report 1 --data data"));
    let unnamed = place.run(&["resume"]);
    assert_eq!(unnamed.code, 0, "nothing of it is left: {}", unnamed.errors);
}

#[test]
fn a_rehearsal_does_not_go_on_toward_the_world() {
    let place = Place::with(5);
    let url = format!("smtp://127.0.0.1:{}", free_port());
    let silent = place.run(&place.send(&url, &[]));
    assert_eq!(silent.object()["campaign"]["state"], "paused", "{}", silent.errors);
    let listen = format!("127.0.0.1:{}", free_port());
    let mut service = place.begin(&["serve", "--listen", &listen]);
    let socket = place.dir.path().join("data").join("control.sock");
    wait_until(LIMIT, || socket.exists().then_some(())).expect("the service takes orders");
    let refused = place.run(&["resume", "1", "--because", "it is only a test"]);
    service.kill().unwrap();
    end(&mut service);
    assert_eq!(refused.code, 3, "{} {}", refused.said, refused.errors);
    assert!(refused.errors.contains("was begun as a rehearsal on this machine"), "{}", refused.errors);
}

#[test]
fn a_rehearsal_goes_to_the_simulated_receivers_and_back_to_whoever_greylists() {
    let place = Place::with(0);
    let mut people = "email,first_name\n".to_owned();
    for n in 0..30 {
        let domain = ["northmail.test", "harbour-bank.test", "papermill.test"][n % 3];
        people.push_str(&format!("anna.berg{n}@{domain},Anna\n"));
    }
    place.write("people.csv", &people);
    let simulate = ["simulate", "--port", "0", "--dns-port", "0", "--time-scale", "300", "--ledger", "arrived.jsonl"];
    let mut receivers = place.begin(&simulate);
    let mut line = String::new();
    BufReader::new(receivers.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let (dns, port) = (ready["dns"].as_str().unwrap().to_owned(), ready["port"].to_string());
    let send = ["send", "--from", "mira@letters.example", "--message", "spring.md", "--contacts", "people.csv"];
    let way = ["--dns", &dns, "--port", &port, "--retry", "2s,3s,4s", "--give-up", "30s", "--wait", "done"];
    let done = place.run(&[&send[..], &way[..]].concat());
    signal(&receivers, "TERM");
    let status = end(&mut receivers);
    assert_eq!(done.code, 0, "{}", done.errors);
    equation_holds(&done.object());
    assert!(status.success(), "simulate ends in order");
    assert!(done.object()["put_off_then_accepted"]["count"].as_u64().unwrap() > 0, "{}", done.said);
    let text = fs::read_to_string(place.dir.path().join("arrived.jsonl")).unwrap();
    let mut arrived: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["recipient"].as_str().unwrap().to_owned())
        .collect();
    arrived.sort_unstable();
    let copies = arrived.len();
    arrived.dedup();
    assert_eq!((arrived.len(), arrived.len() as u64), (copies, done.count("accepted")), "nobody twice");
}
