//! The binary as a person, a script or somebody else's server meets it: arguments in, exit code and two streams out, and
//! what arrives at the other end. One program for all of it, so that tests which mostly wait do so side by side.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot set up its peer has failed")]

// Begins first, because it takes longest: tests begin in the order of their names.
mod api;
mod browser;
mod complaints;
mod contacts;
mod kills;
mod lanes;
mod peers;
mod peers_answer;
mod readers;
mod reloads;
mod replies;
mod room;
mod sandbox;
mod sends;
mod tells;
mod upgrades;
mod ways_out;
