//! Records, policy files and demands, after the tables and examples of the RFCs.

use super::*;

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn policy(mode: &str, mx: &[&str]) -> StsPolicy {
    let mx: String = mx.iter().map(|mx| format!("mx: {mx}\n")).collect();
    StsPolicy::parse(&format!("version: STSv1\nmode: {mode}\n{mx}max_age: 604800\n")).unwrap()
}

fn under(mode: &str, mx: &[&str]) -> Security {
    Security { dane: false, sts: Some(policy(mode, mx)) }
}

#[test]
fn an_id_is_taken_from_exactly_one_record() {
    assert_eq!(sts_id(&texts(&["v=STSv1; id=20160831085700Z;"])), Some("20160831085700Z".to_owned()));
    assert_eq!(sts_id(&texts(&["v=spf1 -all", "v=STSv1;id=a1;ext=x"])), Some("a1".to_owned()));
    for unusable in [
        &["v=STSv1; id=1;", "v=STSv1; id=2;"][..],
        &["v=STSv1;"],
        &["v=STSv1; id=;"],
        &["v=STSv1; id=not-a-word;"],
        &["v=STSv1; id=123456789012345678901234567890123;"],
        &["v=STSv10; id=1;"],
        &["id=1; v=STSv1"],
        &[],
    ] {
        assert_eq!(sts_id(&texts(unusable)), None, "{unusable:?}");
    }
}

#[test]
fn report_targets_are_mail_and_https() {
    let found = report_targets(&texts(&[
        "v=TLSRPTv1; rua=mailto:tls%2Breports@Example.com?subject=x, https://reports.example/v1/tlsrpt ,ftp://x,http://y,mailto:none",
    ]));
    let mail = ReportTarget::Mail("tls+reports@Example.com".to_owned());
    assert_eq!(found, [mail, ReportTarget::Https("https://reports.example/v1/tlsrpt".to_owned())]);
    assert_eq!(report_targets(&texts(&["v=TLSRPTv1; rua=mailto:a%0d%0a@b.example"])), []);
    assert_eq!(report_targets(&texts(&["v=TLSRPTv1; rua=mailto:tls%+5@b.example"])), [], "a sign is no digit");
    assert_eq!(report_targets(&texts(&["v=TLSRPTv1;rua=mailto:a@b.example", "v=TLSRPTv1;rua=mailto:c@d.example"])), []);
}

#[test]
fn a_policy_file_is_read_as_the_rfc_shows_it() {
    let read = StsPolicy::parse(
        "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.Example.NET\r\nmx: backupmx.example.com\r\n\
         max_age: 604800\r\nfuture: thing\r\nmode: none\r\n",
    );
    let read = read.unwrap();
    assert_eq!((read.mode, read.max_age), (StsMode::Enforce, Duration::from_secs(604_800)));
    assert_eq!(read.mx, ["mail.example.com", "*.example.net", "backupmx.example.com"]);
    assert_eq!(StsPolicy::parse(&read.lines().join("\n")), Ok(read));
    let withdrawn = StsPolicy::parse("version: STSv1\nmode: none\nmax_age: 99999999999999\n");
    assert!(withdrawn.unwrap_err().contains("max_age"));
    let withdrawn = StsPolicy::parse("version: STSv1\nmode: none\nmax_age: 9999999999\n").unwrap();
    assert_eq!((withdrawn.mode, withdrawn.max_age), (StsMode::None, MAX_AGE_MAX));
}

#[test]
fn a_policy_file_that_cannot_be_read_says_why() {
    for (body, why) in [
        ("", "version"),
        ("version: STSv2\nmode: enforce\nmx: a.example\nmax_age: 1\n", "version"),
        ("version: STSv1\nmx: a.example\nmax_age: 1\n", "mode is missing"),
        ("version: STSv1\nmode: strict\nmx: a.example\nmax_age: 1\n", "mode is strict"),
        ("version: STSv1\nmode: testing\nmax_age: 1\n", "names no mx"),
        ("version: STSv1\nmode: enforce\nmx: a.example\n", "max_age"),
        ("version: STSv1\nmode: enforce\nmx: a.example\nmax_age: -1\n", "max_age"),
        ("version: STSv1\nmode: enforce\nmx: *\nmax_age: 1\n", "no pattern"),
        ("version: STSv1\nmode: enforce\nmx: \nmax_age: 1\n", "mx names no server"),
        ("version: STSv1\nmode: enforce\nmx: mx.*.example\nmax_age: 1\n", "no pattern"),
        ("<html>not found</html>", "without a colon"),
    ] {
        let error = StsPolicy::parse(body).unwrap_err();
        assert!(error.contains(why), "{body:?}: {error}");
    }
}

#[test]
fn a_wildcard_stands_for_exactly_one_label() {
    let policy = policy("enforce", &["*.example.com", "mx.example.net"]);
    for allowed in ["mail.example.com", "MAIL.example.COM.", "mx.example.net"] {
        assert!(policy.allows(allowed), "{allowed}");
    }
    for refused in ["example.com", "foo.bar.example.com", ".example.com", "a.mx.example.net", "example.net"] {
        assert!(!policy.allows(refused), "{refused}");
    }
}

#[test]
fn an_enforced_policy_never_allows_clear_text() {
    let enforced = under("enforce", &["mx1.example"]);
    assert_eq!(enforced.demand("mx1.example", HostRecords::Absent, false), Demand::Named);
    assert_eq!(
        enforced.demand("mx2.example", HostRecords::Absent, false),
        Demand::Refused(Refusal::NotInPolicy),
        "a server the policy does not name is passed over"
    );
    let testing = under("testing", &["mx1.example"]);
    assert_eq!(
        testing.demand("mx1.example", HostRecords::Absent, false),
        Demand::Watched { allowed: true, encrypted: false }
    );
    assert_eq!(
        testing.demand("mx2.example", HostRecords::Absent, false),
        Demand::Watched { allowed: false, encrypted: false }
    );
    for demand in [Demand::Named, Demand::Records, Demand::Encrypted, Demand::Refused(Refusal::NotInPolicy)] {
        assert!(!demand.allows_clear(), "{demand:?}");
    }
    assert!(
        Demand::Opportunistic.allows_clear() && Demand::Watched { allowed: false, encrypted: false }.allows_clear()
    );
}

#[test]
fn dane_comes_before_mta_sts() {
    let both = Security { dane: true, ..under("enforce", &["mx1.example"]) };
    assert_eq!(both.demand("mx2.example", HostRecords::Usable, false), Demand::Records);
    assert_eq!(
        both.demand("mx1.example", HostRecords::Doubtful, false),
        Demand::Refused(Refusal::RecordsDoubtful),
        "a valid policy does not make up for failing DANE"
    );
    assert_eq!(both.demand("mx1.example", HostRecords::Absent, false), Demand::Named);
    assert_eq!(both.demand("mx1.example", HostRecords::Unusable, false), Demand::Named);
    let dane = Security { dane: true, sts: None };
    assert_eq!(dane.demand("mx1.example", HostRecords::Unusable, false), Demand::Encrypted);
    assert_eq!(dane.demand("mx1.example", HostRecords::Absent, false), Demand::Opportunistic);
    // Records of a server do not bind a domain whose own MX records are not proved.
    assert_eq!(Security::default().demand("mx1.example", HostRecords::Usable, false), Demand::Opportunistic);
}

#[test]
fn a_provider_that_expects_encryption_gets_it_without_a_policy() {
    assert_eq!(Security::default().demand("mx.example", HostRecords::Absent, true), Demand::Encrypted);
    let watched = under("testing", &["mx.example"]).demand("mx.example", HostRecords::Absent, true);
    assert_eq!(watched, Demand::Watched { allowed: true, encrypted: true });
    assert!(!watched.allows_clear());
    assert_eq!(under("enforce", &["mx.example"]).demand("mx.example", HostRecords::Absent, true), Demand::Named);
}

#[test]
fn domains_that_demand_the_same_share_a_key() {
    let hosts = ["mx1.example", "mx2.example"];
    assert_eq!(Security::default().key(&hosts), "");
    assert!(Security::default().is_opportunistic());
    let (wild, listed) = (under("enforce", &["*.example"]), under("enforce", &["mx2.example", "mx1.example"]));
    assert_eq!(wild.key(&hosts), "+sts");
    assert_eq!(listed.key(&hosts), "+sts");
    let one = under("enforce", &["mx1.example"]);
    let other = under("enforce", &["mx2.example"]);
    assert!(one.key(&hosts).starts_with("+sts:") && one.key(&hosts) != other.key(&hosts));
    assert_eq!(one.key(&hosts), one.key(&["mx2.example", "mx1.example"]));
    assert_eq!(under("testing", &["*.example"]).key(&hosts), "+sts-testing");
    assert_eq!(Security { dane: true, ..wild }.key(&hosts), "+dane+sts");
}

proptest::proptest! {
    /// Whatever a stranger publishes is read without a panic, and what was read reads the same from its own lines.
    #[test]
    fn anything_may_be_published(text in "(?s).{0,300}", lines in "((version|mode|mx|max_age):? ?[A-Za-z0-9.*é-]{0,12}\n){0,8}") {
        for body in [&text, &lines, &format!("version: STSv1\nmode: enforce\nmax_age: 86400\n{lines}")] {
            if let Ok(policy) = StsPolicy::parse(body) {
                proptest::prop_assert_eq!(StsPolicy::parse(&policy.lines().join("\n")), Ok(policy.clone()));
                policy.allows(&text);
            }
        }
        for record in [text.clone(), format!("v=STSv1;{text}"), format!("v=TLSRPTv1;rua={text}"), format!("v=TLSRPTv1;rua=mailto:{text}")] {
            let records = [record];
            sts_id(&records);
            for target in report_targets(&records) {
                let (ReportTarget::Mail(target) | ReportTarget::Https(target)) = target;
                proptest::prop_assert!(!target.chars().any(char::is_control));
            }
        }
    }
}
