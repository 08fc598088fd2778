//! What is counted with the writes: volume by day, a campaign by provider; ceilings; holds; transport security.

use super::*;
use crate::complaint::NewComplaint;
use crate::{Ceiling, CeilingOf, DayVolume, NewHold, SiteDay, StoreError, TlsPolicy, TlsResult, VolumeOf};
use model::{Ceilings, DayCount, DeliveryId, DomainId, SourceId, SuppressionReason};

const TODAY: i64 = 20_454;
const OWN: VolumeOf = VolumeOf::Source(SourceId::THIS_MACHINE);

fn only(volume: Vec<DayVolume>) -> DayCount {
    assert_eq!(volume.len(), 1, "{volume:?}");
    volume[0].count
}

#[test]
fn volume_moves_with_the_settlements_by_source_and_by_domain() {
    let store = empty();
    let identity = now(store.domain_id("news.example", at(1))).unwrap();
    assert_eq!(now(store.domain_id("news.example", at(2))).unwrap(), identity);
    let emails: Vec<String> = (0..6).map(|n| format!("{n}@a.example")).collect();
    let id = import(&store, 1, &emails.iter().map(String::as_str).collect::<Vec<_>>());
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    let site = now(store.sites_of(campaign.id, None, 10)).unwrap()[0];
    let through = |settlement: Settlement| Settlement {
        provider: Some("google".to_owned()),
        source: Some(SourceId(9)),
        identity: Some(identity),
        ..settlement
    };
    let mut nobody = in_doubt(&claimed[3], at(30));
    nobody.attempt.as_mut().unwrap().reached_receiver = false;
    let blocked = {
        let verdict =
            Verdict { scope: Scope::Source, ..verdict(Outcome::Blocked, Category::IpReputation, Stage::Greeting) };
        let attempt = attempt(&claimed[4], verdict, Some(Reply::new(554, "5.7.1 listed")), at(30));
        Settlement {
            attempt: Some(attempt),
            charge: false,
            ..Settlement::of(&claimed[4], DeliveryState::Queued, at(30))
        }
    };
    let batch = [
        accepted(&claimed[0], at(30)),
        refused(&claimed[1], at(30)),
        deferred(&claimed[2], site, at(30), at(330)),
        nobody,
        blocked,
    ];
    now(store.settle(batch.into_iter().map(through).collect::<Vec<_>>())).unwrap();
    // The greylisting of one recipient says nothing about us.
    let day = DayCount { attempted: 4, accepted: 1, deferred: 0, blocked: 1, hard: 1, complained: 0 };
    for of in [VolumeOf::Source(SourceId(9)), VolumeOf::Domain(identity)] {
        let volume = now(store.volume_of(of, TODAY)).unwrap();
        assert_eq!(volume, [DayVolume { of, provider: Some("google".to_owned()), day: TODAY, count: day }]);
    }
    for (of, since, tries, has_last) in [
        (CeilingOf::Source(SourceId(9)), at(0), 5, true),
        (CeilingOf::Workspace(W), at(0), 5, true),
        (CeilingOf::Source(SourceId::THIS_MACHINE), at(0), 0, false),
        (CeilingOf::Workspace(W), at(1_000_000), 0, true),
    ] {
        let (begun, last) = now(store.tries_of(of, since)).unwrap();
        assert_eq!((begun, last.is_some()), (tries, has_last), "{of:?}");
    }
    let of = VolumeOf::Workspace(W);
    let volume = now(store.volume_of(of, TODAY)).unwrap();
    assert_eq!(volume, [DayVolume { of, provider: None, day: TODAY, count: day }], "toward all of them together");
    assert!(now(store.volume_of(OWN, 0)).unwrap().is_empty());
    let retried = now(store.claim_one(claimed[2].delivery)).unwrap().unwrap();
    now(store.settle(vec![through(accepted(&retried, at(86_400)))])).unwrap();
    assert_eq!(now(store.volume_of(VolumeOf::Domain(identity), TODAY + 1)).unwrap()[0].count.accepted, 1);
    let by_provider = now(store.campaign_providers(campaign.id)).unwrap();
    let count = DayCount { attempted: 5, accepted: 2, deferred: 2, blocked: 0, hard: 1, complained: 0 };
    assert_eq!(by_provider, [(Some("google".to_owned()), count)], "deliveries, each by what became of it");
    now(store.settle(vec![accepted(&claimed[5], at(30))])).unwrap();
    assert_eq!(only(now(store.volume_of(OWN, TODAY)).unwrap()).accepted, 1, "nobody named: this machine");
    let complaint = NewComplaint {
        delivery: claimed[0].delivery,
        workspace: Some(WorkspaceId::FIRST),
        identity: Some(identity),
        at: at(2 * 86_400),
        how: "told",
    };
    let complain = |complaint: &NewComplaint| now(store.complain(complaint.clone(), &ME, complaint.at)).unwrap();
    let written = complain(&complaint).unwrap();
    assert_eq!((written.provider.as_deref(), written.is_new), (Some("google"), true));
    assert!(written.sent_at >= at(30));
    assert!(!complain(&complaint).unwrap().is_new, "told twice it counts once");
    let elsewhere = NewComplaint { workspace: Some(WorkspaceId(77)), ..complaint.clone() };
    assert_eq!(complain(&elsewhere), None, "another workspace's message is nobody's");
    let untried = NewComplaint { delivery: DeliveryId(77), ..complaint };
    assert_eq!(complain(&untried), None);
    let address = EmailAddress::parse(&claimed[0].rcpt).unwrap();
    let because = now(store.suppressions_of(WorkspaceId::FIRST, &address)).unwrap();
    assert_eq!(because.iter().map(|one| one.reason).collect::<Vec<_>>(), [SuppressionReason::Complained]);
    let complaints = now(store.volume_of(VolumeOf::Source(SourceId(9)), TODAY + 2)).unwrap();
    assert_eq!(only(complaints), DayCount { complained: 1, ..DayCount::default() });
    let by_provider = now(store.campaign_providers(campaign.id)).unwrap();
    assert_eq!(by_provider.iter().map(|(_, count)| count.complained).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn ceilings_and_weights_are_kept_and_refused_where_they_would_send_nothing() {
    let store = empty();
    assert_eq!(now(store.ceilings()).unwrap(), []);
    let some = Ceilings { messages_per_day: Some(5), ..Ceilings::default() };
    let (source, workspace) = (CeilingOf::Source(SourceId::THIS_MACHINE), CeilingOf::Workspace(W));
    now(store.set_weight(W, Some(300), &ME, at(1))).unwrap();
    now(store.set_ceilings(workspace, some, &ME, at(1))).unwrap();
    now(store.set_ceilings(source, some, &ME, at(1))).unwrap();
    now(store.set_ceilings(source, Ceilings::default(), &ME, at(2))).unwrap();
    let expected = [
        Ceiling { of: source, ceilings: Ceilings::default(), weight: None },
        Ceiling { of: workspace, ceilings: some, weight: Some(300) },
    ];
    assert_eq!(now(store.ceilings()).unwrap(), expected);
    let nothing = Ceilings { connections: Some(0), ..some };
    assert!(matches!(now(store.set_ceilings(source, nothing, &ME, at(3))), Err(StoreError::Refused(_))));
    assert!(matches!(now(store.set_weight(W, Some(0), &ME, at(3))), Err(StoreError::Refused(_))));
    let nobody = CeilingOf::Source(SourceId(9));
    assert!(matches!(now(store.set_ceilings(nobody, some, &ME, at(3))), Err(StoreError::NotFound { .. })));
}

#[test]
fn what_each_undescribed_site_got_today_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let place = || OpenOptions { executor: crate::Executor::Inline, ..OpenOptions::directory(folder.path(), [7; 32]) };
    let store = Store::open(place(), at(0)).unwrap();
    let emails: Vec<String> = (0..6).map(|n| format!("{n}@a.example")).collect();
    let id = import(&store, 1, &emails.iter().map(String::as_str).collect::<Vec<_>>());
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    let [one, other] =
        ["mx.one.example", "mx.other.example"].map(|name| now(store.site_id(name, None, at(20))).unwrap());
    let through = |settlement: Settlement, source, site| Settlement { source, site: Some(site), ..settlement };
    let mut nobody = in_doubt(&claimed[3], at(30));
    nobody.attempt.as_mut().unwrap().reached_receiver = false;
    let named = Settlement { provider: Some("google".to_owned()), ..accepted(&claimed[4], at(30)) };
    let batch = vec![
        through(accepted(&claimed[0], at(30)), Some(SourceId(9)), one),
        through(Settlement { provider: None, ..refused(&claimed[1], at(30)) }, Some(SourceId(9)), one),
        through(accepted(&claimed[2], at(30)), None, other),
        through(nobody, None, other),
        through(named, None, other),
    ];
    now(store.settle(batch)).unwrap();
    drop(store);
    let store = Store::open(place(), at(40)).unwrap();
    let day = |source, site: &str, attempted| SiteDay { source, site: site.to_owned(), attempted };
    let busiest_first = [day(SourceId(9), "mx.one.example", 2), day(SourceId::THIS_MACHINE, "mx.other.example", 1)];
    assert_eq!(now(store.site_days(TODAY)).unwrap(), busiest_first);
    assert!(now(store.site_days(TODAY + 1)).unwrap().is_empty());
    now(store.settle(vec![through(accepted(&claimed[5], at(2 * 86_400)), None, one)])).unwrap();
    assert!(now(store.site_days(TODAY)).unwrap().is_empty(), "the rows of past days go");
    assert_eq!(now(store.site_days(TODAY + 2)).unwrap(), [day(SourceId::THIS_MACHINE, "mx.one.example", 1)]);
}

#[test]
fn a_rehearsal_is_nobodys_volume() {
    let store = empty();
    let identity = now(store.domain_id("news.example", at(1))).unwrap();
    let id = import(&store, 1, &["1@a.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    let one = Settlement { identity: Some(identity), rehearsed: true, ..accepted(&claimed[0], at(30)) };
    assert_eq!(now(store.settle(vec![one])).unwrap().written, 1);
    for of in [OWN, VolumeOf::Workspace(W), VolumeOf::Domain(identity)] {
        assert!(now(store.volume_of(of, 0)).unwrap().is_empty(), "{of:?}");
    }
    assert_eq!(now(store.campaign_providers(campaign.id)).unwrap()[0].1.accepted, 1, "its rates are its own");
}

#[test]
fn imported_history_is_added_once() {
    let store = empty();
    let of = VolumeOf::Domain(DomainId(7));
    let row = |day, accepted| DayVolume {
        of,
        provider: Some("google".to_owned()),
        day,
        count: DayCount { attempted: accepted, accepted, ..DayCount::default() },
    };
    let id = import(&store, 1, &["1@a.example"]);
    let campaign = sending(&store, "news", id);
    let sent = Settlement {
        identity: Some(DomainId(7)),
        provider: Some("google".to_owned()),
        ..accepted(&claims(&store, campaign.id)[0], at(30))
    };
    now(store.settle(vec![sent])).unwrap();
    for _ in 0..2 {
        now(store.add_volume(SourceId(9), vec![row(TODAY, 100), row(TODAY - 1, 50), row(TODAY - 500, 9)], &ME, at(60)))
            .unwrap();
    }
    let days: Vec<_> = now(store.volume_of(of, 0)).unwrap().into_iter().map(|v| (v.day, v.count.accepted)).collect();
    assert_eq!(days, [(TODAY - 1, 50), (TODAY, 101)]);
    now(store.add_volume(SourceId(9), vec![row(TODAY, 20), row(TODAY, 3)], &ME, at(61))).unwrap();
    assert_eq!(now(store.volume_of(of, TODAY)).unwrap()[0].count.accepted, 24);
    let future = now(store.add_volume(SourceId(9), vec![row(TODAY + 1, 1)], &ME, at(62)));
    assert!(matches!(future, Err(StoreError::Refused(_))));
}

#[test]
fn a_day_of_a_source_is_replaced_as_a_whole_and_told() {
    let (store, source) = (empty(), SourceId(9));
    let row = |provider: &str, day, sent| DayVolume {
        of: VolumeOf::Source(source),
        provider: Some(provider.to_owned()),
        day,
        count: DayCount { attempted: sent, accepted: sent, ..DayCount::default() },
    };
    let add = |rows| now(store.add_volume(source, rows, &ME, at(60))).unwrap();
    assert!(add(vec![row("google", TODAY, 100), row("gmx", TODAY, 50), row("google", TODAY - 1, 7)]).is_empty());
    assert_eq!(add(vec![row("google", TODAY, 120)]), [crate::ReplacedDay { day: TODAY, before: 150, after: 120 }]);
    let kept = now(store.volume_of(VolumeOf::Source(source), 0)).unwrap();
    let kept: Vec<_> = kept.iter().map(|row| (row.day, row.provider.as_deref(), row.count.attempted)).collect();
    assert_eq!(kept, [(TODAY - 1, Some("google"), 7), (TODAY, Some("google"), 120)]);
}

#[test]
fn what_somebody_declares_of_a_domain_counts_is_replaced_and_taken_back() {
    let store = empty();
    let domain = now(store.domain_id("news.example", at(1))).unwrap();
    let of = VolumeOf::Domain(domain);
    let logged = DayVolume {
        of,
        provider: None,
        day: TODAY - 7,
        count: DayCount { attempted: 5, accepted: 5, ..DayCount::default() },
    };
    now(store.add_volume(SourceId(9), vec![logged], &ME, at(60))).unwrap();
    let days = || -> Vec<(i64, u32)> {
        now(store.volume_of(of, 0)).unwrap().into_iter().map(|row| (row.day, row.count.accepted)).collect()
    };
    let by = Actor::CommandLine("anna".to_owned());
    let say = |days: &[(i64, u32)], why: &str| {
        now(store.declare_history(domain, days.iter().copied().collect(), why, &by, at(70)))
    };
    say(&[(TODAY - 14, 5_000), (TODAY - 7, 4_000)], "the old provider keeps no logs").unwrap();
    say(&[(TODAY - 14, 6_000), (TODAY - 7, 4_000)], "a slip").unwrap();
    assert_eq!(days(), [(TODAY - 14, 6_000), (TODAY - 7, 4_005)], "what logs say stays beside it");
    for (wrong, why) in [
        (&[(TODAY, 5)][..], "today is not over"),
        (&[(TODAY - 400, 5)], "too long ago"),
        (&[(TODAY - 1, 0)], "nothing"),
        (&[(TODAY - 1, crate::DECLARED_MESSAGES_MAX + 1)], "too much"),
        (&[(TODAY - 1, 5)], " "),
    ] {
        assert!(matches!(say(wrong, why), Err(StoreError::Refused(_))), "{why}");
    }
    say(&[], "it was another domain").unwrap();
    assert_eq!(days(), [(TODAY - 7, 5)]);
    let told = now(store.events(crate::Cursor::START, 100)).unwrap();
    let told: Vec<&str> =
        told.iter().filter(|event| event.actor == "cli:anna").filter_map(|event| event.detail.as_deref()).collect();
    assert_eq!(told[1], "history of mail from news.example declared: 2 days, at most 6000 a day: a slip");
    assert_eq!(told[2], "declared history of mail from news.example taken back: it was another domain");
}

#[test]
fn what_several_sources_sent_for_a_domain_adds_up_and_the_last_word_on_a_day_counts() {
    let store = empty();
    let [news, shop] = [VolumeOf::Domain(DomainId(7)), VolumeOf::Domain(DomainId(8))];
    let row = |of, day, accepted| DayVolume {
        of,
        provider: None,
        day,
        count: DayCount { attempted: accepted, accepted, ..DayCount::default() },
    };
    let add = |source, rows| now(store.add_volume(source, rows, &ME, at(60))).unwrap();
    let of = |of| -> Vec<(i64, u32)> {
        now(store.volume_of(of, 0)).unwrap().into_iter().map(|row| (row.day, row.count.accepted)).collect()
    };
    let [one, other] = [SourceId(9), SourceId(1 << 50)];
    for _ in 0..2 {
        add(one, vec![row(VolumeOf::Source(one), TODAY, 30), row(news, TODAY, 30), row(news, TODAY - 1, 5)]);
        add(other, vec![row(VolumeOf::Source(other), TODAY, 12), row(news, TODAY, 12)]);
    }
    assert_eq!(of(news), [(TODAY - 1, 5), (TODAY, 42)]);
    // Whose mail it was is said anew: today's was the shop's.
    add(one, vec![row(VolumeOf::Source(one), TODAY, 30), row(shop, TODAY, 30)]);
    assert_eq!((of(news), of(shop)), (vec![(TODAY - 1, 5), (TODAY, 12)], vec![(TODAY, 30)]));
    assert_eq!(of(VolumeOf::Source(one)), [(TODAY, 30)]);
}

fn hold(until: Option<Timestamp>) -> NewHold {
    NewHold {
        workspace: W,
        campaign: None,
        provider: Some("google".to_owned()),
        domain: Some("Bücher.example".to_owned()),
        source: Some(SourceId(9)),
        cold_only: true,
        until,
        why: "their incident".to_owned(),
    }
}

#[test]
fn a_hold_is_placed_lifted_or_ends() {
    let store = empty();
    let by = Actor::CommandLine("anna".to_owned());
    let one = now(store.place_hold(hold(None), &by, at(10))).unwrap();
    let two = now(store.place_hold(hold(Some(at(100))), &ME, at(11))).unwrap();
    assert_eq!((one.domain_name.as_deref(), one.actor.as_str()), (Some("xn--bcher-kva.example"), "cli:anna"));
    assert!(one.cold_only && one.source == Some(SourceId(9)));
    let active = |when| now(store.holds(Some(at(when)))).unwrap().into_iter().map(|hold| hold.id).collect::<Vec<_>>();
    assert_eq!((active(50), active(100)), (vec![one.id, two.id], vec![one.id]));
    assert!(matches!(now(store.place_hold(hold(Some(at(5))), &ME, at(12))), Err(StoreError::Refused(_))));
    assert_eq!(now(store.lift_hold(one.id, &by, at(60))).unwrap().lifted_at, Some(at(60)));
    assert_eq!(now(store.lift_hold(one.id, &by, at(70))).unwrap().lifted_at, Some(at(60)), "once is enough");
    assert_eq!(now(store.lift_hold(two.id, &by, at(200))).unwrap().lifted_at, None, "it was over");
    assert!(active(200).is_empty());
    assert_eq!(now(store.holds(None)).unwrap().len(), 2);
    let kinds = now(store.events(crate::Cursor::START, 100)).unwrap();
    let kinds: Vec<&str> = kinds.iter().map(|event| event.kind.word()).collect();
    assert_eq!(kinds, ["hold_placed", "hold_placed", "hold_lifted"]);
}

#[test]
fn active_holds_are_bounded_and_ended_ones_make_room() {
    let store = empty();
    for n in 0..crate::hold::HOLDS_ACTIVE_MAX {
        let until = (n == 0).then(|| at(100));
        now(store.place_hold(hold(until), &ME, at(10))).unwrap();
    }
    assert!(matches!(now(store.place_hold(hold(None), &ME, at(50))), Err(StoreError::Refused(_))));
    now(store.place_hold(hold(None), &ME, at(100))).unwrap();
}

#[test]
fn a_policy_is_cached_replaced_and_bounded() {
    let store = empty();
    let policy = |n: i64, id: &str| TlsPolicy {
        domain: format!("d{n}.example"),
        id: id.to_owned(),
        body: "version: STSv1".to_owned(),
        fetched_at: at(1),
        expires_at: at(100) + Duration::from_secs(n as u64),
    };
    now(store.put_tls_policy(policy(1, "a"))).unwrap();
    now(store.put_tls_policy(policy(1, "b"))).unwrap();
    assert_eq!(now(store.tls_policy("d1.example")).unwrap(), Some(policy(1, "b")));
    assert_eq!(now(store.tls_policy("d2.example")).unwrap(), None);
    let large = TlsPolicy { body: "x".repeat(crate::tls::TLS_POLICY_BYTES_MAX + 1), ..policy(2, "a") };
    assert!(matches!(now(store.put_tls_policy(large)), Err(StoreError::Refused(_))));
}

#[test]
fn results_add_up_until_the_report_is_sent_and_go_after_their_days() {
    let store = empty();
    let result = |day, domain: &str, ip: &str, count| TlsResult {
        day,
        domain: domain.to_owned(),
        policy: "sts".to_owned(),
        result: "certificate-expired".to_owned(),
        mx_host: "mx.a.example".to_owned(),
        ip: ip.to_owned(),
        count,
    };
    now(store.add_tls_results(vec![result(10, "a.example", "192.0.2.1", 2), result(10, "b.example", "", 1)])).unwrap();
    now(store.add_tls_results(vec![result(10, "a.example", "192.0.2.1", 3), result(11, "a.example", "", 1)])).unwrap();
    assert_eq!(now(store.tls_results(10, "a.example")).unwrap(), [result(10, "a.example", "192.0.2.1", 5)]);
    let open = |before| now(store.tls_report_days(before, None, 10)).unwrap();
    let named = |day, domain: &str| (day, domain.to_owned());
    assert_eq!(open(11), [named(10, "a.example"), named(10, "b.example")]);
    let rest = now(store.tls_report_days(12, Some(named(10, "a.example")), 10)).unwrap();
    assert_eq!(rest, [named(10, "b.example"), named(11, "a.example")]);
    now(store.tls_report_sent(10, "a.example", at(5))).unwrap();
    now(store.add_tls_results(vec![result(10, "a.example", "late", 1)])).unwrap();
    assert_eq!(open(12), [named(10, "b.example"), named(11, "a.example")], "a report is sent once");
    now(store.add_tls_results(vec![result(40, "c.example", "", 1), result(12, "c.example", "", 1)])).unwrap();
    assert_eq!(open(100), [named(40, "c.example")]);
    assert!(now(store.tls_results(10, "b.example")).unwrap().is_empty());
}

#[test]
fn the_different_results_of_a_day_are_bounded() {
    let store = empty();
    let many = |from: usize| {
        (from..from + 10_000).map(|n| TlsResult {
            day: 10,
            domain: "a.example".to_owned(),
            policy: "none".to_owned(),
            result: "ok".to_owned(),
            mx_host: format!("mx{n}.a.example"),
            ip: String::new(),
            count: 1,
        })
    };
    for batch in 0..6 {
        now(store.add_tls_results(many(batch * 10_000).collect::<Vec<_>>())).unwrap();
    }
    assert_eq!(now(store.tls_results(10, "a.example")).unwrap().len(), crate::tls::TLS_RESULTS_PER_DAY_MAX);
}
