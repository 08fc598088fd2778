//! A server has an IPv6 address before its IPv4 one, and from here there is no IPv6. The other address is tried in the
//! same try: nobody notices.

use expect_test::expect;
use sim::scenario::Scenario;

#[test]
fn no_way_by_ipv6() {
    let ended = Scenario::of(&["ida.berg@papermill.test"])
        .dns(|zone| zone.edit("mail.papermill.test", |host| host.addresses.insert(0, "2001:db8::25".parse().unwrap())))
        .play();
    expect![[r#"
        1 people = 0 skipped + 1 attempted
        1 attempted = 1 accepted
        campaign complete
        ida.berg@papermill.test: accepted
           0:00 mail.papermill.test final: 250 2.0.0 = accepted delivered
    "#]]
    .assert_eq(&ended.story());
    assert!(ended.tries("ida.berg@papermill.test")[0].attempt.address.unwrap().is_ipv4());
}
