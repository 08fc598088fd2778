//! Webhooks: secrets that are sealed, a cursor that a change by hand is not overwritten in, and a bounded log.

use super::*;
use crate::webhook::{TRIES_KEPT, WEBHOOKS_MAX};
use crate::{Cursor, FreshSecret, NewReaction, Replay, StoreError, Webhook, WebhookEdit, WebhookProgress, WebhookTry};
use model::{EventKind, ReactionKind};

fn chosen(url: &str) -> WebhookEdit {
    WebhookEdit { url: url.to_owned(), description: "shop".to_owned(), events: vec!["message.*".to_owned()] }
}

fn secret(byte: u8) -> FreshSecret {
    FreshSecret { bytes: vec![byte; 32], nonce: [byte; 12] }
}

fn made(store: &Store) -> Webhook {
    now(store.make_webhook(W, chosen("https://a.example/hook"), secret(1), &ME, at(10))).unwrap()
}

fn progress(webhook: &Webhook, cursor: Cursor) -> WebhookProgress {
    WebhookProgress {
        webhook: webhook.id,
        generation: webhook.generation,
        cursor,
        replay: None,
        failures: 2,
        failing_since: Some(at(20)),
        due_at: Some(at(99)),
        delivered_at: None,
    }
}

fn tried(when: u64) -> WebhookTry {
    let said = Some("x".repeat(600));
    WebhookTry { number: 0, at: at(when), duration_ms: 7, event: None, kind: "webhook.test".into(), status: None, said }
}

fn end(store: &Store) -> Cursor {
    now(store.events(Cursor::START, 10_000)).unwrap().last().unwrap().cursor
}

#[test]
fn a_webhook_begins_at_the_end_of_the_log_and_is_its_workspaces_alone() {
    let store = empty();
    import(&store, 1, &["kim@a.example"]);
    let webhook = made(&store);
    assert_eq!(webhook.cursor, end(&store), "not even told that it was made");
    let other = now(store.make_workspace("other", &ME, at(11))).unwrap().id;
    assert_eq!(now(store.webhook(other, webhook.id)).unwrap(), None);
    assert_eq!(now(store.webhooks(W, None, 9)).unwrap(), std::slice::from_ref(&webhook));
    assert_eq!(now(store.webhooks(other, None, 9)).unwrap(), []);
    let missing = |result: crate::Result<Webhook>| matches!(result, Err(StoreError::NotFound { .. }));
    assert!(missing(now(store.change_webhook(other, webhook.id, chosen("https://b.example"), &ME, at(12)))));
    assert!(missing(now(store.rotate_webhook(other, webhook.id, secret(2), at(99), &ME, at(12)))));
    assert!(missing(now(store.disable_webhook(other, webhook.id, "why", &ME, at(12)))));
    assert!(missing(now(store.enable_webhook(other, webhook.id, &ME, at(12)))));
    assert!(missing(now(store.replay_webhook(other, webhook.id, (Cursor::START, None), &ME, at(12)))));
    assert!(now(store.remove_webhook(other, webhook.id, &ME, at(12))).is_err());
    assert!(now(store.webhook_secrets(other, webhook.id, at(12))).is_err());
    now(store.note_webhook_test(W, webhook.id, tried(13))).unwrap();
    assert_eq!(now(store.webhook_tries(other, webhook.id, None, 9)).unwrap(), []);
    now(store.remove_webhook(W, webhook.id, &ME, at(14))).unwrap();
    assert_eq!(now(store.webhook(W, webhook.id)).unwrap(), None);
    assert_eq!(now(store.webhook_tries(W, webhook.id, None, 9)).unwrap(), []);
}

#[test]
fn while_a_secret_is_changed_there_are_two() {
    let store = empty();
    let webhook = made(&store);
    let secrets = |when| now(store.webhook_secrets(W, webhook.id, at(when))).unwrap();
    assert_eq!(secrets(11), [vec![1; 32]]);
    let rotated = now(store.rotate_webhook(W, webhook.id, secret(2), at(100), &ME, at(20))).unwrap();
    assert_eq!(rotated.old_secret_until, Some(at(100)));
    assert_eq!(secrets(99), [vec![2; 32], vec![1; 32]]);
    assert_eq!(secrets(100), [vec![2; 32]]);
    for (number, when) in [(3, 30), (4, 31), (5, 32)] {
        now(store.rotate_webhook(W, webhook.id, secret(number), at(110), &ME, at(when))).unwrap();
    }
    assert_eq!(secrets(109), [5, 4, 3, 2].map(|number| vec![number; 32]), "the newest four");
    assert_eq!(secrets(110), [vec![5; 32]]);
    now(store.rotate_webhook(W, webhook.id, secret(6), at(300), &ME, at(200))).unwrap();
    assert_eq!(secrets(201), [vec![6; 32], vec![5; 32]], "what was over is not revived");
}

#[test]
fn what_was_under_way_does_not_overwrite_what_somebody_chose() {
    let store = empty();
    import(&store, 1, &["kim@a.example"]);
    let webhook = made(&store);
    import(&store, 2, &["bob@a.example"]);
    let noted = |progress: WebhookProgress| now(store.note_webhook(progress, vec![tried(30)])).unwrap();
    assert!(noted(progress(&webhook, end(&store))));
    let known = now(store.webhook(W, webhook.id)).unwrap().unwrap();
    assert_eq!((known.cursor, known.failures, known.due_at), (end(&store), 2, Some(at(99))));
    let replayed = now(store.replay_webhook(W, webhook.id, (Cursor::START, None), &ME, at(40))).unwrap();
    assert_eq!((replayed.cursor, replayed.failures, replayed.due_at), (Cursor::START, 0, None));
    assert!(!noted(progress(&webhook, end(&store))), "it was read before the replay");
    assert_eq!(now(store.webhook(W, webhook.id)).unwrap().unwrap().cursor, Cursor::START);
    assert_eq!(now(store.webhook_tries(W, webhook.id, None, 9)).unwrap().len(), 2, "what was said is kept");
    let far: Cursor = "999999".parse().unwrap();
    let ahead = now(store.replay_webhook(W, webhook.id, (far, None), &ME, at(41))).unwrap();
    assert!(ahead.cursor <= end(&store), "nothing that is to come is left out");
}

#[test]
fn a_part_of_the_log_is_told_again_and_then_it_goes_on_where_it_was() {
    let store = empty();
    import(&store, 1, &["kim@a.example"]);
    let webhook = made(&store);
    let at_cursor = |place: u32| place.to_string().parse::<Cursor>().unwrap();
    let replay = |from, until| now(store.replay_webhook(W, webhook.id, (from, Some(until)), &ME, at(40)));
    let part = replay(Cursor::START, at_cursor(2)).unwrap();
    let told_again = Replay { until: at_cursor(2), back_to: webhook.cursor };
    assert_eq!((part.cursor, part.replay), (Cursor::START, Some(told_again)));
    let again = replay(at_cursor(1), at_cursor(2)).unwrap();
    assert_eq!(again.replay, Some(told_again), "another one in the middle forgets nothing");
    assert!(matches!(replay(at_cursor(2), at_cursor(2)), Err(StoreError::Refused(_))));
    let all = replay(Cursor::START, end(&store)).unwrap();
    assert_eq!(all.replay, None, "beyond where it stands it goes on by itself");
    let part = replay(Cursor::START, at_cursor(1)).unwrap();
    let back = WebhookProgress { cursor: webhook.cursor, ..progress(&part, webhook.cursor) };
    assert!(now(store.note_webhook(back, Vec::new())).unwrap());
    assert_eq!(now(store.webhook(W, webhook.id)).unwrap().unwrap().replay, None, "it is over");
}

#[test]
fn disabled_it_is_told_nothing_and_enabled_it_goes_on_where_it_was() {
    let store = empty();
    let webhook = made(&store);
    let off = now(store.disable_webhook(W, webhook.id, "410", &ME, at(20))).unwrap();
    assert_eq!((off.disabled_at, off.disabled_why.as_deref()), (Some(at(20)), Some("410")));
    assert_eq!(now(store.disable_webhook(W, webhook.id, "other", &ME, at(21))).unwrap(), off);
    assert_eq!(now(store.webhooks_at_work()).unwrap(), []);
    let on = now(store.enable_webhook(W, webhook.id, &ME, at(22))).unwrap();
    assert_eq!((on.disabled_at, on.cursor), (None, webhook.cursor));
    assert_eq!(now(store.webhooks_at_work()).unwrap(), [on]);
}

#[test]
fn the_log_of_requests_is_bounded_and_so_are_webhooks() {
    let store = empty();
    let webhook = made(&store);
    let kept = u64::try_from(TRIES_KEPT).unwrap();
    let many = (0..kept + 5).map(tried).collect();
    now(store.note_webhook(progress(&webhook, webhook.cursor), many)).unwrap();
    let log = now(store.webhook_tries(W, webhook.id, None, 10_000)).unwrap();
    assert_eq!((log.len(), log[0].number), (usize::try_from(kept).unwrap(), TRIES_KEPT + 5));
    assert_eq!(log[0].said.as_deref().map(str::len), Some(500));
    let older = now(store.webhook_tries(W, webhook.id, Some(log[0].number), 1)).unwrap();
    assert_eq!(older, log[1..2]);
    for n in 1..WEBHOOKS_MAX {
        now(store.make_webhook(W, chosen(&format!("https://a.example/{n}")), secret(9), &ME, at(10))).unwrap();
    }
    let more = now(store.make_webhook(W, chosen("https://a.example/more"), secret(9), &ME, at(10)));
    assert!(matches!(more, Err(StoreError::Refused(_))));
}

#[test]
fn a_place_in_the_log_is_found_by_its_time() {
    let store = empty();
    for n in 1..40 {
        now(store.note(W, EventKind::Warned, None, Some(n.to_string()), &ME, at(100 * n))).unwrap();
    }
    let after = |when| {
        let cursor = now(store.cursor_at(at(when))).unwrap();
        now(store.events(cursor, 1)).unwrap().pop().map(|event| event.at)
    };
    assert_eq!(after(0), Some(at(100)));
    assert_eq!(after(1_700), Some(at(1_700)));
    assert_eq!(after(1_701), Some(at(1_800)));
    assert_eq!(after(9_999), None);
}

#[test]
fn the_log_tells_when_it_grows_and_what_belongs_to_an_event() {
    let store = empty();
    let mut log = store.log_moves();
    log.mark_unchanged();
    let id = import(&store, 1, &["kim@a.example"]);
    assert!(log.has_changed().unwrap());
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id).remove(0);
    log.mark_unchanged();
    now(store.settle(vec![refused(&claimed, at(30))])).unwrap();
    assert!(log.has_changed().unwrap());
    let click =
        NewReaction { campaign: Some(campaign.id), ..NewReaction::new(ReactionKind::Clicked, claimed.contact, at(40)) };
    now(store.record_reactions(W, vec![click], at(60))).unwrap();
    let all = now(store.events(Cursor::START, 1_000)).unwrap();
    let of = |kind| {
        let event = all.iter().find(|event| event.kind == kind).unwrap();
        (event.clone(), now(store.event_facts(event)).unwrap())
    };
    let (_, bounced) = of(EventKind::HardBounced);
    assert_eq!((bounced.email.as_deref(), bounced.campaign.as_deref()), (Some("kim@a.example"), Some("news")));
    assert_eq!(bounced.attempt.unwrap().attempt.reply.unwrap().code, 550);
    let (clicked, facts) = of(EventKind::Clicked);
    assert_eq!(facts.email.as_deref(), Some("kim@a.example"));
    let foreign = crate::Event { workspace: WorkspaceId(2), ..clicked };
    assert_eq!(now(store.event_facts(&foreign)).unwrap().email, None);
    now(store.forget(W, &address("kim@a.example"), &ME, at(80))).unwrap();
    let (_, gone) = of(EventKind::HardBounced);
    assert_eq!(gone.email, None, "forgotten is forgotten");
}

#[test]
fn what_a_receiver_said_of_somebody_who_is_forgotten_goes() {
    let store = empty();
    import(&store, 1, &["kim@a.example"]);
    let webhook = made(&store);
    for said in ["{\"got\":\"Kim@a.example\"}", "ok"] {
        let tried = WebhookTry { said: Some(said.to_owned()), ..tried(13) };
        now(store.note_webhook_test(W, webhook.id, tried)).unwrap();
    }
    now(store.forget(W, &address("kim@a.example"), &ME, at(20))).unwrap();
    let tries = now(store.webhook_tries(W, webhook.id, None, 10)).unwrap();
    let said: Vec<Option<&str>> = tries.iter().map(|one| one.said.as_deref()).collect();
    assert_eq!(said, [Some("ok"), None]);
}
