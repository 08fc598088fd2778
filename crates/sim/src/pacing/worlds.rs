//! The ten worlds of the trials: each is about one kind of hidden limit, the last about all of them.

use crate::provider::{Host, HostState, Limits, Mood, Profile, Regard, Served, Temper, Tls, TlsOffer, Words};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// As many messages a minute as anybody likes.
pub(super) const ANY_PER_MINUTE: u32 = u32::MAX;

/// A world and how its people are spread.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What is hidden in it.
    pub name: &'static str,
    /// Decides every draw.
    pub seed: u64,
    /// Its providers.
    pub profiles: Vec<Arc<Profile>>,
    /// Limits that are hidden in it, each change of one counted too.
    pub hidden: u64,
    /// How many of a hundred people live at each provider.
    shares: Vec<usize>,
}

impl Trial {
    /// So many people, spread by the shares, in turn.
    pub fn people(&self, count: usize) -> Vec<String> {
        let homes: Vec<&str> = self
            .profiles
            .iter()
            .zip(&self.shares)
            .flat_map(|(profile, share)| std::iter::repeat_n(profile.domains[0].name.as_str(), *share))
            .collect();
        // A step that shares no factor with a hundred spreads neighbours over the providers.
        (0..count).map(|n| format!("person{n}@{}", homes[n * 37 % homes.len()])).collect()
    }
}

/// A change to a provider without limits.
type Change = fn(&mut Profile);

/// A provider of a world: how many of a hundred people live there, how many limits it hides, and which.
type Sketch = (usize, u64, Change);

/// The ten.
pub fn trials() -> Vec<Trial> {
    let worlds: [(&'static str, &[Sketch]); 10] = [
        (
            "connections",
            &[
                (40, 1, |p| p.limits.connections = 2),
                (30, 1, |p| p.limits.connections = 4),
                (30, 1, |p| {
                    p.limits.connections = 7;
                }),
            ],
        ),
        (
            "messages per connection",
            &[
                (40, 1, |p| p.limits.messages_per_connection = 5),
                (30, 1, |p| p.limits.messages_per_connection = 20),
                (30, 1, |p| p.limits.messages_per_connection = 60),
            ],
        ),
        (
            "messages per minute",
            &[
                (50, 1, |p| p.limits.messages_per_minute = 600),
                (40, 1, |p| p.limits.messages_per_minute = 240),
                (10, 1, |p| p.limits.messages_per_minute = 60),
            ],
        ),
        (
            "messages per hour",
            &[
                (60, 1, |p| p.limits.messages_per_hour = Some(12_000)),
                (40, 1, |p| p.limits.messages_per_hour = Some(5_000)),
            ],
        ),
        (
            "messages per day",
            &[
                (60, 1, |p| p.limits.messages_per_day = Some(25_000)),
                (40, 1, |p| p.limits.messages_per_day = Some(15_000)),
            ],
        ),
        (
            "connections per minute",
            &[
                (60, 2, |p| {
                    p.limits.connects_per_minute = Some(30);
                    p.limits.messages_per_connection = 20;
                }),
                (40, 1, |p| p.limits.connects_per_minute = Some(10)),
            ],
        ),
        (
            "moods",
            &[
                (50, 3, |p| {
                    p.limits.messages_per_minute = 900;
                    p.moods.push(Mood {
                        from_min: 40,
                        until_min: Some(100),
                        messages_per_minute: Some(300),
                        ..Mood::default()
                    });
                }),
                (50, 3, |p| {
                    p.limits.connections = 8;
                    let (from_min, until_min) = (20, Some(60));
                    p.moods.push(Mood { from_min, until_min, connections: Some(2), ..Mood::default() });
                }),
            ],
        ),
        (
            "rates of the From domain",
            &[(60, 1, |p| p.limits.domain_per_minute = Some(400)), (40, 1, |p| p.limits.domain_per_hour = Some(8_000))],
        ),
        (
            "little patience",
            &[
                (50, 2, |p| {
                    p.limits.messages_per_minute = 300;
                    p.limits.connections = 4;
                    p.temper = Some(Temper { refusals_per_hour: 60, block_s: 4 * 3_600 });
                }),
                (50, 2, |p| {
                    p.limits.messages_per_hour = Some(10_000);
                    p.regard = Some(REGARD);
                    p.temper = Some(Temper { refusals_per_hour: 100, block_s: 6 * 3_600 });
                }),
            ],
        ),
        (
            "ten providers, all kinds",
            &[
                (10, 1, |p| p.limits.connections = 3),
                (10, 1, |p| p.limits.messages_per_connection = 10),
                (10, 1, |p| p.limits.messages_per_minute = 150),
                (10, 1, |p| p.limits.messages_per_hour = Some(4_000)),
                (10, 1, |p| p.limits.messages_per_day = Some(8_000)),
                (10, 2, |p| {
                    p.limits.connects_per_minute = Some(12);
                    p.limits.messages_per_connection = 25;
                }),
                (10, 1, |p| p.limits.domain_per_minute = Some(120)),
                (10, 3, |p| {
                    p.limits.messages_per_minute = 400;
                    let (from_min, until_min) = (15, Some(45));
                    p.moods.push(Mood { from_min, until_min, messages_per_minute: Some(100), ..Mood::default() });
                }),
                (10, 2, |p| {
                    p.limits.connections = 5;
                    p.limits.messages_per_minute = 200;
                    p.temper = Some(Temper { refusals_per_hour: 60, block_s: 4 * 3_600 });
                }),
                (10, 0, |_| {}),
            ],
        ),
    ];
    worlds.into_iter().enumerate().map(|(at, (name, providers))| trial(at, name, providers)).collect()
}

/// A provider that minds volume: somebody new may send it a third of a large campaign in a day before it slows down.
const REGARD: Regard = Regard {
    complaint_share: 0.003,
    unknown_share: 0.1,
    first_day: 35_000,
    growth: 2.0,
    slowed_share: 0.5,
    block_s: 6 * 3_600,
};

fn trial(at: usize, name: &'static str, providers: &[Sketch]) -> Trial {
    let profiles = providers.iter().enumerate().map(|(number, (_, _, change))| {
        let mut profile = plain(number);
        change(&mut profile);
        Arc::new(profile)
    });
    Trial {
        name,
        seed: at as u64 + 1,
        profiles: profiles.collect(),
        hidden: providers.iter().map(|(_, hidden, _)| hidden).sum(),
        shares: providers.iter().map(|(share, ..)| *share).collect(),
    }
}

/// A provider without quirks. Half of them speak in the words of one that comes with the program; but all name a rate
/// as a rate: who calls it a matter of reputation means that, and is to be left alone for hours.
fn plain(number: usize) -> Profile {
    const SPEAKERS: [&str; 4] = ["northmail", "lookmail", "yonder", "orchard"];
    let key = format!("trial{number}");
    let speaker = SPEAKERS[number / 2 % SPEAKERS.len()];
    let spoken = Profile::shipped().into_iter().find(|profile| profile.key == speaker && number % 2 == 1);
    let last = u8::try_from(number + 1).unwrap_or(u8::MAX);
    Profile {
        chunking: false,
        dsn: false,
        name: key.clone(),
        about: "of the trials of pacing".into(),
        domains: vec![Served { name: format!("{key}.test"), people: 0 }],
        hosts: vec![Host {
            name: format!("mx.{key}.test"),
            address: IpAddr::V4(Ipv4Addr::new(198, 51, 100, last)),
            preference: 10,
            state: HostState::Up,
        }],
        key,
        dns: Default::default(),
        greylist_s: None,
        limits: Limits {
            connections: 50,
            messages_per_connection: 1_000,
            messages_per_minute: ANY_PER_MINUTE,
            ..Limits::default()
        },
        moods: Vec::new(),
        temper: None,
        regard: None,
        habits: None,
        blocklists: Vec::new(),
        tls: Tls { offer: TlsOffer::None, ..Default::default() },
        ascii_only: false,
        authentication: Default::default(),
        manners: Default::default(),
        mailboxes: Default::default(),
        replies: spoken.map_or_else(Words::default, |profile| Words {
            too_fast: Words::default().too_fast,
            ..profile.replies.clone()
        }),
    }
}
