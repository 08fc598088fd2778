//! Is it our own resolver that says nothing, rather than the name servers of domains?
//!
//! A domain whose name servers are silent is put off, and that is its own fault as long as our resolver answers others. So
//! whenever a look-up brings nothing definite, names of our own are asked for after it ([`Unanswered::failed`] is told when
//! anything definite was last heard). Where that brings nothing either nobody is judged: nothing is looked up for a while,
//! which is enough for a resolver that is started again. What lasts longer is our own fault, and stops everything.
//!
//! Invariant: who was looked up while the resolver was silent is looked up again, and not judged by that.

use super::Trip;
use model::Timestamp;
use std::time::Duration;

/// How long a resolver may be silent before it is our own fault; nothing is looked up meanwhile.
pub const SILENT_MAX: Duration = Duration::from_secs(60);
/// So soon after it answered again within that time is looked up again: what was asked before has failed by then, and failures
/// are no longer remembered.
const SETTLES: Duration = Duration::from_secs(20);

/// Is it our own resolver that says nothing, rather than the name servers of domains?
#[derive(Clone, Copy, Debug, Default)]
pub struct Unanswered {
    /// Since when nothing definite was heard.
    silent_since: Option<Timestamp>,
    /// When a short silence was over.
    over_at: Option<Timestamp>,
}

/// What a look-up means that brought nothing definite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Not known yet: it is repeated then, and nobody is charged.
    LookAgain(Timestamp),
    /// The resolver answers others: it is the domain's own name servers.
    Theirs,
    /// It is our resolver.
    Ours(Trip),
}

impl Unanswered {
    /// A question brought nothing definite that was asked at the first of these times and given up at the second. `heard_at`:
    /// when the resolver last said anything definite, of names of our own asked for since then or of any other.
    pub fn failed(
        &mut self,
        (asked_at, failed_at): (Timestamp, Timestamp),
        heard_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Silence {
        self.hear(heard_at, now);
        if heard_at.is_some_and(|at| failed_at <= at) {
            if self.silent_since.take().is_some() {
                self.over_at = heard_at;
            }
            let settled_at = self.over_at.filter(|over| asked_at <= *over).map(|over| over + SETTLES);
            return settled_at.filter(|at| *at > now).map_or(Silence::Theirs, Silence::LookAgain);
        }
        let first = heard_at.map_or(asked_at, |heard| heard.max(asked_at)).min(now);
        let until = *self.silent_since.get_or_insert(first) + SILENT_MAX;
        if now < until { Silence::LookAgain(until) } else { Silence::Ours(Trip::Unanswered) }
    }

    /// Until when nothing is to be looked up.
    pub fn waits_until(&mut self, heard_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        self.hear(heard_at, now);
        let silent = self.silent_since.map(|since| since + SILENT_MAX);
        let settles = self.over_at.map(|at| at + SETTLES);
        [silent, settles].into_iter().flatten().filter(|until| *until > now).max()
    }

    /// What was heard since ends a silence. A clock that was set back makes none longer.
    fn hear(&mut self, heard_at: Option<Timestamp>, now: Timestamp) {
        self.silent_since = self.silent_since.filter(|since| *since <= now);
        self.over_at = self.over_at.filter(|at| *at <= now);
        if let (Some(since), Some(at)) = (self.silent_since, heard_at)
            && at > since
        {
            self.silent_since = None;
            // After a long one nothing is left that was asked in it.
            self.over_at = Some(at).filter(|at| *at < since + SILENT_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(0) + Duration::from_secs(second)
    }

    /// A question from one second to another, what was last heard when, and our own names asked for until `now`.
    fn failed(brake: &mut Unanswered, asked: u64, failed: u64, heard: Option<u64>, now: u64) -> Silence {
        brake.failed((at(asked), at(failed)), heard.map(at), at(now))
    }

    #[test]
    fn a_resolver_that_answers_for_our_own_names_leaves_the_domain_to_blame() {
        let mut brake = Unanswered::default();
        assert_eq!(failed(&mut brake, 100, 110, Some(110), 110), Silence::Theirs);
        assert_eq!(brake.waits_until(Some(at(110)), at(110)), None);
    }

    #[test]
    fn a_silence_is_waited_for_and_then_our_own_fault() {
        let mut brake = Unanswered::default();
        assert_eq!(failed(&mut brake, 0, 10, None, 20), Silence::LookAgain(at(60)), "silent from the start");
        assert_eq!(brake.waits_until(None, at(20)), Some(at(60)));
        assert_eq!(failed(&mut brake, 15, 25, None, 35), Silence::LookAgain(at(60)), "it does not get longer");
        assert_eq!(brake.waits_until(None, at(60)), None);
        assert_eq!(failed(&mut brake, 60, 70, None, 80), Silence::Ours(Trip::Unanswered));
        // Mended and resumed an hour later.
        assert_eq!(brake.waits_until(Some(at(3_700)), at(3_700)), None, "nobody waits for what is long over");
        assert_eq!(failed(&mut brake, 3_700, 3_710, Some(3_710), 3_710), Silence::Theirs);
    }

    #[test]
    fn who_was_asked_for_in_a_short_silence_is_asked_for_again() {
        let mut brake = Unanswered::default();
        assert_eq!(failed(&mut brake, 101, 111, Some(100), 121), Silence::LookAgain(at(161)));
        assert_eq!(failed(&mut brake, 119, 129, Some(130), 130), Silence::LookAgain(at(150)), "it answered at 130");
        assert_eq!(brake.waits_until(Some(at(130)), at(130)), Some(at(150)));
        assert_eq!(brake.waits_until(Some(at(130)), at(150)), None);
        assert_eq!(failed(&mut brake, 150, 160, Some(160), 160), Silence::Theirs);
        assert_eq!(failed(&mut brake, 170, 180, Some(165), 190), Silence::LookAgain(at(230)), "a new silence");
    }

    #[test]
    fn a_clock_that_steps_back_holds_nobody_for_long() {
        let mut brake = Unanswered::default();
        failed(&mut brake, 90_000, 90_010, None, 90_020);
        assert_eq!(brake.waits_until(None, at(100)), None);
        assert_eq!(failed(&mut brake, 100, 110, None, 120), Silence::LookAgain(at(160)));
    }
}
