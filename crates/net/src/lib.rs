//! The outside world behind small traits: DNS, TCP, TLS, clock and entropy.
//!
//! The engine reaches everything outside the process, except the ledger, through a [`World`]. Production wires
//! sockets into it ([`dns`], [`tcp`], [`clock`], [`entropy`]); the simulator wires an in-memory network on virtual
//! time. So one engine serves both, and no other crate asks an operating system for the time or for a random number.
//!
//! Invariant: nothing here decides. A refused connection or a missing name is an answer ([`ConnectFailure`],
//! [`DnsFailure`]) handed to `dispatch`, never an error that stops the engine.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod cache;
mod certificate;
pub mod clock;
pub mod dns;
pub mod egress;
pub mod entropy;
pub mod fetch;
pub mod guard;
pub mod programs;
pub mod tcp;
pub mod tls;
pub mod world;

mod socks;

pub use cache::Cache;
pub use clock::{Clock, SystemClock};
pub use dns::{DnsClient, DnsClientError, Dnssec};
pub use egress::{Egress, Proxy};
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use fetch::{Fetch, FetchFailure, FetchLimits, Fetched, Https, LINE_IDLE_MAX, Line, Outgoing};
pub use guard::{Guard, is_public};
pub use programs::{NoPrograms, Programs, SystemPrograms};
pub use tcp::Tcp;
pub use tls::{Encrypted, TlsClient, TlsFailure, TlsFault, TlsServer, Trust};
pub use world::{BoxFuture, Connect, ConnectFailure, DnsAnswer, DnsFailure, Mx, Resolve, Stream, Tlsa, World};
