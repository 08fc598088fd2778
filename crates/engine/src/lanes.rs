//! What `postroom lanes` shows: every lane with work or with something learned, and why it goes as fast as it does.

use dispatch::pace::InForce;
use model::Timestamp;
use serde::Serialize;

/// One lane, as it stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LaneView {
    /// The source's name.
    pub source: String,
    /// The provider's name, or a server of the site.
    pub site: String,
    /// The provider's key.
    pub provider: Option<String>,
    /// Connections open.
    pub open: u32,
    /// Deliveries read and waiting for a connection.
    pub waiting: usize,
    /// Nothing starts before then, and why.
    pub held: Option<HeldView>,
    /// The limits in force, each with its reason.
    pub limits: Vec<LimitView>,
    /// Today's budget of the source toward the provider.
    pub budget: Option<BudgetView>,
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldView {
    /// When it ends.
    pub until: Timestamp,
    /// The rule, brake or person behind it.
    pub why: String,
}

/// A limit in force.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LimitView {
    /// The limit with its reason, since when it holds and when it is tried again.
    #[serde(flatten)]
    pub limit: InForce,
    /// The same in a sentence.
    pub says: String,
}

/// A day's budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BudgetView {
    /// Messages today.
    pub today: u32,
    /// Of these, spent.
    pub spent: u32,
    /// Why so many.
    pub why: String,
}
