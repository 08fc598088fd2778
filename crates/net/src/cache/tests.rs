//! The memory against a resolver that counts its questions and a clock that is set by hand.

use super::*;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use tokio::sync::Notify;

#[derive(Default)]
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Answers about any name by what the name begins with; counts; waits at a gate for names beginning with "slow".
#[derive(Default)]
struct Counting {
    asked: AtomicUsize,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
    gate: Notify,
}

impl Counting {
    async fn answer(&self, name: &str) -> DnsAnswer<Vec<Mx>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_under_way.fetch_max(under_way, Ordering::SeqCst);
        if name.starts_with("slow") {
            self.gate.notified().await;
        } else {
            tokio::task::yield_now().await;
        }
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        let hour = Duration::from_secs(3_600);
        match name {
            "gone.test" => DnsAnswer::failed(DnsFailure::NoSuchName, 10 * hour),
            "broken.test" => DnsAnswer::failed(DnsFailure::ServFail, hour),
            "restless.test" => DnsAnswer::found(vec![], Duration::from_secs(1)),
            "eternal.test" => DnsAnswer::found(vec![], 1_000 * hour),
            _ => DnsAnswer::found(vec![Mx { preference: 1, host: name.into() }], hour),
        }
    }
}

impl Resolve for Counting {
    fn mx<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<Mx>>> {
        Box::pin(self.answer(domain))
    }
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<IpAddr>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let why = if host == "broken.test" { DnsFailure::ServFail } else { DnsFailure::NoRecords };
        Box::pin(async move { DnsAnswer::failed(why, Duration::ZERO) })
    }
    fn txt<'a>(&'a self, _name: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<String>>> {
        Box::pin(async { DnsAnswer::found(vec!["v=spf1 -all".into()], Duration::ZERO) })
    }
    fn tlsa<'a>(&'a self, _name: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<Tlsa>>> {
        let record = Tlsa { usage: 3, selector: 1, matching: 1, data: vec![7; 32] };
        Box::pin(async { DnsAnswer::found(vec![record], Duration::ZERO).with_proof(true) })
    }
    fn names(&self, address: IpAddr) -> BoxFuture<'_, DnsAnswer<Vec<String>>> {
        Box::pin(async move { DnsAnswer::found(vec![format!("{address}.test")], Duration::ZERO) })
    }
}

struct Bench {
    cache: Arc<Cache>,
    inner: Arc<Counting>,
    clock: Arc<HandClock>,
}

fn bench() -> Bench {
    let (inner, clock) = (Arc::<Counting>::default(), Arc::<HandClock>::default());
    Bench { cache: Arc::new(Cache::new(inner.clone(), clock.clone())), inner, clock }
}

impl Bench {
    /// Asks, lets `secs` pass, asks again; how many questions went out, and the TTL the second answer came with.
    async fn asked_twice(name: &str, secs: i64) -> (usize, u64) {
        let bench = bench();
        bench.cache.mx(name).await;
        bench.clock.0.store(secs * 1_000, Ordering::SeqCst);
        let ttl = bench.cache.mx(name).await.ttl;
        (bench.inner.asked.load(Ordering::SeqCst), ttl.as_secs())
    }
}

#[tokio::test]
async fn answers_age_by_our_clock_within_bounds() {
    assert_eq!(Bench::asked_twice("ok.test", 3_599).await, (1, 1));
    assert_eq!(Bench::asked_twice("ok.test", 3_600).await, (2, 3_600));
    assert_eq!(Bench::asked_twice("restless.test", 29).await, (1, 1));
    assert_eq!(Bench::asked_twice("restless.test", 30).await, (2, 30));
    assert_eq!(Bench::asked_twice("eternal.test", 86_399).await, (1, 1));
    assert_eq!(Bench::asked_twice("eternal.test", 86_400).await, (2, 86_400));
    assert_eq!(Bench::asked_twice("gone.test", 3_599).await, (1, 1));
    assert_eq!(Bench::asked_twice("gone.test", 3_600).await, (2, 3_600));
    assert_eq!(Bench::asked_twice("broken.test", 4).await, (1, 1));
    assert_eq!(Bench::asked_twice("broken.test", 5).await, (2, 5));
}

#[tokio::test]
async fn one_name_in_all_its_spellings_is_one_question() {
    let bench = bench();
    let first = bench.cache.mx("ok.test").await;
    assert_eq!(bench.cache.mx("OK.Test.").await, first);
    assert_eq!(bench.inner.asked.load(Ordering::SeqCst), 1);
    bench.cache.forget();
    bench.cache.mx("ok.test").await;
    assert_eq!(bench.inner.asked.load(Ordering::SeqCst), 2);
    assert_eq!(bench.cache.addresses("ok.test").await.result, Err(DnsFailure::NoRecords));
    assert!(bench.cache.txt("ok.test").await.result.is_ok());
}

#[tokio::test]
async fn equal_questions_share_one_even_when_the_first_asker_leaves() {
    let bench = bench();
    let ask = || {
        let cache = bench.cache.clone();
        tokio::spawn(async move { cache.mx("slow.test").await.result.is_ok() })
    };
    let (first, second, third) = (ask(), ask(), ask());
    while bench.inner.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    assert!(first.await.is_err());
    while bench.inner.asked.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    bench.inner.gate.notify_one();
    assert!(second.await.unwrap() && third.await.unwrap());
    assert_eq!(bench.inner.asked.load(Ordering::SeqCst), 2, "once, and once more for the one who left");
    assert!(bench.cache.mx.lock().pending.is_empty());
}

#[tokio::test]
async fn whether_anybody_answers_is_asked_past_the_memory() {
    let bench = bench();
    let asked = || bench.inner.asked.load(Ordering::SeqCst);
    assert_eq!(bench.cache.answered_at(), None);
    bench.cache.mx("ok.test").await;
    bench.clock.0.store(2_000, Ordering::SeqCst);
    bench.cache.mx("ok.test").await;
    assert_eq!(bench.cache.answered_at(), Some(Timestamp::from_millis(0)), "what is remembered was not heard now");
    bench.cache.mx("broken.test").await;
    assert!(!bench.cache.is_answered("broken.test").await);
    assert_eq!((bench.cache.answered_at(), asked()), (Some(Timestamp::from_millis(0)), 3));
    assert!(!bench.cache.is_answered("broken.test").await, "a failure is remembered for a moment");
    assert!(bench.cache.is_answered("ok.test").await && bench.cache.is_answered("gone.test").await);
    assert_eq!((bench.cache.answered_at(), asked()), (Some(Timestamp::from_millis(2_000)), 5));
    assert!(bench.cache.is_answered("ok.test").await);
    assert_eq!(asked(), 6, "that somebody answered is asked anew each time");
}

#[tokio::test]
async fn a_question_nobody_waits_for_is_forgotten() {
    let bench = bench();
    let cache = bench.cache.clone();
    let asker = tokio::spawn(async move { cache.mx("slow.test").await });
    while bench.cache.mx.lock().pending.is_empty() {
        tokio::task::yield_now().await;
    }
    asker.abort();
    assert!(asker.await.is_err());
    assert!(bench.cache.mx.lock().pending.is_empty());
}

#[tokio::test]
async fn only_so_many_questions_go_out_at_once() {
    let bench = bench();
    let askers: Vec<_> = (0..QUESTIONS_MAX * 4)
        .map(|n| {
            let cache = bench.cache.clone();
            tokio::spawn(async move { cache.mx(&format!("d{n}.test")).await })
        })
        .collect();
    for asker in askers {
        asker.await.unwrap();
    }
    assert_eq!(bench.inner.asked.load(Ordering::SeqCst), QUESTIONS_MAX * 4);
    assert_eq!(bench.inner.most_under_way.load(Ordering::SeqCst), QUESTIONS_MAX);
}

#[test]
fn the_soonest_to_expire_makes_room() {
    let table = Table::<Vec<Mx>>::default();
    let mut entries = table.lock();
    let now = Timestamp::from_millis(0);
    for n in 0..=ENTRIES_MAX {
        let ttl = if n == 7 { TTL_MIN } else { TTL_MAX };
        entries.remember(&Arc::from(format!("d{n}.test")), &DnsAnswer::found(vec![], ttl), now);
    }
    assert_eq!((entries.answers.len(), entries.by_expiry.len()), (ENTRIES_MAX, ENTRIES_MAX));
    assert!(!entries.answers.contains_key("d7.test") && entries.answers.contains_key("d0.test"));
}
