//! The rule as a tree, as JSON and as text: each reads back what the other wrote.

use super::*;
use proptest::prelude::*;

fn text_of(text: &str) -> String {
    parse(text).unwrap_or_else(|why| panic!("{text}: {why}")).to_string()
}

#[test]
fn what_people_write_is_read_as_it_is_meant() {
    for text in [
        r#"attr.city == "Berlin" && clicked.campaign("m_7").within(days(30))"#,
        r#"clicked.campaign("m_7").within(days(30)) && !did("booked").after(clicked.campaign("m_7"), days(7))"#,
        r#"in_list("l_2") || in_import("i_3") && attr["first name"].startsWith("An")"#,
        r#"(in_list("l_2") || in_import("i_3")) && !(status == "active")"#,
        r#"did("purchased").where(property.plan == "pro").between(date("2026-01-01"), now - hours(3)).sum() >= 99.5"#,
        r#"opened.machines() > 3 && engagement in ["cold", "unknown"]"#,
        r#"has(attr.renewal) && attr.renewal < now + days(30) && attr.age >= -3"#,
        r#"attr.vip == true || consent_at < timestamp("2026-05-01T10:00:00Z")"#,
        "sent >= 8 && opened == 0 && clicked.link(3) != 2",
        r#"blocked.campaign("m_7").cause("blocked:ip_reputation:gmail:550:5.7.1:") || queued.campaign("m_7")"#,
        r#"deferred.cause("deferred:network_failure::::no-answer").within(days(3))"#,
        r#"skipped.campaign("m_7").reason("unsubscribed").variant("A")"#,
        r#"accepted.campaign("m_7").put_off().variant("B") && clicked.campaign("m_7").variant("B").link(0).by("machine")"#,
    ] {
        assert_eq!(text_of(text), text);
    }
    assert_eq!(text_of(" (( sent>=1 ))&&! ! accepted "), "sent && !!accepted");
    assert_eq!(
        text_of("'it\\'s' == 'x' || sent".replace("'it\\'s' == 'x'", "attr.a == 'it\\'s'").as_str()),
        r#"attr.a == "it's" || sent"#
    );
    assert_eq!(text_of("attr.vip != true"), "!(attr.vip == true)");
}

#[test]
fn a_mistake_is_told_with_its_place() {
    for (text, column, why) in [
        ("", 1, "expected a condition, found the end"),
        ("attr.city = \"B\"", 11, "'=' has no meaning here"),
        ("attr.city == \"B", 14, "this text does not end"),
        ("clickd >= 1", 1, "\"clickd\" is no condition; \"clicked\" is one"),
        ("clicked.campaign(\"c_1\")", 18, "\"c_1\" is not a campaign: expected m_ and base-32 digits"),
        ("sent && ", 9, "expected a condition, found the end"),
        ("sent sent", 6, "expected \"&&\", \"||\" or the end, found \"sent\""),
        ("sent >= 1.5", 9, "this has to be a whole number below 2^32"),
        ("attr.a < \"x\"", 10, "a text is compared with ==, !=, in, contains, startsWith or endsWith"),
        ("clicked.within(days(3)).before(now)", 25, "before stands here for the second time"),
        ("attr.d > date(\"2026-02-30\")", 15, "write date(\"2026-05-01\") or timestamp(\"2026-05-01T10:00:00Z\")"),
        ("attr.ä == 1", 6, "'ä' has no meaning here"),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!((error.column, error.why.as_str()), (column, why), "{text}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for text in [
        "status == \"actve\"",
        "status.contains(\"act\")",
        "engagement in [\"warm\"]",
        "consent_at == \"2026\"",
        "email > 3",
        "clicked.sum() > 3",
        "clicked.where(property.a == 1)",
        "opened.link(2)",
        "sent.machines()",
        "did(\"x\").campaign(\"m_1\")",
        "sent.within(days(100000))",
        "did(\"\")",
        "attr[\"\"] == 1",
        "blocked.cause(\"blocked\")",
        "soft.cause(\"blocked:ip_reputation::::ip-listed\")",
        "sent.cause(\"blocked:ip_reputation::::ip-listed\")",
        "clicked.put_off()",
        "accepted.reason(\"unsubscribed\")",
        "skipped.reason(\"lazy\")",
        "skipped.reason(\"stale\").reason(\"stale\")",
        "accepted.variant(\"A\")",
        "accepted.campaign(\"m_7\").variant(\"a\")",
        "accepted.by(\"machine\")",
        "clicked.by(\"unknown\")",
        "clicked.machines().by(\"machine\")",
        "attr.a in []",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn endless_rules_are_refused_and_cost_no_stack() {
    for (open, close) in [("(", ")"), ("!", ""), ("sent.after(", ", days(1))")] {
        for times in [DEPTH_MAX * 5, 1_500] {
            let text = format!("{}sent{}", open.repeat(times), close.repeat(times));
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains("levels") || error.contains("octets"), "{error}");
        }
    }
    let wide = vec!["sent"; NODES_MAX].join(" && ");
    assert!(parse(&wide).unwrap_err().to_string().contains("conditions"));
    assert!(parse(&"x".repeat(TEXT_BYTES_MAX + 1)).unwrap_err().to_string().contains("octets"));
}

#[test]
fn json_is_the_same_rule_and_unknown_fields_are_refused() {
    let rule = parse(r#"attr.city == "Berlin" && !did("booked").after(clicked.campaign("m_7"), days(7))"#).unwrap();
    let json = serde_json::to_value(&rule).unwrap();
    let expected = serde_json::json!({"all": [
        {"attribute": {"name": "city", "is": {"text": {"op": "==", "value": "Berlin"}}}},
        {"not": {"event": {
            "of": {"what": "did", "name": "booked",
                "after": {"event": {"what": "clicked", "campaign": "m_7"}, "within": {"days": 7}}},
            "measure": {"count": {"op": ">=", "value": 1}}}}},
    ]});
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_value::<Rule>(json).unwrap(), rule);
    for wrong in [
        r#"{"list": "l_1", "x": 2}"#,
        r#"{"list": 1}"#,
        r#"{"attribute": {"name": "a", "is": "exists", "y": 1}}"#,
        r#"{"nobody": 1}"#,
    ] {
        assert!(serde_json::from_str::<Rule>(wrong).is_err(), "{wrong}");
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,6}", r#"[ -~äö]{0,8}"#]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-z_][a-z0-9_]{0,5}", 1 => r#"[ -~ä]{1,6}"#]
}

fn span() -> impl Strategy<Value = Span> {
    prop_oneof![(0_u32..400).prop_map(Span::Days), (0_u32..400).prop_map(Span::Hours)]
}

fn moment() -> impl Strategy<Value = Moment> {
    prop_oneof![
        (-1_000_000_i64..3_000_000_000).prop_map(|s| Moment::At(Timestamp::from_millis(s * 1_000))),
        (0_i64..30_000).prop_map(|day| Moment::At(Timestamp::from_millis(day * 86_400_000))),
        span().prop_map(Moment::Ago),
        span().prop_map(Moment::Ahead),
    ]
}

fn order() -> impl Strategy<Value = Order> {
    prop::sample::select(Order::ALL)
}

fn number() -> impl Strategy<Value = f64> {
    (-1_000_000_i32..1_000_000).prop_map(|thousandths| f64::from(thousandths) / 1_000.0)
}

fn test() -> impl Strategy<Value = Test> {
    prop_oneof![
        Just(Test::Exists),
        (prop::sample::select(TextOp::ALL), text()).prop_map(|(op, value)| Test::Text(TextTest { op, value })),
        prop::collection::vec(text(), 1..4).prop_map(Test::OneOf),
        (order(), number()).prop_map(|(op, value)| Test::Number(NumberTest { op, value })),
        (order(), moment()).prop_map(|(op, value)| Test::Time(TimeTest { op, value })),
        any::<bool>().prop_map(Test::Bool),
    ]
}

fn about() -> impl Strategy<Value = About> {
    (name(), test()).prop_map(|(name, is)| About { name, is })
}

fn field() -> impl Strategy<Value = FieldRule> {
    prop_oneof![
        (prop::sample::select(&[Field::Email, Field::Domain, Field::LeadSource][..]), text())
            .prop_map(|(name, value)| FieldRule { name, is: Test::Text(TextTest { op: TextOp::EndsWith, value }) }),
        (prop::sample::select(&[Field::ConsentAt, Field::CreatedAt][..]), order(), moment())
            .prop_map(|(name, op, value)| FieldRule { name, is: Test::Time(TimeTest { op, value }) }),
        prop::sample::subsequence(Level::ALL, 1..4).prop_map(|levels| FieldRule {
            name: Field::Engagement,
            is: Test::OneOf(levels.iter().map(|level| level.word().to_owned()).collect()),
        }),
        Just(FieldRule { name: Field::Email, is: Test::Exists }),
    ]
}

fn window() -> impl Strategy<Value = Window> {
    prop_oneof![
        span().prop_map(Window::Within),
        moment().prop_map(Window::Since),
        moment().prop_map(Window::Before),
        (moment(), moment()).prop_map(|(from, to)| Window::Between(from, to)),
    ]
}

fn cause(class: DeliveryState) -> impl Strategy<Value = CauseMark> {
    let codes = prop::option::of((200_u16..600, prop::option::of((2_u8..6, 0_u16..9, 0_u16..99))));
    let parts = (
        prop::sample::select(crate::Category::ALL),
        prop::option::of("[a-z][a-z0-9-]{0,5}"),
        codes,
        r#"[-a-z"\\: ]{1,9}"#,
    );
    parts.prop_map(move |(category, provider, codes, rule)| {
        let enhanced = codes.and_then(|(_, enhanced)| enhanced).filter(|(class, ..)| *class != 3);
        let enhanced = enhanced.map(|(class, subject, detail)| crate::EnhancedCode { class, subject, detail });
        CauseMark::new(class, category, provider.as_deref(), (codes.map(|(code, _)| code), enhanced), &rule)
    })
}

/// What narrows where mail stands and who opened and clicked.
fn narrowed() -> BoxedStrategy<Happening> {
    let states: Vec<What> = What::ALL.iter().copied().filter(|what| what.state().is_some()).collect();
    let letter = prop::option::of(prop::char::range('A', 'D'));
    let mail =
        (prop::sample::select(states), any::<bool>(), letter.clone()).prop_flat_map(|(what, put_off, variant)| {
            let cause = cause(what.state().unwrap_or(DeliveryState::Soft));
            prop::option::of(cause).prop_map(move |cause| {
                let campaign = Some(CampaignId(7));
                Happening { campaign, cause, put_off, variant, ..Happening::any(what) }
            })
        });
    let did = (prop::sample::select(&[What::Opened, What::Clicked][..]), prop::sample::select(&Doer::ALL[..]), letter);
    let did = did.prop_map(|(what, by, variant)| {
        let campaign = Some(CampaignId(7));
        Happening { campaign, variant, by: Some(by), ..Happening::any(what) }
    });
    prop_oneof![mail.boxed(), did.boxed()].boxed()
}

fn plain() -> impl Strategy<Value = Happening> {
    let parts = (
        prop::sample::select(What::ALL),
        prop::option::of(name()),
        prop::option::of(0_i64..99),
        prop::option::of(0_u32..9),
        any::<bool>(),
        prop::option::of(window()),
        prop::collection::vec(about(), 0..3),
    );
    parts.prop_map(|(what, name, campaign, link, machines, window, properties)| {
        let is_custom = what == What::Did;
        Happening {
            what,
            name: name.filter(|_| is_custom),
            campaign: campaign.map(CampaignId).filter(|_| !is_custom),
            link: link.filter(|_| what == What::Clicked),
            machines: machines && matches!(what, What::Opened | What::Clicked),
            window,
            properties: if is_custom { properties } else { Vec::new() },
            ..Happening::any(what)
        }
    })
}

fn happening() -> impl Strategy<Value = Happening> {
    // Boxed: what a rule is made of is much for the stack of a test.
    (plain().boxed(), prop::option::of((plain().boxed(), span()))).prop_map(|(of, after)| Happening {
        after: after.map(|(event, within)| Box::new(After { event, within })),
        ..of
    })
}

fn counted() -> BoxedStrategy<Counted> {
    let counted = (happening(), order(), 0_u32..5, number(), any::<bool>()).prop_map(|(of, op, value, sum, sums)| {
        let measure = if sums && of.what == What::Did {
            Measure::Sum(NumberTest { op, value: sum })
        } else {
            Measure::Count(CountTest { op, value })
        };
        Counted { of, measure }
    });
    counted.boxed()
}

fn rule() -> impl Strategy<Value = Rule> {
    let leaf = prop_oneof![
        about().prop_map(Rule::Attribute),
        field().prop_map(Rule::Field),
        (0_i64..99).prop_map(|id| Rule::List(ListId(id))),
        (0_i64..99).prop_map(|id| Rule::Import(ImportId(id))),
        counted().prop_map(Rule::Event),
    ];
    leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Rule::All),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Rule::Any),
            inner.prop_map(|rule| Rule::Not(Box::new(rule))),
        ]
    })
}

proptest! {
    #[test]
    fn a_rule_is_the_same_as_text_as_json_and_as_a_tree(rule in rule()) {
        prop_assume!(rule.check().is_ok());
        let text = rule.to_string();
        prop_assert_eq!(&parse(&text).map_err(|why| TestCaseError::fail(format!("{text}: {why}")))?, &rule);
        let json = serde_json::to_string(&rule).unwrap();
        prop_assert_eq!(serde_json::from_str::<Rule>(&json).unwrap(), rule);
    }

    #[test]
    fn a_narrowed_event_is_the_same_as_text_as_json_and_as_a_tree(of in narrowed()) {
        let rule = Rule::Event(Counted { of, measure: Measure::ONCE });
        prop_assert_eq!(rule.check().map_err(|why| why.to_string()), Ok(()));
        let text = rule.to_string();
        prop_assert_eq!(&parse(&text).map_err(|why| TestCaseError::fail(format!("{text}: {why}")))?, &rule);
        let json = serde_json::to_string(&rule).unwrap();
        prop_assert_eq!(serde_json::from_str::<Rule>(&json).unwrap(), rule);
    }

    #[test]
    fn no_text_panics(text in ".{0,200}") {
        if let Ok(rule) = parse(&text) {
            prop_assert_eq!(parse(&rule.to_string()).unwrap(), rule);
        }
    }

    #[test]
    fn no_heap_of_words_panics(words in prop::collection::vec(prop::sample::select(
        &["attr", ".", "a", "==", "\"x\"", "(", ")", "!", "&&", "||", "clicked", "within", "days", "3", "did", "after",
            ",", "in", "[", "]", "now", "-", "has", "property", "where", "sum", ">="][..]), 0..30)) {
        let text = words.join(" ");
        if let Ok(rule) = parse(&text) {
            prop_assert_eq!(parse(&rule.to_string()).unwrap(), rule);
        }
    }

    #[test]
    fn a_time_is_read_back(s in -60_000_000_000_i64..250_000_000_000) {
        let at = Timestamp::from_millis(s * 1_000);
        prop_assert_eq!(moment::read(&moment::write(at)), Some(at));
    }
}

#[test]
fn the_examples_of_the_manual_are_rules() {
    let manual = include_str!("../../../../docs/reference/segments.md");
    let mut fences = manual.split("```");
    let mut examples = 0;
    while let (Some(_), Some(fence)) = (fences.next(), fences.next()) {
        if let Some(lines) = fence.strip_prefix("segment\n") {
            for line in lines.lines() {
                assert_eq!(text_of(line), line);
                examples += 1;
            }
        } else if let Some(json) = fence.strip_prefix("json\n") {
            let rule: Rule = serde_json::from_str(json).unwrap();
            assert_eq!(rule, parse(r#"attr.city == "Berlin" && !did("booked").within(days(7))"#).unwrap());
        }
    }
    assert_eq!(examples, 15);
}
