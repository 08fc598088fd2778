//! Standing check 3: no limit of a site, provider, source or budget is ever exceeded, across restarts.
//!
//! Compared are the limits the engine was given and what the receivers saw it use. What a receiver allows beyond or
//! below that is another matter: the engine learns it from replies and pays with a refusal for each lesson.

use crate::usage::Used;
use dispatch::providers::Limits;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The limits a source was given toward a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Toward whom: the provider's key in the simulator.
    pub provider: String,
    /// Its limits.
    pub limits: Limits,
    /// Messages in one day that the budget of the source allowed, by the day's number; days without one are free.
    pub budgets: BTreeMap<i64, u32>,
}

/// Check 3: nothing was used beyond what was given. Providers that are not named have no limit.
pub fn no_limit_is_exceeded(given: &[Given], used: &BTreeMap<(IpAddr, String), Used>) -> Vec<String> {
    let mut breaches = Vec::new();
    for given in given {
        for ((source, provider), used) in used.iter().filter(|((_, provider), _)| *provider == given.provider) {
            let breach = |what: &str, most: u32, limit: u32| {
                (most > limit).then(|| format!("check 3: {source} used {most} {what} at {provider}, {limit} allowed"))
            };
            let limits = &given.limits;
            let bounded = |limit: Option<u32>| limit.unwrap_or(u32::MAX);
            breaches.extend(breach("connections at once", used.open, limits.connections));
            breaches.extend(breach("messages in a connection", used.in_one_connection, limits.per_connection));
            breaches.extend(breach("connections in a minute", used.connects_in_a_minute, limits.connects_per_minute));
            breaches.extend(breach("messages in a minute", used.in_a_minute, bounded(limits.messages_per_minute)));
            breaches.extend(breach("messages in an hour", used.in_an_hour, bounded(limits.messages_per_hour)));
            for (day, most) in &used.days {
                let limit = bounded(limits.messages_per_day).min(bounded(given.budgets.get(day).copied()));
                breaches.extend(breach("messages in a day", *most, limit));
            }
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_that_was_exceeded_is_told_and_no_other() {
        let limits = Limits {
            connections: 3,
            per_connection: 20,
            connects_per_minute: 10,
            messages_per_minute: Some(60),
            messages_per_hour: Some(600),
            messages_per_day: Some(1_000),
            ..Limits::default()
        };
        let given = Given { provider: "x".into(), limits, budgets: BTreeMap::from([(8, 500)]) };
        let kept = Used {
            open: 3,
            connects_in_a_minute: 10,
            in_one_connection: 20,
            followed: 19,
            in_a_minute: 60,
            in_an_hour: 600,
            days: BTreeMap::from([(7, 1_000), (8, 500)]),
        };
        let check = |used: Used| {
            let source: IpAddr = "203.0.113.200".parse().unwrap();
            no_limit_is_exceeded(std::slice::from_ref(&given), &BTreeMap::from([((source, "x".to_owned()), used)]))
        };
        assert_eq!(check(kept.clone()), Vec::<String>::new());
        let broken = [
            Used { open: 4, ..kept.clone() },
            Used { connects_in_a_minute: 11, ..kept.clone() },
            Used { in_one_connection: 21, ..kept.clone() },
            Used { in_a_minute: 61, ..kept.clone() },
            Used { in_an_hour: 601, ..kept.clone() },
            Used { days: BTreeMap::from([(7, 1_001)]), ..kept.clone() },
            Used { days: BTreeMap::from([(8, 501)]), ..kept },
        ];
        for used in broken {
            assert_eq!(check(used.clone()).len(), 1, "{used:?}");
        }
    }
}
