//! Which source a delivery goes out by.
//!
//! The choice is made anew for every try, and comes out the same as long as nothing that matters changed: a receiver
//! that greylists must see the same address come back. So a retry stays with the source that tried it last, even when
//! the pool has changed meanwhile; and a fresh delivery is dealt by rendezvous hashing, so that a source that joins or
//! leaves moves only its own share. Invariants: a source that rests or has spent its day is never chosen; a delivery
//! that a cold source has tried once goes to a warm one if there is any.

use model::{DeliveryId, SourceId, Timestamp};

/// A source toward one provider, as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which source.
    pub source: SourceId,
    /// Its share of the pool; 0 gets fresh mail only when nothing else is left.
    pub weight: u32,
    /// Is it a member of the pool now? If not, it only finishes what it began.
    pub is_member: bool,
    /// Is it still being warmed up toward the provider?
    pub is_cold: bool,
    /// Nothing may go out by it before then (it is listed there, or its day's budget is spent).
    pub until: Option<Timestamp>,
    /// Is it in the region that the site prefers?
    pub is_near: bool,
}

/// What was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// This one.
    Source(SourceId),
    /// None before then.
    NotBefore(Timestamp),
    /// There is none at all.
    Nobody,
}

/// How much more a source in the preferred region gets than its weight says.
pub const NEAR_FACTOR: u32 = 8;

/// Chooses. `previous` is the source of the last try.
pub fn choose(candidates: &[Candidate], delivery: DeliveryId, previous: Option<SourceId>) -> Choice {
    let open = |candidate: &&Candidate| candidate.until.is_none();
    if let Some(last) = previous.and_then(|last| candidates.iter().find(|one| one.source == last)) {
        let warm_elsewhere = candidates.iter().any(|one| one.is_member && !one.is_cold && one.source != last.source);
        let stays = !(last.is_cold && warm_elsewhere);
        match last.until {
            None if stays => return Choice::Source(last.source),
            // Its own day ends soon enough, and nobody else is a member: it waits for the address that knows it.
            Some(until) if stays && !candidates.iter().any(|one| one.is_member && one.source != last.source) => {
                return Choice::NotBefore(until);
            }
            _ => {}
        }
    }
    let tried_by_cold = previous.is_some_and(|last| candidates.iter().any(|one| one.source == last && one.is_cold));
    let fits = |candidate: &&Candidate| candidate.is_member && !(tried_by_cold && candidate.is_cold);
    let any_fits = candidates.iter().any(|one| fits(&one));
    let members = || candidates.iter().filter(|one| one.is_member && (fits(one) || !any_fits));
    let best = members().filter(open).max_by(|a, b| score(a, delivery).total_cmp(&score(b, delivery)));
    match best {
        Some(best) => Choice::Source(best.source),
        None => match members().filter_map(|one| one.until).min() {
            Some(until) => Choice::NotBefore(until),
            None => Choice::Nobody,
        },
    }
}

/// Weighted rendezvous hashing: the highest score wins, each candidate in proportion to its weight.
fn score(candidate: &Candidate, delivery: DeliveryId) -> f64 {
    let near = if candidate.is_near { NEAR_FACTOR } else { 1 };
    let weight = f64::from(candidate.weight.saturating_mul(near)).max(1e-6);
    let unit = (mix(delivery.0 as u64 ^ mix(candidate.source.0 as u64)) >> 11) as f64 / (1u64 << 53) as f64;
    -weight / unit.max(f64::MIN_POSITIVE).ln()
}

/// SplitMix64's finisher.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn candidate(source: i64, weight: u32) -> Candidate {
        let source = SourceId(source);
        Candidate { source, weight, is_member: true, is_cold: false, until: None, is_near: false }
    }

    fn dealt(candidates: &[Candidate], count: i64) -> BTreeMap<SourceId, usize> {
        let mut dealt = BTreeMap::new();
        for delivery in 0..count {
            if let Choice::Source(source) = choose(candidates, DeliveryId(delivery << 10), None) {
                *dealt.entry(source).or_default() += 1;
            }
        }
        dealt
    }

    #[test]
    fn fresh_mail_is_dealt_by_weight_and_a_newcomer_takes_only_its_share() {
        let two = [candidate(1, 1), candidate(2, 3)];
        let counts = dealt(&two, 10_000);
        assert!((2_300..2_700).contains(&counts[&SourceId(1)]), "{counts:?}");
        let three = [candidate(1, 1), candidate(2, 3), candidate(3, 4)];
        for delivery in (0..1_000).map(|n| DeliveryId(n << 10)) {
            let (before, after) = (choose(&two, delivery, None), choose(&three, delivery, None));
            assert!(before == after || after == Choice::Source(SourceId(3)));
        }
    }

    #[test]
    fn a_retry_comes_back_by_the_address_that_tried_it_even_if_the_pool_changed() {
        let left = Candidate { is_member: false, ..candidate(1, 1) };
        let pool = [left, candidate(2, 1)];
        assert_eq!(choose(&pool, DeliveryId(5), Some(SourceId(1))), Choice::Source(SourceId(1)));
        assert_eq!(choose(&pool, DeliveryId(5), None), Choice::Source(SourceId(2)));
    }

    #[test]
    fn a_source_that_rests_is_gone_round() {
        let until = Timestamp::from_millis(1_000);
        let rests = Candidate { until: Some(until), ..candidate(1, 1) };
        assert_eq!(choose(&[rests, candidate(2, 1)], DeliveryId(5), Some(SourceId(1))), Choice::Source(SourceId(2)));
        assert_eq!(choose(&[rests], DeliveryId(5), None), Choice::NotBefore(until));
        assert_eq!(choose(&[], DeliveryId(5), None), Choice::Nobody);
    }

    #[test]
    fn a_cold_source_tries_a_delivery_once_and_a_warm_one_goes_on() {
        let cold = Candidate { is_cold: true, ..candidate(1, 1) };
        assert_eq!(choose(&[cold, candidate(2, 1)], DeliveryId(5), Some(SourceId(1))), Choice::Source(SourceId(2)));
        assert_eq!(choose(&[cold], DeliveryId(5), Some(SourceId(1))), Choice::Source(SourceId(1)));
    }

    #[test]
    fn the_region_that_a_site_prefers_gets_most_of_it() {
        let near = Candidate { is_near: true, ..candidate(1, 1) };
        let counts = dealt(&[near, candidate(2, 1)], 9_000);
        assert!(counts[&SourceId(1)] > 7_600, "{counts:?}");
    }
}
