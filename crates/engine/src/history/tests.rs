//! Invented samples of each kind of log, and everything that is not one.

use super::*;
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn now() -> Timestamp {
    Timestamp::from_millis("2026-11-22T12:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn how() -> How<'static> {
    How { format: None, zone: None, now: now() }
}

fn told(log: &str, how: &How<'_>) -> String {
    use std::fmt::Write;
    let history = match read(log.as_bytes(), how) {
        Ok(history) => history,
        Err(error) => return format!("refused: {error}\n"),
    };
    let History { format, days, lines, attempts, unread_lines, first_unread, .. } = history;
    let mut text = format!("{format}: {lines} lines, {attempts} attempts, {unread_lines} unread {first_unread:?}\n");
    for (Key { source, provider, day }, count) in days {
        let date = jiff::civil::date(1970, 1, 1) + jiff::SignedDuration::from_hours(24 * day);
        let DayCount { attempted, accepted, deferred, blocked, hard, complained } = count;
        assert_eq!(complained, 0);
        writeln!(
            text,
            "{source} | {} | {date} | {attempted} = {accepted} taken, {deferred} deferred, {blocked} blocked, {hard} hard",
            provider.as_deref().unwrap_or("-")
        )
        .unwrap();
    }
    text
}

/// Whose mail the log shows.
fn senders(log: &str) -> Vec<(Sender, u32)> {
    let history = read(log.as_bytes(), &how()).unwrap();
    let mut sums: BTreeMap<Sender, u32> = BTreeMap::new();
    for ((sender, _), count) in history.senders {
        *sums.entry(sender).or_default() += count.attempted;
    }
    assert_eq!(u64::from(sums.values().sum::<u32>()), history.attempts);
    sums.into_iter().collect()
}

fn from(domain: &str) -> Sender {
    Sender::Domain(domain.to_owned())
}

fn check(log: &str, how: &How<'_>, expected: &Expect) {
    expected.assert_eq(&told(log, how));
}

const POSTFIX: &str = "\
Nov 20 10:11:12 mail1 postfix/qmgr[101]: 4F2A1C: from=<news@letters.example>, size=9871, nrcpt=4 (queue active)
Nov 20 10:11:13 mail1 postfix/smtp[102]: 4F2A1C: to=<ada@shop.example>, relay=gmail-smtp-in.l.google.com[192.0.2.27]:25, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250 2.0.0 OK  1763633473 a1-20020 - gsmtp)
Nov 20 23:59:59 mail1 postfix/smtp[102]: 4F2A1C: to=<bob@shop.example>, orig_to=<b@shop.example>, relay=alt1.gmail-smtp-in.l.google.com[192.0.2.28]:25, conn_use=2, delay=1.2, delays=0.1/0/0.5/0.6, dsn=5.1.1, status=bounced (host alt1.gmail-smtp-in.l.google.com[192.0.2.28] said: 550-5.1.1 The email account that you tried to reach does not exist. 550 5.1.1 Please try (in reply to RCPT TO command))
Nov 20 10:12:00 mail1 postfix/smtp[103]: 4F2A1C: to=<cyd@ahoo.example>, relay=mta5.am0.yahoodns.net[192.0.2.40]:25, delay=3, delays=0/0/3/0, dsn=4.7.0, status=deferred (host mta5.am0.yahoodns.net[192.0.2.40] said: 421 4.7.0 [TSS04] Messages from 198.51.100.7 temporarily deferred due to unexpected volume or user complaints (in reply to MAIL FROM command))
Nov 21 00:00:01 mail1 postfix-bulk/smtp[104]: 4F2A1D: to=<dee@corp.example>, relay=mx.corp.example[192.0.2.50]:25, delay=3, delays=0/0/3/0, dsn=4.2.0, status=deferred (host mx.corp.example[192.0.2.50] said: 450 4.2.0 <dee@corp.example>: Recipient address rejected: Greylisted, see https://greylist.example (in reply to RCPT TO command))
Nov 21 00:00:02 mail1 postfix-bulk/smtp[104]: 4F2A1E: to=<eve@corp.example>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.1, status=deferred (connect to mx.corp.example[192.0.2.50]:25: Connection timed out)
Nov 21 00:00:03 mail1 postfix/smtp[105]: 4F2A1F: to=<fay@corp.example>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 2.0.0 from MTA: 250 queued)
Nov 21 00:00:04 mail1 postfix/local[106]: 4F2A20: to=<root@mail1>, relay=local, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (delivered to mailbox)
Nov 21 00:00:05 mail1 postfix/smtp[105]: 4F2A21: to=<gil@corp.example>, delay=1, status=sent (250 ok)
Nov 21 00:00:06 mail1 sshd[7]: Accepted publickey for root
";

#[test]
fn postfix_traditional_times() {
    check(
        POSTFIX,
        &how(),
        &expect![[r#"
            a Postfix log: 10 lines, 4 attempts, 1 unread Some((9, "it names no relay"))
            mail1 | google | 2026-11-20 | 2 = 1 taken, 0 deferred, 0 blocked, 1 hard
            mail1 | yahoo | 2026-11-20 | 1 = 0 taken, 1 deferred, 0 blocked, 0 hard
            mail1 postfix-bulk | - | 2026-11-21 | 1 = 0 taken, 0 deferred, 0 blocked, 0 hard
        "#]],
    );
}

#[test]
fn postfix_names_the_sender_when_a_message_is_taken_up() {
    let queued = "2026-11-20T10:00:00Z out postfix/qmgr[1]: 3zY: from=<B+1@Bounce.Letters.example>, size=1, nrcpt=1 (queue active)\n";
    let report = queued.replace("B+1@Bounce.Letters.example", "");
    let sent = "2026-11-20T10:00:01Z out postfix/smtp[2]: 3zY: to=<a@b.example>, relay=mx.b.example[192.0.2.9]:25, dsn=2.0.0, status=sent (250 Ok)\n";
    let removed = "2026-11-20T10:00:02Z out postfix/qmgr[1]: 3zY: removed\n";
    let elsewhere = queued.replace(" out ", " other ").replace("postfix/", "postfix-bulk/");
    for (log, expected) in [
        (format!("{queued}{sent}{sent}{removed}"), vec![(from("bounce.letters.example"), 2)]),
        (format!("{report}{sent}"), vec![(Sender::Report, 1)]),
        (format!("{queued}{removed}{sent}"), vec![(Sender::Unnamed, 1)]),
        (format!("{elsewhere}{sent}"), vec![(Sender::Unnamed, 1)]),
        (format!("{sent}{queued}{sent}"), vec![(Sender::Unnamed, 1), (from("bounce.letters.example"), 1)]),
    ] {
        assert_eq!(senders(&log), expected, "{log}");
    }
}

#[test]
fn a_line_that_was_torn_off_is_counted_as_one() {
    let line = POSTFIX.lines().nth(1).unwrap();
    for (after, why) in [
        ("status=se", "its status is none that Postfix writes"),
        (", status", "it ends before its status"),
        (", dsn=2.", "it ends before its status"),
    ] {
        let torn = format!("{}{after}", line.split_once(after).unwrap().0);
        let history = read(format!("{line}\n{torn}").as_bytes(), &how()).unwrap();
        assert_eq!((history.attempts, history.first_unread), (1, Some((2, why))), "{torn}");
    }
    let probe = line.replace("status=sent", "status=deliverable");
    let history = read(format!("{line}\n{probe}").as_bytes(), &how()).unwrap();
    assert_eq!((history.attempts, history.unread_lines), (1, 0), "a probe is not sent");
    let accounts = "type,timeLogged,orig,dsnMta,dlvSourceIp\n\
        d,2026-11-20 10:00:00+0000,n@letters.example,mx.b.example (192.0.2.9),198.51.100.7\n\
        d,2026-11-20 10:00:01+0000,n@letters.example,mx.b.ex";
    let history = read(accounts.as_bytes(), &how()).unwrap();
    assert_eq!(history.first_unread, Some((3, "it has fewer fields than its header line")));
    assert_eq!(senders(accounts), [(from("letters.example"), 1)]);
}

#[test]
fn exim_and_kumomta_name_the_sender() {
    let came = "2026-11-20 10:00:01 1tAbCd-000000001Ab-2xYz <= n@letters.example H=app [10.0.0.3] P=esmtp S=9871\n";
    let sent = "2026-11-20 10:00:02 1tAbCd-000000001Ab-2xYz => ada@shop.example R=dnslookup T=remote_smtp H=mx.shop.example [192.0.2.27]\n";
    let named = sent.replace(" R=", " F=<b@bounces.example> R=");
    let done = "2026-11-20 10:00:08 1tAbCd-000000001Ab-2xYz Completed\n";
    assert_eq!(senders(&format!("{came}{sent}{done}")), [(from("letters.example"), 1)]);
    assert_eq!(senders(&format!("{came}{named}")), [(from("bounces.example"), 1)]);
    assert_eq!(senders(&format!("{came}{done}{sent}")), [(Sender::Unnamed, 1)]);
    assert_eq!(senders(&format!("{}{sent}", came.replace("<= n@letters.example", "<= <>"))), [(Sender::Report, 1)]);
    let record = r#"{"type":"Delivery","sender":"n@letters.example","peer_address":{"name":"mx.shop.example","addr":"192.0.2.27"},"timestamp":1763589602,"egress_source":"ip7"}"#;
    assert_eq!(senders(&format!("{record}\n")), [(from("letters.example"), 1)]);
}

#[test]
fn the_zone_of_the_log_decides_the_day() {
    check(
        POSTFIX,
        &How { zone: Some("america/new_york"), ..how() },
        &expect![[r#"
            a Postfix log: 10 lines, 4 attempts, 1 unread Some((9, "it names no relay"))
            mail1 | google | 2026-11-20 | 1 = 1 taken, 0 deferred, 0 blocked, 0 hard
            mail1 | google | 2026-11-21 | 1 = 0 taken, 0 deferred, 0 blocked, 1 hard
            mail1 | yahoo | 2026-11-20 | 1 = 0 taken, 1 deferred, 0 blocked, 0 hard
            mail1 postfix-bulk | - | 2026-11-21 | 1 = 0 taken, 0 deferred, 0 blocked, 0 hard
        "#]],
    );
}

#[test]
fn postfix_full_times_and_last_years_december() {
    check(
        "\
2026-11-20T23:30:00.123456-05:00 out postfix/relay/smtp[9]: 3zX: to=<a@b.example>, relay=mx01.mail.icloud.com[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=5.7.1, status=bounced (host mx01.mail.icloud.com[192.0.2.9] said: 550 5.7.1 [CS01] Message rejected due to local policy. (in reply to end of DATA command))
Dec  1 10:00:00 out postfix/smtp[9]: 3zY: to=<a@b.example>, relay=mx01.mail.icloud.com[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok)
Feb 29 10:00:00 out postfix/smtp[9]: 3zY: to=<a@b.example>, relay=mx01.mail.icloud.com[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok)
2027-01-01T00:00:00Z out postfix/smtp[9]: 3zY: to=<a@b.example>, relay=mx01.mail.icloud.com[192.0.2.9]:25, delay=1, dsn=2.0.0, status=sent (250 2.0.0 Ok)
Dec 32 10:00:00 out postfix/smtp[9]: 3zY: to=<a@b.example>, relay=mx01.mail.icloud.com[192.0.2.9]:25, delay=1, dsn=2.0.0, status=sent (250 2.0.0 Ok)
",
        &how(),
        &expect![[r#"
            a Postfix log: 5 lines, 3 attempts, 2 unread Some((4, "its time lies in the future"))
            out | apple | 2024-02-29 | 1 = 1 taken, 0 deferred, 0 blocked, 0 hard
            out | apple | 2025-12-01 | 1 = 1 taken, 0 deferred, 0 blocked, 0 hard
            out | apple | 2026-11-21 | 1 = 0 taken, 0 deferred, 1 blocked, 0 hard
        "#]],
    );
}

#[test]
fn powermta_accounting() {
    check(
        "\
type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,bounceCat,srcType,srcMta,dlvType,dlvSourceIp,dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,jobId
d,2026-11-19 23:59:00+0100,2026-11-19 23:58:59+0100,n@letters.example,ada@shop.example,,relayed,2.0.0 (success),smtp;250 2.0.0 OK,gmail-smtp-in.l.google.com (192.0.2.27),,smtp,,smtp,198.51.100.7,192.0.2.27,,9871,vmta7,j1
b,2026-11-20 00:30:00+0100,2026-11-19 23:58:59+0100,n@letters.example,bob@shop.example,,failed,5.1.1 (bad destination mailbox address),\"smtp;550 5.1.1 <bob@shop.example>, user unknown, \"\"sorry\"\"\",mx.shop.example (192.0.2.77),bad-mailbox,smtp,,smtp,198.51.100.7,192.0.2.77,,9871,vmta7,j1
t,2026-11-20 02:30:00+0100,2026-11-19 23:58:59+0100,n@letters.example,cyd@olc.example,,delayed,4.7.0 (other),smtp;451 4.7.650 The mail server [198.51.100.8] has been temporarily rate limited due to IP reputation.,outlook-com.olc.protection.outlook.com (192.0.2.60),,smtp,,smtp,198.51.100.8,192.0.2.60,,9871,vmta8,j1
b,2026-11-20 03:30:00+0100,2026-11-19 23:58:59+0100,n@letters.example,dee@gone.example,,failed,5.4.4 (unable to route),,,bad-domain,smtp,,smtp,,,,9871,vmta8,j1
d,2026-11-20 03:31:00+0100,,n@letters.example,eve@shop.example,,relayed,2.0.0 (success),smtp;250 ok,mx.shop.example (192.0.2.77),,smtp,,smtp,,192.0.2.77,,9871,vmta8,j1
r,2026-11-20 03:31:00+0100,,n@letters.example,eve@shop.example,,,,,,,smtp,,,,,,9871,,j1
d,yesterday,,n@letters.example,eve@shop.example,,relayed,2.0.0 (success),smtp;250 ok,mx.shop.example (192.0.2.77),,smtp,,smtp,,192.0.2.77,,9871,vmta8,j1
",
        &how(),
        &expect![[r#"
            a PowerMTA accounting file: 8 lines, 4 attempts, 1 unread Some((8, "its timeLogged cannot be read"))
            198.51.100.7 | - | 2026-11-19 | 1 = 0 taken, 0 deferred, 0 blocked, 1 hard
            198.51.100.7 | google | 2026-11-19 | 1 = 1 taken, 0 deferred, 0 blocked, 0 hard
            198.51.100.8 | outlook | 2026-11-20 | 1 = 0 taken, 1 deferred, 0 blocked, 0 hard
            vmta8 | - | 2026-11-20 | 1 = 1 taken, 0 deferred, 0 blocked, 0 hard
        "#]],
    );
}

#[test]
fn powermta_without_a_header_is_refused_with_the_reason() {
    check(
        "d,2026-11-19 23:59:00+0100,x\nd,2026-11-19 23:59:00+0100,x\n",
        &How { format: Some(Format::PowerMta), ..how() },
        &expect![[r#"
            refused: it was read as a PowerMTA accounting file (lines: 2), and tells of no attempt at a receiving server; line 1: there is no header line (type,timeLogged,…) before it
        "#]],
    );
}

#[test]
fn kumomta_records() {
    check(
        r#"{"type":"Reception","id":"1","sender":"n@letters.example","recipient":"ada@shop.example","queue":"shop.example","site":"","size":9871,"response":{"code":250,"enhanced_code":null,"content":""},"peer_address":{"name":"app","addr":"10.0.0.3"},"timestamp":1763589600,"created":1763589600,"num_attempts":0,"bounce_classification":"Uncategorized","egress_pool":null,"egress_source":null,"meta":{}}
{"type":"Delivery","id":"1","sender":"n@letters.example","recipient":"ada@shop.example","queue":"shop.example","site":"ip7->mx","size":9871,"response":{"code":250,"enhanced_code":{"class":2,"subject":0,"detail":0},"content":"OK","command":"."},"peer_address":{"name":"alt1.gmail-smtp-in.l.google.com.","addr":"192.0.2.27"},"timestamp":1763589601,"created":1763589600,"num_attempts":0,"egress_pool":"p","egress_source":"ip7","source_address":{"address":"198.51.100.7:40123"}}
{"type":"TransientFailure","id":"2","recipient":["bob@shop.example"],"site":"x","response":{"code":421,"enhanced_code":{"class":4,"subject":7,"detail":28},"content":"Our system has detected an unusual rate of unsolicited mail originating from your IP address. gsmtp","command":"."},"peer_address":{"name":"alt1.gmail-smtp-in.l.google.com.","addr":"192.0.2.27"},"timestamp":1763589602.5,"egress_source":"ip7"}
{"type":"Bounce","id":"3","recipient":"cyd@shop.example","response":{"code":550,"enhanced_code":{"class":5,"subject":1,"detail":1},"content":"User unknown","command":"RCPT TO"},"peer_address":{"name":"mx.shop.example.","addr":"192.0.2.77"},"timestamp":1763589603,"egress_source":"unspecified","source_address":{"address":"[2001:db8::7]:40123"}}
{"type":"TransientFailure","id":"4","recipient":"dee@shop.example","response":{"code":451,"enhanced_code":null,"content":"No route"},"peer_address":null,"timestamp":1763589604,"egress_source":"ip7"}
{"type":"Delivery","id":"5"
"#,
        &how(),
        &expect![[r#"
            a KumoMTA log: 6 lines, 3 attempts, 1 unread Some((6, "it is no log record"))
            2001:db8::7 | - | 2025-11-19 | 1 = 0 taken, 0 deferred, 0 blocked, 1 hard
            ip7 | google | 2025-11-19 | 2 = 1 taken, 1 deferred, 0 blocked, 0 hard
        "#]],
    );
}

#[test]
fn exim_mainlog() {
    check(
        "\
2026-11-20 10:00:00 Start queue run: pid=77
2026-11-20 10:00:01 1tAbCd-000000001Ab-2xYz <= n@letters.example H=app [10.0.0.3] P=esmtp S=9871
2026-11-20 10:00:02 1tAbCd-000000001Ab-2xYz => ada@shop.example R=dnslookup T=remote_smtp H=gmail-smtp-in.l.google.com [192.0.2.27] I=[198.51.100.7]:40123 X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=yes C=\"250 2.0.0 OK\"
2026-11-20 23:30:03.250 -0500 [4711] 1tAbCd-000000001Ab-2xYz -> bob@shop.example R=dnslookup T=remote_smtp H=gmail-smtp-in.l.google.com [192.0.2.27] I=[198.51.100.7]:40123 C=\"250 2.0.0 OK\"
2026-11-20 10:00:04 1tAbCe-000000001Ab-2xYz ** cyd@shop.example R=dnslookup T=remote_smtp H=mx.shop.example [192.0.2.77] X=TLS1.3: SMTP error from remote mail server after RCPT TO:<cyd@shop.example>: 550 5.1.1 <cyd@shop.example>: user unknown
2026-11-20 10:00:05 1tAbCf-000000001Ab-2xYz == dee@ahoo.example R=dnslookup T=remote_smtp defer (-45) H=mta5.am0.yahoodns.net [192.0.2.40]: SMTP error from remote mail server after MAIL FROM:<n@letters.example>: 421 4.7.0 [TSS04] Messages from 198.51.100.7 temporarily deferred due to unexpected volume or user complaints
2026-11-20 10:00:06 1tAbCf-000000001Ab-2xYz == eve@down.example R=dnslookup T=remote_smtp defer (111): Connection refused
2026-11-20 10:00:07 1tAbCg-000000001Ab-2xYz => root <root@here> R=local_user T=local_delivery
2026-11-20 10:00:08 1tAbCd-000000001Ab-2xYz Completed
",
        &how(),
        &expect![[r#"
            an Exim log: 9 lines, 4 attempts, 0 unread None
            198.51.100.7 | google | 2026-11-20 | 1 = 1 taken, 0 deferred, 0 blocked, 0 hard
            198.51.100.7 | google | 2026-11-21 | 1 = 1 taken, 0 deferred, 0 blocked, 0 hard
            exim | - | 2026-11-20 | 1 = 0 taken, 0 deferred, 0 blocked, 1 hard
            exim | yahoo | 2026-11-20 | 1 = 0 taken, 1 deferred, 0 blocked, 0 hard
        "#]],
    );
}

#[test]
fn what_is_no_log_is_refused_with_what_to_do() {
    let zone = How { zone: Some("Mars/Olympus"), ..how() };
    for (log, how, expected) in [
        ("", how(), "the file is empty"),
        ("email,name\nada@shop.example,Ada\n", how(), "none of the first 2 lines is of a Postfix or Exim log"),
        (&"x\n".repeat(5_000), how(), "none of the first 1000 lines"),
        (
            "Nov 20 10:11:12 mail1 postfix/qmgr[101]: 4F2A1C: removed\n",
            how(),
            "it was read as a Postfix log (lines: 1), and tells of no attempt at a receiving server",
        ),
        ("", zone, "there is no time zone \"Mars/Olympus\"; they have names like Europe/Berlin"),
    ] {
        let said = told(log, &how);
        assert!(said.starts_with(&format!("refused: {expected}")), "{said}");
    }
    for (mark, expected) in [
        (&b"\x1f\x8b\x08\0\0\0"[..], "the file is compressed (gzip); unpack it first: gunzip -c FILE"),
        (&b"\x28\xb5\x2f\xfd\x04\x58"[..], "the file is compressed (zstandard); unpack it first: zstd -dc FILE"),
        (&b"\xfd7zXZ\0"[..], "the file is compressed (xz); unpack it first: unxz -c FILE"),
        (&b"BZh91AY"[..], "the file is compressed (bzip2); unpack it first: bunzip2 -c FILE"),
    ] {
        assert_eq!(read(mark, &how()).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_line_without_end_is_passed_over_and_the_next_one_is_read() {
    let line = POSTFIX.lines().nth(1).unwrap();
    let log = format!("{line}\n{}\n{line}", "x".repeat(3 * lines::LINE_BYTES_MAX));
    let history = read(std::io::BufReader::with_capacity(100, log.as_bytes()), &how()).unwrap();
    assert_eq!((history.lines, history.attempts, history.unread_lines), (3, 2, 1));
    assert_eq!(history.first_unread, Some((2, "the line is longer than any log line should be")));
}

#[test]
fn what_is_counted_is_bounded() {
    let line = |n: usize| {
        format!(
            "2026-11-20T10:00:00Z host{n} postfix/smtp[9]: 3zY: to=<a@b.example>, relay=mx.b.example[192.0.2.9]:25, \
             dsn=2.0.0, status=sent (250 2.0.0 Ok)\n"
        )
    };
    let log: String = (0..=COUNTS_MAX).map(line).collect();
    let said = read(log.as_bytes(), &how()).unwrap_err().to_string();
    assert!(said.starts_with("by line 100001 it tells of more than 100000 combinations"), "{said}");
    let long = line(0).replace("host0", &"h".repeat(300));
    assert!(told(&long, &how()).ends_with("line 1: the name of the source is too long\n"));
}

#[test]
fn the_span_is_that_of_the_attempts() {
    let history = read(POSTFIX.as_bytes(), &how()).unwrap();
    assert_eq!(history.last.since(history.first).as_secs(), 13 * 3600 + 48 * 60 + 48);
}

proptest! {
    #[test]
    fn no_line_makes_it_stumble(
        head in prop_oneof![
            Just("Nov 20 10:11:12 mail1 postfix/smtp[1]: A: to=<a@b>, relay="),
            Just("2026-11-20 10:00:04 1tAbCe-000000001Ab-2xYz ** "),
            Just("type,timeLogged,dsnMta,dlvSourceIp\nd,"),
            Just("{\"type\":\"Delivery\",\"peer_address\":"),
            Just(""),
        ],
        tail in ".{0,120}",
        format in prop_oneof![
            Just(None), Just(Some(Format::Postfix)), Just(Some(Format::Exim)),
            Just(Some(Format::PowerMta)), Just(Some(Format::KumoMta)),
        ],
    ) {
        told(&format!("{head}{tail}\n"), &How { format, ..how() });
    }
}

#[test]
fn what_never_ends_is_refused_and_no_log() {
    let how = How { format: None, zone: None, now: Timestamp::from_millis(1_795_351_920_000) };
    let zeros = std::io::BufReader::new(std::io::repeat(0));
    let said = read(zeros, &how).unwrap_err().to_string();
    assert_eq!(said, "line 1 has no end within 16 MB: this is no log");
    let noise = std::io::BufReader::new(std::io::Read::chain(&b"\n\nx\n"[..], std::io::repeat(b'x')));
    let said = read(noise, &how).unwrap_err().to_string();
    assert_eq!(said, "line 4 has no end within 16 MB: this is no log");
}
