//! Reading again, while the engine is at work, what may change: the certificate, `providers.toml` and `rules.toml`, sources
//! and pools. By `postroom reload` or SIGHUP.
//!
//! Invariants: each of them is taken whole or not at all, and what cannot be used leaves the one before in force and the
//! others alone; nothing under way ends because of it.

use crate::control::Answer;
use crate::failure::{Exit, Failure};
use crate::listen::Certificate;
use crate::transport::{self, OwnFiles};
use dispatch::own::Described;
use engine::Handle;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Mutex;

/// What can be read again.
pub(crate) struct Reloading {
    dir: PathBuf,
    certificate: Option<Arc<Certificate>>,
    handle: Handle,
    /// What was read last; one at a time reads.
    known: Mutex<Option<OwnFiles>>,
}

impl Reloading {
    /// Of the process that owns `dir`. `None`: it shows no certificate.
    pub(crate) fn of(dir: PathBuf, certificate: Option<Arc<Certificate>>, handle: Handle) -> Reloading {
        handle.certificate_ends(certificate.as_deref().and_then(Certificate::ends_at));
        Reloading { dir, certificate, handle, known: Mutex::default() }
    }

    /// Reads all of it again. Refused, with file, line and reason, as far as something cannot be used.
    pub(crate) async fn read_again(&self) -> Answer {
        let mut known = self.known.lock().await;
        let certificate = self.certificate();
        let own = self.own_files(&mut known);
        let ways = self.handle.ways_changed().await.map_err(Failure::from);
        let mut failures = Vec::new();
        let mut done = |what: &str, result: Result<bool, Failure>| match result {
            Ok(true) => Some(what.to_owned()),
            Ok(false) => None,
            Err(failure) => {
                failures.push(failure);
                None
            }
        };
        let read: Vec<String> = [
            done("the certificate", certificate),
            done("providers.toml and rules.toml", own),
            done("sources and pools", ways.map(|()| true)),
        ]
        .into_iter()
        .flatten()
        .collect();
        match failures.is_empty() {
            true => Ok(json!({ "process": std::process::id(), "in_force": read })),
            false => Err(refused(&failures, &read)),
        }
    }

    fn certificate(&self) -> Result<bool, Failure> {
        let Some(certificate) = &self.certificate else { return Ok(false) };
        certificate.reload()?;
        self.handle.certificate_ends(certificate.ends_at());
        Ok(true)
    }

    fn own_files(&self, known: &mut Option<OwnFiles>) -> Result<bool, Failure> {
        let files = OwnFiles::read(&self.dir)?;
        // What is parsed is kept for good: files that say the same are not parsed again.
        if known.as_ref() != Some(&files) {
            let described: Described = files.described()?;
            self.handle.describe(described);
            *known = Some(files);
        }
        Ok(true)
    }
}

/// What could not be used, and what became of the rest.
fn refused(failures: &[Failure], read: &[String]) -> Failure {
    let messages: Vec<&str> = failures.iter().map(|failure| failure.message.as_str()).collect();
    let is_own = failures.iter().all(|failure| failure.exit == Exit::OwnFailure);
    let failure = Failure {
        exit: if is_own { Exit::OwnFailure } else { Exit::BadInput },
        message: messages.join("; "),
        advice: Vec::new(),
    };
    let failure = match read {
        [] => failure,
        read => failure.advise(format!("in force as they are now: {}", read.join(", "))),
    };
    failure.advise(format!("what was in force before stays so: mend it, then {}", transport::AGAIN))
}
