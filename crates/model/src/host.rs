//! Whether a name leads to our server.

use crate::verdict::words;
use serde::{Deserialize, Serialize};

words! {
    /// What DNS said about a name under which links are to be answered.
    HostFound {
        /// It was not asked.
        NotLookedFor = 0 "not_looked_for",
        /// The name leads to this server.
        PointsHere = 1 "points_here",
        /// It leads elsewhere.
        Elsewhere = 2 "elsewhere",
        /// There is no such name.
        Missing = 3 "missing",
        /// DNS did not answer.
        Unknown = 4 "unknown",
    }
}
