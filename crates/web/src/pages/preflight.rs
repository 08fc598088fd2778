//! What is about to be sent, as the review shows it: whom it is for, by name, what they see, and everything that was looked
//! for with what was found.

use super::Visitor;
use super::counting::Kept;
use super::preview::{self, Looked, Seen};
use super::shown::Shown;
use crate::App;
use crate::problem::Problem;
use engine::drafts::{Checked, Has};
use model::WorkspaceId;
use model::access::Scope;
use store::{Campaign, StoreError, Whom};

/// A group of people.
pub(super) struct Group {
    pub(super) name: String,
    /// What kind of group it is; empty: everybody.
    pub(super) kind: String,
}

/// The message, and whom it is for.
pub(super) struct Sight {
    pub(super) looked: Looked,
    /// With whose values; `None`: with nobody's.
    pub(super) with: Option<String>,
    pub(super) include: Vec<Group>,
    pub(super) exclude: Vec<Group>,
}

impl Sight {
    /// Of a draft, with the values of the first who would get it, for whoever may see people.
    pub(super) async fn of(
        app: &App,
        visitor: &Visitor,
        campaign: &Campaign,
        kept: Option<&Kept>,
    ) -> Result<Sight, Problem> {
        let may_see = visitor.caller.scopes.has(Scope::ContactsRead);
        let first = kept.filter(|_| may_see).and_then(|kept| kept.counted.people.iter().find(|one| one.skip.is_none()));
        let somebody = match first {
            Some(one) => app.store.contact_of(campaign.workspace, one.contact).await?,
            None => None,
        };
        let contact = somebody.as_ref().map(|one| one.id.to_string()).unwrap_or_default();
        let looked = preview::look_at(app, visitor, campaign, &Seen { contact, ..Seen::default() }).await?;
        let audience = app.store.audience_of(campaign.id).await?;
        Ok(Sight {
            looked,
            with: somebody.and_then(|one| one.email),
            include: named(app, &visitor.shown, campaign.workspace, &audience.include).await?,
            exclude: named(app, &visitor.shown, campaign.workspace, &audience.exclude).await?,
        })
    }
}

/// Groups by name; those that are gone by their id.
async fn named(app: &App, shown: &Shown, workspace: WorkspaceId, groups: &[Whom]) -> Result<Vec<Group>, Problem> {
    let mut named = Vec::with_capacity(groups.len());
    for whom in groups {
        let (name, id, kind) = match whom {
            Whom::Everyone => (Some(shown.say("group-everyone")), String::new(), String::new()),
            Whom::Import(id) => {
                let name = match app.store.import(*id).await {
                    Ok(import) => Some(import.file_name),
                    Err(StoreError::NotFound { .. }) => None,
                    Err(other) => return Err(other.into()),
                };
                (name, id.to_string(), shown.say("group-import"))
            }
            Whom::List(id) => {
                let list = app.store.list(workspace, *id).await?;
                (list.map(|list| list.list.name), id.to_string(), shown.say("group-list"))
            }
            Whom::Segment(id) => {
                let segment = app.store.segment(workspace, *id).await?;
                (segment.map(|segment| segment.name), id.to_string(), shown.say("group-segment"))
            }
        };
        named.push(Group { name: name.unwrap_or(id), kind });
    }
    Ok(named)
}

/// Something that was looked for.
pub(super) struct Check {
    pub(super) what: String,
    /// The class of the stylesheet, and its icon.
    pub(super) class: &'static str,
    pub(super) result: String,
}

/// Everything that was looked for. What stands against it, and what its author should look at, is told above with what
/// mends it. `size`: in kB, and whether it is cut off; `topic`: what it will be about.
pub(super) fn checks(
    shown: &Shown,
    checked: &Checked,
    (size, topic): (Option<(u64, bool)>, Option<&str>),
    is_counted: bool,
) -> Vec<Check> {
    let has = &checked.has;
    let is_against = |codes: &[&str]| checked.objections.iter().any(|one| codes.contains(&one.code()));
    let above = || ("hard", shown.say("check-above"));
    let signature = match &has.key {
        _ if has.is_rehearsal => ("skip", shown.say("check-rehearsal")),
        Some(key) if !is_against(&["no_signing_key", "key_not_published", "key_not_seen"]) => {
            let (selector, domain) = (key.selector.as_str(), key.domain.as_str());
            ("ok", shown.fill("check-signed", &[("selector", selector.into()), ("domain", domain.into())]))
        }
        _ => above(),
    };
    let unsubscribing = match (has.unsubscribe_link, has.unsubscribe_button) {
        _ if is_against(&["no_unsubscribe"]) => above(),
        (true, true) => ("ok", shown.say("check-leave-both")),
        (true, false) => ("soft", shown.say("check-leave-link")),
        (false, true) => ("soft", shown.say("check-leave-button")),
        (false, false) => ("soft", shown.say("check-missing")),
    };
    let postal_address = match has.postal_address {
        _ if is_against(&["no_postal_address"]) => above(),
        true => ("ok", shown.say("check-there")),
        false => ("soft", shown.say("check-missing")),
    };
    let text = if has.own_text { shown.say("check-text-own") } else { shown.say("check-text-made") };
    let values = match u64::try_from(checked.gaps.len()).unwrap_or(u64::MAX) {
        _ if !is_counted => ("skip", shown.say("count-going")),
        0 => ("ok", shown.say("check-values-all")),
        gaps => ("soft", shown.count("check-values-some", &gaps)),
    };
    let size = match size {
        Some((size, true)) => ("soft", format!("{} {}", shown.count("size-kb", &size), shown.say("size-clipped"))),
        Some((size, false)) => ("ok", shown.count("size-kb", &size)),
        None => above(),
    };
    let expiry = match &has.expires_at {
        _ if is_against(&["expired"]) => above(),
        Some(at) => ("ok", shown.time(at)),
        None => ("ok", shown.say("check-none")),
    };
    let topic = match (&has.topic, topic) {
        (Some(said), _) => ("ok", said.clone()),
        (None, Some(shared)) => ("ok", shown.fill("check-topic-of-lists", &[("topic", shared.into())])),
        (None, None) => ("skip", shown.say("check-topic-none")),
    };
    let in_doubt = match has.goes_once_more {
        true => ("soft", shown.say("check-once-more")),
        false => ("ok", shown.say("in-doubt-leave")),
    };
    let rows = [
        (shown.say("check-signature"), signature),
        (shown.say("check-unsubscribe"), unsubscribing),
        (shown.say("check-postal"), postal_address),
        (shown.say("check-text"), ("ok", text)),
        (shown.say("check-values"), values),
        (shown.say("check-links"), links(shown, has)),
        (shown.say("check-size"), size),
        (shown.say("campaign-topic"), topic),
        (shown.say("expires"), expiry),
        (shown.say("in-doubt"), in_doubt),
    ];
    rows.map(|(what, (class, result))| Check { what, class, result }).into()
}

/// How many links there are, and those that are none to send.
fn links(shown: &Shown, has: &Has) -> (&'static str, String) {
    match has.running_links.as_slice() {
        [] => ("ok", shown.count("check-links-all", &u64::try_from(has.links).unwrap_or(u64::MAX))),
        running => ("soft", shown.fill("check-links-run", &[("links", running.join(", ").into())])),
    }
}
