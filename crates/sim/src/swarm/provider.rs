//! A random receiving provider.

use super::one_in;
use crate::provider::{
    Habits, Host, HostState, Limits, Mood, Profile, Regard, Served, Temper, TlsOffer, Treatment, Words,
};
use fastrand::Rng;
use std::net::{IpAddr, Ipv4Addr};

/// Minutes within which moods begin and end.
const MOODS_MIN: u64 = 48 * 60;

/// The `number`-th provider of a world.
pub(super) fn draw(rng: &mut Rng, number: usize) -> Profile {
    let key = format!("swarm{number}");
    let domains = (0..rng.usize(1..=3)).map(|at| Served { name: format!("d{at}.{key}.test"), people: 0 }).collect();
    let hosts = (0..rng.u8(1..=3)).map(|at| host(rng, &key, number, at)).collect();
    let mut profile = Profile {
        name: key.clone(),
        about: "drawn by chance".into(),
        key,
        domains,
        hosts,
        dns: Default::default(),
        greylist_s: one_in(rng, 4).then(|| rng.u64(60..3_000)),
        limits: limits(rng),
        moods: Vec::new(),
        temper: None,
        regard: None,
        habits: None,
        blocklists: if one_in(rng, 3) { vec!["list.test".into()] } else { Vec::new() },
        tls: Default::default(),
        ascii_only: false,
        chunking: false,
        dsn: false,
        authentication: Default::default(),
        manners: Default::default(),
        mailboxes: Default::default(),
        replies: words(rng),
    };
    character(rng, &mut profile);
    opinions(rng, &mut profile);
    // Not drawn: a draw more would change every world that a seed names.
    profile.chunking = profile.limits.connections.is_multiple_of(2);
    profile.dsn = profile.limits.messages_per_connection.is_multiple_of(2);
    profile
}

fn host(rng: &mut Rng, key: &str, number: usize, at: u8) -> Host {
    let number = u8::try_from(number).unwrap_or(u8::MAX);
    let state = match rng.u32(0..20) {
        0 if at > 0 => HostState::Down,
        1 if at > 0 => HostState::Silent,
        _ => HostState::Up,
    };
    let address = IpAddr::V4(Ipv4Addr::new(198, 51, 100, number * 8 + at + 1));
    Host { name: format!("mx{at}.{key}.test"), address, preference: rng.u16(1..=2) * 10, state }
}

fn limits(rng: &mut Rng) -> Limits {
    let mut limits = Limits::default();
    let some = |rng: &mut Rng, cases: u32, range: std::ops::Range<u32>| one_in(rng, cases).then(|| rng.u32(range));
    limits.connections = some(rng, 2, 1..6).unwrap_or(limits.connections);
    limits.connects_per_minute = some(rng, 5, 1..20);
    limits.messages_per_connection = some(rng, 3, 1..20).unwrap_or(limits.messages_per_connection);
    limits.messages_per_minute = some(rng, 3, 2..40).unwrap_or(limits.messages_per_minute);
    limits.messages_per_hour = some(rng, 6, 10..200);
    limits.messages_per_day = some(rng, 10, 30..300);
    limits.domain_per_minute = some(rng, 10, 2..40);
    limits
}

fn character(rng: &mut Rng, profile: &mut Profile) {
    if one_in(rng, 3) {
        profile.tls.offer = if one_in(rng, 4) { TlsOffer::Broken } else { TlsOffer::Good };
    }
    profile.ascii_only = one_in(rng, 5);
    profile.authentication.failing = [Treatment::Deliver, Treatment::Junk, Treatment::Refuse][rng.usize(0..3)];
    let share = |rng: &mut Rng, cases: u32, most: f64| if one_in(rng, cases) { rng.f64() * most } else { 0.0 };
    profile.manners.trouble_share = share(rng, 3, 0.3);
    profile.manners.spam_share = share(rng, 3, 0.3);
    profile.manners.drop_share = share(rng, 4, 0.2);
    profile.manners.cut_after_dot_share = share(rng, 6, 0.2);
    profile.manners.pause_ms = if one_in(rng, 4) { rng.u64(1..5_000) } else { 0 };
    profile.manners.refuse_at_connect = one_in(rng, 25);
    profile.mailboxes.left = share(rng, 3, 0.2);
    profile.mailboxes.full = share(rng, 4, 0.2);
    profile.mailboxes.off = share(rng, 4, 0.1);
    profile.mailboxes.filter = share(rng, 5, 0.2);
}

fn opinions(rng: &mut Rng, profile: &mut Profile) {
    for _ in 0..rng.usize(0..=2) {
        let from_min = rng.u64(0..MOODS_MIN);
        let until_min = rng.bool().then(|| from_min + rng.u64(1..MOODS_MIN));
        let connections = rng.bool().then(|| rng.u32(1..10));
        let messages_per_minute = rng.bool().then(|| rng.u32(1..60));
        let messages_per_connection = one_in(rng, 3).then(|| rng.u32(1..30));
        profile.moods.push(Mood {
            from_min,
            until_min,
            connections,
            messages_per_minute,
            messages_per_connection,
            ..Mood::default()
        });
    }
    if one_in(rng, 4) {
        profile.temper = Some(Temper { refusals_per_hour: rng.u32(20..200), block_s: rng.u64(600..20_000) });
    }
    if one_in(rng, 4) {
        profile.regard = Some(Regard {
            complaint_share: 0.003,
            unknown_share: 0.1,
            first_day: rng.u32(20..2_000),
            growth: 2.0,
            slowed_share: 0.25,
            block_s: rng.u64(600..20_000),
        });
        profile.habits = Some(Habits {
            opens: 0.4,
            clicks: 0.1,
            complains: rng.f64() * 0.01,
            unsubscribes: 0.004,
            rescues: 0.02,
            deletes: 0.5,
            welcome_per_week: rng.u32(1..4),
        });
    }
}

/// Most speak plainly; some in the words of one of those that come with the program.
fn words(rng: &mut Rng) -> Words {
    let shipped = Profile::shipped();
    let speaker = rng.usize(0..shipped.len() * 2);
    shipped.get(speaker).map_or_else(Words::default, |profile| profile.replies.clone())
}
