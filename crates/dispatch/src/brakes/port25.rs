//! Is it port 25 that is closed, rather than the sites that are down?

use super::Trip;
use std::collections::BTreeSet;

/// So many distinct sites must fail to answer, and none have ever answered, before port 25 is the suspect.
pub const PORT25_SITES: usize = 5;

/// Is it port 25 that is closed, rather than the sites that are down?
#[derive(Clone, Debug, Default)]
pub struct Port25 {
    silent: BTreeSet<String>,
    answered: bool,
}

impl Port25 {
    /// A server said something: the port is open, for good.
    pub fn answered(&mut self) {
        self.answered = true;
        self.silent.clear();
    }

    /// No host of the site with this fingerprint could be reached. Trips at the fifth distinct one.
    pub fn unreachable(&mut self, site: &str) -> Option<Trip> {
        if self.answered {
            return None;
        }
        if self.silent.len() < PORT25_SITES {
            self.silent.insert(site.to_owned());
        }
        (self.silent.len() >= PORT25_SITES).then_some(Trip::Port25)
    }

    /// Nothing has answered so far: results should not be charged to recipients yet.
    pub fn is_doubtful(&self) -> bool {
        !self.answered
    }

    /// Forgets what it saw, as after `resume`.
    pub fn reset(&mut self) {
        *self = Port25::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_silent_sites_trip_and_one_answer_unlocks_for_good() {
        let mut port = Port25::default();
        for site in ["a", "b", "c", "d", "d", "a"] {
            assert_eq!(port.unreachable(site), None);
        }
        assert_eq!(port.unreachable("e"), Some(Trip::Port25));
        port.answered();
        for site in ["a", "b", "c", "d", "e", "f"] {
            assert_eq!(port.unreachable(site), None);
        }
    }
}
