//! Day budgets: how much each source and each sending domain may still send today, toward whom.
//!
//! The numbers are those of [`dispatch::volume`]; here is what has been spent. A message is taken off its budgets before
//! it is offered, so a budget is never exceeded; what was spent is in the ledger with each settlement, so a restart
//! goes on where the day stands. Providers count as one, whatever their sites; a site nobody described counts alone, and
//! the ledger keeps today's number of each beside the sum of all such sites, from which their budgets follow.
//! Behind a relay only the sending domain's budget is kept. In a rehearsal nothing is at stake and nothing is bounded.

use crate::Stakes;
use crate::fleet::{Standing, Ways};
use dispatch::providers::Providers;
use dispatch::volume::{self, Allowance, HISTORY_DAYS, Who};
use model::{DayCount, DomainId, SourceId, Timestamp, Verdict};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{Store, StoreError, VolumeOf};

/// A new day's budget opens so long after midnight, so that not everything starts with the full hour.
const AFTER_MIDNIGHT: Duration = Duration::from_secs(4 * 60);
/// Unnamed sites whose spending is remembered.
const SITES_MAX: usize = 100_000;
/// What the ledger calls every site nobody described.
const UNNAMED: &str = "";

/// All budgets.
#[derive(Debug)]
pub(crate) struct Budgets {
    real: Option<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    providers: &'static Providers,
    /// Are the addresses that receivers see ours?
    bounds_sources: bool,
    day: i64,
    who: BTreeMap<VolumeOf, Who>,
    /// What went out before today, by who and provider.
    history: BTreeMap<(VolumeOf, String), Vec<(i64, DayCount)>>,
    /// Today's, by who and operator.
    today: BTreeMap<(VolumeOf, String), Spent>,
    /// What earlier processes sent today to sites nobody described, which `today` does not hold yet.
    before: BTreeMap<(VolumeOf, String), u32>,
}

#[derive(Clone, Debug, Default)]
struct Spent {
    allowance: Allowance,
    count: DayCount,
    /// How many of `count` the history knows already, in its sum of all sites nobody described.
    known: u32,
    is_told: bool,
}

/// Today's budget is spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exhausted {
    /// When the next one opens.
    pub(crate) until: Timestamp,
    /// Whose it is.
    pub(crate) of: VolumeOf,
    /// How large it was, and why.
    pub(crate) why: String,
    /// Is it the first message today that finds it spent?
    pub(crate) is_news: bool,
}

impl Budgets {
    /// Reads what was sent lately, by every source and by these sending domains.
    pub(crate) async fn read(
        store: &Store,
        ways: &Ways,
        identities: &[DomainId],
        (stakes, providers): (Stakes, &'static Providers),
        now: Timestamp,
    ) -> Result<Budgets, StoreError> {
        if stakes == Stakes::Rehearsal {
            return Ok(Budgets { real: None });
        }
        let today = now.day();
        let site_days = store.site_days(today).await?.into_iter();
        let before = site_days.map(|row| ((VolumeOf::Source(row.source), row.site), row.attempted)).collect();
        let (who, history, spent) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let bounds_sources = stakes == Stakes::Real;
        let mut inner = Inner { providers, bounds_sources, day: today, who, history, today: spent, before };
        for source in ways.sources() {
            let who = Who::Source { warm_since: source.warm_since };
            let of = VolumeOf::Source(source.id);
            inner.take_in(of, who, store.volume_of(of, today - HISTORY_DAYS).await?);
        }
        for identity in identities {
            let of = VolumeOf::Domain(*identity);
            inner.take_in(of, Who::Domain { warm_since: None }, store.volume_of(of, today - HISTORY_DAYS).await?);
        }
        Ok(Budgets { real: Some(Mutex::new(inner)) })
    }

    /// Takes one message off its source's and its sending domain's budgets, or says when they open again.
    pub(crate) fn take(
        &self,
        source: SourceId,
        identity: Option<DomainId>,
        operator: &str,
        now: Timestamp,
    ) -> Result<(), Exhausted> {
        let Some(mut inner) = self.lock(now) else { return Ok(()) };
        let all = inner.whose(source, identity, operator);
        for (of, operator) in all.iter().flatten() {
            let spent = inner.spent(*of, operator);
            if spent.count.attempted >= spent.allowance.messages {
                let why = spent.allowance.why.clone();
                let is_news = !std::mem::replace(&mut spent.is_told, true);
                return Err(Exhausted { until: next_day(now), of: *of, why, is_news });
            }
        }
        for (of, operator) in all.into_iter().flatten() {
            inner.spent(of, operator).count.attempted += 1;
        }
        Ok(())
    }

    /// Gives a message back that was not offered after all.
    pub(crate) fn give_back(&self, source: SourceId, identity: Option<DomainId>, operator: &str, now: Timestamp) {
        let Some(mut inner) = self.lock(now) else { return };
        for (of, operator) in inner.whose(source, identity, operator).into_iter().flatten() {
            let count = &mut inner.spent(of, operator).count;
            count.attempted = count.attempted.saturating_sub(1);
        }
    }

    /// Remembers what became of a message: tomorrow's budget depends on it.
    pub(crate) fn judged(
        &self,
        source: SourceId,
        identity: Option<DomainId>,
        operator: &str,
        verdict: &Verdict,
        now: Timestamp,
    ) {
        let Some(mut inner) = self.lock(now) else { return };
        for (of, operator) in inner.whose(source, identity, operator).into_iter().flatten() {
            let count = &mut inner.spent(of, operator).count;
            let attempted = count.attempted;
            count.count(verdict);
            count.attempted = attempted;
        }
    }

    /// How a source stands toward an operator.
    pub(crate) fn standing(&self, source: SourceId, operator: &str, now: Timestamp) -> Standing {
        let Some(mut inner) = self.lock(now).filter(|inner| inner.bounds_sources) else { return Standing::default() };
        let spent = inner.spent(VolumeOf::Source(source), operator);
        let is_spent = spent.count.attempted >= spent.allowance.messages;
        Standing { is_cold: !spent.allowance.is_warm, spent_until: is_spent.then(|| next_day(now)) }
    }

    /// Today's budget and what was spent of it, for people; `None` where nothing is bounded.
    pub(crate) fn today(&self, source: SourceId, operator: &str, now: Timestamp) -> Option<(u32, u32, String)> {
        let mut inner = self.lock(now).filter(|inner| inner.bounds_sources)?;
        let spent = inner.spent(VolumeOf::Source(source), operator);
        let bounded = spent.allowance.messages != u32::MAX;
        bounded.then(|| (spent.allowance.messages, spent.count.attempted, spent.allowance.why.clone()))
    }

    /// Reads what a sending domain sent lately, unless that is known.
    pub(crate) async fn know(&self, store: &Store, identity: DomainId) -> Result<(), StoreError> {
        let Some(real) = &self.real else { return Ok(()) };
        let of = VolumeOf::Domain(identity);
        let day = {
            let inner = real.lock().unwrap_or_else(PoisonError::into_inner);
            if inner.who.contains_key(&of) {
                return Ok(());
            }
            inner.day
        };
        let rows = store.volume_of(of, day - HISTORY_DAYS).await?;
        let mut inner = real.lock().unwrap_or_else(PoisonError::into_inner);
        inner.take_in(of, Who::Domain { warm_since: None }, rows);
        Ok(())
    }

    /// Reads again what sources and sending domains sent before today: some may be new here, and logs of another system
    /// may have been counted. Today's budgets follow; what was spent of them stays spent.
    pub(crate) async fn know_sources(&self, store: &Store, ways: &Ways) -> Result<(), StoreError> {
        let Some(real) = &self.real else { return Ok(()) };
        let lock = || real.lock().unwrap_or_else(PoisonError::into_inner);
        let sources = ways.sources().map(|source| (VolumeOf::Source(source.id), source.warm_since));
        let sources = sources.map(|(of, warm_since)| (of, Who::Source { warm_since }));
        let (day, domains) = {
            let inner = lock();
            let is_domain = |(of, _): &(&VolumeOf, &Who)| matches!(of, VolumeOf::Domain(_));
            let domains: Vec<(VolumeOf, Who)> =
                inner.who.iter().filter(is_domain).map(|(of, who)| (*of, *who)).collect();
            (inner.day, domains)
        };
        for (of, who) in sources.chain(domains) {
            let rows = store.volume_of(of, day - HISTORY_DAYS).await?;
            lock().is_known_as(of, who, rows);
        }
        Ok(())
    }

    /// These are the providers from now on. What was spent toward one stays spent.
    pub(crate) fn describe(&self, providers: &'static Providers) {
        if let Some(real) = &self.real {
            real.lock().unwrap_or_else(PoisonError::into_inner).providers = providers;
        }
    }

    /// The budgets of the day that `now` is in.
    fn lock(&self, now: Timestamp) -> Option<MutexGuard<'_, Inner>> {
        let mut inner = self.real.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let today = now.day();
        if today > inner.day {
            inner.turn_over(today);
        }
        Some(inner)
    }
}

impl Inner {
    /// Whose budgets a message is on.
    fn whose<'o>(
        &self,
        source: SourceId,
        identity: Option<DomainId>,
        operator: &'o str,
    ) -> [Option<(VolumeOf, &'o str)>; 2] {
        let source = self.bounds_sources.then_some((VolumeOf::Source(source), operator));
        [source, identity.map(|identity| (VolumeOf::Domain(identity), UNNAMED))]
    }

    fn take_in(&mut self, of: VolumeOf, who: Who, rows: Vec<store::DayVolume>) {
        self.who.insert(of, who);
        for row in rows {
            // A sending domain has one budget toward all; a source has one for each provider.
            let provider =
                if matches!(of, VolumeOf::Domain(_)) { UNNAMED.to_owned() } else { row.provider.unwrap_or_default() };
            let days = self.history.entry((of, provider)).or_default();
            match days.last_mut() {
                Some((day, count)) if *day == row.day => count.add(&row.count),
                _ => days.push((row.day, row.count)),
            }
        }
        for days in self.history.values_mut() {
            days.sort_by_key(|(day, _)| *day);
        }
    }

    /// Somebody is known as this now, and sent this before today, as the ledger has it: today's budgets follow.
    fn is_known_as(&mut self, of: VolumeOf, who: Who, rows: Vec<store::DayVolume>) {
        let today = self.day;
        if self.who.contains_key(&of) {
            // Of today this process knows more than the ledger, which is told of a message when its verdict is written.
            for ((one, _), days) in &mut self.history {
                days.retain(|(day, _)| *one != of || *day >= today);
            }
            self.take_in(of, who, rows.into_iter().filter(|row| row.day < today).collect());
        } else {
            self.take_in(of, who, rows);
        }
        let theirs: Vec<String> = self.today.keys().filter(|(one, _)| *one == of).map(|(_, at)| at.clone()).collect();
        for operator in theirs {
            let allowance = self.fresh(of, &operator, None).allowance;
            if let Some(spent) = self.today.get_mut(&(of, operator)) {
                spent.allowance = allowance;
            }
        }
    }

    fn spent(&mut self, of: VolumeOf, operator: &str) -> &mut Spent {
        let key = (of, operator.to_owned());
        if !self.today.contains_key(&key) {
            if self.today.len() >= SITES_MAX {
                self.put_away();
            }
            let before = self.before.remove(&key);
            let fresh = self.fresh(of, operator, before);
            self.today.insert(key.clone(), fresh);
        }
        self.today.entry(key).or_default()
    }

    /// Makes room: of sites nobody described only the number is kept, of so many as there is room for.
    fn put_away(&mut self) {
        for ((of, operator), spent) in std::mem::take(&mut self.today) {
            if operator == UNNAMED || self.providers.by_key(&operator).is_some() {
                self.today.insert((of, operator), spent);
                continue;
            }
            let days = self.history.entry((of, UNNAMED.to_owned())).or_default();
            add_to_day(days, self.day, &spent.news());
            if spent.count.attempted > 0 && self.before.len() < SITES_MAX {
                self.before.insert((of, operator), spent.count.attempted);
            }
        }
    }

    /// Today's budget, with what the ledger says was spent of it already.
    fn fresh(&self, of: VolumeOf, operator: &str, before: Option<u32>) -> Spent {
        let who = self.who.get(&of).copied().unwrap_or(Who::Source { warm_since: None });
        let named = operator == UNNAMED || self.providers.by_key(operator).is_some();
        let provider = if named { operator } else { UNNAMED };
        let empty = Vec::new();
        let history = self.history.get(&(of, provider.to_owned())).unwrap_or(&empty);
        let of_provider = Some(provider).filter(|provider| *provider != UNNAMED);
        if named {
            let today = history.iter().find(|(day, _)| *day == self.day).map(|(_, count)| *count);
            let allowance = volume::allowance(&who, of_provider, history, self.day);
            return Spent { allowance, count: today.unwrap_or_default(), known: 0, is_told: false };
        }
        // The history is that of all sites nobody described together; the budget is for each of them.
        let allowance = volume::allowance(&who, None, history, self.day);
        let known = before.unwrap_or_default();
        Spent { allowance, count: DayCount { attempted: known, ..DayCount::default() }, known, is_told: false }
    }

    fn turn_over(&mut self, today: i64) {
        let yesterday = self.day;
        for ((of, operator), spent) in std::mem::take(&mut self.today) {
            let named = operator == UNNAMED || self.providers.by_key(&operator).is_some();
            let provider = if named { operator } else { UNNAMED.to_owned() };
            let days = self.history.entry((of, provider)).or_default();
            match days.last_mut() {
                Some((day, count)) if *day == yesterday && named => *count = spent.count,
                _ if named => days.push((yesterday, spent.count)),
                _ => add_to_day(days, yesterday, &spent.news()),
            }
            days.retain(|(day, _)| *day >= today - HISTORY_DAYS);
        }
        self.before.clear();
        self.day = today;
    }
}

impl Spent {
    /// What the history does not know yet.
    fn news(&self) -> DayCount {
        DayCount { attempted: self.count.attempted.saturating_sub(self.known), ..self.count }
    }
}

fn add_to_day(days: &mut Vec<(i64, DayCount)>, day: i64, count: &DayCount) {
    match days.last_mut() {
        Some((last, sum)) if *last == day => sum.add(count),
        _ => days.push((day, *count)),
    }
}

/// When the next day's budgets open.
pub(crate) fn next_day(now: Timestamp) -> Timestamp {
    opens_on(now.day() + 1)
}

/// When the budgets of a UTC day open.
pub(crate) fn opens_on(day: i64) -> Timestamp {
    Timestamp::of_day(day) + AFTER_MIDNIGHT
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Actor;
    use store::{DayVolume, OpenOptions};

    const TODAY: i64 = 20_454;

    fn noon() -> Timestamp {
        Timestamp::of_day(TODAY) + Duration::from_secs(12 * 3_600)
    }

    /// Messages that go until one of the budgets says no, at most `most`.
    fn go(budgets: &Budgets, domain: DomainId, most: u32) -> u32 {
        let take = |_: &u32| budgets.take(SourceId::THIS_MACHINE, Some(domain), "google", noon()).is_ok();
        u32::try_from((0..most).take_while(take).count()).unwrap()
    }

    #[tokio::test]
    async fn what_another_system_sent_counts_at_once_for_the_domain_and_the_source() {
        let store = Store::open(OpenOptions::memory([7; 32]), noon()).unwrap();
        let domain = store.domain_id("letters.example", noon()).await.unwrap();
        let ways = Ways::read(&store, "mta.letters.example").await.unwrap();
        let how = (Stakes::Real, Providers::shipped());
        let budgets = Budgets::read(&store, &ways, &[domain], how, noon()).await.unwrap();
        assert_eq!(go(&budgets, domain, 10_000), 200, "a new address and a new domain");
        let count = DayCount { attempted: 5_000, accepted: 5_000, ..DayCount::default() };
        let weekly = |of: VolumeOf| {
            let provider = Some("google".to_owned());
            (1..=4).map(move |week| DayVolume { of, provider: provider.clone(), day: TODAY - 7 * week, count })
        };
        let own = SourceId::THIS_MACHINE;
        let rows = weekly(VolumeOf::Source(own)).chain(weekly(VolumeOf::Domain(domain))).collect();
        store.add_volume(own, rows, &Actor::Engine, noon()).await.unwrap();
        assert_eq!(go(&budgets, domain, 10_000), 0);
        budgets.know_sources(&store, &ways).await.unwrap();
        assert_eq!(go(&budgets, domain, 20_000), 9_800, "what was spent stays spent");
        budgets.know_sources(&store, &ways).await.unwrap();
        assert_eq!(go(&budgets, domain, 10), 0, "told twice is known once");
        let restarted = Budgets::read(&store, &ways, &[domain], how, noon()).await.unwrap();
        assert_eq!(go(&restarted, domain, 20_000), 10_000, "the same after a start");
    }
}
