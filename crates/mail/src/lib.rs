//! A message as bytes: compose, personalise, wrap as MIME, sign, and the tokens that point back to a delivery.
//!
//! Separate from the rest because none of it needs to know who receives, when, or over which connection: everything
//! is a value in, a value out. There is no clock, no socket, no file and no tokio here; `now` is an argument. The one
//! thing taken from the machine is the randomness of key generation in `sign`, which belongs to the crypto library.
//!
//! - [`compose`]: an author's `.mjml`, `.md`, `.html` or `.txt` becomes a [`compose::Compiled`] once per campaign, and every
//!   mistake in it is told with its line and column;
//! - [`complaint`]: reports of complaints that come back;
//! - [`letter`]: what recipients write back;
//! - [`traces`]: what of ours is in either;
//! - [`values`]: what the merge tags of one person stand for;
//! - [`headers`]: the header fields that a whole campaign shares, validated once;
//! - [`message`]: one recipient's message, 7-bit and deterministic;
//! - [`notice`]: a few words to whoever runs the machine;
//! - [`sign`]: DKIM keys and signatures;
//! - [`tls_report`]: what a domain is told about the encryption of its mail;
//! - [`attach`]: files that go with a message;
//! - [`token`]: sealed delivery ids for return paths and links;
//! - [`track`]: the addresses by which opens and clicks are counted.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::print_stderr, clippy::string_slice))]

pub mod attach;
pub mod complaint;
pub mod compose;
pub mod headers;
pub mod letter;
pub mod message;
pub mod notice;
mod qp;
pub mod sign;
pub mod tls_report;
pub mod token;
pub mod traces;
pub mod track;
pub mod values;
