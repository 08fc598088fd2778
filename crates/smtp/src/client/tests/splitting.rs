//! Whatever a server says, cutting its bytes in other places changes nothing.

use super::*;

const CHUNKS: &str = "250-mx\r\n250-CHUNKING\r\n250 PIPELINING";

fn answer() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        8 => Just(OK),
        3 => Just(GO),
        2 => Just(PIPE),
        1 => Just(PLAIN),
        1 => Just("250-mx\r\n250-SIZE 30\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 LIMITS MAILMAX=2"),
        2 => Just(HELLO),
        2 => Just("550-5.1.1 no such\r\n550 5.1.1 user"),
        1 => Just("451 4.7.1 greylisted, caf\u{e9}"),
        1 => Just("421 4.7.0 bye"),
        1 => Just("502"),
        1 => Just("what?"),
        1 => Just(CLOSE),
        1 => Just(SILENCE),
    ]
}

/// A server that lets us in, so that the random part begins where it matters; or one that is random from the start.
fn script() -> impl Strategy<Value = Vec<&'static str>> {
    let opening = prop_oneof![
        Just(vec![]),
        Just(vec![HELLO, PIPE]),
        Just(vec![HELLO, PLAIN]),
        Just(vec![HELLO, PIPE, OK, OK, GO]),
        Just(vec![HELLO, CHUNKS, OK, OK]),
        Just(vec![HELLO, PIPE, OK, OK, GO, OK, OK, OK, GO, OK, OK, OK, GO]),
        Just(vec![HELLO, CHUNKS, OK, OK, OK, OK, OK, OK, OK, OK])
    ];
    (opening, prop::collection::vec(answer(), 0..24)).prop_map(|(mut script, rest)| {
        script.extend(rest);
        script
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn any_splitting_gives_the_same_outcome(
        script in script(),
        cuts in prop::collection::vec(1usize..40, 1..12),
        opportunistic in any::<bool>(),
        chunking in any::<bool>(),
        ahead in any::<bool>(),
    ) {
        let tls = if opportunistic { TlsMode::Opportunistic } else { TlsMode::Off };
        let people: VecDeque<_> = (1..=4).map(|n| to(&format!("p{n}@mx.example"))).collect();
        let rig = || Rig { envelopes: people.clone(), ahead, ..Rig::new(Settings { chunking, ..settings(tls) }, &script) };
        let (whole, client) = rig().run();
        let (cut, cut_client) = Rig { cuts: &cuts, ..rig() }.run();
        prop_assert_eq!(&whole, &cut);
        prop_assert_eq!(client.transcript().to_string(), cut_client.transcript().to_string());
        prop_assert_eq!(whole.matches("# ").count(), 1, "closes once: {}", whole);
        let dots = whole.matches("! before final").count();
        let finals = whole.matches("= final: ").count();
        prop_assert_eq!(dots, finals, "each dot of a message has its own end: {}", whole);
    }
}
