//! The binary as a person or a script meets it: arguments in, exit code and two streams out.
#![allow(clippy::unwrap_used, missing_docs)]

mod contacts;
mod lanes;
mod serve;
mod ways_out;
