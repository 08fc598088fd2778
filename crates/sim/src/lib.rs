//! The simulated internet: receiving providers, their DNS and mailboxes, people, faults, and time that may be virtual.
//!
//! A map of the crate, from the outside in:
//!
//! * [`world`]: what an engine sees in memory on virtual time. [`listen`]: the same on loopback sockets, [`worlds`]:
//!   what is played there. [`tempo`]: how fast virtual time passes where somebody watches.
//! * [`internet`]: all receivers, their DNS, ledger and trace as one thing. [`session`]: one conversation of theirs.
//! * [`receiver`]: a provider's mind, pure. [`provider`]: what it is made of, as data. [`fault`]: what goes wrong.
//! * [`dns`], [`dns_server`], [`authentication`]: names, and whether mail is what it says.
//! * [`certificates`], [`web`]: who servers prove to be, and their policies.
//! * [`ledger`]: what the receiving side knows for certain. [`usage`]: how much of it each source used. [`trace`]: what
//!   happened, as a hash. [`chance`]: draws.
//! * [`swarm`]: random worlds from a seed, each a scenario. [`scenario`]: a story played with the real engine.
//!   [`check`]: what must hold after every story. [`people`]: a list of people with the flaws of real lists.
//!
//! Invariant: same seed, same trace. All names are reserved ones; nothing here can reach a real server.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod authentication;
pub mod certificates;
pub mod chance;
pub mod check;
pub mod dns;
pub mod dns_server;
pub mod fault;
pub mod internet;
pub mod ledger;
pub mod listen;
pub mod pacing;
pub mod people;
pub mod provider;
pub mod receiver;
pub mod scenario;
pub mod session;
pub mod swarm;
pub mod tempo;
pub mod trace;
pub mod usage;
pub mod web;
pub mod world;
pub mod worlds;
