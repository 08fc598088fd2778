//! One message to one person: what their server got and how, every try with its conversation, what it was judged by, what
//! was done with it, and what it said. Nothing rendered is kept: it is made once more, and where that cannot be, so it says.

use super::layout::{Layout, Section};
use super::names::Names;
use super::shown::Shown;
use super::shown::verdict_class as class_of;
use super::spread::{self, Spread};
use super::{Visitor, page, segments};
use crate::App;
use crate::api::campaigns as api;
use crate::extract::At;
use crate::problem::{Code, Problem};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use dispatch::react::Policy;
use dispatch::trial::letter;
use engine::SendError;
use engine::remade::{Remade, remade};
use engine::report::people::{self, Person};
use engine::why::{self, Advice, Step, Told, Try, Who};
use model::access::Scope;
use model::reaction::Doer;
use model::{CampaignId, CampaignKind, ContactId, DeliveryId, DeliveryState, ReactionKind};
use store::{Campaign, DeliveryRow, Reacted};

/// Opens and clicks that are shown.
const REACTIONS_MAX: usize = 100;

/// One person's story.
pub(super) struct Story {
    /// Where they stand.
    pub(super) person: Person,
    pub(super) told: Told,
    campaign: CampaignId,
    /// For what they wait, in words.
    pub(super) waits: Vec<String>,
    /// What can be done.
    pub(super) advice: Vec<Do>,
}

/// Something that can be done.
pub(super) struct Do {
    pub(super) what: String,
    /// The page where it is done: address and words.
    pub(super) page: Option<(String, String)>,
    /// What does it where there is no page.
    pub(super) command: Option<String>,
}

impl Do {
    fn of(visitor: &Visitor, row: &DeliveryRow, advice: &Advice) -> Do {
        let shown = &visitor.shown;
        let page =
            advice.command.as_deref().and_then(|command| page_of((row.delivery, row.campaign, row.contact), command));
        let command = advice.command.clone().filter(|_| page.is_none());
        // Whoever may not do it is told what can be done, without a door that is shut.
        let page = page.filter(|(_, _, needs)| visitor.caller.scopes.has(*needs));
        let page = page.map(|(href, deed, _)| (href, shown.one_of("do", deed)));
        Do { what: shown.told(&advice.text), page, command }
    }
}

/// The page that does what a command of an advice does: its address, what is done there, and what it needs.
fn page_of(
    (delivery, campaign, contact): (DeliveryId, CampaignId, ContactId),
    command: &str,
) -> Option<(String, &'static str, Scope)> {
    let words: Vec<&str> = command.split(' ').collect();
    match words[..] {
        ["contact", "edit", ..] => Some((format!("/contacts/{contact}/change"), "change", Scope::ContactsWrite)),
        ["contact", "show", ..] => Some((format!("/contacts/{contact}"), "look", Scope::ContactsRead)),
        ["suppress", "add", ..] => Some((format!("/contacts/{contact}/change"), "suppress", Scope::ContactsWrite)),
        ["suppress", "lift", "--provisional", ..] => {
            Some(("/suppressions".to_owned(), "lift", Scope::SuppressionsWrite))
        }
        ["suppress", "lift", target, ..] => {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("target", target).finish();
            Some((format!("/suppressions/lift?{query}"), "lift", Scope::SuppressionsWrite))
        }
        ["hold", "lift", ..] => Some(("/lanes".to_owned(), "lift", Scope::DispatchWrite)),
        ["doubt", ..] => Some((format!("/deliveries/{delivery}/doubt"), "doubt", Scope::CampaignsSend)),
        ["resend", ..] => Some((format!("/campaigns/{campaign}/resend"), "resend", Scope::CampaignsSend)),
        ["resume", ..] => Some((format!("/campaigns/{campaign}"), "campaign", Scope::CampaignsRead)),
        ["choose", ..] => Some((format!("/campaigns/{campaign}/report#trial"), "choose", Scope::CampaignsSend)),
        ["sunset", "list"] => Some(("/sunsets".to_owned(), "sunsets", Scope::SuppressionsRead)),
        _ => None,
    }
}

impl Story {
    /// The story of a delivery; `None`: whoever it was for was forgotten.
    pub(super) async fn of(app: &App, visitor: &Visitor, row: DeliveryRow) -> Result<Option<Story>, Problem> {
        let (workspace, who) = (visitor.caller.workspace, Who::Contact(row.contact));
        let known = why::why(&app.store, workspace, &who, Some(row.campaign)).await?;
        let mut told = known.and_then(|known| known.mailing);
        let campaign = app.store.campaign(row.campaign).await?;
        if let (Some(told), Some(campaign)) = (&mut told, &campaign) {
            told.tell_of_what_comes(&app.store, campaign, &row, app.now()).await?;
        }
        // What somebody waits for names sources, as the tries do: they are the house's.
        let waits = match visitor.caller.of_the_house() {
            Ok(()) => {
                if let (Some(told), Some(campaign)) = (&mut told, &campaign) {
                    told.name_sources(&app.store).await?;
                    told.advise_of_holds(&app.store, campaign, row.delivery, app.now()).await?;
                }
                why::waits_for(&app.store, row.delivery, app.now()).await?
            }
            Err(_) => Vec::new(),
        };
        let shown = &visitor.shown;
        let in_words = |wait: why::WaitsFor| {
            let why = shown.machine_said(&wait.why, &shown.now);
            match wait.until {
                Some(until) => {
                    shown.fill("message-waits-until", &[("at", shown.time(&until).into()), ("why", why.into())])
                }
                None => shown.fill("message-waits", &[("why", why.into())]),
            }
        };
        let waits = waits.into_iter().map(in_words).collect();
        if let Some(settled) = told.as_mut().and_then(|told| told.settled.as_mut()) {
            settled.by = Names::of(app, workspace).await?.of_actor(shown, &settled.by);
        }
        Ok(told.map(|told| {
            let advice = told.advice.iter().map(|advice| Do::of(visitor, &row, advice)).collect();
            Story { campaign: row.campaign, person: people::person(row), told, waits, advice }
        }))
    }

    /// Was any of it tried? Else a site that lets nobody in settled it.
    fn was_tried(&self) -> bool {
        self.person.made > 0
    }

    /// The how manieth it was of those in a row that count towards the limit.
    pub(super) fn soft(&self, shown: &Shown) -> Option<String> {
        let (nth, policy) = (self.told.soft_nth?, Policy::default());
        let days = policy.soft_span_min.as_secs() / (24 * 3600);
        let values =
            [("n", u64::from(nth).into()), ("limit", u64::from(policy.soft_limit).into()), ("days", days.into())];
        Some(shown.fill("message-soft-nth", &values))
    }

    /// Where the people of the same domain are who stand there in the campaign; `None`: not all of them were looked at.
    pub(super) fn near(&self, stand: &str) -> Option<String> {
        use DeliveryState::{Accepted, Blocked, Deferred, Hard, InDoubt, Queued, Soft};
        let near = self.told.neighbours.as_ref().filter(|near| !near.truncated)?;
        let states: &[DeliveryState] = match stand {
            "accepted" => &[Accepted],
            "refused" => &[Hard, Blocked],
            "other" => &[Soft, InDoubt],
            _ => &[Queued, Deferred],
        };
        Some(segments::at_domain(self.campaign, &near.domain, states))
    }

    /// The tries, newest first.
    pub(super) fn tries(&self) -> Vec<&Try> {
        let tries = self.told.timeline.iter().filter_map(|step| match step {
            Step::Try(one) => Some(one.as_ref()),
            _ => None,
        });
        tries.rev().collect()
    }

    /// The same as a table: the words of the page, without the conversations.
    fn spread(&self, shown: &Shown) -> Spread {
        let mut head = vec!["#".to_owned()];
        head.extend(shown.says(["when", "try-server", "state", "cause-means", "last-said"]));
        let row = |one: &&Try| {
            let ip = one.ip.map(|ip| ip.to_string());
            let server: Vec<String> = one.host.iter().cloned().chain(ip).collect();
            let said = one.reply.as_ref().map(ToString::to_string);
            let noted = one.note.as_ref().map(|note| shown.machine_said(note, &one.at));
            vec![
                one.number.map(|number| number.to_string()).unwrap_or_default(),
                shown.machine(&one.at),
                server.join("; "),
                shown.one_of("term", one.became.word()),
                shown.told(one.meaning),
                said.into_iter().chain(noted).collect::<Vec<_>>().join("; "),
            ]
        };
        Spread { id: "tries", head, rows: self.tries().iter().map(row).collect() }
    }
}

/// Something that was done with it.
pub(super) struct Reaction {
    pub(super) at: String,
    machine: String,
    pub(super) what: String,
    /// Who did it, if it was not surely they themselves.
    pub(super) by: Option<String>,
    detail: Option<String>,
}

/// What the server gets, or got, as far as it can be told.
struct Wire {
    from: String,
    /// With this person's values, where `remade` is there; else as the campaign has it.
    subject: Option<String>,
    signed_by: Option<(String, String)>,
    remade: Option<Remade>,
    /// How sure it is, in words.
    note: String,
}

impl Wire {
    /// Made once more; a message that cannot be made again is told of by what its campaign says.
    async fn of(app: &App, visitor: &Visitor, campaign: &Campaign, row: &DeliveryRow) -> Result<Wire, Problem> {
        let shown = &visitor.shown;
        let note = match row.state == DeliveryState::Skipped {
            true => shown.say("message-never-made"),
            false => match remade(&app.store, app.world.entropy.as_ref(), row, app.now()).await {
                Ok(remade) => {
                    let note =
                        shown.say(if remade.values_of_today { "message-remade-today" } else { "message-remade-own" });
                    return Ok(Wire {
                        from: remade.from.clone(),
                        subject: Some(remade.subject.clone()),
                        signed_by: remade.signed_by.clone(),
                        note,
                        remade: Some(remade),
                    });
                }
                Err(SendError::Store(why)) => return Err(why.into()),
                Err(why) => shown.fill("message-not-remade", &[("why", shown.refused(&why.to_string()).into())]),
            },
        };
        let options = engine::drafts::proposal(&app.store, campaign).await?.options;
        let signed_by = options.dkim.map(|dkim| (dkim.domain, dkim.selector));
        Ok(Wire { from: options.from, subject: options.subject, signed_by, remade: None, note })
    }
}

#[derive(Template)]
#[template(path = "pages/message.html")]
struct MessagePage {
    layout: Layout,
    campaign: Campaign,
    story: Story,
    wire: Wire,
    reactions: Vec<Reaction>,
    /// Is what it says the campaign's, so that it can be shown with this person's values?
    is_shown: bool,
    /// Which variant they get, by its letter.
    variant: Option<char>,
}

/// A link of a message: its number, and where it leads, if that is the same for everybody.
pub(super) fn link_in_words(shown: &Shown, links: &[(u16, String)], link: u32) -> String {
    if link == 0 {
        return shown.say("link-trap");
    }
    let number = shown.count("link-number", &link.into());
    match links.iter().find(|(known, _)| u32::from(*known) == link) {
        Some((_, url)) => format!("{number}: {url}"),
        None => number,
    }
}

/// Who opened it or followed a link, if it was not surely they themselves.
pub(super) fn by_whom(shown: &Shown, kind: ReactionKind, score: u8) -> Option<String> {
    if !matches!(kind, ReactionKind::Opened | ReactionKind::Clicked) {
        return None;
    }
    match Doer::of(score) {
        Doer::Person => None,
        Doer::Unsure => Some(shown.say("by-unsure")),
        Doer::Machine => Some(shown.say("by-machine")),
    }
}

/// What was done with a message.
pub(super) async fn reactions(app: &App, visitor: &Visitor, row: &DeliveryRow) -> Result<Vec<Reaction>, Problem> {
    let shown = &visitor.shown;
    let found = app.store.reactions_of(visitor.caller.workspace, row.delivery, REACTIONS_MAX).await?;
    let links = match found.iter().any(|one| one.link.is_some()) {
        true => app.store.links(row.campaign).await?,
        false => Vec::new(),
    };
    let reaction = |one: Reacted| Reaction {
        at: shown.second(&one.at),
        machine: shown.machine(&one.at),
        what: shown.one_of("reaction", one.kind.word()),
        by: by_whom(shown, one.kind, one.score),
        detail: one.link.map(|link| link_in_words(shown, &links, link)),
    };
    Ok(found.into_iter().map(reaction).collect())
}

/// The page.
pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<DeliveryId>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    visitor.caller.may(Scope::ContactsRead)?;
    let workspace = visitor.caller.workspace;
    let row = app.store.delivery_in(workspace, id).await?.ok_or_else(|| Problem::from(Code::NotFound))?;
    let campaign = api::campaign(&app, &visitor.caller, row.campaign).await?;
    let is_skipped = row.state == DeliveryState::Skipped;
    let variant = row.variant.map(|number| letter(number.into()));
    let story = Story::of(&app, &visitor, row.clone()).await?.ok_or_else(|| Problem::from(Code::NotFound))?;
    let wire = Wire::of(&app, &visitor, &campaign, &row).await?;
    let shown = &visitor.shown;
    let reactions = reactions(&app, &visitor, &row).await?;
    let title = story.told.address.clone().unwrap_or_else(|| id.to_string());
    let layout = Layout::of(&app, &visitor, Section::Campaigns, title);
    let tries = story.spread(shown);
    let drawn = page(&MessagePage {
        layout,
        story,
        wire,
        reactions,
        variant,
        is_shown: campaign.kind == CampaignKind::Broadcast && !is_skipped,
        campaign,
    });
    Ok(spread::beside(drawn, vec![tries]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_does_is_done_on_a_page_where_there_is_one() {
        let (delivery, campaign, contact) = (DeliveryId(6), CampaignId(7), ContactId(8));
        let href = |command: &str| page_of((delivery, campaign, contact), command).map(|(href, ..)| href);
        assert_eq!(href("contact edit c_8 --email NEW"), Some(format!("/contacts/{contact}/change")));
        let lift = href("suppress lift kim+x@a.example --reason \"…\" --yes").unwrap();
        assert_eq!(lift, "/suppressions/lift?target=kim%2Bx%40a.example");
        assert_eq!(href("suppress lift --provisional --reason \"…\"").unwrap(), "/suppressions");
        assert_eq!(href("resend 3 --in-doubt"), Some(format!("/campaigns/{campaign}/resend")));
        assert_eq!(href("doubt resend 3 kim@a.example"), Some(format!("/deliveries/{delivery}/doubt")));
        assert_eq!(href("resume 3"), Some(format!("/campaigns/{campaign}")));
        assert_eq!(href("choose 3 VARIANT"), Some(format!("/campaigns/{campaign}/report#trial")));
        assert_eq!(href("origins"), None);
    }
}
