//! On what terms a campaign is sent: in which hours, until when, and whether a sample goes first or variants are compared.
//!
//! Read from the campaign when it is taken up. Invariants: nothing of a campaign starts outside its windows, by the
//! recipient's clock where it is known; nothing starts after it has expired; while the canary is out, nobody else is;
//! while variants are compared, nobody else is but those they are compared on.

use crate::Stakes;
use crate::trial::UnderWay;
use dispatch::brakes::{Audience, Canary, Decision, Limits};
use dispatch::windows::{Windows, Zone};
use model::{CampaignId, DayCount, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use store::{Claimed, Part};

/// Columns that say in which time zone a person lives.
pub(crate) const ZONE_COLUMNS: [&str; 4] = ["timezone", "time_zone", "tz", "zone"];

/// The terms of all campaigns of a run.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    of: Mutex<BTreeMap<CampaignId, Term>>,
}

/// The terms of one campaign.
#[derive(Debug, Default)]
pub(crate) struct Term {
    pub(crate) windows: Option<Windows>,
    /// Do people's own time zones decide?
    pub(crate) by_recipient: bool,
    pub(crate) expires_at: Option<Timestamp>,
    /// From this position on, people have not reacted for long.
    pub(crate) cold_from: Option<u32>,
    pub(crate) canary: Option<Canary>,
    pub(crate) trial: Option<UnderWay>,
}

/// Hours at which somebody is not written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// Nobody of the campaign is before then.
    ToAll { until: Timestamp, why: String },
    /// This person is not, by their own clock; others may be.
    ToOne { until: Timestamp },
}

/// What a campaign asks for, as it was made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) windows: Option<Windows>,
    pub(crate) by_recipient: bool,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) cold_from: Option<u32>,
    /// The sample that goes first, while its verdict may still be open.
    pub(crate) canary: Option<Sample>,
    /// The comparison of variants, while nothing is chosen.
    pub(crate) trial: Option<UnderWay>,
}

/// A sample that goes first, and what the ledger knows of it.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// For whom it stands.
    pub(crate) audience: Audience,
    /// How many they are.
    pub(crate) size: u64,
    /// Since when it is out.
    pub(crate) since: Timestamp,
    /// How many have a first verdict.
    pub(crate) judged: u64,
    /// What became of them, by provider: while the sample is out, nobody else was tried.
    pub(crate) counted: Vec<(Option<String>, DayCount)>,
}

impl Sample {
    /// The sample as it stands.
    pub(crate) fn begin(&self, now: Timestamp) -> Canary {
        let mut canary = Canary::new(&self.audience, self.size, Limits::default(), self.since.min(now));
        canary.recount(now, self.judged, &self.counted);
        canary
    }
}

impl Plan {
    /// The terms as they stand when the campaign is taken up.
    pub(crate) fn begin(&self, stakes: Stakes, is_sample_over: bool, now: Timestamp) -> Term {
        let canary = self.canary.as_ref().filter(|_| stakes != Stakes::Rehearsal && !is_sample_over);
        Term {
            windows: self.windows.clone(),
            by_recipient: self.by_recipient,
            expires_at: self.expires_at,
            cold_from: self.cold_from,
            canary: canary.map(|sample| sample.begin(now)),
            trial: self.trial.clone(),
        }
    }
}

impl Terms {
    pub(crate) fn put(&self, campaign: CampaignId, term: Term) {
        self.lock().insert(campaign, term);
    }

    pub(crate) fn forget(&self, campaign: CampaignId) {
        self.lock().remove(&campaign);
    }

    /// When anything of the campaign may start, and why not now, if its hours are closed to everybody. Where people's own
    /// clocks decide, they never are.
    pub(crate) fn not_before(&self, campaign: CampaignId, now: Timestamp) -> Option<(Timestamp, String)> {
        let of = self.lock();
        let term = of.get(&campaign).filter(|term| !term.by_recipient)?;
        closed(term, None, campaign, now)
    }

    /// The hours that are closed to one person: the campaign's, or those by their own clock where that decides.
    pub(crate) fn closed_to(&self, claimed: &Claimed, now: Timestamp) -> Option<Closed> {
        let of = self.lock();
        let term = of.get(&claimed.campaign)?;
        let zone = if term.by_recipient { zone_of(&claimed.attributes) } else { None };
        let (until, why) = closed(term, zone.as_ref(), claimed.campaign, now)?;
        Some(if term.by_recipient { Closed::ToOne { until } } else { Closed::ToAll { until, why } })
    }

    /// May its hours keep people of the campaign back now? Where their own clocks decide, `by_person` says whether that may be.
    pub(crate) fn may_be_closed(&self, campaign: CampaignId, by_person: bool, now: Timestamp) -> bool {
        let of = self.lock();
        of.get(&campaign).is_some_and(|term| match term.by_recipient {
            true => by_person && term.windows.is_some(),
            false => closed(term, None, campaign, now).is_some(),
        })
    }

    /// Is this person's part of the campaign the cold one?
    pub(crate) fn is_cold(&self, claimed: &Claimed) -> bool {
        let of = self.lock();
        of.get(&claimed.campaign).and_then(|term| term.cold_from).is_some_and(|from| claimed.position >= from)
    }

    /// Which part of the campaign may be read.
    pub(crate) fn part(&self, campaign: CampaignId, holds_cold: bool) -> Part {
        let of = self.lock();
        let term = of.get(&campaign);
        match (term.is_some_and(|term| term.canary.is_some()), term.is_some_and(|term| term.trial.is_some())) {
            (true, _) => Part::Canary,
            (false, true) => Part::Trial { cold: !holds_cold },
            (false, false) if holds_cold => Part::NotCold,
            (false, false) => Part::All,
        }
    }

    /// The campaigns whose sample is out.
    pub(crate) fn samples_out(&self) -> Vec<CampaignId> {
        let of = self.lock();
        of.iter().filter(|(_, term)| term.canary.is_some()).map(|(campaign, _)| *campaign).collect()
    }

    pub(crate) fn expires_at(&self, campaign: CampaignId) -> Option<Timestamp> {
        self.lock().get(&campaign).and_then(|term| term.expires_at)
    }

    /// Lets somebody look at the canary of a campaign while it is out.
    pub(crate) fn with_canary<T>(&self, campaign: CampaignId, look: impl FnOnce(&mut Canary) -> T) -> Option<T> {
        self.lock().get_mut(&campaign).and_then(|term| term.canary.as_mut()).map(look)
    }

    /// What is to be done about the canaries that are out; those that may go on are over.
    pub(crate) fn decide_canaries(&self, now: Timestamp) -> Vec<(CampaignId, Decision)> {
        let mut decided = Vec::new();
        for (campaign, term) in self.lock().iter_mut() {
            let Some(decision) = term.canary.as_ref().map(|canary| canary.decide(now)) else { continue };
            if !matches!(decision, Decision::Wait { .. }) {
                term.canary = None;
                decided.push((*campaign, decision));
            }
        }
        decided
    }

    /// Comparisons whose sample is still being sent.
    pub(crate) fn trials_going_out(&self) -> Vec<CampaignId> {
        let of = self.lock();
        let going_out = |term: &Term| term.trial.as_ref().is_some_and(|trial| trial.out_at.is_none());
        of.iter().filter(|(_, term)| going_out(term)).map(|(campaign, _)| *campaign).collect()
    }

    /// Comparisons that are to be judged now.
    pub(crate) fn trials_due(&self, now: Timestamp) -> Vec<CampaignId> {
        let of = self.lock();
        let is_due = |term: &Term| term.trial.as_ref().and_then(UnderWay::due).is_some_and(|at| at <= now);
        of.iter().filter(|(_, term)| is_due(term)).map(|(campaign, _)| *campaign).collect()
    }

    /// Is there a comparison that will be judged by itself?
    pub(crate) fn is_judged_later(&self) -> bool {
        self.lock().values().any(|term| term.trial.as_ref().and_then(UnderWay::due).is_some())
    }

    /// Lets somebody change what is known of a comparison under way.
    pub(crate) fn with_trial(&self, campaign: CampaignId, change: impl FnOnce(&mut UnderWay)) {
        if let Some(under_way) = self.lock().get_mut(&campaign).and_then(|term| term.trial.as_mut()) {
            change(under_way);
        }
    }

    /// A variant was chosen: the rest may be read. `false`: nothing was waited for.
    pub(crate) fn end_trial(&self, campaign: CampaignId) -> bool {
        self.lock().get_mut(&campaign).and_then(|term| term.trial.take()).is_some()
    }

    /// Was a comparison judged, and is a person asked which variant everybody else gets?
    pub(crate) fn asks_for_a_choice(&self, campaign: CampaignId) -> bool {
        let of = self.lock();
        of.get(&campaign).and_then(|term| term.trial.as_ref()).is_some_and(|under_way| under_way.is_asked)
    }

    /// Is a comparison under way?
    pub(crate) fn has_trial(&self, campaign: CampaignId) -> bool {
        self.lock().get(&campaign).is_some_and(|term| term.trial.is_some())
    }

    /// When time alone changes something: a canary's patience, a comparison's end, an expiry.
    pub(crate) fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let of = self.lock();
        let patience = |term: &Term| match term.canary.as_ref()?.decide(now) {
            Decision::Wait { until, .. } => Some(until),
            Decision::Go { .. } | Decision::Stop { .. } => Some(now),
        };
        let judged = |term: &Term| term.trial.as_ref().and_then(UnderWay::due);
        let changes = of.values().flat_map(|term| [patience(term), judged(term), term.expires_at]);
        changes.flatten().min()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<CampaignId, Term>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the windows open next, if they are closed; not all with the first second of an hour.
fn closed(term: &Term, zone: Option<&Zone>, campaign: CampaignId, now: Timestamp) -> Option<(Timestamp, String)> {
    let windows = term.windows.as_ref()?;
    let until = windows.next_start(now, zone, campaign.0 as u64);
    (until > now).then(|| (until, format!("outside the sending hours ({windows})")))
}

/// The time zone among a person's values.
pub(crate) fn zone_of(attributes: &str) -> Option<Zone> {
    let values: BTreeMap<String, serde_json::Value> = serde_json::from_str(attributes).ok()?;
    let named =
        |(name, value): (&String, &serde_json::Value)| value.as_str().filter(|_| names_zone(name)).and_then(Zone::find);
    values.iter().find_map(named)
}

/// Is this what a column is called that says in which time zone somebody lives?
pub(crate) fn names_zone(column: &str) -> bool {
    ZONE_COLUMNS.iter().any(|known| column.eq_ignore_ascii_case(known))
}

/// What stands for a time zone among a person's values, if none of it is one that is known. Where such a person's own clock
/// would decide, the campaign's does.
pub fn unknown_zone(attributes: &str) -> Option<String> {
    if zone_of(attributes).is_some() {
        return None;
    }
    let values: BTreeMap<String, serde_json::Value> = serde_json::from_str(attributes).ok()?;
    let said = |(name, value): (&String, &serde_json::Value)| {
        let text = value.as_str().filter(|text| names_zone(name) && !text.trim().is_empty())?;
        Some(text.to_owned())
    };
    values.iter().find_map(said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recover::tests::claimed;

    #[test]
    fn hours_are_closed_to_everybody_or_by_a_persons_own_clock() {
        // Noon and eight in the evening of a Friday, UTC.
        let (noon, evening) = (Timestamp::from_millis(1_795_176_000_000), Timestamp::from_millis(1_795_204_800_000));
        let office: Windows = "Mon-Fri 09:00-17:00".parse().unwrap();
        let in_zone = |zone: &str| Claimed { attributes: format!(r#"{{"tz": "{zone}"}}"#), ..claimed(noon) };
        let (tokyo, new_york) = (in_zone("Asia/Tokyo"), in_zone("America/New_York"));
        let terms = |by_recipient| {
            let terms = Terms::default();
            terms.put(tokyo.campaign, Term { windows: Some(office.clone()), by_recipient, ..Term::default() });
            terms
        };
        let own = terms(true);
        assert!(matches!(own.closed_to(&tokyo, noon), Some(Closed::ToOne { until }) if until > noon));
        assert_eq!(own.closed_to(&claimed(noon), noon), None, "whose zone is not known goes by the campaign's");
        assert_eq!(own.closed_to(&new_york, evening), None);
        assert_eq!(own.not_before(tokyo.campaign, evening), None);
        let one_clock = terms(false);
        assert_eq!(one_clock.closed_to(&tokyo, noon), None);
        let (until, why) = one_clock.not_before(tokyo.campaign, evening).unwrap();
        assert_eq!(one_clock.closed_to(&new_york, evening), Some(Closed::ToAll { until, why }));
    }

    #[test]
    fn a_persons_zone_is_found_among_their_values() {
        let zone = zone_of(r#"{"first_name": "Kim", "Time_Zone": " europe/berlin "}"#);
        assert_eq!(zone.as_ref().map(Zone::name), Some("Europe/Berlin"));
        assert_eq!(zone_of(r#"{"timezone": "Middle Earth"}"#), None);
        assert_eq!(zone_of("no json"), None);
        assert_eq!(unknown_zone(r#"{"timezone": "Middle Earth"}"#).as_deref(), Some("Middle Earth"));
        assert_eq!(unknown_zone(r#"{"timezone": "Middle Earth", "tz": "Asia/Tokyo"}"#), None);
        assert_eq!(unknown_zone(r#"{"timezone": " ", "city": "Middle Earth"}"#), None);
    }
}
