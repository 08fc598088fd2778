//! How many requests a key or a person may make: a token bucket each, on the world's clock.
//!
//! Told in the headers of draft-ietf-httpapi-ratelimit-headers (`RateLimit-Policy`, `RateLimit`).

use axum::http::{HeaderMap, HeaderValue};
use model::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Buckets remembered at once; full ones are forgotten first.
const BUCKETS_MAX: usize = 10_000;
const MINUTE_MS: f64 = 60_000.0;

/// The buckets, by actor.
#[derive(Default)]
pub(crate) struct Buckets {
    by_actor: Mutex<BTreeMap<String, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
}

/// What is left after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// Requests a minute.
    quota: u32,
    /// Requests that may be made at once now.
    remaining: u32,
    /// When the bucket is full again; for a refused request: when one may be made.
    pub(crate) wait: Duration,
}

impl Buckets {
    /// Takes a token; `Err` if there is none.
    pub(crate) fn take(&self, actor: &str, quota: u32, now: Timestamp) -> Result<Left, Left> {
        let mut buckets = self.by_actor.lock().unwrap_or_else(PoisonError::into_inner);
        let (full, per_ms) = (f64::from(quota), f64::from(quota) / MINUTE_MS);
        let filled = |bucket: &Bucket| (bucket.tokens + per_ms * now.since(bucket.at).as_millis() as f64).min(full);
        if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(actor) {
            buckets.retain(|_, bucket| filled(bucket) < full);
        }
        let tokens = buckets.get(actor).map_or(full, filled);
        let taken = tokens >= 1.0;
        let left = if taken { tokens - 1.0 } else { tokens };
        buckets.insert(actor.to_owned(), Bucket { tokens: left, at: now });
        let missing = if taken { full - left } else { 1.0 - left };
        let wait = Duration::from_millis((missing / per_ms).ceil() as u64);
        let answer = Left { quota, remaining: left as u32, wait };
        if taken { Ok(answer) } else { Err(answer) }
    }
}

impl Left {
    /// Tells it.
    pub(crate) fn tell(self, headers: &mut HeaderMap) {
        let wait = self.wait.as_secs() + u64::from(self.wait.subsec_nanos() > 0);
        let policy = format!("\"minute\";q={};w=60", self.quota);
        let now = format!("\"minute\";r={};t={wait}", self.remaining);
        for (name, value) in [("ratelimit-policy", policy), ("ratelimit", now)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills() {
        let (buckets, start) = (Buckets::default(), Timestamp::from_millis(0));
        for left in (0..60).rev() {
            assert_eq!(buckets.take("key:k_1", 60, start).unwrap().remaining, left);
        }
        assert_eq!(buckets.take("key:k_1", 60, start).unwrap_err().wait, Duration::from_secs(1));
        assert!(buckets.take("key:k_2", 60, start).is_ok(), "everybody has their own");
        let later = start + Duration::from_secs(1);
        assert!(buckets.take("key:k_1", 60, later).is_ok());
        assert!(buckets.take("key:k_1", 60, later).is_err());
        assert_eq!(buckets.take("key:k_1", 60, later + Duration::from_secs(3600)).unwrap().remaining, 59);
    }
}
