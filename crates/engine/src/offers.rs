//! What servers offer in EHLO and then refuse: done without there for a while, so that it costs one envelope a day and not
//! every message.
//!
//! By host, since it is mostly the proxy or the software of one machine. In memory alone: a process that starts anew
//! finds out with one envelope, which nobody is charged for.

use model::Timestamp;
use smtp::extensions::Optional;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long an extension is done without after a refusal.
const DONE_WITHOUT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// Hosts remembered at most; then all are forgotten and found out anew.
const HOSTS_MAX: usize = 10_000;

/// What is done without, and where.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    refused: Mutex<BTreeMap<String, BTreeMap<Optional, Timestamp>>>,
}

impl Offers {
    /// What is not to be used toward a host although it offers it.
    pub(crate) fn refused_by(&self, host: &str, now: Timestamp) -> BTreeSet<Optional> {
        let refused = self.lock();
        let of_host = refused.get(host).into_iter().flatten();
        of_host.filter(|(_, until)| **until > now).map(|(one, _)| *one).collect()
    }

    /// A host refused what it offers.
    pub(crate) fn refused(&self, host: &str, one: Optional, now: Timestamp) {
        let mut refused = self.lock();
        if refused.len() >= HOSTS_MAX && !refused.contains_key(host) {
            refused.clear();
        }
        refused.entry(host.to_owned()).or_default().insert(one, now + DONE_WITHOUT_FOR);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<Optional, Timestamp>>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_offer_is_done_without_for_a_day_at_that_host() {
        let (offers, then) = (Offers::default(), Timestamp::from_millis(1_700_000_000_000));
        offers.refused("mx.a.example", Optional::Dsn, then);
        offers.refused("mx.a.example", Optional::Chunking, then + Duration::from_secs(60));
        let left_out = |host, at| offers.refused_by(host, at).into_iter().collect::<Vec<_>>();
        assert_eq!(left_out("mx.a.example", then + Duration::from_secs(60)), [Optional::Chunking, Optional::Dsn]);
        assert_eq!(left_out("mx.a.example", then + DONE_WITHOUT_FOR), [Optional::Chunking]);
        assert_eq!(left_out("mx.b.example", then), []);
        for n in 0..=HOSTS_MAX {
            offers.refused(&format!("mx{n}.example"), Optional::Size, then);
        }
        assert!(offers.lock().len() <= HOSTS_MAX);
    }
}
