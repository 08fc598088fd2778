//! Which of several variants of a message did better, if any did.
//!
//! The leader is compared with each of the others: a test of two proportions with a common variance, two-sided, its p-value
//! times the number of pairs there are (Bonferroni), because whoever compares more finds more by chance. The greatest of them
//! counts: a leader is better than all. Where fewer than five people of a variant could be expected to act, or not to, the
//! normal curve says nothing, and neither do we. Invariant: a difference that may be chance is never called one.

use serde::{Deserialize, Serialize};

/// A difference that comes by chance this often, or less often, is one.
pub const CHANCE_MAX: f64 = 0.05;
/// So many of each variant must be expected to act, and so many not to, before anything is said.
pub const EXPECTED_MIN: f64 = 5.0;
/// The wait for people to act begins when so many percent of the sample have a first verdict.
pub const OUT_PERCENT: u64 = 95;

/// How far 95 of 100 normal values are from the middle where 1, 3 or 6 pairs are looked at together: of two, three or four
/// variants (Bonferroni, as the p-value).
const REACH: [f64; 3] = [1.959_964, 2.393_980, 2.638_257];

/// The people who got one variant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arm {
    /// Who has the message.
    pub people: u64,
    /// Who of them acted.
    pub acted: u64,
}

/// What a comparison shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The leader is better than every other.
    Better,
    /// The difference may be chance.
    NoDifference,
    /// Too few acted to say anything.
    TooLittle,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The variant with the greatest share of people who acted, the first of equals; `None`: nobody acted.
    pub leader: Option<usize>,
    /// What that shows.
    pub finding: Finding,
    /// How often chance alone would make a difference as large, 0 … 1; `None`: too little to say.
    pub p: Option<f64>,
}

/// How far the leader is ahead of the next, as shares of people, and how far that may be by chance (95 of 100 such intervals
/// hold the true difference).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The variant that is next.
    pub next: usize,
    /// Ahead by so much, 0 … 1.
    pub by: f64,
    /// It may be as little as this, or less than nothing …
    pub low: f64,
    /// … or as much as this.
    pub high: f64,
}

/// What is done when there is no difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undecided {
    /// The leader is taken all the same, or the first variant where nobody acted: it costs nothing.
    #[default]
    Leader,
    /// A person is asked.
    Ask,
}

/// Compares variants; two or more.
pub fn judge(arms: &[Arm]) -> Judgement {
    let acted = |at: &usize| arms[*at].acted > 0 && arms[*at].people > 0;
    let better = |one: usize, other: usize| if is_ahead(arms[other], arms[one]) { other } else { one };
    let Some(leader) = (0..arms.len()).filter(acted).reduce(better) else {
        return Judgement { leader: None, finding: Finding::TooLittle, p: None };
    };
    let pairs = (arms.len() * arms.len().saturating_sub(1) / 2) as f64;
    let others = (0..arms.len()).filter(|other| *other != leader);
    let by_chance = others.map(|other| chance(arms[leader], arms[other]));
    let worst = by_chance.reduce(|one, other| Some(one?.max(other?))).flatten();
    let p = worst.map(|p| (p * pairs).min(1.0));
    let finding = match p {
        None => Finding::TooLittle,
        Some(p) if p <= CHANCE_MAX => Finding::Better,
        Some(_) => Finding::NoDifference,
    };
    Judgement { leader: Some(leader), finding, p }
}

/// The variant that everybody else gets; `None`: a person is asked. `asks`: a person decides in any case.
pub fn choose(judgement: &Judgement, asks: bool, undecided: Undecided) -> Option<usize> {
    match judgement.finding {
        _ if asks => None,
        Finding::Better => judgement.leader,
        Finding::NoDifference | Finding::TooLittle => match undecided {
            Undecided::Leader => Some(judgement.leader.unwrap_or(0)),
            Undecided::Ask => None,
        },
    }
}

/// How far the leader is ahead of the next one: the score interval for two shares (Newcombe, Statistics in Medicine 17,
/// 1998, method 10). `None`: too little to say, as in the judgement.
pub fn difference(arms: &[Arm], judgement: &Judgement) -> Option<Difference> {
    let leader = judgement.leader.filter(|_| judgement.finding != Finding::TooLittle)?;
    let others = (0..arms.len()).filter(|other| *other != leader);
    let next = others.reduce(|one, other| if is_ahead(arms[other], arms[one]) { other } else { one })?;
    let reach = REACH[arms.len().saturating_sub(2).min(REACH.len() - 1)];
    let (one, other) = (Share::of(arms[leader], reach), Share::of(arms[next], reach));
    let by = one.share - other.share;
    let low = by - (one.share - one.low).hypot(other.high - other.share);
    let high = by + (one.high - one.share).hypot(other.share - other.low);
    Some(Difference { next, by, low, high })
}

/// How many of each variant are needed before anything can be said, where so many of each act, 0 … 1.
pub fn least_people(share: f64) -> u64 {
    (EXPECTED_MIN / share.min(1.0 - share).max(f64::EPSILON)).ceil() as u64
}

/// A share of people, and where the true one may be (Wilson's score interval).
struct Share {
    share: f64,
    low: f64,
    high: f64,
}

impl Share {
    fn of(arm: Arm, reach: f64) -> Share {
        let people = (arm.people as f64).max(1.0);
        let share = (arm.acted as f64 / people).min(1.0);
        let square = reach * reach;
        let middle = (share + square / (2.0 * people)) / (1.0 + square / people);
        let spread = (share * (1.0 - share) / people + square / (4.0 * people * people)).sqrt();
        let half = spread * reach / (1.0 + square / people);
        Share { share, low: (middle - half).max(0.0), high: (middle + half).min(1.0) }
    }
}

/// Is the share of the first greater?
fn is_ahead(one: Arm, other: Arm) -> bool {
    u128::from(one.acted) * u128::from(other.people) > u128::from(other.acted) * u128::from(one.people)
}

/// How often chance alone would part two variants as far as this; `None`: too few to say.
fn chance(one: Arm, other: Arm) -> Option<f64> {
    let (n, m) = (one.people as f64, other.people as f64);
    // More may act than have the message by our record (an acceptance in doubt): a share is at most all.
    let (x, y) = (one.acted.min(one.people) as f64, other.acted.min(other.people) as f64);
    let share = (x + y) / (n + m);
    let expected = n.min(m) * share.min(1.0 - share);
    if n < 1.0 || m < 1.0 || expected < EXPECTED_MIN {
        return None;
    }
    let spread = (share * (1.0 - share) * (1.0 / n + 1.0 / m)).sqrt();
    let z = (x / n - y / m).abs() / spread;
    Some(erfc(z / std::f64::consts::SQRT_2).clamp(0.0, 1.0))
}

/// The complementary error function for x ≥ 0, to 1.2e-7 of its value (Numerical Recipes, section 6.2).
fn erfc(x: f64) -> f64 {
    const SERIES: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let t = 1.0 / (1.0 + 0.5 * x);
    let sum = SERIES.iter().rev().fold(0.0, |sum, factor| sum * t + factor);
    t * (-x * x + sum).exp()
}

/// What people call a variant: A, B, …
pub fn letter(variant: usize) -> char {
    u8::try_from(variant).map_or('?', |at| char::from(b'A'.saturating_add(at)))
}

impl Judgement {
    /// In words. `did`: what was counted, such as `clicked`.
    pub fn told(&self, arms: &[Arm], did: &str) -> String {
        let mut text = String::new();
        for (at, arm) in arms.iter().enumerate() {
            let percent = arm.acted as f64 * 100.0 / (arm.people as f64).max(1.0);
            text += &format!("{}: {} of {} {did} ({percent:.1} %). ", letter(at), arm.acted, arm.people);
        }
        let leader = self.leader.map_or('?', letter);
        match (self.finding, self.p) {
            (Finding::Better, Some(p)) => {
                let p = if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") };
                text += &format!("{leader} did better: chance alone seldom makes such a difference ({p}).");
            }
            (Finding::NoDifference, Some(p)) => {
                text += &format!("No difference: {leader} is ahead, but chance alone may do that (p = {p:.2}).");
            }
            _ => text += "Too few acted to say which is better.",
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn arm(people: u64, acted: u64) -> Arm {
        Arm { people, acted }
    }

    #[test]
    fn the_curve_is_the_normal_one() {
        for (z, two_sided) in [(0.0, 1.0), (1.0, 0.317_310_5), (1.959_964, 0.05), (2.575_829, 0.01), (4.0, 6.334e-5)] {
            let p = erfc(z / std::f64::consts::SQRT_2);
            assert!((p - two_sided).abs() < 1e-6, "{z}: {p}");
        }
    }

    #[test]
    fn a_known_comparison_has_the_known_number() {
        // R: prop.test(c(52, 31), c(1000, 1000), correct = FALSE)$p.value is 0.01861
        let judged = judge(&[arm(1_000, 31), arm(1_000, 52)]);
        assert_eq!((judged.leader, judged.finding), (Some(1), Finding::Better));
        assert!((judged.p.unwrap() - 0.018_61).abs() < 1e-4, "{judged:?}");
        assert_eq!(
            judged.told(&[arm(1_000, 31), arm(1_000, 52)], "clicked"),
            "A: 31 of 1000 clicked (3.1 %). B: 52 of 1000 clicked (5.2 %). B did better: chance alone seldom makes such a \
             difference (p = 0.019)."
        );
        // The same among three is one of three comparisons.
        let three = judge(&[arm(1_000, 31), arm(1_000, 52), arm(1_000, 20)]);
        assert_eq!((three.leader, three.finding), (Some(1), Finding::NoDifference));
        assert!((three.p.unwrap() - 3.0 * 0.018_61).abs() < 3e-4, "{three:?}");
    }

    #[test]
    fn a_known_difference_has_the_known_interval() {
        // Newcombe 1998, table II, column (a): 56/70 and 48/80, method 10.
        let arms = [arm(80, 48), arm(70, 56)];
        let found = difference(&arms, &judge(&arms)).unwrap();
        assert_eq!(found.next, 0);
        for (value, known) in [(found.by, 0.2), (found.low, 0.0524), (found.high, 0.3339)] {
            assert!((value - known).abs() < 5e-5, "{found:?}");
        }
        // Of three more may be chance.
        let three = [arm(80, 48), arm(70, 56), arm(80, 30)];
        let wider = difference(&three, &judge(&three)).unwrap();
        assert!(wider.low < found.low && wider.high > found.high && wider.next == 0, "{wider:?}");
        assert_eq!(difference(&[arm(50, 0), arm(50, 4)], &judge(&[arm(50, 0), arm(50, 4)])), None);
        assert_eq!((least_people(0.03), least_people(0.5), least_people(0.97)), (167, 10, 167));
    }

    #[test]
    fn few_people_show_nothing_and_nobody_leads_where_nobody_acted() {
        assert_eq!(judge(&[arm(50, 0), arm(50, 4)]).finding, Finding::TooLittle);
        assert_eq!(
            judge(&[arm(0, 0), arm(500, 40)]),
            Judgement { leader: Some(1), finding: Finding::TooLittle, p: None }
        );
        let nothing = judge(&[arm(500, 0), arm(500, 0)]);
        assert_eq!((nothing.leader, nothing.finding), (None, Finding::TooLittle));
        assert_eq!(choose(&nothing, false, Undecided::Leader), Some(0));
        assert_eq!(choose(&nothing, false, Undecided::Ask), None);
    }

    #[test]
    fn a_person_who_wants_to_be_asked_is_asked() {
        let clear = judge(&[arm(1_000, 10), arm(1_000, 90)]);
        assert_eq!(choose(&clear, true, Undecided::Leader), None);
        assert_eq!(choose(&clear, false, Undecided::Ask), Some(1));
        let alike = judge(&[arm(1_000, 88), arm(1_000, 90)]);
        assert_eq!((alike.finding, choose(&alike, false, Undecided::Leader)), (Finding::NoDifference, Some(1)));
        assert_eq!(choose(&alike, false, Undecided::Ask), None);
    }

    fn arms() -> impl Strategy<Value = Vec<Arm>> {
        let one = (0_u64..5_000).prop_flat_map(|people| (Just(people), 0..=people)).prop_map(|(n, x)| arm(n, x));
        prop::collection::vec(one, 2..5)
    }

    proptest! {
        #[test]
        fn the_leader_has_the_greatest_share_and_p_is_a_probability(arms in arms()) {
            let judged = judge(&arms);
            if let Some(leader) = judged.leader {
                prop_assert!(arms.iter().all(|other| !is_ahead(*other, arms[leader])));
            } else {
                prop_assert!(arms.iter().all(|arm| arm.acted == 0));
            }
            prop_assert!(judged.p.is_none_or(|p| (0.0..=1.0).contains(&p)));
            prop_assert_eq!(judged.finding == Finding::Better, judged.p.is_some_and(|p| p <= CHANCE_MAX));
        }

        #[test]
        fn which_variant_stands_first_changes_no_number(arms in arms()) {
            let turned: Vec<Arm> = arms.iter().rev().copied().collect();
            let (one, other) = (judge(&arms), judge(&turned));
            let shares = |at: Option<usize>, arms: &[Arm]| at.map(|at| (arms[at].people, arms[at].acted));
            let (a, b) = (shares(one.leader, &arms), shares(other.leader, &turned));
            // Equals may change places.
            if a == b {
                prop_assert_eq!(one.finding, other.finding);
                prop_assert!(one.p.zip(other.p).is_none_or(|(one, other)| (one - other).abs() < 1e-9));
            }
        }

        #[test]
        fn the_difference_is_within_its_interval(arms in arms()) {
            if let Some(found) = difference(&arms, &judge(&arms)) {
                prop_assert!(found.low <= found.by && found.by <= found.high && found.by >= 0.0, "{:?}", found);
                prop_assert!(found.low >= -1.0 && found.high <= 1.0 + 1e-9, "{:?}", found);
            }
        }

        #[test]
        fn the_same_shares_are_never_a_difference(people in 1_u64..5_000, times in 1_u64..5, acted in 0_u64..5_000) {
            let acted = acted.min(people);
            let judged = judge(&[arm(people, acted), arm(people * times, acted * times)]);
            prop_assert!(judged.finding != Finding::Better, "{:?}", judged);
        }

        #[test]
        fn more_people_with_the_same_shares_are_never_less_sure(arms in arms(), times in 2_u64..20) {
            let more: Vec<Arm> = arms.iter().map(|one| arm(one.people * times, one.acted * times)).collect();
            if let Some(p) = judge(&arms).p {
                prop_assert!(judge(&more).p.is_some_and(|of_more| of_more <= p + 1e-9));
            }
        }
    }
}
