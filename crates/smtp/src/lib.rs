//! The SMTP conversation, as two machines that know neither sockets nor clocks.
//!
//! Bytes, the time and the owner's answers go in; bytes to write, events and outcomes come out. That is why any
//! splitting of the bytes on the wire gives the same outcome, why thirty hours of it run in a second, and why the
//! simulated internet talks to the engine through the very machine that will one day take mail from outside.
//!
//! * [`client`]: one session toward a receiving server or a relay, transaction after transaction.
//! * [`server`]: one session of somebody toward us; its owner decides every reply.
//! * [`reply`]: what a server says, read out of bytes that arrive in any pieces.
//! * [`extensions`]: what an EHLO reply offers.
//! * [`transcript`]: who said what and when, for people who ask why.
//!
//! Standards: RFC 5321 (SMTP), 1870 (SIZE), 2034 (enhanced codes), 2920 (PIPELINING), 3207 (STARTTLS), 4954 (AUTH),
//! 6152 (8BITMIME), 6531 (SMTPUTF8), 9422 (LIMITS).

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod client;
pub mod extensions;
pub mod reply;
pub mod server;
pub mod transcript;

mod stuffing;

#[cfg(test)]
mod tests;

pub use client::Client;
pub use server::Server;
