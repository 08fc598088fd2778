//! What is in a sandbox when it is made: a sender, a thousand people with the flaws that real lists have, a list, a segment,
//! and a campaign that waits to be looked at and begun.

use crate::failure::Failure;
use crate::sample;
use engine::brand::{BRAND_NAME, SENDER};
use engine::drafts::{self, POSTAL_ADDRESS, Proposal};
use engine::launch::{MessageFile, Parts};
use engine::options::{SendOptions, Timing, Tracking, TrackingMode, Unsubscribe};
use model::{Actor, WorkspaceId};
use sim::people::{self, MESSAGE, MESSAGE_FILE, SENDER_DOMAIN};
use sim::world::SimWorld;
use std::path::Path;
use store::{Asking, Audience, NewList, Store, Whom};

/// Sample people.
const PEOPLE: usize = 1_000;
/// People put on the list at a time.
const PAGE: usize = 500;
/// Decides who they are.
pub(super) const SEED: u64 = 7;
/// Whose sandbox it is.
const WORKSPACE: &str = "Letters & Seeds";
const BRAND: &str = "Letters & Seeds (sandbox)";
const LIST: &str = "Seasonal news";
const SEGMENT: (&str, &str) = ("People in Bergen", "attr.city == \"Bergen\"");
const CAMPAIGN: &str = "Spring news";

/// Puts everything into an empty ledger. `address`: where the sandbox is reached.
pub(super) async fn furnish(store: &Store, sim: &SimWorld, dir: &Path, address: &str) -> Result<(), Failure> {
    let (workspace, actor, clock) = (WorkspaceId::FIRST, Actor::Engine, &sim.world.clock);
    store.rename_workspace(workspace, WORKSPACE, &actor, clock.now()).await?;
    for (name, value) in [(POSTAL_ADDRESS, people::POSTAL_ADDRESS), (BRAND_NAME, BRAND), (SENDER, people::SENDER)] {
        store.set_setting(workspace, name, value, &actor, clock.now()).await?;
    }
    let key = sample::publish_key(sim)?;
    sample::keep_key(store, sim, &key, &actor).await?;
    Box::pin(sample::people_in(store, sim, dir, (PEOPLE, SEED), &actor)).await?;
    let list = NewList { name: LIST.to_owned(), topic: None, public: true, confirms: false, asking: Asking::default() };
    let list = store.create_list(workspace, list, &actor, clock.now()).await?.id;
    let mut after = None;
    loop {
        let page: Vec<_> = store.contacts_page(workspace, after, PAGE).await?.into_iter().map(|one| one.id).collect();
        let Some(last) = page.last() else { break };
        after = Some(*last);
        store.join_list(workspace, list, page, None, &actor, clock.now()).await?;
    }
    let (name, text) = SEGMENT;
    let rule = model::segment::parse(text).map_err(|error| Failure::own("the sample segment", error))?;
    store.create_segment(workspace, name, rule, false, &actor, clock.now()).await?;
    let audience = Audience { include: vec![Whom::List(list)], exclude: Vec::new() };
    let proposal = proposal(audience, address);
    drafts::make(store, workspace, &proposal, &actor, clock.now()).await?;
    Ok(())
}

fn proposal(audience: Audience, address: &str) -> Proposal {
    let (subject, preheader, source) = written_apart(MESSAGE);
    let file = MessageFile::new(MESSAGE_FILE.to_owned(), source);
    let file = MessageFile { parts: Parts { preheader, ..Parts::default() }, ..file };
    let options = SendOptions {
        from: people::SENDER.to_owned(),
        subject,
        return_path: SENDER_DOMAIN.to_owned(),
        unsubscribe: Unsubscribe::PublicUrl(address.to_owned()),
        postal_address: None,
        dkim: None,
        transport: sample::transport(),
        connections: None,
        retry: None,
        timing: Timing::default(),
        require_tls: false,
        tracking: Tracking { mode: TrackingMode::Full, ..Tracking::default() },
        topic: None,
    };
    Proposal { name: CAMPAIGN.to_owned(), file, options, audience, trial: None }
}

/// Subject, preheader and message of a file that has them in one: at the desk they are fields of their own.
fn written_apart(message: &str) -> (Option<String>, Option<String>, String) {
    let parts = message.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
    let Some((front, body)) = parts else { return (None, None, message.to_owned()) };
    let of = |name: &str| {
        let line = front.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.trim().trim_matches('"').to_owned())
    };
    (of("subject"), of("preheader"), body.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_message_comes_apart() {
        let (subject, preheader, source) = written_apart(MESSAGE);
        assert_eq!(subject.as_deref(), Some("{{ first_name | default('Hello') }}, the spring seeds are here"));
        assert_eq!(preheader.as_deref(), Some("Twelve new varieties, and an evening in the greenhouse"));
        assert!(source.starts_with("<mjml>"), "{source}");
    }
}
