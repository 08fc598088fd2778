//! What a provider's people are like as readers. Without habits they read nothing, which leaves no trace anywhere.

use serde::Deserialize;

/// What people do with a message in their inbox, or in their spam folder. Shares are of messages, from 0 to 1, as long
/// as the sender writes no more often than is welcome; [`crate::people::readers`] says what changes them.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Habits {
    /// Mail that is opened.
    pub opens: f64,
    /// Opened mail in which a link is followed.
    pub clicks: f64,
    /// Mail that is called spam.
    pub complains: f64,
    /// Mail that makes its reader unsubscribe.
    pub unsubscribes: f64,
    /// Mail that is fetched out of the spam folder.
    pub rescues: f64,
    /// Mail that is deleted unread.
    pub deletes: f64,
    /// Messages of one sender in seven days that are welcome.
    pub welcome_per_week: u32,
}

impl Habits {
    /// Every share with its name.
    pub(super) fn shares(&self) -> [(&'static str, f64); 6] {
        [
            ("opens", self.opens),
            ("clicks", self.clicks),
            ("complains", self.complains),
            ("unsubscribes", self.unsubscribes),
            ("rescues", self.rescues),
            ("deletes", self.deletes),
        ]
    }
}
