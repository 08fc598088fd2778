//! What a story mails: people brought in, campaigns made from a message and begun.

use super::{NAME, PAGE, SELECTOR, actor};
use crate::people::{POSTAL_ADDRESS, SENDER, SENDER_DOMAIN};
use crate::scenario::Scenario;
use crate::world::EPOCH;
use engine::SendError;
use engine::launch::{self, Draft, MessageFile, Snapshot};
use engine::options::{Dkim, SendOptions, Timing, Tracking, Transport, Unsubscribe};
use engine::trial::Comparison;
use model::{CampaignKind, CampaignState, Timestamp, WorkspaceId};
use store::{Import, ImportRow, NewImport, Store};

/// A campaign to be made.
pub(crate) struct Letter<'a> {
    pub(super) name: &'a str,
    pub(super) kind: CampaignKind,
    /// The people's lists, if they are not those of the first campaign.
    pub(super) lists: Option<Vec<Import>>,
    pub(super) timing: Timing,
    pub(super) topic: Option<String>,
    pub(super) comparing: Option<Comparison>,
    pub(super) scenario: &'a Scenario,
}

impl<'a> Letter<'a> {
    pub(crate) fn first(scenario: &'a Scenario) -> Letter<'a> {
        let (timing, comparing) = (scenario.timing.clone(), scenario.comparing.clone());
        let topic = scenario.topic.map(str::to_owned);
        Letter { timing, topic, comparing, ..Letter::beside(scenario, NAME) }
    }

    pub(super) fn beside(scenario: &'a Scenario, name: &'a str) -> Letter<'a> {
        let timing = Timing::default();
        Letter { name, kind: CampaignKind::Broadcast, lists: None, timing, topic: None, comparing: None, scenario }
    }

    pub(super) fn urgent(scenario: &'a Scenario, name: &'a str, only: Import) -> Letter<'a> {
        Letter { kind: CampaignKind::Transactional, lists: Some(vec![only]), ..Letter::beside(scenario, name) }
    }
}

/// Makes a campaign and starts it.
pub(crate) async fn mail(store: &Store, letter: &Letter<'_>, now: Timestamp) -> Result<(), SendError> {
    let Letter { name, kind, lists, timing, topic, comparing, scenario } = letter;
    let imports = match lists {
        Some(lists) => lists.clone(),
        None => first_lists(store, scenario).await,
    };
    let source = source(name);
    let zone = (!scenario.attributes.is_empty()).then(|| "timezone".to_owned());
    let snapshot = Snapshot {
        file: MessageFile::new("spring.md".into(), source),
        options: SendOptions {
            timing: timing.clone(),
            require_tls: scenario.require_tls,
            topic: topic.clone(),
            ..options()
        },
        columns: ["email".to_owned()].into_iter().chain(zone).collect(),
        never_mailed: false,
        trial: comparing.clone(),
    };
    let draft = Draft { name: (*name).to_owned(), snapshot, imports, stakes: scenario.stakes, kind: *kind };
    let launched = launch::launch(store, &draft, &actor(), now).await?;
    store.set_campaign_state(launched.campaign.id, CampaignState::Sending, None, &actor(), now).await?;
    Ok(())
}

/// The lists of the first campaign.
pub(super) async fn first_lists(store: &Store, scenario: &Scenario) -> Vec<Import> {
    let lists = store.list_imports(WorkspaceId::FIRST).await.expect("the ledger can be read");
    lists.into_iter().take(1 + usize::from(!scenario.second_list.is_empty())).collect()
}

/// A message under this subject.
pub(super) fn source(subject: &str) -> String {
    format!(
        "---\nsubject: {subject}\n---\nDear {{{{ email }}}},\n\nspring is here.\n\n[Unsubscribe]({{{{ unsubscribe_url \
         }}}})\n\n{{{{ postal_address }}}}\n"
    )
}

pub(super) fn options() -> SendOptions {
    SendOptions {
        from: SENDER.into(),
        subject: None,
        return_path: SENDER_DOMAIN.into(),
        unsubscribe: Unsubscribe::PublicUrl(format!("https://{SENDER_DOMAIN}")),
        postal_address: Some(POSTAL_ADDRESS.into()),
        dkim: Some(Dkim { domain: SENDER_DOMAIN.into(), selector: SELECTOR.into() }),
        transport: Transport::Direct { port: engine::options::SMTP_PORT, dns: None },
        connections: None,
        retry: None,
        timing: Timing::default(),
        require_tls: false,
        tracking: Tracking::default(),
        topic: None,
    }
}

pub(crate) async fn import(
    store: &Store,
    scenario: &Scenario,
    people: &[String],
    number: u8,
    now: Timestamp,
) -> Import {
    let new = NewImport {
        workspace: WorkspaceId::FIRST,
        file_name: format!("people{number}.csv"),
        content_hash: [number; 32],
        columns: vec!["email".into()],
    };
    let import = store.begin_import(new, &actor(), now).await.expect("an import");
    let rows: Vec<ImportRow> = people.iter().zip(1..).map(|(person, line)| row(scenario, person, line)).collect();
    for chunk in rows.chunks(PAGE) {
        store.write_import_chunk(import.id, chunk.to_vec(), now).await.expect("written");
    }
    store.finish_import(import.id, &actor(), now).await.expect("finished")
}

fn row(scenario: &Scenario, person: &str, line: u64) -> ImportRow {
    let values = scenario.attributes.iter().find(|(address, _)| address == person);
    let engaged = scenario.engaged.iter().find(|(address, _)| address == person);
    ImportRow {
        attributes: values.map_or_else(|| "{}".to_owned(), |(_, values)| values.clone()),
        engaged_at: engaged.map(|(_, before)| EPOCH - *before),
        ..ImportRow::of(line, person)
    }
}
