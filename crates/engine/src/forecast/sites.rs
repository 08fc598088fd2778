//! As the sites let a campaign's people go: each foreseen by itself, from who waits there and from the ways that lead there
//! ([`crate::paths`]): rests and limits of the lanes, day budgets of the sources, and who was put off until later.

use super::course::{Part, by_day, side_by_side};
use super::turns::{Work, listed, part_of, with_others};
use super::{Bound, DAY_MS, LastSite, Plan, day_begins};
use crate::paths::{self, Path, Paths};
use dispatch::pace::{Cause, InForce, Limit, Outlook};
use dispatch::providers;
use dispatch::volume::{self, Forecast as Days, Who};
use model::{SourceId, Timestamp, thousands};
use std::collections::BTreeMap;
use store::{Site, WaitingAt};

/// Sources whose budgets are told one by one.
const BUDGETS_TOLD_MAX: usize = 3;

/// What waits at one operator's sites, as lanes and budgets there let it go.
struct There<'w> {
    rows: Vec<&'w WaitingAt>,
    waiting: u64,
}

/// All sites side by side: who of the campaign goes when, as far as something known slows them; the plan of the site that ends
/// last; and how many nothing known slows.
pub(super) fn of_sites(work: &Work, paths: &Paths, now: Timestamp) -> (Vec<Part>, Option<Plan>, u64) {
    let mut there: BTreeMap<&str, There<'_>> = BTreeMap::new();
    for row in &work.here {
        if let Some(site) = &row.site {
            let one = there.entry(paths::operator(site)).or_insert(There { rows: Vec::new(), waiting: 0 });
            one.rows.push(row);
            one.waiting += row.waiting;
        }
    }
    let (mut slowed, mut last): (u64, Option<Plan>) = (0, None);
    let (mut parts, mut budgets) = (Vec::new(), BTreeMap::new());
    for one in there.values().filter(|one| one.waiting > 0) {
        let by_lanes = by_lanes(one, work, paths, now);
        let by_budget = by_budget(one, work, paths, &mut budgets, now);
        let is_slowed = by_budget.is_some() || !is_as_configured(one, paths);
        let bounded = by_lanes.into_iter().chain(by_budget).max_by_key(|plan| plan.ends_at);
        slowed += bounded.as_ref().filter(|_| is_slowed).map_or(0, |_| one.waiting);
        let Some(plan) = by_retries(one, bounded.as_ref(), now).or(bounded) else { continue };
        parts.extend_from_slice(&plan.parts);
        if last.as_ref().is_none_or(|last| last.ends_at < plan.ends_at) {
            last = Some(plan);
        }
    }
    (side_by_side(parts), last, work.waiting.saturating_sub(slowed))
}

/// The ways to a site: where some are open, those that are gone round carry nothing.
fn open_ways<'p>(paths: &'p Paths, site: &'p Site) -> Vec<Path<'p>> {
    let mut ways = paths.toward(site);
    if ways.iter().any(|way| !way.is_gone_round()) {
        ways.retain(|way| !way.is_gone_round());
    }
    ways
}

/// Does nothing slow it there but what is configured? How fast it goes within that is measured.
fn is_as_configured(one: &There<'_>, paths: &Paths) -> bool {
    let mut sites = one.rows.iter().filter_map(|row| row.site.as_ref());
    sites.all(|site| open_ways(paths, site).iter().all(Path::is_as_configured))
}

/// As rests, learned limits and what is configured let it go; `None`: nothing slows it.
fn by_lanes(one: &There<'_>, work: &Work, paths: &Paths, now: Timestamp) -> Option<Plan> {
    let mut last: Option<Plan> = None;
    let (mut parts, mut shared, mut slowed) = (Vec::new(), 0, 0);
    let mut foresee = |waiting: u64, all: u64, row: &WaitingAt| {
        let site = row.site.as_ref()?;
        let ways = open_ways(paths, site);
        let outlooks: Vec<Outlook> = ways.iter().map(Path::outlook).collect();
        if outlooks.is_empty() || outlooks.iter().any(|outlook| outlook.is_free(now)) {
            return None;
        }
        let ends_at = Outlook::ends(&outlooks, all, now).unwrap_or(Timestamp::MAX);
        parts.extend(let_go(&outlooks, (waiting, all), ends_at, now));
        slowed += waiting;
        let slowest = ways.iter().max_by_key(|way| way.outlook().from)?;
        let name = slowest.site_name(row.domain.as_deref());
        let limits = in_words(&slowest.limits(), now);
        let listed = slowest.rests().filter(|_| limits.is_empty()).map(|(_, why)| why);
        let held =
            slowest.held().map(|hold| format!("{} is held by {}: {}", slowest.source.name, hold.actor, hold.why));
        let alone = slowest.left_alone().map(|alone| alone.why.clone());
        let why = alone.into_iter().chain(held).chain(limits).chain(listed).collect::<Vec<_>>().join("; ");
        let site = LastSite { name, waiting };
        let because = format!("{}, where {} wait: {why}", site.name, thousands(site.waiting));
        if last.as_ref().is_none_or(|last| last.ends_at < ends_at) {
            last = Some(Plan { parts: Vec::new(), ends_at, because: Some((Bound::Lanes, because)), site: Some(site) });
        }
        Some(())
    };
    let is_shared =
        |row: &WaitingAt| row.site.as_ref().is_some_and(|site| paths.toward(site).iter().any(Path::is_shared));
    for row in &one.rows {
        if is_shared(row) {
            shared += row.waiting;
            continue;
        }
        let others = row.site.as_ref().and_then(|site| work.others_at.get(&site.fingerprint));
        foresee(row.waiting, with_others(work.own, row.waiting, &listed(others)), row);
    }
    if let Some(row) = one.rows.iter().find(|row| is_shared(row)) {
        let others = row.site.as_ref().and_then(|site| work.others_there.get(paths::operator(site)));
        foresee(shared, with_others(work.own, shared, &listed(others)), row);
    }
    let mut last = last?;
    parts.push(Part::at(now, one.waiting.saturating_sub(slowed)));
    last.parts = side_by_side(parts);
    Some(last)
}

/// Limits that bound how many go; the words that caused two are told once.
fn in_words(limits: &[InForce], now: Timestamp) -> Vec<String> {
    let mut told: Option<&Cause> = None;
    let bounds = limits.iter().filter(|limit| !matches!(limit.limit, Limit::Connections | Limit::PerConnection));
    let mut words = Vec::new();
    for limit in bounds {
        words.push(match (told, &limit.cause) {
            (Some(told), Some(cause)) if told == cause => limit.limit.counted(limit.value),
            _ => limit.told_at(now),
        });
        told = told.or(limit.cause.as_ref());
    }
    words
}

/// `waiting` of `all` as these lanes let them go, which have let the last of all go at `ends_at`.
fn let_go(outlooks: &[Outlook], (waiting, all): (u64, u64), ends_at: Timestamp, now: Timestamp) -> Vec<Part> {
    let from = outlooks.iter().map(|outlook| outlook.from).min().unwrap_or(now);
    if !outlooks.iter().any(Outlook::has_days) {
        return vec![if ends_at == Timestamp::MAX {
            Part::at(ends_at, waiting)
        } else {
            Part::over(from, waiting, ends_at.since(from))
        }];
    }
    let mut parts = by_day(&part_of(spread(outlooks, all, now, ends_at), waiting, all), waiting, now);
    for part in &mut parts {
        // A lane's day begins at midnight, or when its rest ends.
        if let Some(day) = part.day {
            part.from = Timestamp::from_millis(day.saturating_mul(DAY_MS)).max(from);
            let with_others = u128::from(part.people) * u128::from(all) / u128::from(waiting.max(1));
            part.lasts = Outlook::takes(outlooks, u64::try_from(with_others).unwrap_or(all));
        }
    }
    if let Some(last) = parts.last_mut().filter(|last| last.from < ends_at && ends_at < Timestamp::MAX) {
        last.lasts = ends_at.since(last.from);
    }
    parts
}

/// Messages by day until they end.
fn spread(outlooks: &[Outlook], all: u64, now: Timestamp, ends_at: Timestamp) -> Vec<(i64, u64)> {
    let (today, mut gone, mut days) = (now.day(), 0, Vec::new());
    let last = if ends_at == Timestamp::MAX { today + volume::FORECAST_DAYS_MAX } else { ends_at.day() };
    for day in today..=last {
        let midnight = Timestamp::from_millis((day + 1).saturating_mul(DAY_MS));
        let sum = outlooks.iter().fold(0u64, |sum, outlook| sum.saturating_add(outlook.before(midnight)));
        let up_to = if day == last && ends_at < Timestamp::MAX { all } else { sum.min(all) };
        if up_to > gone {
            days.push((day, up_to - gone));
        }
        gone = gone.max(up_to);
    }
    days
}

/// What budgets made of so many, spent so far by these sources, is the same for every site nobody described.
type Budgets = BTreeMap<(u64, Vec<(SourceId, u32)>), Days>;

/// As the day budgets of the sources let it go, which take over from each other; `None`: nothing bounds it, or all may go
/// today.
fn by_budget(one: &There<'_>, work: &Work, paths: &Paths, known: &mut Budgets, now: Timestamp) -> Option<Plan> {
    let (row, today) = (one.rows.first()?, now.day());
    let site = row.site.as_ref()?;
    let others = match &site.provider {
        Some(key) => work.others_there.get(key),
        None => work.others_at.get(&site.fingerprint),
    };
    let all = with_others(work.own, one.waiting, &listed(others));
    let ways = open_ways(paths, site);
    let histories = ways.iter().map(Path::history).collect::<Option<Vec<_>>>()?;
    let provider = site.provider.as_deref();
    let foresee = || {
        let senders: Vec<_> = histories.iter().map(|(who, history)| (*who, history.as_slice())).collect();
        volume::forecast_among(all, &senders, provider, today)
    };
    let days = match provider {
        Some(_) => foresee(),
        None => {
            let spent = |(_, history): &(Who, paths::Days)| history.last().map_or(0, |(_, count)| count.attempted);
            let spent = ways.iter().map(|way| way.source.id).zip(histories.iter().map(spent)).collect();
            known.entry((all, spent)).or_insert_with(foresee).clone()
        }
    };
    let ends_at = day_begins(&days, now);
    if ends_at <= now {
        return None;
    }
    let name = ways.first()?.site_name(row.domain.as_deref());
    let because = Some((Bound::Budget, budgets_in_words(&ways, &name)));
    let site = Some(LastSite { name, waiting: one.waiting });
    let parts = by_day(&part_of(days.days, one.waiting, all), one.waiting, now);
    Some(Plan { parts, ends_at, because, site })
}

/// `the budgets of mta1 and mta2 toward Google: day 1 of …`.
fn budgets_in_words(ways: &[Path<'_>], toward: &str) -> String {
    let mut why: Vec<String> =
        ways.iter().filter_map(Path::budget).map(|(allowance, _)| allowance.why).take(BUDGETS_TOLD_MAX).collect();
    why.dedup();
    let names: Vec<&str> = ways.iter().map(|way| way.source.name.as_str()).collect();
    let whose = match names.as_slice() {
        [only] => format!("budget of {only}"),
        [first @ .., last] if names.len() <= BUDGETS_TOLD_MAX => format!("budgets of {} and {last}", first.join(", ")),
        _ => format!("budgets of {} sources", names.len()),
    };
    format!("the {whose} toward {toward}: {}", why.join("; "))
}

/// Those who were put off come again at their own time: if the last of them comes later than what else is known, that is the
/// end.
fn by_retries(one: &There<'_>, bounded: Option<&Plan>, now: Timestamp) -> Option<Plan> {
    let (due, row) = one.rows.iter().filter_map(|row| Some((row.last_due?, *row))).max_by_key(|(due, _)| *due)?;
    if due <= bounded.map_or(now, |plan| plan.ends_at) {
        return None;
    }
    // How many of them come how late is not looked up: at least one does.
    let mut parts = bounded.map_or_else(|| vec![Part::at(now, one.waiting)], |plan| plan.parts.clone());
    if let Some(last) = parts.iter_mut().max_by_key(|part| part.from) {
        *last = last.share(last.people.saturating_sub(1));
    }
    parts.push(Part::at(due, 1));
    let provider = row.site.as_ref().and_then(|site| site.provider.as_deref());
    let provider = provider.map(|key| providers::by_key(key).map_or(key, |known| known.name.as_str()));
    let whose = provider.or(row.domain.as_deref());
    let at = whose.map(|whose| format!(" at {whose}")).unwrap_or_default();
    let because = format!("people{at} who were put off and are tried again then");
    Some(Plan { parts: side_by_side(parts), ends_at: due, because: Some((Bound::Retries, because)), site: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::DAY_S;
    use crate::forecast::course::Gates;
    use model::{CampaignId, CampaignState, SiteId};
    use std::time::Duration;

    const NOON: Timestamp = Timestamp::from_millis(20_000 * DAY_MS + DAY_MS / 2);

    #[test]
    fn who_was_put_off_until_later_than_all_else_is_the_end() {
        let row = |due_s: u64| WaitingAt {
            campaign: CampaignId(1),
            state: CampaignState::Retrying,
            site: Some(Site { id: SiteId(1), fingerprint: "aa11".to_owned(), provider: Some("google".to_owned()) }),
            waiting: 10,
            last_due: Some(NOON + Duration::from_secs(due_s)),
            domain: None,
        };
        let told = |due_s: u64, bounded: Option<&Plan>| {
            let row = row(due_s);
            let plan = by_retries(&There { rows: vec![&row], waiting: 10 }, bounded, NOON);
            plan.map(|plan| Gates::default().course(&plan.parts).days())
        };
        assert_eq!(told(900, None), Some(vec![(20_000, 10)]));
        assert_eq!(told(DAY_S, None), Some(vec![(20_000, 9), (20_001, 1)]));
        let parts = by_day(&[(20_000, 4), (20_001, 6)], 10, NOON);
        let plan = Plan { parts, ends_at: NOON + Duration::from_secs(DAY_S), because: None, site: None };
        assert_eq!(told(900, Some(&plan)), None, "the budget ends later");
        assert_eq!(told(2 * DAY_S, Some(&plan)), Some(vec![(20_000, 4), (20_001, 5), (20_002, 1)]));
    }
}
