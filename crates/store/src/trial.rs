//! Trials: variants of a message, compared on a sample of the audience before everybody else gets one of them.
//!
//! Who is in the sample and which variant they get is settled when the audience is frozen: whoever would get it is ranked by
//! a hash of person and campaign, and the first of them are the sample, in parts that are known beforehand
//! ([`NewTrial::parts`]). Building again gives the same. Whoever is not in it has no variant of their own: which one they get is written
//! here once, and never changed. Invariant: nothing here compares; figures go out and a choice comes in.

use crate::Store;
use crate::error::Result;
use crate::sqlite::trials;
use model::{Actor, CampaignId, ReactionKind, Tally, Timestamp, WorkspaceId};
use std::collections::BTreeMap;

/// The most variants of a message.
pub const VARIANTS_MAX: u8 = 4;
/// Everybody, as a share.
pub const WHOLE: u32 = 1_000_000;

/// How large a sample is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Portion {
    /// A share of those who would get the message, in millionths, 1 to [`WHOLE`].
    Share(u32),
    /// So many people, at least one; everybody where there are fewer.
    People(u32),
}

/// A trial to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewTrial {
    /// How many variants, 2 to [`VARIANTS_MAX`].
    pub variants: u8,
    /// How many of the people are the sample.
    pub sample: Portion,
}

impl NewTrial {
    /// How many get each variant, A first, where the message would go to so many `people` and at least so many `first` ones
    /// are in the sample (a canary is part of it). Exactly so many do.
    ///
    /// A share is rounded to the nearest person, a half upwards; whoever is left over when the sample is divided goes to the
    /// first variants, one each.
    pub fn parts(&self, people: u64, first: u64) -> Vec<u64> {
        let whole = u64::from(WHOLE);
        let sample = match self.sample {
            Portion::Share(millionths) => (people.saturating_mul(millionths.into()) + whole / 2) / whole,
            Portion::People(few) => few.into(),
        };
        self.divided(sample.max(first).min(people))
    }

    /// So many divided among the variants: the first ones get one more where it does not come out even.
    pub(crate) fn divided(&self, sample: u64) -> Vec<u64> {
        let variants = u64::from(self.variants.max(1));
        (0..variants).map(|at| sample / variants + u64::from(at < sample % variants)).collect()
    }
}

/// A trial as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// How many variants: 0, 1, …
    pub variants: u8,
    /// How many of the people are the sample; the whole once the audience is frozen and nobody is left beside it.
    pub sample: Portion,
    /// By when nearly all of the sample had a first verdict.
    pub out_at: Option<Timestamp>,
    /// When it was judged.
    pub judged_at: Option<Timestamp>,
    /// What that showed: JSON, opaque here but for `by_hand`, which has who chose without it (`by`) and why (`because`).
    pub found: Option<String>,
    /// The variant that everybody gets who is not in the sample.
    pub winner: Option<u8>,
    /// When that was chosen.
    pub settled_at: Option<Timestamp>,
}

/// Those of the sample who got the same variant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arm {
    /// Where their deliveries stand.
    pub tally: Tally,
    /// How many people did what, themselves.
    pub people: BTreeMap<ReactionKind, u64>,
    /// Of how many more nobody knows whether they did it themselves.
    pub unknown: BTreeMap<ReactionKind, u64>,
}

/// What is written of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settling {
    /// What the comparison showed, JSON; `None`: nobody compared.
    pub found: Option<String>,
    /// The variant that everybody else gets; `None`: somebody is asked.
    pub winner: Option<u8>,
    /// In words: the detail of the events.
    pub said: String,
}

impl Store {
    /// The trial of a campaign, if it has one.
    pub async fn trial(&self, workspace: WorkspaceId, campaign: CampaignId) -> Result<Option<Trial>> {
        self.core.lanes.read(move |conn| trials::trial(conn, workspace, campaign)).await
    }
    /// Those of the sample by variant, one entry for each; none without a trial.
    pub async fn trial_arms(&self, workspace: WorkspaceId, campaign: CampaignId) -> Result<Vec<Arm>> {
        self.core.lanes.read(move |conn| trials::arms(conn, workspace, campaign)).await
    }
    /// Of how many who have the message another system told this since it was sent to them, by variant, up to `until`.
    pub async fn trial_goals(
        &self,
        workspace: WorkspaceId,
        campaign: CampaignId,
        name: String,
        until: Timestamp,
    ) -> Result<Vec<u64>> {
        self.core.lanes.read(move |conn| trials::goals(conn, workspace, campaign, &name, until)).await
    }
    /// Nearly all of the sample have a first verdict; noted once. When they had.
    pub async fn note_trial_out(&self, campaign: CampaignId, now: Timestamp) -> Result<Timestamp> {
        self.core.lanes.write(move |ledger| ledger.note_trial_out(campaign, now)).await
    }
    /// Writes what a comparison showed, a choice, or both. Refused: no trial, a variant it does not have, a choice when there
    /// is one.
    pub async fn settle_trial(
        &self,
        workspace: WorkspaceId,
        campaign: CampaignId,
        settling: Settling,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Trial> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.settle_trial(workspace, campaign, &settling, &actor, now)).await
    }
}
