//! The decisions: where a message goes, what a reply means, when to try again, whom to leave alone.
//!
//! Pure: `now`, seeds and jitter are arguments; nothing here opens a file or a socket, and nothing remembers more than
//! it is handed. The engine carries out what is decided here.
//!
//! - [`route`]: domain and MX answer → hosts in order of trial, or a verdict; which targets are out of bounds.
//! - [`pool`]: which source a delivery goes out by.
//! - [`providers`]: who runs these hosts, and the limits to start with.
//! - [`judge`]: reply or failure → [`model::Verdict`], by the rules in `rules/*.toml` ([`rules`]).
//! - [`text`]: replies in the form that rules read.
//! - [`enhanced`]: what an enhanced status code means.
//! - [`words`]: what a verdict is called toward people.
//! - [`lever`]: which part of pacing a reply concerns.
//! - [`pace`]: how many connections, messages and how fast, as learned from replies.
//! - [`origin`]: how much harm people of one origin do.
//! - [`own`]: an operator's own providers and rules on top of the shipped ones.
//! - [`react`]: verdict and history → the next state, suppression, contact, hold.
//! - [`retry`]: when to try again.
//! - [`brakes`]: when to stop altogether.
//! - [`alert`]: when something is said about trouble.
//! - [`engage`]: whether a person or a machine opened or clicked.
//! - [`security`]: what encryption a domain is owed, and which servers satisfy it.
//! - [`sequence`]: somebody's next move in a sequence.
//! - [`share`]: whose turn it is in a lane.
//! - [`suffix`]: under which names anybody can have one of their own.
//! - [`telling`]: in which language and time zone the machine tells of itself.
//! - [`trial`]: which variant of a message did better, if any did.
//! - [`volume`]: how much a day; warm-up and no jumps.
//! - [`webhook`]: which events another system is told, when again, and what its answer means.
//! - [`windows`]: on which hours of the week.
//!
//! Invariant: the same arguments give the same answer.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod alert;
pub mod brakes;
pub mod engage;
pub mod enhanced;
mod file_error;
pub mod judge;
pub mod lever;
pub mod origin;
pub mod own;
pub mod pace;
pub mod pool;
pub mod providers;
pub mod react;
pub mod retry;
pub mod route;
pub mod rules;
pub mod security;
pub mod sequence;
pub mod share;
pub mod suffix;
pub mod telling;
pub mod text;
pub mod trial;
pub mod volume;
pub mod webhook;
pub mod windows;
pub mod words;

pub use file_error::FileError;

#[cfg(test)]
mod score;
