//! Directories: owners, readers, copies, backups, full disks, foreign and newer files.

use super::*;
use crate::{Access, Durability, Executor, Place, StoreError, Whom};

fn options(dir: &std::path::Path) -> OpenOptions {
    OpenOptions { executor: Executor::Inline, ..OpenOptions::directory(dir, [7; 32]) }
}

#[test]
fn a_directory_has_one_owner_and_any_number_of_readers() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(options(dir.path()), at(0)).unwrap();
    let id = import(&store, 1, &["anna@a.example"]);
    assert!(matches!(Store::open(options(dir.path()), at(0)), Err(StoreError::AlreadyOwned { .. })));
    let beside = OpenOptions { executor: Executor::Inline, ..OpenOptions::reader(dir.path()) };
    let reader = Store::open(beside, at(0)).unwrap();
    assert_eq!(now(reader.contacts_by_address(W, &address("anna@a.example"))).unwrap().len(), 1);
    let campaign = sending(&store, "news", id);
    assert_eq!(now(reader.tally(campaign.id)).unwrap().recipients(), 1, "a reader sees what the owner wrote");
    let write = now(reader.set_setting(W, "a", "b", &ME, at(1)));
    assert!(matches!(write, Err(StoreError::ReadOnly)));
    assert!(matches!(now(reader.forget(W, &address("anna@a.example"), &ME, at(1))), Err(StoreError::ReadOnly)));
    drop(store);
    Store::open(options(dir.path()), at(0)).unwrap();
    let nothing = tempfile::tempdir().unwrap();
    let missing = Store::open(OpenOptions::reader(nothing.path()), at(0));
    assert!(matches!(missing, Err(StoreError::Missing { .. })));
}

/// A disk whose file system is mounted for reading only.
#[derive(Debug)]
struct Failed;

impl crate::Disk for Failed {
    fn vfs(&self) -> Option<&str> {
        None
    }

    fn size(&self, path: &std::path::Path) -> std::io::Result<Option<u64>> {
        crate::Disk::size(&crate::SystemDisk, path)
    }

    fn identity(&self, path: &std::path::Path) -> std::io::Result<String> {
        crate::Disk::identity(&crate::SystemDisk, path)
    }

    fn open(&self, path: &std::path::Path) -> std::io::Result<Box<dyn crate::DiskFile>> {
        Err(std::io::Error::new(std::io::ErrorKind::ReadOnlyFilesystem, path.display().to_string()))
    }

    fn is_read_only(&self, _path: &std::path::Path) -> bool {
        true
    }
}

#[test]
fn a_ledger_on_a_disk_that_nobody_can_write_is_read_and_nothing_is_made_beside_it() {
    let room = tempfile::tempdir().unwrap();
    let dir = room.path().join("what? 100%#");
    let store = Store::open(options(&dir), at(0)).unwrap();
    import(&store, 1, &["anna@a.example"]);
    drop(store);
    let beside = ["ledger.db-wal", "ledger.db-shm"].map(|name| dir.join(name));
    // Empty files at most, which are not there where somebody else has ended in order.
    for path in &beside {
        std::fs::remove_file(path).ok();
    }
    for executor in [Executor::Inline, Executor::Threads] {
        let disk = std::sync::Arc::new(Failed);
        let reader = Store::open(OpenOptions { executor, disk, ..OpenOptions::reader(&dir) }, at(0)).unwrap();
        assert!(!beside.iter().any(|path| path.exists()), "{executor:?}");
        if executor == Executor::Inline {
            assert_eq!(now(reader.contacts_by_address(W, &address("anna@a.example"))).unwrap().len(), 1);
        }
    }
}

#[test]
fn what_is_kept_about_people_is_their_owners_alone_in_an_open_directory_too() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let store = Store::open(options(dir.path()), at(0)).unwrap();
    import(&store, 1, &["anna@a.example"]);
    for entry in std::fs::read_dir(dir.path()).unwrap().map(Result::unwrap) {
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
}

#[test]
fn newer_and_foreign_files_are_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(options(dir.path()), at(0)).unwrap());
    let raw = rusqlite::Connection::open(dir.path().join("ledger.db")).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    drop(raw);
    let error = Store::open(options(dir.path()), at(0)).unwrap_err();
    assert!(matches!(error, StoreError::NewerVersion { found: 99, .. }), "{error}");
    let other = tempfile::tempdir().unwrap();
    rusqlite::Connection::open(other.path().join("ledger.db")).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
    std::fs::copy(dir.path().join("secrets"), other.path().join("secrets")).unwrap();
    assert!(matches!(Store::open(options(other.path()), at(0)), Err(StoreError::NotALedger { .. })));
    std::fs::write(other.path().join("ledger.db"), "hello, this is not a database at all").unwrap();
    assert!(matches!(Store::open(options(other.path()), at(0)), Err(StoreError::NotALedger { .. })));
}

#[test]
fn a_file_that_is_no_ledger_is_called_what_it_is_and_stays_as_it_is() {
    for content in ["", "hello", include_str!("place.rs")] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ledger.db");
        std::fs::write(&file, content).unwrap();
        let as_reader = Store::open(OpenOptions::reader(dir.path()), at(0)).unwrap_err();
        let as_owner = Store::open(options(dir.path()), at(0)).unwrap_err();
        assert_eq!(as_reader.to_string(), as_owner.to_string());
        let is_it = match content.len() {
            0 => matches!(as_owner, StoreError::Empty { .. }),
            _ => matches!(as_owner, StoreError::NotALedger { .. }),
        };
        assert!(as_owner.to_string().contains(&file.display().to_string()), "{as_owner}");
        assert!(is_it && as_owner.to_string().contains("postroom restore"), "{as_owner}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), content);
    }
}

#[test]
fn a_ledger_that_was_cut_is_damaged_and_not_somebody_elses_file() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(options(dir.path()), at(0)).unwrap());
    let file = dir.path().join("ledger.db");
    let octets = std::fs::metadata(&file).unwrap().len();
    cut(&file, octets / 2);
    for options in [options(dir.path()), OpenOptions::reader(dir.path())] {
        let error = Store::open(options, at(0)).unwrap_err();
        assert!(matches!(&error, StoreError::Corrupt(why) if why.contains("ledger.db")), "{error}");
    }
}

#[test]
fn secrets_that_are_damaged_are_named() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(options(dir.path()), at(0)).unwrap());
    let file = dir.path().join("secrets");
    let whole = std::fs::read(&file).unwrap();
    for damaged in [vec![0xff; 200], whole.get(..whole.len() / 2).unwrap().to_vec()] {
        std::fs::write(&file, damaged).unwrap();
        for options in [options(dir.path()), OpenOptions::reader(dir.path())] {
            let error = Store::open(options, at(0)).unwrap_err();
            assert!(matches!(&error, StoreError::Corrupt(why) if why.contains("secrets")), "{error}");
        }
    }
}

#[test]
fn an_older_ledger_is_not_read_before_it_was_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ledger.db");
    rusqlite::Connection::open(&file).unwrap().execute_batch(include_str!("../../fixtures/schema-1.sql")).unwrap();
    crate::Secrets::open(Some(&dir.path().join("secrets")), false).unwrap().put("ledger", &[7; 32]).unwrap();
    let error = Store::open(OpenOptions::reader(dir.path()), at(0)).unwrap_err();
    assert!(matches!(error, StoreError::OlderVersion { found: 1, .. }), "{error}");
    drop(Store::open(options(dir.path()), at(0)).unwrap());
    Store::open(OpenOptions::reader(dir.path()), at(0)).unwrap();
}

/// A directory as an earlier release left it, opened and so migrated.
fn opened(fixture: &str) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    rusqlite::Connection::open(dir.path().join("ledger.db")).unwrap().execute_batch(fixture).unwrap();
    let secrets = crate::Secrets::open(Some(&dir.path().join("secrets")), false).unwrap();
    secrets.put("ledger", &[7; 32]).unwrap();
    let store = Store::open(options(dir.path()), at(0)).unwrap();
    (dir, store)
}

/// What a ledger's file is made of.
fn schema(dir: &std::path::Path) -> Vec<String> {
    let conn = rusqlite::Connection::open(dir.join("ledger.db")).unwrap();
    let mut statement = conn.prepare("SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY name").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn every_schema_that_was_released_still_opens_and_becomes_the_newest() {
    let fresh = tempfile::tempdir().unwrap();
    Store::open(options(fresh.path()), at(0)).unwrap();
    let fixtures = [
        include_str!("../../fixtures/schema-1.sql"),
        include_str!("../../fixtures/schema-2.sql"),
        include_str!("../../fixtures/schema-3.sql"),
        include_str!("../../fixtures/schema-4.sql"),
        include_str!("../../fixtures/schema-5.sql"),
        include_str!("../../fixtures/schema-6.sql"),
        include_str!("../../fixtures/schema-7.sql"),
        include_str!("../../fixtures/schema-8.sql"),
        include_str!("../../fixtures/schema-9.sql"),
    ];
    for (fixture, version) in fixtures.into_iter().zip(1..) {
        let (dir, store) = opened(fixture);
        assert_eq!(now(store.contacts_by_address(W, &address("anna@a.example"))).unwrap().len(), 1);
        let campaign = now(store.campaign_by_name(W, "news")).unwrap().unwrap();
        assert_adds_up(&store, campaign.id);
        let left = [DeliveryState::Queued, DeliveryState::Deferred]
            .map(|state| now(store.deliveries(campaign.id, state, None, 10)).unwrap());
        let waiting: Vec<Claimed> =
            left.iter().flatten().map(|row| now(store.claim_one(row.delivery)).unwrap().unwrap()).collect();
        assert!(left.iter().all(|state| !state.is_empty()));
        now(store.settle(waiting.iter().map(|c| accepted(c, at(500))).collect::<Vec<_>>())).unwrap();
        assert_adds_up(&store, campaign.id);
        assert_eq!(now(store.sources()).unwrap()[0].name, "this machine");
        let copied = std::fs::read_dir(dir.path()).unwrap().any(|file| {
            let name = file.unwrap().file_name();
            name.to_string_lossy().starts_with("ledger.db.before-")
        });
        assert_eq!(
            copied,
            u32::try_from(version).unwrap() < crate::sqlite::migrate::newest(),
            "a backup before every migration"
        );
        drop(store);
        assert_eq!(schema(dir.path()), schema(fresh.path()), "schema {version}");
    }
}

#[test]
fn the_copy_before_an_upgrade_is_whole_whatever_a_kill_left_of_an_earlier_one() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    let fixture = include_str!("../../fixtures/schema-7.sql");
    rusqlite::Connection::open(file("ledger.db")).unwrap().execute_batch(fixture).unwrap();
    crate::Secrets::open(Some(&file("secrets")), false).unwrap().put("ledger", &[7; 32]).unwrap();
    let name = format!("ledger.db.before-{}", crate::sqlite::migrate::newest());
    // Half a copy by the name of a whole one, as releases before left it, and one by the name it has while it is written.
    std::fs::write(file(&name), "SQLite format 3\0 and no more").unwrap();
    std::fs::write(file(&format!("{name}.new")), "SQL").unwrap();
    drop(Store::open(options(dir.path()), at(0)).unwrap());
    let copy = rusqlite::Connection::open(file(&name)).unwrap();
    let ask = |sql: &str| copy.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(ask("PRAGMA integrity_check"), "ok");
    assert_eq!(ask("SELECT CAST(user_version AS TEXT) FROM pragma_user_version"), "7");
    assert_eq!(ask("SELECT name FROM campaign"), "news");
    assert_eq!(std::fs::metadata(file(&name)).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!file(&format!("{name}.new")).exists());
}

#[test]
fn what_the_second_schema_kept_is_read() {
    let (_dir, store) = opened(include_str!("../../fixtures/schema-2.sql"));
    let sources = now(store.sources()).unwrap();
    assert_eq!(sources.iter().map(|source| source.name.as_str()).collect::<Vec<_>>(), ["this machine", "out1"]);
    assert_eq!(now(store.pools()).unwrap()[0].members, [(sources[1].id, 1)]);
    assert_eq!(now(store.stream_pools()).unwrap()[0].region.as_deref(), Some("eu"));
    let campaign = now(store.campaign_by_name(W, "news")).unwrap().unwrap();
    assert_eq!((campaign.canary, now(store.canary_state(campaign.id)).unwrap()), (2, (2, 2)));
    let import = now(store.list_imports(W)).unwrap()[0].id;
    assert_eq!(now(store.audience_of(campaign.id)).unwrap(), Audience::imports([import]));
    let volume = now(store.volume_of(crate::VolumeOf::Source(sources[1].id), 0)).unwrap();
    assert_eq!((volume[0].count.attempted, volume[0].count.accepted), (3, 1));
    assert_eq!(now(store.holds(Some(at(5)))).unwrap()[0].domain_name.as_deref(), Some("b.example"));
    let learned = now(store.lane_memories()).unwrap();
    assert_eq!(learned[0].memory, r#"{"connections":3}"#);
    assert!(now(store.suppressions(W, None, 10)).unwrap()[0].provisional);
    assert!(now(store.tls_policy("a.example")).unwrap().is_some());
    assert_eq!(now(store.tls_report_days(30_000, None, 10)).unwrap().len(), 1);
}

#[test]
fn the_people_and_answers_that_the_third_schema_kept_are_read() {
    let (_dir, store) = opened(include_str!("../../fixtures/schema-3.sql"));
    let id = |email: &str| now(store.contacts_by_address(W, &address(email))).unwrap()[0].id;
    let (anna, bob, cid) = (id("anna@a.example"), id("bob@a.example"), id("cid@b.example"));
    let list = now(store.lists(W, None, 10)).unwrap().remove(0);
    let kept = (list.list.name.as_str(), list.list.topic.as_deref(), list.list.confirms);
    assert_eq!(kept, ("regulars", Some("offers"), true));
    let known = now(store.preferences(W, anna)).unwrap().unwrap();
    assert_eq!((known.lists[0].confirmed_at, known.consents.len()), (Some(at(7)), 2));
    let members = now(store.list_members(W, list.id, None, 10)).unwrap();
    assert_eq!(members.iter().map(|one| one.contact).collect::<Vec<_>>(), [anna], "the other one left");
    assert_eq!(now(store.preferences(W, cid)).unwrap().unwrap().consents.len(), 1, "what they gave is kept");
    let chosen = now(store.preferences(W, bob)).unwrap().unwrap();
    assert_eq!((chosen.paused_until, chosen.topics.get("offers")), (Some(at(90_000)), Some(&false)));
    assert_eq!(now(store.frequency(W)).unwrap(), crate::Frequency { per_day: 2, per_week: 5, topic_per_week: 1 });
    let news = now(store.campaign_by_name(W, "news")).unwrap().unwrap();
    assert_eq!(now(store.links(news.id)).unwrap()[1], (2, "https://a.example/b".to_owned()));
    let counts = now(store.reaction_counts(W, news.id)).unwrap();
    assert_eq!(counts.iter().filter(|one| one.link.is_none()).map(|one| one.people).sum::<u64>(), 2);
    let story = now(store.story(W, anna, None, 3)).unwrap();
    assert_eq!(story[0].reaction.as_ref().and_then(|part| part.name.as_deref()), Some("booked"));
    let eve = now(store.contact_by_external_id(W, "crm-7")).unwrap().unwrap();
    assert_eq!((eve.status, eve.lead_source.as_deref()), (model::ContactStatus::Unconfirmed, Some("fair")));
    let segment = now(store.segments(W, None, 10)).unwrap().remove(0);
    let sample = now(store.segment_sample(W, segment.rule, 10, at(100))).unwrap();
    assert_eq!(sample.iter().map(|one| one.id).collect::<Vec<_>>(), [anna]);
    let next = now(store.scheduled_campaigns(10)).unwrap().remove(0);
    assert_eq!(
        (next.start_at, now(store.campaign_topic(next.id)).unwrap()),
        (Some(at(100_000)), Some("offers".into()))
    );
    let audience = now(store.audience_of(next.id)).unwrap();
    assert_eq!((audience.include, audience.exclude), (vec![Whom::List(list.id)], vec![Whom::Segment(segment.id)]));
}

#[test]
fn the_doors_of_the_third_schema_open_to_the_same_people() {
    let (_dir, store) = opened(include_str!("../../fixtures/schema-3.sql"));
    let owner = now(store.user_by_email("owner@a.example")).unwrap().unwrap();
    let proofs = now(store.credentials(owner.id)).unwrap().unwrap();
    assert_eq!(proofs.second_factor.as_deref(), Some(b"secret".as_slice()), "sealed with the same secrets");
    assert_eq!(now(store.places_of(owner.id)).unwrap()[0].role, model::Role::Owner);
    assert!(now(store.session([1; 32], at(100))).unwrap().is_some());
    assert!(now(store.use_link([2; 32], at(100))).unwrap().is_some());
    assert!(now(store.api_key_by_hash([3; 32])).unwrap().unwrap().works(at(100)));
    assert_eq!(now(store.workspaces(None, 10)).unwrap().len(), 2);
    let key = crate::AnswerKey { workspace: W, actor: "key:k_1".to_owned(), key: [4; 32] };
    assert_eq!(now(store.answer(key, at(100))).unwrap().unwrap().status, 201);
    let job = now(store.jobs(W, None, 10)).unwrap().remove(0);
    assert_eq!((job.done, job.total, job.about.as_deref()), (3, Some(10), Some("i_1")));
}

#[test]
fn what_the_fourth_schema_kept_is_read() {
    let (_dir, store) = opened(include_str!("../../fixtures/schema-4.sql"));
    let stream = now(store.campaign_by_name(W, "receipts")).unwrap().unwrap();
    let asked = claims(&store, stream.id);
    assert_eq!(asked.len(), 2, "messages that programs asked for");
    let message = now(store.message(asked[0].delivery)).unwrap().unwrap();
    assert_eq!(now(store.message_content(message.content.unwrap())).unwrap().as_deref(), Some(r#"{"what":1}"#));
    let template = now(store.templates(W, None, 10)).unwrap().remove(0);
    assert_eq!((template.name.as_str(), template.version), ("receipt", 2));
    assert_eq!(now(store.template_versions(W, template.id, None, 10)).unwrap().len(), 2);
    assert_eq!(now(store.image_content([2; 32])).unwrap(), Some(("image/png".to_owned(), vec![2; 10])));
    let webhook = now(store.webhooks(W, None, 10)).unwrap().remove(0);
    assert_eq!(
        now(store.webhook_secrets(W, webhook.id, at(300))).unwrap(),
        [vec![1; 32]],
        "sealed with the same secrets"
    );
    assert_eq!(now(store.webhook_tries(W, webhook.id, None, 10)).unwrap()[0].status, Some(204));
    let channel = now(store.alert_channels(Some(W))).unwrap().remove(0);
    assert!(now(store.alert_channel_needs(W, channel.id)).unwrap().contains("hooks.slack.test/secret"));
    assert_eq!(now(store.open_alerts()).unwrap()[0].standing.text, "It is full.");
    let sequence = now(store.sequences(W, None, 10)).unwrap().remove(0);
    let place = now(store.sequence_places(W, sequence.id, None, 10)).unwrap().remove(0);
    assert_eq!((sequence.name.as_str(), place.step), ("onboarding", 2));
    let counts = now(store.sequence_counts(W, sequence.id, 1)).unwrap();
    assert_eq!((counts[&1].arrived, counts[&1].sent), (1, 1));
}

#[test]
fn what_the_fifth_schema_kept_is_read() {
    let (_dir, store) = opened(include_str!("../../fixtures/schema-5.sql"));
    assert_eq!(now(store.tracking_hosts(W)).unwrap()[0].host, "links.a.example");
    let stopped = now(store.stopped_origins(W)).unwrap();
    assert_eq!(stopped.iter().map(|origin| origin.why.as_str()).collect::<Vec<_>>(), ["too many complaints"]);
    let today = now(store.site_days(20_453)).unwrap();
    assert_eq!(today.iter().map(|day| day.attempted).collect::<Vec<_>>(), [42]);
    assert_eq!(now(store.ceilings()).unwrap()[0].weight, Some(200));
    assert!(now(store.next_confirmation()).unwrap().is_some());
    let campaign = now(store.campaign_by_name(W, "news")).unwrap().unwrap();
    assert_eq!(now(store.trial(W, campaign.id)).unwrap(), None);
    assert!(claims(&store, campaign.id).iter().all(|one| one.variant.is_none()));
}

#[test]
fn what_the_sixth_schema_kept_is_read() {
    let (_dir, store) = opened(include_str!("../../fixtures/schema-6.sql"));
    let campaign = now(store.campaign_by_name(W, "news")).unwrap().unwrap();
    let trial = now(store.trial(W, campaign.id)).unwrap().unwrap();
    assert_eq!((trial.variants, trial.winner), (2, Some(1)));
    let told: Vec<_> =
        now(store.waiting_by_site(None)).unwrap().into_iter().map(|row| (row.site.is_some(), row.waiting)).collect();
    assert_eq!(told, [(true, 2), (false, 2), (false, 1)], "queued and put off, counted when it was opened");
}

#[test]
fn what_the_seventh_schema_kept_is_read() {
    let (_dir, store) = opened(include_str!("../../fixtures/schema-7.sql"));
    let told: Vec<_> =
        now(store.waiting_by_site(None)).unwrap().into_iter().map(|row| (row.site.is_some(), row.waiting)).collect();
    assert_eq!(told, [(true, 2), (false, 2), (false, 1)], "as it was kept");
    assert!(now(store.segments(W, None, 9)).unwrap().iter().all(|segment| !segment.is_watched));
    let anna = now(store.contacts_by_address(W, &address("anna@a.example"))).unwrap()[0].id;
    let story = now(store.story(W, anna, None, 100)).unwrap();
    assert!(!story.is_empty() && story.is_sorted_by_key(|event| std::cmp::Reverse(event.story_place())));
}

#[test]
fn what_the_eighth_schema_kept_is_read() {
    let (_dir, store) = opened(include_str!("../../fixtures/schema-8.sql"));
    assert!(now(store.segments(W, None, 9)).unwrap()[0].is_watched);
    let owner = now(store.members(W, None, 9)).unwrap().remove(0);
    assert!(!owner.is_invited && owner.user.email == "owner@a.example");
    assert!(now(store.invitations_of("owner@a.example")).unwrap().is_empty());
}

#[test]
fn what_the_ninth_schema_kept_is_read() {
    let (_dir, store) = opened(include_str!("../../fixtures/schema-9.sql"));
    assert_eq!(now(store.invitations_of("newcomer@a.example")).unwrap().len(), 1);
    let listed = now(store.suppressions(W, None, 9)).unwrap();
    let newest = now(store.suppressions_newest(W, None, None, 9)).unwrap();
    assert_eq!(newest.into_iter().map(|(_, entry)| entry).collect::<Vec<_>>(), listed);
    let everybody = crate::Sought { by_address: true, ..crate::Sought::default() };
    let found = now(store.seek(W, everybody, None, 99)).unwrap().people;
    assert_eq!(found.len(), now(store.contacts_page(W, None, 99)).unwrap().len());
    assert_eq!(found[0].email.as_deref(), Some("anna@a.example"));
}

#[test]
fn a_copied_directory_is_held_until_it_is_adopted() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(options(dir.path()), at(0)).unwrap();
    let id = import(&store, 1, &["anna@a.example"]);
    let campaign = now(store.create_campaign(new_campaign("news", vec![id]), &ME, at(10))).unwrap();
    now(store.build_campaign(campaign.id, &ME, at(11))).unwrap();
    assert_eq!(store.held(), None);
    drop(store);
    let copy = tempfile::tempdir().unwrap();
    for name in ["ledger.db", "secrets", "inflight"] {
        std::fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    assert_eq!(Store::open(options(dir.path()), at(0)).unwrap().held(), None, "the original goes on");
    let store = Store::open(options(copy.path()), at(0)).unwrap();
    assert!(store.held().is_some());
    let start = now(store.set_campaign_state(campaign.id, CampaignState::Sending, None, &ME, at(12)));
    assert!(matches!(start, Err(StoreError::Held)));
    now(store.adopt(&ME, at(13))).unwrap();
    assert_eq!(store.held(), None);
    drop(store);
    assert_eq!(Store::open(options(copy.path()), at(0)).unwrap().held(), None);
}

/// What befell the in-flight file since the last process ended.
fn after(dir: &std::path::Path, befell: impl FnOnce(&std::path::Path)) -> Option<String> {
    befell(&dir.join("inflight"));
    let read = Store::open(OpenOptions::reader(dir), at(1)).unwrap().held();
    let owned = Store::open(options(dir), at(1)).unwrap().held();
    assert!(read.is_none() || read == owned, "{read:?}, {owned:?}");
    owned
}

fn cut(path: &std::path::Path, octets: u64) {
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(octets).unwrap();
}

#[test]
fn a_directory_whose_in_flight_file_is_gone_cut_or_damaged_is_held_until_it_is_adopted() {
    type Befell = fn(&std::path::Path);
    let befell: [(&str, Befell); 3] = [
        ("is missing", |path| std::fs::remove_file(path).unwrap()),
        ("was cut to 1000 of 262144 bytes", |path| cut(path, 1_000)),
        ("is damaged", |path| std::fs::write(path, vec![7; 262_144]).unwrap()),
    ];
    for (told, befell) in befell {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(options(dir.path()), at(0)).unwrap();
        let id = import(&store, 1, &["anna@a.example"]);
        let campaign = sending(&store, "news", id);
        now(store.set_campaign_state(campaign.id, CampaignState::Paused, None, &ME, at(13))).unwrap();
        drop(store);
        let held = after(dir.path(), befell).unwrap();
        assert!(held.starts_with(&format!("the file 'inflight' of this directory {told}: ")), "{held}");
        assert_eq!(after(dir.path(), |_| {}), Some(held.clone()), "looking at it does not mend it");
        assert_eq!(Store::open(OpenOptions::reader(dir.path()), at(1)).unwrap().held(), Some(held));
        let store = Store::open(options(dir.path()), at(2)).unwrap();
        let start = now(store.set_campaign_state(campaign.id, CampaignState::Sending, None, &ME, at(14)));
        assert!(matches!(start, Err(StoreError::Held)));
        now(store.adopt(&ME, at(15))).unwrap();
        assert_eq!(store.held(), None);
        now(store.set_campaign_state(campaign.id, CampaignState::Sending, None, &ME, at(16))).unwrap();
        drop(store);
        assert_eq!(after(dir.path(), |_| {}), None, "{told}: once decided, it is over");
    }
}

#[test]
fn an_in_flight_file_that_is_as_it_was_left_alarms_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let with_slots = |slots: u32| {
        let options = OpenOptions { inflight_slots: slots, ..options(dir.path()) };
        Store::open(options, at(0)).unwrap().held()
    };
    for slots in [16, 4_096, 2, 4_096, 8_192] {
        assert_eq!(with_slots(slots), None, "{slots} slots");
    }
    assert_eq!(std::fs::metadata(dir.path().join("inflight")).unwrap().len(), 8_192 * 64, "it never shrinks");
    // Replies may go: who was being mailed is in doubt then, and named.
    assert_eq!(after(dir.path(), |path| std::fs::remove_file(path.with_file_name("inflight-replies")).unwrap()), None);
    // What an older version left, which knew nothing of this.
    let conn = rusqlite::Connection::open(dir.path().join("ledger.db")).unwrap();
    conn.execute("DELETE FROM meta WHERE name = 'inflight_octets'", []).unwrap();
    drop(conn);
    assert_eq!(after(dir.path(), |path| cut(path, 1_000)), None);
    assert_eq!(after(dir.path(), |_| {}), None);
    assert!(after(dir.path(), |path| cut(path, 1_000)).is_some(), "from then on it knows");
}

#[test]
fn a_restored_backup_is_held_and_does_not_bring_the_forgotten_back() {
    let (dir, safe, fresh) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Store::open(options(dir.path()), at(0)).unwrap();
    import(&store, 1, &["anna@a.example", "bob@a.example"]);
    let report = now(store.backup(&safe.path().join("monday"), true, &ME, at(5))).unwrap();
    assert!(report.verified && report.bytes > 0);
    assert!(now(store.backup(&safe.path().join("monday"), true, &ME, at(5))).is_err(), "never over another");
    now(store.forget(W, &address("anna@a.example"), &ME, at(6))).unwrap();
    // What outlives the machine is the list of erasures.
    std::fs::copy(dir.path().join("erasures"), fresh.path().join("erasures")).unwrap();
    Store::restore(&safe.path().join("monday"), fresh.path()).unwrap();
    assert!(matches!(Store::restore(&safe.path().join("monday"), fresh.path()), Err(StoreError::Refused(_))));
    let store = Store::open(options(fresh.path()), at(7)).unwrap();
    assert!(store.held().is_some());
    assert_eq!(now(store.contacts_by_address(W, &address("anna@a.example"))).unwrap().len(), 1);
    now(store.adopt(&ME, at(8))).unwrap();
    assert!(now(store.contacts_by_address(W, &address("anna@a.example"))).unwrap().is_empty());
    assert_eq!(now(store.contacts_by_address(W, &address("bob@a.example"))).unwrap().len(), 1);
}

#[test]
fn a_full_disk_loses_nothing_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let small = OpenOptions { pages_max: Some(240), ..options(dir.path()) };
    let store = Store::open(small, at(0)).unwrap();
    let emails: Vec<String> = (0..200).map(|n| format!("person{n}@a.example")).collect();
    let id = import(&store, 1, &emails.iter().map(String::as_str).collect::<Vec<_>>());
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    let with_words = |c: &Claimed| Settlement { transcript: Some("x".repeat(4_000)), ..refused(c, at(30)) };
    let mut written = 0;
    let error = loop {
        match now(store.settle(vec![with_words(&claimed[written])])) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Full), "{error}");
    assert!(written > 0 && error.is_transient());
    assert_adds_up(&store, campaign.id);
    // Not even that there is a backup can be noted; it is made all the same.
    let note = || store.note(W, model::EventKind::Warned, None, Some("x".repeat(500)), &ME, at(31));
    while now(note()).is_ok() {}
    let elsewhere = tempfile::tempdir().unwrap();
    let report = now(store.backup(&elsewhere.path().join("copy"), true, &ME, at(31))).unwrap();
    assert!(report.verified && matches!(now(note()), Err(StoreError::Full)));
    drop(store);
    let store = Store::open(options(dir.path()), at(0)).unwrap();
    let rest: Vec<Settlement> = claimed[written..].iter().map(with_words).collect();
    assert_eq!(now(store.settle(rest)).unwrap().written, 200 - written);
    assert_eq!(now(store.tally(campaign.id)).unwrap().count(DeliveryState::Hard), 200);
    assert_adds_up(&store, campaign.id);
}

#[test]
fn secrets_are_private_and_sealed_keys_need_them() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(options(dir.path()), at(0)).unwrap();
    store.secrets().put("tokens", b"ring").unwrap();
    now(store.save_key(W, "a.example", "s1", b"private bytes", [3; 12], &ME, at(1))).unwrap();
    assert!(matches!(
        now(store.save_key(W, "a.example", "s1", b"x", [4; 12], &ME, at(1))),
        Err(StoreError::Exists { .. })
    ));
    drop(store);
    let mode = std::fs::metadata(dir.path().join("secrets")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let ledger = std::fs::read(dir.path().join("ledger.db")).unwrap();
    assert!(!ledger.windows(7).any(|window| window == b"private"));
    let store = Store::open(options(dir.path()), at(0)).unwrap();
    assert_eq!(store.secrets().get("tokens").as_deref(), Some(b"ring".as_slice()));
    let keys = now(store.load_keys(W, "a.example")).unwrap();
    assert_eq!(keys, [("s1".to_owned(), b"private bytes".to_vec())]);
    drop(store);
    std::fs::rename(dir.path().join("secrets"), dir.path().join("elsewhere")).unwrap();
    assert!(matches!(Store::open(options(dir.path()), at(0)), Err(StoreError::Refused(_))));
}

#[test]
fn settings_and_notes_are_audited() {
    let store = empty();
    now(store.set_setting(W, "postal_address", "1 High Street", &Actor::CommandLine("anna".to_owned()), at(1)))
        .unwrap();
    assert_eq!(now(store.setting(W, "postal_address")).unwrap().as_deref(), Some("1 High Street"));
    now(store.note(W, model::EventKind::SiteHeld, None, Some("mx1 until 14:00".to_owned()), &ME, at(2))).unwrap();
    let events = now(store.events(crate::Cursor::START, 10)).unwrap();
    assert_eq!((events[0].actor.as_str(), events[1].detail.as_deref()), ("cli:anna", Some("mx1 until 14:00")));
}

#[test]
fn a_recipient_costs_at_most_300_stored_bytes() {
    for domains in [10, 5_000] {
        let dir = tempfile::tempdir().unwrap();
        let fast = OpenOptions { durability: Durability::Process, ..options(dir.path()) };
        let store = Store::open(fast, at(0)).unwrap();
        const PEOPLE: u64 = 20_000;
        let import = now(store.begin_import(new_import(1), &ME, at(1))).unwrap();
        for chunk in 0..4 {
            let lines = chunk * 5_000 + 1..=(chunk + 1) * 5_000;
            let rows = lines.map(|n| row(n, &format!("person{n}@d{}.example", n * 7_919 % domains))).collect();
            now(store.write_import_chunk(import.id, rows, at(2))).unwrap();
        }
        now(store.finish_import(import.id, &ME, at(3))).unwrap();
        let before = stored_bytes(&store, dir.path());
        let campaign = sending(&store, "news", import.id);
        let claimed = claims(&store, campaign.id);
        assert_eq!(claimed.len() as u64, PEOPLE);
        // Lanes work side by side: settlements arrive interleaved over the domains.
        let mut order: Vec<&Claimed> = claimed.iter().collect();
        order.sort_by_key(|c| c.position);
        for (batch, n) in order.chunks(500).zip(0..) {
            now(store.settle(batch.iter().map(|c| accepted(c, at(100 + n))).collect::<Vec<_>>())).unwrap();
        }
        assert_adds_up(&store, campaign.id);
        let grown = stored_bytes(&store, dir.path()) - before;
        let each = grown / PEOPLE;
        assert!(each <= 300, "{each} bytes per recipient over {domains} domains");
        println_in_tests(&format!("{each} bytes per recipient over {domains} domains"));
    }
}

/// Shown with `--nocapture`.
#[allow(clippy::print_stdout)]
fn println_in_tests(text: &str) {
    println!("{text}");
}

fn stored_bytes(store: &Store, dir: &std::path::Path) -> u64 {
    now(store.checkpoint()).unwrap();
    std::fs::metadata(dir.join("ledger.db")).unwrap().len()
}

#[test]
fn a_ledger_in_memory_needs_no_place_and_no_owner() {
    let options = OpenOptions::memory([1; 32]);
    assert_eq!((options.place.clone(), options.access), (Place::Memory, Access::Owner));
    let (one, two) = (Store::open(options.clone(), at(0)).unwrap(), Store::open(options, at(0)).unwrap());
    import(&one, 1, &["anna@a.example"]);
    assert!(now(two.list_imports(W)).unwrap().is_empty());
}

#[test]
fn a_ledger_cut_short_is_damaged_and_not_new() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(options(dir.path()), at(0)).unwrap());
    for octets in [0, 1, 100, 511] {
        std::fs::write(dir.path().join("ledger.db"), vec![7; octets]).unwrap();
        let refused = Store::open(options(dir.path()), at(0)).unwrap_err();
        assert!(matches!(refused, StoreError::Corrupt(_)), "{octets} octets: {refused}");
        assert_eq!(std::fs::metadata(dir.path().join("ledger.db")).unwrap().len(), octets as u64, "left as it was");
    }
    std::fs::remove_file(dir.path().join("inflight")).unwrap();
    std::fs::write(dir.path().join("ledger.db"), []).unwrap();
    Store::open(options(dir.path()), at(0)).unwrap();
}

#[test]
fn of_whoever_is_forgotten_nothing_can_be_read_from_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(options(dir.path()), at(0)).unwrap();
    let marker = |n: u64| format!("zxq{n:04}mark");
    let rows = (1..400).map(|n| ImportRow {
        attributes: format!(r#"{{"first":"{}","note":"{}"}}"#, marker(n), "words ".repeat(n as usize % 40)),
        external_id: Some(format!("{}-key", marker(n))),
        ..row(n, &format!("{}@a.example", marker(n)))
    });
    let (id, _) = import_rows(&store, 1, rows.collect());
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    let batch = claimed
        .iter()
        .map(|one| crate::Settlement { transcript: Some(format!("> RCPT TO:<{}>", one.rcpt)), ..refused(one, at(30)) });
    now(store.settle(batch.collect::<Vec<_>>())).unwrap();
    let edit = crate::ContactEdit {
        email: Some(format!("{}@b.example", marker(7))),
        attributes: Some(format!(r#"{{"second":"{}"}}"#, marker(7))),
        ..Default::default()
    };
    let who = now(store.contact_by_external_id(W, &format!("{}-key", marker(7)))).unwrap().unwrap().id;
    now(store.edit_contact(who, edit, &ME, at(31))).unwrap();
    let held = |text: &str| {
        let files = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
        let has = |path: &std::path::PathBuf| {
            let octets = std::fs::read(path).unwrap_or_default();
            octets.windows(text.len()).any(|window| window == text.as_bytes())
        };
        files.filter(has).map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    assert!(!held(&marker(7)).is_empty());
    now(store.forget(W, &address(&format!("{}@b.example", marker(7))), &ME, at(40))).unwrap();
    assert_eq!(held(&marker(7)), Vec::<String>::new());
    assert!(!held(&marker(8)).is_empty(), "the others stay");
}

#[test]
fn what_would_not_be_kept_is_not_written() {
    let outside = tempfile::tempdir().unwrap();
    let (dir, elsewhere) = (outside.path().join("mail"), outside.path().join("elsewhere"));
    let store = Store::open(options(&dir), at(0)).unwrap();
    let write = |value: &str| now(store.set_setting(W, "a", value, &ME, at(1)));
    write("1").unwrap();
    std::fs::rename(&dir, &elsewhere).unwrap();
    let gone = write("2").unwrap_err();
    assert!(gone.is_transient() && gone.to_string().contains("was removed while it was in use"), "{gone}");
    assert!(now(store.prove_writable()).is_err());
    // Another file in its place is not the ledger, even with the same in it.
    std::fs::create_dir(&dir).unwrap();
    std::fs::copy(elsewhere.join("ledger.db"), dir.join("ledger.db")).unwrap();
    let other = write("3").unwrap_err();
    assert!(other.is_transient() && other.to_string().contains("was replaced"), "{other}");
    std::fs::remove_dir_all(&dir).unwrap();
    std::fs::rename(&elsewhere, &dir).unwrap();
    write("4").unwrap();
    assert_eq!(now(store.setting(W, "a")).unwrap().as_deref(), Some("4"));
}
