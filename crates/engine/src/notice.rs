//! What the scheduler is told, by lanes, the settler, the desks and whoever holds a handle.

use crate::brakes::Whom;
use crate::house::Moved;
use crate::lane::LaneId;
use crate::lanes::Shown;
use crate::mailing::Mailing;
use crate::offers::Refused;
use dispatch::brakes::Trip;
use dispatch::own::Described;
use dispatch::pace::Change;
use model::{Actor, CampaignId, SiteId, SourceId, Timestamp};
use store::complaint::Complained;
use store::{CeilingOf, Hold, StoreError, VolumeOf};
use tokio::sync::oneshot;

/// What the scheduler is told.
#[derive(Debug)]
pub(crate) enum Notice {
    /// A site has room for more deliveries.
    Hungry(SiteId),
    /// A connection of a lane has ended.
    Ended(LaneId),
    /// A batch of settlements is durable.
    Committed(Vec<Moved>),
    /// A brake.
    Tripped(Stop, Whom),
    /// Nothing of a campaign may start at a site before then.
    FlowHeld { site: SiteId, campaign: CampaignId, until: Timestamp, why: String },
    /// Somebody of a campaign has to be read again then: their own hour comes later.
    ReadAgain { site: SiteId, campaign: CampaignId, at: Timestamp },
    /// A source is listed where this lane leads.
    Rests { lane: LaneId, why: String },
    /// Nothing goes through the source of this lane.
    SourceDown { lane: LaneId, why: String },
    /// The day's budget of the lane's source is spent: others take what waits in it, or it waits.
    Redeal(LaneId),
    /// A day's budget is spent: somebody is told.
    BudgetSpent { lane: LaneId, of: VolumeOf, until: Timestamp, why: String },
    /// The pacing of a lane changed.
    Learned { lane: LaneId, changes: Vec<Change> },
    /// A server refused what it offers.
    OfferRefused { lane: LaneId, refused: Refused },
    /// A campaign was paused or resumed.
    Changed(CampaignId),
    /// Somebody called a message spam.
    Complained(Box<Complained>),
    /// Holds were placed or lifted.
    HoldsChanged,
    /// Part of a campaign was cancelled: skip who waits there; answered with how many.
    PartCancelled(Box<(Hold, Actor)>, oneshot::Sender<Result<u64, StoreError>>),
    /// Sources, pools or streams were changed.
    WaysChanged,
    /// A source is not listed any more, at one operator or everywhere; answered with the sites where it rested.
    Delisted { source: SourceId, toward: Option<String>, answer: oneshot::Sender<Vec<String>> },
    /// Providers or rules were changed.
    Described(Described),
    /// Ceilings or weights were set.
    CeilingsChanged,
    /// A place that a ceiling counts fell free, and somebody waits for one.
    Vacant(CeilingOf),
    /// Deliveries were added to a standing campaign.
    Added(CampaignId),
    /// Deliveries that had ended are in the queue again; answered when they will be found.
    QueuedAgain(CampaignId, oneshot::Sender<()>),
    /// A campaign comes into a run under way; answered when its work will be found.
    TakeUp(Box<Mailing>, oneshot::Sender<()>),
    /// Somebody wants to see the lanes.
    Show(oneshot::Sender<Shown>),
    /// A campaign was cancelled: give back what was read, then answer.
    Drop(CampaignId, oneshot::Sender<()>),
    /// The run is to end.
    Stop,
}

/// Why everything, or one campaign, is stopped.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// A brake of the rules.
    Brake(Trip),
    /// The relay does not answer, and never has in this run.
    RelaySilent(String),
}

impl Stop {
    pub(crate) fn why(&self) -> String {
        match self {
            Stop::Brake(trip) => trip.why().to_owned(),
            Stop::RelaySilent(at) => {
                format!("The relay {at} does not answer. Nobody was charged an attempt. Check it, then resume.")
            }
        }
    }
}
