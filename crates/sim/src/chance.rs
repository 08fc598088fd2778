//! Seeded chance: every draw is a function of the seed, a purpose and what it is about.
//!
//! Nothing here has a state that one draw takes from another: whether a mailbox is full depends on the seed and the
//! address alone, not on who was asked before. So the order in which connections happen to run never changes a fate,
//! and a new draw in one place leaves all others as they were. Not for secrets.

/// A source of repeatable draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chance {
    seed: u64,
}

impl Chance {
    /// The source that belongs to `seed`.
    pub const fn new(seed: u64) -> Chance {
        Chance { seed }
    }

    /// A number for the `n`-th draw of `purpose` about `key`; the same arguments give the same number for ever.
    pub fn number(self, purpose: &str, key: &str, n: u64) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325 ^ mix(self.seed);
        for byte in purpose.bytes().chain([0xff]).chain(key.bytes()).chain(n.to_le_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        mix(hash)
    }

    /// The same as a fraction, from 0 to just under 1.
    pub fn fraction(self, purpose: &str, key: &str, n: u64) -> f64 {
        // 53 bits are what a double can hold exactly.
        (self.number(purpose, key, n) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Does it happen, if it happens in `share` (0 … 1) of all cases?
    pub fn happens(self, share: f64, purpose: &str, key: &str, n: u64) -> bool {
        share > 0.0 && self.fraction(purpose, key, n) < share
    }
}

/// The finishing steps of the SplitMix64 generator: neighbouring inputs come out far apart.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_has_the_same_answer_and_every_part_of_it_matters() {
        let chance = Chance::new(7);
        let asked = chance.number("full", "ada@northmail.test", 0);
        assert_eq!(asked, Chance::new(7).number("full", "ada@northmail.test", 0));
        let others = [
            Chance::new(8).number("full", "ada@northmail.test", 0),
            chance.number("left", "ada@northmail.test", 0),
            chance.number("full", "ida@northmail.test", 0),
            chance.number("full", "ada@northmail.test", 1),
        ];
        assert!(others.iter().all(|other| *other != asked));
    }

    #[test]
    fn shares_come_out_about_right() {
        let chance = Chance::new(1);
        let hits = (0..10_000).filter(|n| chance.happens(0.03, "spam", "x", *n)).count();
        assert!((240..360).contains(&hits), "{hits} of 10,000 at 3 %");
        assert!(!chance.happens(0.0, "spam", "x", 1));
    }
}
