//! Whom a rule holds for, asked of everybody once for all who look.
//!
//! To ask everybody takes seconds in a large store. Invariants: no look waits longer for it than [`PATIENCE`]; a rule is asked
//! by one walk at a time, in parts between which other questions have their turn; whoever asks another rule lets go of the one
//! they asked before, and a walk that nobody waits for any more stands still; what a walk came to is kept for a while with the
//! time it is of. In a small workspace everybody is asked at every look. For whom a campaign or a sequence is is never decided
//! by what is kept.

use crate::problem::Problem;
use crate::{App, Caller};
use model::segment::Rule;
use model::{Actor, ContactId, Timestamp, WorkspaceId};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::Contact;
use tokio::sync::Notify;

/// Up to so many people are asked at every look.
const SMALL_PEOPLE_MAX: usize = 2_000;
/// Contacts that are asked at once: some ten milliseconds of a usual rule.
const PART: usize = 5_000;
/// So long a look waits for the walk.
const PATIENCE: Duration = Duration::from_millis(50);
/// What is older is asked anew by the next who looks; meanwhile what is known is shown.
const FRESH: Duration = Duration::from_secs(60);
/// A walk goes on for so long after somebody looked last; a page that waits looks every other second.
const WANTED: Duration = Duration::from_secs(10);
/// So long it is kept at most what a walk came to.
const KEPT: Duration = Duration::from_secs(15 * 60);
/// People who are kept of all rules together, eight octets each. The rule that was asked last is kept however many it holds
/// for.
const KEPT_PEOPLE_MAX: usize = 2_000_000;
/// Rules that are kept.
const KEPT_RULES_MAX: usize = 64;

/// What is known of a rule when somebody looks.
pub(super) struct Seen {
    /// The time it is of.
    pub(super) at: Timestamp,
    /// How many were found.
    pub(super) people: u64,
    /// How many were asked so far; `None`: everybody was.
    pub(super) asked: Option<u64>,
    /// May it be older than the page?
    pub(super) is_kept: bool,
    /// Those who were wanted, in the order they came.
    pub(super) page: Vec<ContactId>,
}

/// What a walk came to so far.
#[derive(Debug, Default)]
struct Way {
    people: Vec<ContactId>,
    /// Contacts that were asked, at least so many.
    asked: usize,
    /// The last of them.
    last: Option<ContactId>,
    is_whole: bool,
    /// Why it goes no further.
    failed: Option<Problem>,
    /// When somebody looked last, and who.
    wanted: Option<(Timestamp, Actor)>,
}

impl Way {
    /// Those found after `from`.
    fn after(&self, from: Option<ContactId>) -> &[ContactId] {
        let begins = from.map_or(0, |from| self.people.partition_point(|id| *id <= from));
        self.people.get(begins..).unwrap_or_default()
    }
}

/// A rule asked of everybody, part by part.
#[derive(Debug)]
struct Walk {
    workspace: WorkspaceId,
    rule: Rule,
    /// When it began; the rule is asked as of then.
    at: Timestamp,
    way: Mutex<Way>,
    /// Held by the one who walks.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Rung after every part.
    moved: Notify,
}

impl Walk {
    fn of(workspace: WorkspaceId, rule: &Rule, at: Timestamp) -> Walk {
        let (way, turn) = (Mutex::default(), Arc::default());
        Walk { workspace, rule: rule.clone(), at, way, turn, moved: Notify::new() }
    }

    fn way(&self) -> MutexGuard<'_, Way> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the next part. `true`: that was the last.
    async fn go_on(&self, app: &App) -> Result<bool, Problem> {
        let last = self.way().last;
        let part = app.store.segment_stretch(self.workspace, self.rule.clone(), last, PART, self.at).await?;
        let mut way = self.way();
        way.people.extend(part.people);
        way.asked += PART;
        way.last = part.next;
        way.is_whole = part.next.is_none();
        Ok(way.is_whole)
    }

    fn is_wanted(&self, now: Timestamp) -> bool {
        self.way().wanted.as_ref().is_some_and(|(at, _)| now.since(*at) < WANTED)
    }

    /// Whoever looks at something else does not wait for it any more.
    fn leave(&self, who: &Actor) {
        let mut way = self.way();
        if way.wanted.as_ref().is_some_and(|(_, by)| by == who) {
            way.wanted = None;
        }
    }

    /// Waits until so many were found, or nobody is left to be asked.
    async fn until(&self, from: Option<ContactId>, enough: usize) {
        loop {
            let mut moved = pin!(self.moved.notified());
            moved.as_mut().enable();
            let is_there = {
                let way = self.way();
                way.is_whole || way.failed.is_some() || way.after(from).len() >= enough
            };
            if is_there {
                return;
            }
            moved.await;
        }
    }

    fn seen(&self, from: Option<ContactId>, limit: usize, is_kept: bool) -> Seen {
        let way = self.way();
        let many = |people: usize| u64::try_from(people).unwrap_or(u64::MAX);
        Seen {
            at: self.at,
            people: many(way.people.len()),
            asked: (!way.is_whole).then(|| many(way.asked)),
            is_kept,
            page: way.after(from).iter().take(limit).copied().collect(),
        }
    }
}

/// What is known of one rule.
#[derive(Debug, Default)]
struct Place {
    whole: Option<Arc<Walk>>,
    /// Under way, or standing still.
    going: Option<Arc<Walk>>,
}

impl Place {
    fn walks(&self) -> impl Iterator<Item = &Arc<Walk>> {
        self.whole.iter().chain(&self.going)
    }
}

/// Whose rule, as text.
type Key = (WorkspaceId, String);

/// What is known of rules that somebody looks at.
#[derive(Debug, Default)]
pub(crate) struct Gatherings(Mutex<BTreeMap<Key, Place>>);

impl Gatherings {
    /// As if somebody were at it, until what is returned is dropped.
    #[cfg(test)]
    pub(crate) async fn busy(
        &self,
        workspace: WorkspaceId,
        rule: &Rule,
        now: Timestamp,
    ) -> tokio::sync::OwnedMutexGuard<()> {
        let (_, going) = self.walk((workspace, &Actor::Engine), rule, now);
        going.expect("nobody has asked yet").turn.clone().lock_owned().await
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Was everybody asked?
    fn is_known(&self, workspace: WorkspaceId, rule: &Rule) -> bool {
        self.lock().get(&(workspace, rule.to_string())).is_some_and(|place| place.whole.is_some())
    }

    /// The walk to be shown to somebody, and the one to be gone on with, if there is one to be.
    fn walk(
        &self,
        (workspace, who): (WorkspaceId, &Actor),
        rule: &Rule,
        now: Timestamp,
    ) -> (Arc<Walk>, Option<Arc<Walk>>) {
        let key = (workspace, rule.to_string());
        let mut all = self.lock();
        trim(&mut all, &key, now);
        all.iter().filter(|(other, _)| **other != key).flat_map(|(_, place)| &place.going).for_each(|walk| {
            walk.leave(who);
        });
        let place = all.entry(key).or_default();
        let known = place.whole.clone();
        if let Some(whole) = known.as_ref().filter(|whole| now.since(whole.at) < FRESH) {
            return (whole.clone(), None);
        }
        let going = place.going.get_or_insert_with(|| Arc::new(Walk::of(workspace, rule, now))).clone();
        going.way().wanted = Some((now, who.clone()));
        (known.unwrap_or_else(|| going.clone()), Some(going))
    }

    /// Everybody was asked.
    fn arrived(&self, walk: &Arc<Walk>, now: Timestamp) {
        let last = (walk.workspace, walk.rule.to_string());
        let mut all = self.lock();
        all.insert(last.clone(), Place { whole: Some(walk.clone()), going: None });
        trim(&mut all, &last, now);
    }

    /// What was found is asked anew by the next who looks; a walk that is under way goes on.
    pub(super) fn forget(&self, workspace: WorkspaceId, rule: &Rule) {
        if let Some(place) = self.lock().get_mut(&(workspace, rule.to_string())) {
            place.whole = None;
        }
    }

    /// A walk that failed is begun anew by the next who looks.
    fn give_up(&self, walk: &Walk) {
        if let Some(place) = self.lock().get_mut(&(walk.workspace, walk.rule.to_string())) {
            place.going = None;
        }
    }
}

/// Lets go of what is old, and of the oldest of what is too much; not of the rule that was asked last.
fn trim(all: &mut BTreeMap<Key, Place>, last: &Key, now: Timestamp) {
    all.retain(|_, place| place.walks().next().is_some());
    let of = |(key, place): (&Key, &Place)| {
        let at = place.walks().map(|walk| walk.at).max()?;
        let people: usize = place.walks().map(|walk| walk.way().people.len()).sum();
        Some((at, key.clone(), people))
    };
    let mut known: Vec<(Timestamp, Key, usize)> = all.iter().filter_map(of).collect();
    known.sort_unstable_by_key(|(at, key, _)| (key != last, Reverse(*at)));
    let mut people = 0;
    for (place, (at, key, of_it)) in known.into_iter().enumerate() {
        people += of_it;
        if key != *last && (place >= KEPT_RULES_MAX || people > KEPT_PEOPLE_MAX || now.since(at) >= KEPT) {
            all.remove(&key);
        }
    }
}

/// How many a rule holds for, and the first of them.
pub(super) async fn counted(app: &App, caller: &Caller, rule: &Rule, some: usize) -> Result<Seen, Problem> {
    look(app, caller, rule, None, (some, usize::MAX)).await
}

/// So many of those for whom a rule holds, after `from`.
pub(super) async fn listed(
    app: &App,
    caller: &Caller,
    rule: &Rule,
    from: Option<ContactId>,
    limit: usize,
) -> Result<Seen, Problem> {
    let (workspace, at) = (caller.workspace, app.now());
    if !app.desk.gatherings.is_known(workspace, rule) {
        // Where it holds for many, they are near, however far down the list.
        let near = app.store.segment_stretch(workspace, rule.clone(), from, PART, at);
        if let Ok(near) = tokio::time::timeout(PATIENCE, near).await {
            let mut page = near?.people;
            if page.len() >= limit {
                page.truncate(limit);
                let people = u64::try_from(page.len()).unwrap_or(u64::MAX);
                return Ok(Seen { at, people, asked: None, is_kept: false, page });
            }
        }
    }
    look(app, caller, rule, from, (limit, limit)).await
}

/// Those who were found, as they are now.
pub(super) async fn contacts(app: &App, workspace: WorkspaceId, ids: Vec<ContactId>) -> Result<Vec<Contact>, Problem> {
    Ok(app.store.contacts_of(workspace, ids).await?.into_iter().flatten().collect())
}

/// What is known, after a while: so many are wanted, and so many are enough.
async fn look(
    app: &App,
    caller: &Caller,
    rule: &Rule,
    from: Option<ContactId>,
    (limit, enough): (usize, usize),
) -> Result<Seen, Problem> {
    let now = app.now();
    if !app.store.has_more_contacts_than(caller.workspace, SMALL_PEOPLE_MAX).await? {
        let walk = Walk::of(caller.workspace, rule, now);
        while !walk.go_on(app).await? {}
        return Ok(walk.seen(from, limit, false));
    }
    let (shown, going) = app.desk.gatherings.walk((caller.workspace, &caller.actor), rule, now);
    let Some(going) = going else { return Ok(shown.seen(from, limit, true)) };
    begin(app, &going);
    // What is known already is shown at once.
    if Arc::ptr_eq(&shown, &going) {
        tokio::time::timeout(PATIENCE, going.until(from, enough)).await.ok();
    }
    let failed = going.way().failed.clone();
    if let Some(problem) = failed {
        app.desk.gatherings.give_up(&going);
        return Err(problem);
    }
    Ok(shown.seen(from, limit, true))
}

/// Goes on with a walk, if nobody does.
fn begin(app: &App, walk: &Arc<Walk>) {
    let Ok(turn) = walk.turn.clone().try_lock_owned() else { return };
    let (app, walk) = (app.clone(), walk.clone());
    tokio::spawn(async move {
        let _turn = turn;
        while walk.is_wanted(app.now()) {
            let is_over = match walk.go_on(&app).await {
                Ok(is_whole) => is_whole,
                Err(problem) => {
                    walk.way().failed = Some(problem);
                    walk.moved.notify_waiters();
                    return;
                }
            };
            if is_over {
                app.desk.gatherings.arrived(&walk, app.now());
            }
            walk.moved.notify_waiters();
            if is_over {
                return;
            }
            // A store that answers in line would let nobody else have a turn.
            tokio::task::yield_now().await;
        }
    });
}
