//! What the events of other systems are worth to a campaign, for each of its recipients.
//!
//! Amounts are integers until they are shown, and each currency has a line of its own: nothing is converted and nothing of
//! two currencies is added. Read from counters; the rule by which an event belongs to a campaign is the ledger's
//! ([`store::revenue`]).

use model::CampaignId;
use model::segment::{After, Counted, Happening, Measure, Rule, Span, What};
use serde::Serialize;
use store::revenue::ATTRIBUTED_WITHIN;
use store::{Campaign, Store, StoreError};

/// Millionths of a unit …
const MICROS: i128 = 1_000_000;
/// … and of a thousandth.
const MICROS_OF_A_THOUSANDTH: i128 = 1_000;
/// Decimal places that an amount has at least.
const PLACES_MIN: usize = 2;

/// What events with a value are worth to a campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Revenue {
    /// An event belongs to a click or a message at most so many days before it.
    pub within_days: u64,
    /// Whom it is shared out among: everybody whose server took the message.
    pub recipients: u64,
    /// What came after a click of the person's own in this campaign.
    pub after_click: Vec<Worth>,
    /// What came after its message, whether they clicked or not: the same events are among them.
    pub after_mail: Vec<Worth>,
}

/// The events of a name in a currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Worth {
    /// What they are called: `purchased`.
    pub name: String,
    /// `EUR`; `None`: they name none.
    pub currency: Option<String>,
    /// How many.
    pub events: u64,
    /// Of how many people.
    pub people: u64,
    /// What they are worth together, as a decimal number: `1249.50`.
    pub value: String,
    /// The same for each recipient, to the thousandth: `0.125`; `None`: nobody has the message yet.
    pub per_recipient: Option<String>,
    /// The people behind it, as the rule of a segment.
    pub segment: String,
}

impl Revenue {
    /// Of everything: after a click, then after the mail.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &Worth)> {
        let clicks = self.after_click.iter().map(|worth| ("click", worth));
        clicks.chain(self.after_mail.iter().map(|worth| ("mail", worth)))
    }
}

/// What a campaign brought; `None`: no event of a value came after it.
pub async fn revenue(store: &Store, campaign: &Campaign, recipients: u64) -> Result<Option<Revenue>, StoreError> {
    let known = store.revenue(campaign.workspace, campaign.id).await?;
    if known.is_empty() {
        return Ok(None);
    }
    let within_days = ATTRIBUTED_WITHIN.as_secs() / (24 * 3_600);
    let mut told = Revenue { within_days, recipients, after_click: Vec::new(), after_mail: Vec::new() };
    for one in known {
        let (what, place) = match one.touch {
            store::revenue::Touch::Click => (What::Clicked, &mut told.after_click),
            store::revenue::Touch::Mail => (What::Accepted, &mut told.after_mail),
        };
        place.push(Worth {
            segment: people(&one.name, what, campaign.id, within_days),
            value: decimal(one.value_micros.into()),
            per_recipient: per_recipient(one.value_micros, recipients),
            name: one.name,
            currency: one.currency,
            events: one.events,
            people: one.people,
        });
    }
    Ok(Some(told))
}

/// Whoever did that within so many days after something of the campaign.
fn people(name: &str, what: What, campaign: CampaignId, within_days: u64) -> String {
    let days = u32::try_from(within_days).unwrap_or(u32::MAX);
    let event = Happening { campaign: Some(campaign), ..Happening::any(what) };
    let after = Some(Box::new(After { event, within: Span::Days(days) }));
    let of = Happening { name: Some(name.to_owned()), after, ..Happening::any(What::Did) };
    Rule::Event(Counted { of, measure: Measure::ONCE }).to_string()
}

/// An amount shared out, to the thousandth, halves away from zero.
fn per_recipient(value_micros: i64, recipients: u64) -> Option<String> {
    let divisor = i128::from(recipients) * MICROS_OF_A_THOUSANDTH;
    let value = i128::from(value_micros);
    let rounded = (value.abs() * 2 + divisor).checked_div(divisor * 2)?;
    let sign = if value < 0 && rounded > 0 { "-" } else { "" };
    Some(format!("{sign}{}.{:03}", rounded / 1_000, rounded % 1_000))
}

/// Millionths as a decimal number, without zeros behind the second place.
fn decimal(micros: i128) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let places = format!("{:06}", micros.abs() % MICROS);
    let kept = places.trim_end_matches('0').len().max(PLACES_MIN);
    format!("{sign}{}.{}", micros.abs() / MICROS, places.get(..kept).unwrap_or(&places))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (micros, text) in [
            (0, "0.00"),
            (49_900_000, "49.90"),
            (-5_000_000, "-5.00"),
            (1, "0.000001"),
            (1_234_500, "1.2345"),
            (i128::from(i64::MAX), "9223372036854.775807"),
        ] {
            assert_eq!(decimal(micros), text);
        }
    }

    #[test]
    fn shares_are_thousandths_with_halves_away_from_zero() {
        for (micros, recipients, text) in [
            (49_900_000, 1_000, "0.050"),
            (500, 1, "0.001"),
            (499, 1, "0.000"),
            (-500, 1, "-0.001"),
            (-499, 1, "0.000"),
            (10_000_000, 3, "3.333"),
            (i64::MAX, 1, "9223372036854.776"),
        ] {
            assert_eq!(per_recipient(micros, recipients).as_deref(), Some(text), "{micros} among {recipients}");
        }
        assert_eq!(per_recipient(1, 0), None);
    }

    #[test]
    fn the_people_behind_it_are_a_rule_that_reads() {
        let text = people("purchased", What::Clicked, CampaignId(7), 7);
        assert!(text.starts_with("did(\"purchased\").after(clicked.campaign(\"m_"), "{text}");
        assert!(model::segment::parse(&text).is_ok(), "{text}");
        let mailed = people("purchased", What::Accepted, CampaignId(7), 7);
        assert!(model::segment::parse(&mailed).is_ok(), "{mailed}");
    }
}
