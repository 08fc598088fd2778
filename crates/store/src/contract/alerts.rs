//! Alerts: channels keep their secrets, an alert is one row until it is closed, and a snooze outlives what the engine
//! keeps.

use super::*;
use crate::StoreError;
use crate::alert::{Alert, CHANNELS_MAX, CLOSED_ALERTS_KEPT, Listing, NewChannel};
use model::alert::{Standing, Told};
use model::{AlertId, AlertKind};

fn new(name: &str) -> NewChannel {
    NewChannel {
        workspace: W,
        name: name.to_owned(),
        kind: "slack".to_owned(),
        shown: "hooks.slack.test".to_owned(),
        needs: r#"{"url":"https://hooks.slack.test/secret"}"#.to_owned(),
        nonce: [3; 12],
    }
}

fn alert(subject: &str, when: u64) -> Alert {
    let (first_at, last_at) = (at(when), at(when));
    let standing = Standing {
        text: "It is full.".to_owned(),
        first_at,
        last_at,
        count: 1,
        told: None,
        snoozed_until: None,
        over_at: None,
    };
    let (id, kind, subject) = (AlertId(0), AlertKind::DiskLow, subject.to_owned());
    Alert { id, workspace: W, kind, subject, listing: None, standing, closed_at: None }
}

#[test]
fn a_listing_is_of_a_source_and_a_site_whatever_their_names() {
    let store = empty();
    for (source, site) in [("mta1", "GMX"), ("out at home", "mx at work.example"), ("\"a\", [b]", "ü")] {
        let listing = Listing { source: source.to_owned(), site: site.to_owned() };
        let (kind, subject) = (AlertKind::SourceListed, listing.to_string());
        let new = Alert { kind, subject: subject.clone(), listing: Some(listing.clone()), ..alert("", 5) };
        let id = now(store.keep_alert(new, true, at(5))).unwrap();
        let kept = now(store.alert(W, id)).unwrap().unwrap();
        assert_eq!((kept.subject, kept.listing), (subject, Some(listing)));
    }
    let before = Alert { kind: AlertKind::SourceListed, ..alert("mta1 at GMX", 5) };
    let id = now(store.keep_alert(before, true, at(5))).unwrap();
    let kept = now(store.alert(W, id)).unwrap().unwrap();
    assert_eq!((kept.subject.as_str(), kept.listing), ("mta1 at GMX", None));
}

#[test]
fn a_channel_keeps_its_secrets_and_tells_how_it_does() {
    let store = empty();
    let other = now(store.make_workspace("other", &ME, at(1))).unwrap().id;
    let made = now(store.make_alert_channel(new(" ops "), &ME, at(2))).unwrap();
    assert_eq!((made.name.as_str(), made.told_at, made.failed_at), ("ops", None, None));
    assert!(now(store.alert_channel_needs(W, made.id)).unwrap().contains("secret"));
    assert!(matches!(now(store.alert_channel_needs(other, made.id)), Err(StoreError::NotFound { .. })));
    assert_eq!(now(store.alert_channel(other, made.id)).unwrap(), None);
    assert!(matches!(now(store.make_alert_channel(new("ops"), &ME, at(3))), Err(StoreError::Exists { .. })));
    assert!(matches!(now(store.make_alert_channel(new(" "), &ME, at(3))), Err(StoreError::Refused(_))));
    now(store.note_alert_channel(made.id, Some("no answer".to_owned()), at(4))).unwrap();
    let failed = now(store.alert_channel(W, made.id)).unwrap().unwrap();
    assert_eq!((failed.failed_at, failed.failure.as_deref()), (Some(at(4)), Some("no answer")));
    now(store.note_alert_channel(made.id, None, at(5))).unwrap();
    let told = now(store.alert_channel(W, made.id)).unwrap().unwrap();
    assert_eq!((told.told_at, told.failed_at, told.failure), (Some(at(5)), None, None));
    let theirs = NewChannel { workspace: other, ..new("ops") };
    now(store.make_alert_channel(theirs, &ME, at(6))).unwrap();
    assert_eq!(now(store.alert_channels(None)).unwrap().len(), 2);
    assert!(matches!(now(store.remove_alert_channel(other, made.id, &ME, at(7))), Err(StoreError::NotFound { .. })));
    now(store.remove_alert_channel(W, made.id, &ME, at(7))).unwrap();
    assert!(now(store.alert_channels(Some(W))).unwrap().is_empty());
    for n in 0..CHANNELS_MAX {
        now(store.make_alert_channel(new(&format!("channel {n}")), &ME, at(8))).unwrap();
    }
    assert!(matches!(now(store.make_alert_channel(new("more"), &ME, at(9))), Err(StoreError::Refused(_))));
}

#[test]
fn an_alert_is_kept_snoozed_and_closed() {
    let store = empty();
    let other = now(store.make_workspace("other", &ME, at(1))).unwrap().id;
    let id = now(store.keep_alert(alert("", 5), true, at(5))).unwrap();
    let mut known = now(store.open_alerts()).unwrap().remove(0);
    assert_eq!(known, Alert { id, ..alert("", 5) });
    assert!(matches!(now(store.snooze_alert(other, id, None, &ME, at(6))), Err(StoreError::NotFound { .. })));
    let snoozed = now(store.snooze_alert(W, id, Some(at(60)), &ME, at(6))).unwrap();
    assert_eq!(snoozed.standing.snoozed_until, Some(at(60)));
    known.standing.told = Some(Told { at: at(7), count: 1, is_over: false });
    known.standing.count = 3;
    now(store.keep_alert(known.clone(), false, at(7))).unwrap();
    let kept = now(store.alert(W, id)).unwrap().unwrap();
    assert_eq!((kept.standing.count, kept.standing.told), (3, known.standing.told));
    assert_eq!(kept.standing.snoozed_until, Some(at(60)), "whoever tells does not end a snooze");
    assert_eq!(now(store.alert(other, id)).unwrap(), None);
    now(store.keep_alert(Alert { closed_at: Some(at(8)), ..known }, false, at(8))).unwrap();
    assert!(now(store.open_alerts()).unwrap().is_empty());
    assert!(matches!(now(store.snooze_alert(W, id, None, &ME, at(9))), Err(StoreError::Refused(_))));
    assert_eq!(now(store.alerts(W, true, None, 10)).unwrap().len(), 1);
    assert!(now(store.alerts(W, false, None, 10)).unwrap().is_empty());
}

#[test]
fn only_so_many_closed_alerts_are_kept() {
    let store = empty();
    let open = now(store.keep_alert(alert("open", 1), true, at(1))).unwrap();
    for n in 0..u64::try_from(CLOSED_ALERTS_KEPT).unwrap() + 5 {
        let closed = Alert { closed_at: Some(at(n + 2)), ..alert(&n.to_string(), n) };
        now(store.keep_alert(closed, true, at(n + 2))).unwrap();
    }
    let kept = now(store.alerts(W, true, None, 10_000)).unwrap();
    assert_eq!(kept.len() as i64, CLOSED_ALERTS_KEPT + 1);
    assert_eq!((kept.last().unwrap().id, kept[kept.len() - 2].subject.as_str()), (open, "5"));
}
