//! Preferences: topics, lists, a pause, or nothing at all, chosen by the link of a message.
//!
//! GET shows, POST acts, and the answer comes when what was chosen is durable and holds for mail that waits. Nobody signs
//! in: the token is the recipient's. Invariant: this page lifts what its recipient did with a link of this very message,
//! for a while, and nothing else: no complaint, no bounce, no operator's suppression.

use super::pages::{self, Look, Notice};
use super::unsubscribe::{self, address_of, answered};
use crate::App;
use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use mail::token::Purpose;
use model::{ContactStatus, ListId, SuppressionReason, Timestamp};
use std::collections::BTreeSet;
use std::time::Duration;
use store::{Contact, Offered, OfferedList, OwnChoice, Recipient, StoreError};

/// The pauses that are offered, in days.
const PAUSES_DAYS: [u16; 2] = [30, 90];
/// The longest pause that is offered, in days.
const PAUSE_DAYS_MAX: i64 = 365;
const DAY: Duration = Duration::from_secs(86_400);

/// The form as it comes back.
#[derive(Debug, Default, PartialEq, Eq)]
struct Form {
    wish: String,
    /// The topics and lists that were shown, and those of them that are wanted.
    topics: BTreeSet<String>,
    wanted: BTreeSet<String>,
    lists: BTreeSet<String>,
    stays: BTreeSet<String>,
    pause: String,
    until: String,
}

/// The day is none that can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct WrongDay;

impl Form {
    fn read(body: &[u8]) -> Form {
        let mut form = Form::default();
        for (name, value) in form_urlencoded::parse(body) {
            let value = value.into_owned();
            match name.as_ref() {
                "do" => form.wish = value,
                "pause" => form.pause = value,
                "until" => form.until = value,
                "topic" => _ = form.topics.insert(value),
                "want" => _ = form.wanted.insert(value),
                "list" => _ = form.lists.insert(value),
                "stay" => _ = form.stays.insert(value),
                _ => {}
            }
        }
        form
    }

    /// What differs from what holds.
    fn changes(&self, offered: &Offered, now: Timestamp) -> Result<OwnChoice, WrongDay> {
        let mut own = OwnChoice::default();
        own.choice.paused_until = self.pause(offered, now)?;
        for (topic, is_on) in &offered.topics {
            let wanted = self.wanted.contains(topic);
            if self.topics.contains(topic) && wanted != *is_on {
                own.choice.topics.insert(topic.clone(), wanted);
            }
        }
        for OfferedList { id, is_on, .. } in &offered.lists {
            let text = id.to_string();
            match (self.lists.contains(&text), *is_on, self.stays.contains(&text)) {
                (true, true, false) => own.leaves.push(*id),
                (true, false, true) => own.returns.push(*id),
                _ => {}
            }
        }
        Ok(own)
    }

    /// The pause, if it changes, as [`store::Choice`] has it.
    fn pause(&self, offered: &Offered, now: Timestamp) -> Result<Option<Option<Timestamp>>, WrongDay> {
        let paused = offered.paused_until;
        if let Some(days) = PAUSES_DAYS.into_iter().find(|days| self.pause == days.to_string()) {
            return Ok(Some(Some(now + DAY * u32::from(days))));
        }
        match self.pause.as_str() {
            "none" => Ok(paused.is_some().then_some(None)),
            "until" if paused.is_some_and(|until| day_of(until).to_string() == self.until) => Ok(None),
            "until" => beginning(&self.until, days_offered(now)).map(|until| Some(Some(until))).ok_or(WrongDay),
            _ => Ok(None),
        }
    }
}

/// When a day begins, in UTC, if it is one of those offered.
fn beginning(text: &str, (first, last): (Date, Date)) -> Option<Timestamp> {
    let day: Date = text.parse().ok().filter(|day| (first..=last).contains(day))?;
    let begins = day.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(Timestamp::from_millis(begins.as_millisecond()))
}

/// The page.
#[derive(Template)]
#[template(path = "public/preferences.html")]
struct PreferencesPage<'l> {
    look: &'l Look,
    title: String,
    said: Option<String>,
    /// What is wrong with the day.
    wrong: Option<String>,
    intro: String,
    standing: Option<String>,
    topics: Vec<TopicRow>,
    lists: Vec<ListRow>,
    pauses: Vec<(u16, String)>,
    /// Which pause is chosen, as the form says it, and the day beside the last of them.
    pause: String,
    until: String,
    first_day: String,
    last_day: String,
}

impl PreferencesPage<'_> {
    /// Nothing was saved: what was chosen stands in the form as it was sent.
    fn choose_as(&mut self, form: &Form) {
        for topic in self.topics.iter_mut().filter(|topic| form.topics.contains(&topic.name)) {
            topic.is_on = form.wanted.contains(&topic.name);
        }
        for list in &mut self.lists {
            let id = list.id.to_string();
            list.stays = if form.lists.contains(&id) { form.stays.contains(&id) } else { list.stays };
        }
        self.pause.clone_from(&form.pause);
        self.until.clone_from(&form.until);
    }
}

struct TopicRow {
    name: String,
    is_on: bool,
}

struct ListRow {
    id: ListId,
    name: String,
    is_on: bool,
    /// Is it ticked?
    stays: bool,
}

/// What the page says of the form that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    Saved,
    WrongDay,
}

pub(super) async fn show(State(app): State<App>, Path(token): Path<String>) -> Response {
    answered(about(&app, &token, None).await)
}

pub(super) async fn act(State(app): State<App>, Path(token): Path<String>, body: Bytes) -> Response {
    let form = Form::read(&body);
    match form.wish.as_str() {
        "save" => answered(about(&app, &token, Some(&form)).await),
        "unsubscribe" => answered(unsubscribe::leave(&app, Purpose::Preferences, &token).await),
        "undo" => answered(unsubscribe::take_back(&app, Purpose::Preferences, &token).await),
        _ => pages::not_understood(),
    }
}

/// Does what the form says, if there is one, and shows what holds.
async fn about(app: &App, token: &str, form: Option<&Form>) -> Result<Option<Response>, StoreError> {
    let Some(recipient) = app.engine.recipient(Purpose::Preferences, token).await? else { return Ok(None) };
    let look = Look::of(app, recipient.workspace).await?;
    let address = look.shortened(&address_of(app, &recipient).await?);
    let known = app.store.contact(recipient.contact).await?.filter(|known| known.workspace == recipient.workspace);
    if let Some(notice) = nothing_to_choose(&look, &address, known.as_ref()) {
        return Ok(Some(pages::show(StatusCode::OK, &notice)));
    }
    let (Some(known), Some(offered)) = (known, app.store.offered(recipient.delivery, app.now()).await?) else {
        return Ok(None);
    };
    let (said, offered) = match form {
        None => (Said::Nothing, offered),
        Some(form) => match form.changes(&offered, app.now()) {
            Err(WrongDay) => (Said::WrongDay, offered),
            Ok(own) => (Said::Saved, saved(app, &recipient, own).await?),
        },
    };
    let mut page = page(&look, &address, &known, offered, said, app.now());
    if said != Said::WrongDay {
        return Ok(Some(pages::show(StatusCode::OK, &page)));
    }
    if let Some(form) = form {
        page.choose_as(form);
    }
    Ok(Some(pages::show(StatusCode::UNPROCESSABLE_ENTITY, &page)))
}

async fn saved(app: &App, recipient: &Recipient, own: OwnChoice) -> Result<Offered, StoreError> {
    if own != OwnChoice::default() {
        app.engine.choose(recipient, own).await?;
    }
    Ok(app.store.offered(recipient.delivery, app.now()).await?.unwrap_or_default())
}

/// Who was forgotten, complained or unsubscribed from everything has nothing to choose here.
fn nothing_to_choose<'l>(look: &'l Look, address: &str, known: Option<&Contact>) -> Option<Notice<'l>> {
    let words = look.words;
    let is = |reason: SuppressionReason| {
        known.is_some_and(|known| known.suppressions.iter().any(|one| one.reason == reason))
    };
    if is(SuppressionReason::Complained) {
        return Some(Notice::new(look, words.say("preferences"), [words.say("preferences-complained")]));
    }
    if is(SuppressionReason::Unsubscribed) {
        return Some(unsubscribe::gone(look, address));
    }
    let nothing_more = || words.fill("unsubscribed-what", &[("address", address.to_owned().into())]);
    known.is_none().then(|| Notice::new(look, words.say("preferences"), [nothing_more()]))
}

fn page<'l>(
    look: &'l Look,
    address: &str,
    known: &Contact,
    offered: Offered,
    said: Said,
    now: Timestamp,
) -> PreferencesPage<'l> {
    let words = look.words;
    let is_silent = !known.suppressions.is_empty() || known.status != ContactStatus::Active;
    let paused = |until: Timestamp| words.fill("preferences-paused", &[("date", words.date(until).into())]);
    let days = |days: u16| (days, words.fill("preferences-pause-days", &[("days", days.into())]));
    let (first, last) = days_offered(now);
    let until = offered.paused_until.map(|until| day_of(until).to_string());
    let list = |OfferedList { id, name, is_on }| ListRow { id, name, is_on, stays: is_on };
    PreferencesPage {
        look,
        title: words.say("preferences"),
        said: (said == Said::Saved).then(|| words.say("preferences-saved")),
        wrong: (said == Said::WrongDay).then(|| words.say("preferences-wrong-date")),
        intro: words.fill("preferences-of", &[("address", address.to_owned().into())]),
        standing: if is_silent { Some(words.say("preferences-silent")) } else { offered.paused_until.map(paused) },
        topics: offered.topics.into_iter().map(|(name, is_on)| TopicRow { name, is_on }).collect(),
        lists: offered.lists.into_iter().map(list).collect(),
        pauses: PAUSES_DAYS.map(days).to_vec(),
        pause: if until.is_some() { "until" } else { "none" }.to_owned(),
        until: until.unwrap_or_default(),
        first_day: first.to_string(),
        last_day: last.to_string(),
    }
}

/// The first and the last day a pause may end, in UTC.
fn days_offered(now: Timestamp) -> (Date, Date) {
    let today = day_of(now);
    let later = |days: i64| today.saturating_add(jiff::Span::new().days(days));
    (later(1), later(PAUSE_DAYS_MAX))
}

fn day_of(at: Timestamp) -> Date {
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or(jiff::Timestamp::MAX);
    at.to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01, noon.
    const NOW: Timestamp = Timestamp::from_millis(1_767_268_800_000);

    fn offered() -> Offered {
        Offered {
            paused_until: None,
            topics: [("offers".to_owned(), true), ("news".to_owned(), false)].into(),
            lists: vec![
                OfferedList { id: ListId(1), name: "a".to_owned(), is_on: true },
                OfferedList { id: ListId(2), name: "b".to_owned(), is_on: false },
            ],
        }
    }

    fn changes(body: &str) -> Result<OwnChoice, WrongDay> {
        Form::read(body.as_bytes()).changes(&offered(), NOW)
    }

    #[test]
    fn only_what_was_shown_and_differs_is_changed() {
        assert_eq!(changes("do=save"), Ok(OwnChoice::default()), "nothing was shown");
        let same = format!("do=save&topic=offers&topic=news&want=offers&list={0}&stay={0}&pause=none", ListId(1));
        assert_eq!(changes(&same), Ok(OwnChoice::default()));
        let other = format!(
            "topic=offers&topic=news&topic=made+up&want=news&want=made+up&list={}&list={1}&stay={1}",
            ListId(1),
            ListId(2)
        );
        let own = changes(&other).unwrap();
        assert_eq!(own.choice.topics, [("news".to_owned(), true), ("offers".to_owned(), false)].into());
        assert_eq!((own.leaves, own.returns), (vec![ListId(1)], vec![ListId(2)]));
    }

    #[test]
    fn a_pause_is_of_days_or_until_a_day_of_the_coming_year() {
        let pause = |body: &str| changes(body).map(|own| own.choice.paused_until);
        assert_eq!(pause("pause=30"), Ok(Some(Some(NOW + DAY * 30))));
        assert_eq!(pause("pause=31"), Ok(None), "what is not offered changes nothing");
        let march = Timestamp::from_millis(1_772_323_200_000);
        assert_eq!(pause("pause=until&until=2026-03-01"), Ok(Some(Some(march))));
        for day in ["2026-01-01", "2027-01-02", "2025-12-31", "soon", ""] {
            assert_eq!(pause(&format!("pause=until&until={day}")), Err(WrongDay), "{day}");
        }
        let paused = Offered { paused_until: Some(march), ..offered() };
        let form = |body: &str| Form::read(body.as_bytes()).pause(&paused, NOW);
        assert_eq!(form("pause=until&until=2026-03-01"), Ok(None), "as it was");
        assert_eq!(form("pause=none"), Ok(Some(None)));
    }
}
