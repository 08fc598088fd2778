//! The order of addresses, told as tables; and races on virtual time, against servers that answer when the table says.

use super::*;

const T0: Timestamp = Timestamp::from_millis(1_000_000);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn ordered(memory: &Memory, from: &Egress, addresses: &[&str], now: Timestamp) -> String {
    let mut addresses: Vec<IpAddr> = addresses.iter().map(|text| ip(text)).collect();
    memory.put_in_order(from, &mut addresses, now);
    addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn families_take_turns_and_the_sixth_version_goes_first() {
    let (memory, here) = (Memory::default(), Egress::default());
    for (given, expected) in [
        (&["1.0.0.1", "1.0.0.2", "2001::1", "2001::2"][..], "2001::1 1.0.0.1 2001::2 1.0.0.2"),
        (&["1.0.0.2", "1.0.0.1"], "1.0.0.2 1.0.0.1"),
        (&["2001::1", "2001::2", "1.0.0.1"], "2001::1 1.0.0.1 2001::2"),
        (&[], ""),
    ] {
        assert_eq!(ordered(&memory, &here, given, T0), expected);
    }
}

#[test]
fn an_address_of_ours_leaves_out_the_other_family_unless_a_socks_server_stands_between() {
    let (memory, given) = (Memory::default(), ["1.0.0.1", "2001::1"]);
    let mut from = Egress::from(ip("192.0.2.1"));
    assert_eq!(ordered(&memory, &from, &given, T0), "1.0.0.1");
    assert_eq!(ordered(&memory, &Egress::from(ip("2001:db8::1")), &given, T0), "2001::1");
    let server = "192.0.2.9:1080".parse().unwrap();
    from.proxy = Some(Proxy::Haproxy { server });
    assert_eq!(ordered(&memory, &from, &given, T0), "1.0.0.1");
    from.proxy = Some(Proxy::Socks5 { server, user: None });
    assert_eq!(ordered(&memory, &from, &given, T0), "2001::1 1.0.0.1");
}

#[test]
fn what_failed_is_tried_last_for_a_while_that_doubles() {
    let (mut memory, here) = (Memory::default(), Egress::default());
    let given = ["1.0.0.1", "1.0.0.2"];
    let first = Name::address(&here, ip("1.0.0.1"));
    let mut now = T0;
    for rest_s in [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600] {
        memory.failed(first.clone(), now);
        let end = now + Duration::from_secs(rest_s);
        assert_eq!(ordered(&memory, &here, &given, end - Duration::from_millis(1)), "1.0.0.2 1.0.0.1", "{rest_s} s");
        assert_eq!(ordered(&memory, &here, &given, end), "1.0.0.1 1.0.0.2", "{rest_s} s");
        now = end;
    }
    // Seen from another of our addresses, nothing has failed; and after a long time it is a first failure again.
    let elsewhere = Egress::from(ip("192.0.2.1"));
    assert_eq!(ordered(&memory, &elsewhere, &given, now), "1.0.0.1 1.0.0.2");
    now = now + FORGOTTEN_AFTER;
    memory.failed(first.clone(), now);
    assert_eq!(memory.resting_until(&first, now), Some(now + REST));
    memory.answered(&here, "mx.example", ip("1.0.0.1"));
    assert_eq!(memory.resting_until(&first, now), None);
}

#[test]
fn a_host_that_is_down_comes_after_those_that_are_not() {
    let (reach, here) = (Reach::default(), Egress::default());
    reach.memory().failed(Name::host(&here, "mx1.example"), T0);
    let mut hosts = ["mx1.example", "mx2.example", "mx3.example"].map(str::to_owned);
    reach.put_hosts_in_order(&here, &mut hosts, T0);
    assert_eq!(hosts, ["mx2.example", "mx3.example", "mx1.example"]);
}

#[test]
fn a_host_in_trouble_is_set_back_until_it_takes_a_message() {
    let (reach, here) = (Reach::default(), Egress::default());
    let first = |now: Timestamp| {
        let mut hosts = ["mx1.example", "mx2.example"].map(str::to_owned);
        reach.put_hosts_in_order(&here, &mut hosts, now);
        hosts[0].clone()
    };
    let mut now = T0;
    for rest_s in [30, 60, 120] {
        reach.set_back(&here, "mx1.example", now);
        reach.set_back(&here, "mx1.example", now + Duration::from_secs(1));
        reach.memory().answered(&here, "mx1.example", ip("1.0.0.1"));
        let end = now + Duration::from_secs(rest_s);
        assert_eq!(first(end - Duration::from_millis(1)), "mx2.example", "that it takes connections is no news");
        assert!(reach.is_set_back(&here, "mx1.example", end - Duration::from_millis(1)));
        assert_eq!(first(end), "mx1.example", "{rest_s} s, however many met it");
        now = end;
    }
    reach.set_back(&here, "mx1.example", now);
    reach.took(&here, "mx1.example");
    assert!(!reach.is_set_back(&here, "mx1.example", now));
}

#[test]
fn the_memory_is_bounded() {
    let (mut memory, here) = (Memory::default(), Egress::default());
    for n in 0..REMEMBERED_MAX as u32 + 100 {
        memory.failed(Name::address(&here, IpAddr::from(n.to_be_bytes())), T0 + Duration::from_millis(u64::from(n)));
    }
    assert_eq!(memory.rests.len(), REMEMBERED_MAX);
    assert_eq!(memory.resting_until(&Name::address(&here, ip("0.0.0.99")), T0), None, "the oldest made room");
}

/// Answers after so long, with a connection or a failure.
struct Table {
    started: Instant,
    rows: Vec<(IpAddr, Duration, Option<ConnectFailure>)>,
    log: Mutex<String>,
}

impl Connect for Table {
    fn connect<'a>(
        &'a self,
        _from: &'a Egress,
        target: SocketAddr,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, ConnectFailure>> {
        Box::pin(async move {
            let at_ms = self.started.elapsed().as_millis();
            self.log.lock().unwrap().push_str(&format!("{at_ms}:{} ", target.ip()));
            let (_, after, failure) = self.rows.iter().find(|(address, ..)| *address == target.ip()).unwrap();
            tokio::time::sleep((*after).min(timeout)).await;
            match failure {
                _ if *after > timeout => Err(ConnectFailure::TimedOut),
                Some(failure) => Err(failure.clone()),
                None => Ok(Box::new(tokio::io::empty()) as Box<dyn Stream>),
            }
        })
    }
}

impl Clock for Table {
    fn now(&self) -> Timestamp {
        T0 + self.started.elapsed()
    }
}

/// Runs one connecting; gives who was started when, and what came of it after how long.
async fn race(rows: &[(&str, u64, Option<ConnectFailure>)], tries_max: usize) -> String {
    let rows: Vec<_> =
        rows.iter().map(|(address, ms, failure)| (ip(address), Duration::from_millis(*ms), failure.clone())).collect();
    let mut addresses: Vec<IpAddr> = rows.iter().map(|(address, ..)| *address).collect();
    let table = Table { started: Instant::now(), rows, log: Mutex::default() };
    let way = Approach { connect: &table, clock: &table, from: &Egress::default(), host: "mx.example", port: 25 };
    let reach = Reach::default();
    reach.put_in_order(way.from, &mut addresses, table.now());
    let result = reach.connect(&way, &mut addresses, tries_max).await;
    let what = match result {
        Ok((_, address)) => address.to_string(),
        Err(Unreached { failure, address }) => format!("{failure} at {address:?}"),
    };
    let log = table.log.lock().unwrap().clone();
    format!("{log}-> {what} after {} ms, {} left", table.started.elapsed().as_millis(), addresses.len())
}

const REFUSED: Option<ConnectFailure> = Some(ConnectFailure::Refused);

#[tokio::test(start_paused = true)]
async fn a_quick_answer_ends_the_race_before_it_began() {
    let told = race(&[("1.0.0.1", 20, None), ("2001::1", 100, None)], 5).await;
    assert_eq!(told, "0:2001::1 -> 2001::1 after 100 ms, 1 left");
}

#[tokio::test(start_paused = true)]
async fn silence_lets_the_next_run_beside_it_and_no_third() {
    let told = race(&[("2001::1", 60_000, None), ("1.0.0.1", 400, None), ("1.0.0.2", 1, None)], 5).await;
    assert_eq!(told, "0:2001::1 250:1.0.0.1 -> 1.0.0.1 after 650 ms, 1 left");
}

#[tokio::test(start_paused = true)]
async fn a_failure_lets_the_next_go_at_once() {
    let told = race(&[("2001::1", 10, REFUSED), ("1.0.0.1", 30, None)], 5).await;
    assert_eq!(told, "0:2001::1 10:1.0.0.1 -> 1.0.0.1 after 40 ms, 0 left");
}

#[tokio::test(start_paused = true)]
async fn the_failure_that_says_most_is_told_and_the_tries_are_counted() {
    let no_route = Some(ConnectFailure::Unreachable("no IPv6 here".into()));
    let rows = [("2001::1", 0, no_route), ("1.0.0.1", 60_000, None), ("1.0.0.2", 5, REFUSED), ("1.0.0.3", 1, None)];
    let told = race(&rows, 3).await;
    assert_eq!(told, "0:2001::1 0:1.0.0.1 250:1.0.0.2 -> connection refused at Some(1.0.0.2) after 30000 ms, 1 left");
}

#[tokio::test(start_paused = true)]
async fn what_failed_once_is_tried_last_the_next_time() {
    let rows = vec![(ip("1.0.0.1"), Duration::ZERO, REFUSED), (ip("1.0.0.2"), Duration::ZERO, None)];
    let table = Table { started: Instant::now(), rows, log: Mutex::default() };
    let way = Approach { connect: &table, clock: &table, from: &Egress::default(), host: "mx.example", port: 25 };
    let reach = Reach::default();
    for _ in 0..2 {
        let mut addresses = vec![ip("1.0.0.1"), ip("1.0.0.2")];
        reach.put_in_order(way.from, &mut addresses, table.now());
        assert!(reach.connect(&way, &mut addresses, 5).await.is_ok());
    }
    assert_eq!(*table.log.lock().unwrap(), "0:1.0.0.1 0:1.0.0.2 0:1.0.0.2 ");
}
