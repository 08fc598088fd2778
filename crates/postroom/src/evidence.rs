//! What is undone in bulk (suppressions, contacts in `error`), told by the answers of servers that are behind it.

use crate::failure::Failure;
use crate::holding::provider_key;
use crate::ledger::Ledger;
use crate::moment;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use store::LiftFilter;

/// The same as it is typed.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub(crate) struct Typed {
    /// Only what answers of this provider brought about: its key or name (google, microsoft365, outlook, yahoo, …)
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// Only what this reply code or enhanced code brought about (550, 4.2.2)
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Only from this time on (2026-11-22, "2026-11-22 14:00", or 6h for six hours ago)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// Which answers: all that is given must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Evidence {
    provider: Option<String>,
    code: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Typed {
    /// Was nothing typed?
    pub(crate) fn is_empty(&self) -> bool {
        [&self.provider, &self.code, &self.since, &self.until].iter().all(|one| one.is_none())
    }

    /// Reads it as of a ledger: times that were are counted back from its now. Refused: a provider nobody knows.
    pub(crate) async fn read(self, ledger: &Ledger) -> Result<Evidence, Failure> {
        let now = ledger.now();
        let time = |text: Option<String>| text.map(|text| moment::past(&text, now)).transpose();
        let (since, until) = (time(self.since)?, time(self.until)?);
        let provider = match self.provider {
            Some(typed) => Some(provider_of(ledger, &typed).await?),
            None => None,
        };
        Ok(Evidence { provider, code: self.code, since, until })
    }
}

impl Evidence {
    /// As the ledger is asked.
    pub(crate) fn filter(&self) -> LiftFilter {
        LiftFilter {
            provider: self.provider.clone(),
            code: self.code.clone(),
            since: self.since,
            until: self.until,
            ..LiftFilter::default()
        }
    }
}

/// The key of a provider, by its key or its name. One that nobody describes any more is known by what it suppressed.
async fn provider_of(ledger: &Ledger, typed: &str) -> Result<String, Failure> {
    let refused = match provider_key(typed, &ledger.dir, None) {
        Ok(key) => return Ok(key),
        Err(refused) => refused,
    };
    let filter = LiftFilter { provider: Some(typed.to_owned()), ..LiftFilter::default() };
    match ledger.store.lift_preview(ledger.workspace, filter).await?.count {
        0 => {
            Err(refused
                .advise("a provider is named by its key: google is gmail.com, outlook is hotmail.com and live.com"))
        }
        _ => Ok(typed.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Order;

    #[test]
    fn an_order_has_it_beside_its_own_fields() {
        let (provider, since) = (Some("gmail".to_owned()), Some(Timestamp::from_millis(7)));
        let evidence = Evidence { provider, code: None, since, until: None };
        let order = Order::Lift { provisional: false, evidence, reason: "theirs".to_owned(), dry_run: true };
        let told = serde_json::to_value(&order).unwrap();
        assert_eq!((&told["lift"]["provider"], &told["lift"]["reason"]), (&"gmail".into(), &"theirs".into()));
        assert_eq!(serde_json::from_value::<Order>(told).unwrap(), order);
    }
}
