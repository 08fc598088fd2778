//! Segments: what SQL says is what the rule says, over small worlds of every kind; counting, samples and reasons agree.

use super::*;
use crate::{ContactEdit, NewReaction, SegmentChange, StoreError, Whom};
use model::reaction::Doer;
use model::segment::{
    About, After, CountTest, Counted, Field, FieldRule, Happening, Level, Measure, Moment, NumberTest, Order, Rule,
    Span, Test, TextOp, TextTest, TimeTest, What, Window, moment, parse,
};
use model::{ContactId, ReactionKind, SkipReason};
use proptest::prelude::*;
use serde_json::Value;

const HOUR_S: u64 = 3_600;

/// To another rule.
fn to(rule: Rule) -> SegmentChange {
    SegmentChange { rule: Some(rule), ..SegmentChange::default() }
}

/// When every rule is asked.
fn today() -> Timestamp {
    at(1_000 * HOUR_S)
}

/// A person of a small world, as plain values.
#[derive(Clone, Debug)]
struct Person {
    attributes: Value,
    lead_source: Option<String>,
    imports: Vec<bool>,
    happened: Vec<Happened>,
}

#[derive(Clone, Debug)]
struct Happened {
    what: What,
    at: Timestamp,
    campaign: Option<usize>,
    link: Option<u32>,
    score: u8,
    name: Option<String>,
    value: i32,
    properties: Option<Value>,
}

// ── the rule, asked plainly ──────────────────────────────────────────────────────────────────────────────────────

fn ordered<T: PartialOrd>(value: Option<T>, op: Order, with: T) -> bool {
    let Some(value) = value else { return op == Order::IsNot };
    match op {
        Order::Is => value == with,
        Order::IsNot => value != with,
        Order::Less => value < with,
        Order::AtMost => value <= with,
        Order::More => value > with,
        Order::AtLeast => value >= with,
    }
}

fn number_of(value: &Value) -> Option<f64> {
    let text = match value {
        Value::Number(number) => return number.as_f64(),
        Value::String(text) => text,
        _ => return None,
    };
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if all(whole) && all(rest) { text.parse().ok() } else { None }
}

fn tested(value: Option<&Value>, test: &Test) -> bool {
    let text = value.and_then(|value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => number.as_i64().map(|number| number.to_string()),
        _ => None,
    });
    match test {
        Test::Exists => value.is_some_and(|value| !value.is_null() && value.as_str() != Some("")),
        Test::Text(TextTest { op, value }) => match op {
            TextOp::Is => text.as_ref() == Some(value),
            TextOp::IsNot => text.as_ref() != Some(value),
            TextOp::Contains => text.is_some_and(|text| text.contains(value)),
            TextOp::StartsWith => text.is_some_and(|text| text.starts_with(value)),
            TextOp::EndsWith => text.is_some_and(|text| text.ends_with(value)),
        },
        Test::OneOf(values) => text.is_some_and(|text| values.contains(&text)),
        Test::Number(test) => ordered(value.and_then(number_of), test.op, test.value),
        Test::Time(test) => {
            let time = value.and_then(Value::as_str).and_then(moment::read);
            ordered(time, test.op, test.value.resolve(today()))
        }
        Test::Bool(wanted) => {
            let known = value.and_then(|value| value.as_bool().or_else(|| value.as_str()?.parse().ok()));
            known == Some(*wanted)
        }
    }
}

fn is_meant(of: &Happening, person: &Person, happened: &Happened, campaigns: &[CampaignId]) -> bool {
    let kind = match of.what {
        What::Sent => happened.what.is_of_a_delivery() && happened.what != What::Queued,
        What::Bounced => matches!(happened.what, What::Soft | What::Hard),
        what => happened.what == what,
    };
    let human = of.machines
        || !matches!(of.what, What::Opened | What::Clicked)
        || Doer::of(happened.score) == of.by.unwrap_or(Doer::Person);
    let (from, to) = of.window.map_or((None, None), |window| window.resolve(today()));
    let when = happened.at.as_millis();
    kind && human
        && of.campaign.is_none_or(|id| happened.campaign.is_some_and(|n| campaigns[n] == id))
        && of.link.is_none_or(|link| happened.link == Some(link))
        && of.name.as_ref().is_none_or(|name| happened.name.as_ref() == Some(name))
        && from.is_none_or(|from| when >= from)
        && to.is_none_or(|to| when < to)
        && of
            .properties
            .iter()
            .all(|about| tested(happened.properties.as_ref().and_then(|all| all.get(&about.name)), &about.is))
        && of.after.as_ref().is_none_or(|after| {
            let others = person.happened.iter().filter(|other| !std::ptr::eq(*other, happened));
            let others = others.filter(|other| is_meant(&after.event, person, other, campaigns));
            let span = after.within.as_millis();
            others.map(|other| other.at.as_millis()).any(|other| other <= when && when <= other.saturating_add(span))
        })
}

fn holds(rule: &Rule, person: &Person, imports: &[ImportId], campaigns: &[CampaignId]) -> bool {
    let again = |rule: &Rule| holds(rule, person, imports, campaigns);
    match rule {
        Rule::All(parts) => parts.iter().all(again),
        Rule::Any(parts) => parts.iter().any(again),
        Rule::Not(part) => !again(part),
        Rule::Attribute(About { name, is }) => tested(person.attributes.get(name), is),
        Rule::Field(FieldRule { name: Field::LeadSource, is }) => {
            tested(person.lead_source.clone().map(Value::from).as_ref(), is)
        }
        Rule::Field(FieldRule { name: Field::Engagement, is }) => {
            let latest = |wanted: &dyn Fn(&Happened) -> bool| {
                person.happened.iter().filter(|one| wanted(one)).map(|one| one.at).max()
            };
            let noticed = latest(&|one| {
                matches!(one.what, What::Clicked | What::Replied | What::Did)
                    && one.score < model::reaction::UNSURE_SCORE
            });
            let opened = latest(&|one| one.what == What::Opened);
            let days = noticed.map(|at| today().since(at).as_secs_f64() / 86_400.0);
            let level = match days {
                Some(days) if days <= 30.0 => Level::Active30,
                Some(days) if days <= 90.0 => Level::Active90,
                Some(days) if days <= 180.0 => Level::Active180,
                Some(_) => Level::Cold,
                None if opened.is_some() => Level::Unknown,
                None => Level::Never,
            };
            tested(Some(&Value::from(level.word())), is)
        }
        Rule::Field(_) | Rule::List(_) => unreachable!("not asked here"),
        Rule::Import(id) => imports.iter().zip(&person.imports).any(|(import, was)| import == id && *was),
        Rule::Event(Counted { of, measure }) => {
            let meant = person.happened.iter().filter(|one| is_meant(of, person, one, campaigns));
            match measure {
                Measure::Count(CountTest { op, value }) => ordered(Some(meant.count()), *op, *value as usize),
                Measure::Sum(test) => {
                    let sum: f64 = meant.map(|one| f64::from(one.value)).sum();
                    ordered(Some(sum), test.op, test.value)
                }
            }
        }
    }
}

// ── small worlds ─────────────────────────────────────────────────────────────────────────────────────────────────

fn names() -> impl Strategy<Value = String> {
    prop::sample::select(&["a", "b", "first name", "a\"b", "ä", "x\\y"][..]).prop_map(str::to_owned)
}

fn texts() -> impl Strategy<Value = String> {
    let known = [
        "",
        "Berlin",
        "Ber",
        "lin",
        "7",
        "-2.5",
        "1.",
        ".5",
        "--3",
        "1-2",
        "2026-01-20",
        "2026-02-30",
        "true",
        "2026-01-20T10:00:00Z",
        "2026-13-01",
        "%_'",
        "fair",
    ];
    prop::sample::select(known.to_vec()).prop_map(str::to_owned)
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => texts().prop_map(Value::from),
        2 => (-9_i64..9).prop_map(Value::from),
        1 => (-20_i32..20).prop_map(|halves| Value::from(f64::from(halves) / 2.0)),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(serde_json::json!([1, "Berlin"])),
    ]
}

fn attributes() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(names(), values(), 0..4).prop_map(|map| Value::Object(map.into_iter().collect()))
}

fn happenings() -> impl Strategy<Value = Happened> {
    let parts = (
        prop::sample::select(
            &[What::Opened, What::Clicked, What::Replied, What::Complained, What::Unsubscribed, What::Did][..],
        ),
        0_u64..900,
        prop::option::of(0_usize..2),
        prop::option::of(1_u32..3),
        prop::sample::select(&[0_u8, 49, 50, 100][..]),
        prop::sample::select(&["booked", "bought"][..]),
        -5_i32..50,
        prop::option::of(attributes()),
    );
    parts.prop_map(|(what, hours, campaign, link, score, name, value, properties)| {
        let custom = what == What::Did;
        Happened {
            what,
            at: at(hours * HOUR_S),
            campaign: campaign.filter(|_| !custom),
            link,
            score,
            name: custom.then(|| name.to_owned()),
            value,
            properties: properties.filter(|_| custom),
        }
    })
}

fn people() -> impl Strategy<Value = Vec<Person>> {
    let lead = prop::option::of(texts());
    let parts =
        (attributes(), lead, prop::collection::vec(any::<bool>(), 2), prop::collection::vec(happenings(), 0..5));
    let person = parts.prop_map(|(attributes, lead_source, imports, happened)| Person {
        attributes,
        lead_source,
        imports,
        happened,
    });
    prop::collection::vec(person, 1..6)
}

fn spans() -> impl Strategy<Value = Span> {
    prop_oneof![(0_u32..40).prop_map(Span::Days), (0_u32..900).prop_map(Span::Hours)]
}

fn moments() -> impl Strategy<Value = Moment> {
    prop_oneof![spans().prop_map(Moment::Ago), (0_u64..40).prop_map(|day| Moment::At(at(day * 24 * HOUR_S)))]
}

fn orders() -> impl Strategy<Value = Order> {
    prop::sample::select(Order::ALL)
}

fn tests() -> impl Strategy<Value = Test> {
    prop_oneof![
        Just(Test::Exists),
        (prop::sample::select(TextOp::ALL), texts()).prop_map(|(op, value)| Test::Text(TextTest { op, value })),
        prop::collection::vec(texts(), 1..3).prop_map(Test::OneOf),
        (orders(), -9_i32..9).prop_map(|(op, n)| Test::Number(NumberTest { op, value: f64::from(n) / 2.0 })),
        (orders(), moments()).prop_map(|(op, value)| Test::Time(TimeTest { op, value })),
        any::<bool>().prop_map(Test::Bool),
    ]
}

fn abouts() -> impl Strategy<Value = About> {
    (names(), tests()).prop_map(|(name, is)| About { name, is })
}

/// `campaign` is 0 or 1 here: which of the world's two.
fn plain_events() -> impl Strategy<Value = Happening> {
    let window = prop_oneof![
        spans().prop_map(Window::Within),
        moments().prop_map(Window::Since),
        moments().prop_map(Window::Before),
        (moments(), moments()).prop_map(|(from, to)| Window::Between(from, to)),
    ];
    let parts = (
        prop::sample::select(What::ALL),
        prop::option::of(0_i64..2),
        prop::option::of(1_u32..3),
        (any::<bool>(), prop::option::of(prop::sample::select(&Doer::ALL[..]))),
        prop::option::of(prop::sample::select(&["booked", "bought", "unheard"][..])),
        prop::option::of(window),
        prop::collection::vec(abouts(), 0..2),
    );
    parts.prop_map(|(what, campaign, link, (machines, by), name, window, properties)| Happening {
        name: name.map(str::to_owned).filter(|_| what == What::Did),
        campaign: campaign.map(CampaignId).filter(|_| what != What::Did),
        link: link.filter(|_| what == What::Clicked),
        machines: machines && by.is_none() && matches!(what, What::Opened | What::Clicked),
        by: by.filter(|_| matches!(what, What::Opened | What::Clicked)),
        window,
        properties: if what == What::Did { properties } else { Vec::new() },
        ..Happening::any(what)
    })
}

fn counts() -> impl Strategy<Value = Rule> {
    // Often the same again: "bought again within …".
    let other = prop::option::of((prop::option::of(plain_events()), spans()));
    let of = (plain_events(), other).prop_map(|(of, after)| Happening {
        after: after.map(|(event, within)| Box::new(After { event: event.unwrap_or_else(|| of.clone()), within })),
        ..of
    });
    let measure = (orders(), 0_u32..3, -10_i32..60, any::<bool>());
    (of, measure).prop_map(|(of, (op, count, sum, sums))| {
        let measure = match sums && of.what == What::Did {
            true => Measure::Sum(NumberTest { op, value: f64::from(sum) }),
            false if count == 2 => Measure::ONCE,
            false => Measure::Count(CountTest { op, value: count }),
        };
        Rule::Event(Counted { of, measure })
    })
}

fn rules() -> impl Strategy<Value = Rule> {
    let levels = prop::sample::subsequence(Level::ALL, 1..4)
        .prop_map(|levels| Test::OneOf(levels.iter().map(|level| level.word().to_owned()).collect()));
    let leaf = prop_oneof![
        3 => abouts().prop_map(Rule::Attribute),
        1 => (prop::sample::select(TextOp::ALL), texts()).prop_map(|(op, value)| Rule::Field(FieldRule {
            name: Field::LeadSource, is: Test::Text(TextTest { op, value }) })),
        1 => levels.prop_map(|is| Rule::Field(FieldRule { name: Field::Engagement, is })),
        1 => (0_i64..2).prop_map(|n| Rule::Import(ImportId(n))),
        6 => counts(),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Rule::All),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Rule::Any),
            inner.prop_map(|rule| Rule::Not(Box::new(rule))),
        ]
    })
}

/// Puts the world's own ids where a rule says 0 or 1.
fn placed(rule: &mut Rule, imports: &[ImportId], campaigns: &[CampaignId]) {
    fn event(of: &mut Happening, campaigns: &[CampaignId]) {
        of.campaign = of.campaign.map(|n| campaigns[n.0 as usize]);
        if let Some(after) = &mut of.after {
            event(&mut after.event, campaigns);
        }
    }
    match rule {
        Rule::All(parts) | Rule::Any(parts) => parts.iter_mut().for_each(|part| placed(part, imports, campaigns)),
        Rule::Not(part) => placed(part, imports, campaigns),
        Rule::Import(id) => *id = imports[id.0 as usize],
        Rule::Event(counted) => event(&mut counted.of, campaigns),
        Rule::Attribute(_) | Rule::Field(_) | Rule::List(_) => {}
    }
}

struct World {
    store: Store,
    people: Vec<(ContactId, Person)>,
    imports: Vec<ImportId>,
    campaigns: Vec<CampaignId>,
}

fn world(mut people: Vec<Person>) -> World {
    let store = empty();
    for person in &mut people {
        // Nobody comes from nowhere.
        if !person.imports.contains(&true) {
            person.imports[0] = true;
        }
    }
    let imports: Vec<ImportId> = (0..2)
        .map(|n| {
            let rows = people.iter().zip(1..).filter(|(person, _)| person.imports[n]);
            let row = |(person, line): (&Person, u64)| ImportRow {
                line,
                attributes: person.attributes.to_string(),
                lead_source: person.lead_source.clone(),
                ..row(line, &format!("p{line}@a.example"))
            };
            import_rows(&store, n as u8 + 1, rows.map(row).collect()).0
        })
        .collect();
    let campaigns: Vec<CampaignId> = ["one", "two"].map(|name| sending(&store, name, imports[0]).id).to_vec();
    let mut found = Vec::new();
    for (person, line) in people.into_iter().zip(1..) {
        let id = now(store.contacts_by_address(W, &address(&format!("p{line}@a.example")))).unwrap()[0].id;
        let reactions = person.happened.iter().map(|one| NewReaction {
            campaign: one.campaign.map(|n| campaigns[n]),
            link: one.link,
            name: one.name.clone(),
            score: one.score,
            value_micros: Some(i64::from(one.value) * 1_000_000),
            properties: one.properties.as_ref().map(Value::to_string),
            ..NewReaction::new(kind_of(one.what), id, one.at)
        });
        now(store.record_reactions(W, reactions.collect(), today())).unwrap();
        found.push((id, person));
    }
    // The first campaign reached the even people, and those of the second file it did not ask for are not in it.
    let claimed = claims(&store, campaigns[0]);
    for (n, claim) in claimed.iter().enumerate() {
        let when = at((n as u64 * 100) * HOUR_S);
        let refused = Settlement { suppress: None, ..refused(claim, when) };
        let (what, settled) = match n % 4 {
            1 => (What::Hard, refused),
            3 => (
                What::Soft,
                Settlement { attempt: refused.attempt, ..Settlement::of(claim, DeliveryState::Soft, when) },
            ),
            _ => (What::Accepted, accepted(claim, when)),
        };
        now(store.settle(vec![settled])).unwrap();
        let person = &mut found.iter_mut().find(|(id, _)| *id == claim.contact).unwrap().1;
        person.happened.push(Happened {
            what,
            at: when,
            campaign: Some(0),
            link: None,
            score: 0,
            name: None,
            value: 0,
            properties: None,
        });
    }
    // The second has not begun with anybody.
    for waiting in now(store.deliveries(campaigns[1], DeliveryState::Queued, None, 50)).unwrap() {
        let person = &mut found.iter_mut().find(|(id, _)| *id == waiting.contact).unwrap().1;
        person.happened.push(Happened {
            what: What::Queued,
            at: Timestamp::MAX,
            campaign: Some(1),
            link: None,
            score: 0,
            name: None,
            value: 0,
            properties: None,
        });
    }
    World { store, people: found, imports, campaigns }
}

fn kind_of(what: What) -> ReactionKind {
    ReactionKind::from_word(what.word()).unwrap_or(ReactionKind::Custom)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn sql_finds_whom_the_rule_holds_for(people in people(), rules in prop::collection::vec(rules(), 12)) {
        let world = world(people);
        for mut rule in rules {
            placed(&mut rule, &world.imports, &world.campaigns);
            if rule.check().is_err() {
                continue;
            }
            let mut meant: Vec<ContactId> = world.people.iter()
                .filter(|(_, person)| holds(&rule, person, &world.imports, &world.campaigns)).map(|(id, _)| *id).collect();
            let mut found: Vec<ContactId> = now(world.store.segment_sample(W, rule.clone(), 50, today())).unwrap()
                .into_iter().map(|contact| contact.id).collect();
            found.sort();
            meant.sort();
            prop_assert_eq!(&found, &meant, "{}", rule);
            let mut paged: Vec<ContactId> = Vec::new();
            loop {
                let after = paged.last().copied();
                let page = now(world.store.segment_people(W, rule.clone(), after, 2, today())).unwrap();
                if page.is_empty() {
                    break;
                }
                paged.extend(page.into_iter().map(|contact| contact.id));
            }
            prop_assert_eq!(&paged, &meant, "{} in pages", rule);
            let (mut by_parts, mut after): (Vec<ContactId>, Option<ContactId>) = (Vec::new(), None);
            loop {
                let part = now(world.store.segment_stretch(W, rule.clone(), after, 2, today())).unwrap();
                by_parts.extend(part.people);
                after = part.next;
                if after.is_none() {
                    break;
                }
            }
            prop_assert_eq!(&by_parts, &meant, "{} in parts", rule);
            let count = now(world.store.segment_count(W, rule.clone(), today())).unwrap();
            prop_assert_eq!(count, meant.len() as u64);
            for (id, _) in &world.people {
                let why = now(world.store.segment_explain(W, rule.clone(), *id, today())).unwrap().unwrap();
                prop_assert_eq!(why.holds, meant.contains(id), "{}", rule);
            }
        }
    }
}

// ── what is kept and what is refused ─────────────────────────────────────────────────────────────────────────────

fn rule(text: &str) -> Rule {
    parse(text).unwrap()
}

#[test]
fn a_segment_is_made_changed_listed_and_removed() {
    let store = empty();
    let make = |name: &str| now(store.create_segment(W, name, rule("sent >= 1"), false, &ME, at(5)));
    let segment = make(" regulars ").unwrap();
    assert_eq!((segment.name.as_str(), &segment.rule), ("regulars", &rule("sent >= 1")));
    assert!(matches!(make("regulars"), Err(StoreError::Exists { .. })));
    assert!(matches!(make(" "), Err(StoreError::Refused(_))));
    let other = make("others").unwrap();
    let named = SegmentChange { name: Some("regulars".to_owned()), ..SegmentChange::default() };
    let taken = now(store.change_segment(W, other.id, named, &ME, at(6)));
    assert!(matches!(taken, Err(StoreError::Exists { .. })));
    let changed = now(store.change_segment(W, segment.id, to(rule("!sent")), &ME, at(7))).unwrap();
    assert_eq!((changed.rule, changed.changed_at, changed.created_at), (rule("!sent"), at(7), at(5)));
    let if_it_is = |text: &'static str, next: &str| {
        let is_meant = move |kept: &crate::Segment| kept.rule == rule(text);
        now(store.change_segment_if(W, segment.id, to(rule(next)), is_meant, &ME, at(7)))
    };
    assert!(matches!(if_it_is("sent >= 1", "opened"), Err(StoreError::Overtaken)), "another window was quicker");
    assert_eq!(if_it_is("!sent", "clicked").unwrap().rule, rule("clicked"));
    assert_eq!(now(store.segments(W, None, 10)).unwrap().len(), 2);
    assert_eq!(now(store.segments(W, Some(segment.id), 10)).unwrap()[0].id, other.id);
    let elsewhere = WorkspaceId(2);
    assert_eq!(now(store.segment(elsewhere, other.id)).unwrap(), None);
    assert!(matches!(now(store.remove_segment(elsewhere, other.id, &ME, at(8))), Err(StoreError::NotFound { .. })));
    now(store.remove_segment(W, other.id, &ME, at(8))).unwrap();
    assert_eq!(now(store.segment(W, other.id)).unwrap(), None);
    let nonsense = Rule::All(vec![rule("sent")]);
    assert!(matches!(now(store.segment_count(W, nonsense, at(8))), Err(StoreError::Refused(_))));
}

#[test]
fn a_campaign_goes_to_whom_the_segment_was_when_it_was_built() {
    let store = empty();
    let id = import(&store, 1, &["1@a.example", "2@a.example", "3@a.example"]);
    let people: Vec<ContactId> = [1, 2, 3]
        .map(|n| now(store.contacts_by_address(W, &address(&format!("{n}@a.example")))).unwrap()[0].id)
        .to_vec();
    for (person, city) in people.iter().zip(["Berlin", "Bonn", "Berlin"]) {
        let edit = ContactEdit { attributes: Some(format!(r#"{{"city":"{city}"}}"#)), ..ContactEdit::default() };
        now(store.edit_contact(*person, edit, &ME, at(4))).unwrap();
    }
    let berlin = now(store.create_segment(W, "Berlin", rule(r#"attr.city == "Berlin""#), false, &ME, at(5))).unwrap();
    let audience = |include: Vec<Whom>, exclude: Vec<Whom>| NewCampaign {
        audience: Audience { include, exclude },
        ..new_campaign("x", Vec::new())
    };
    let new = NewCampaign { name: "in".to_owned(), ..audience(vec![Whom::Segment(berlin.id)], vec![]) };
    let campaign = now(store.create_campaign(new, &ME, at(10))).unwrap();
    assert!(matches!(now(store.remove_segment(W, berlin.id, &ME, at(10))), Err(StoreError::Refused(_))));
    now(store.build_campaign(campaign.id, &ME, at(11))).unwrap();
    now(store.change_segment(W, berlin.id, to(rule("attr.city == \"Bonn\"")), &ME, at(12))).unwrap();
    let mailed = |campaign| claims(&store, campaign).into_iter().map(|claimed| claimed.rcpt).collect::<Vec<_>>();
    assert_eq!(mailed(campaign.id), ["1@a.example", "3@a.example"]);
    let new =
        NewCampaign { name: "out".to_owned(), ..audience(vec![Whom::Import(id)], vec![Whom::Segment(berlin.id)]) };
    let known = now(store.acquaintance(W, &new.audience, at(0), at(12))).unwrap();
    assert_eq!((known.people, known.accepted_lately), (2, 0));
    let campaign = now(store.create_campaign(new, &ME, at(12))).unwrap();
    now(store.build_campaign(campaign.id, &ME, at(13))).unwrap();
    assert_eq!(mailed(campaign.id), ["1@a.example", "3@a.example"]);
    assert_eq!(now(store.tally(campaign.id)).unwrap().by_skip_reason.get(&SkipReason::Excluded), Some(&1));
    now(store.remove_segment(W, berlin.id, &ME, at(20))).unwrap();
    assert_adds_up(&store, campaign.id);
}

#[test]
fn the_people_of_a_cause_are_a_segment_and_nobody_else() {
    let store = empty();
    let emails: Vec<String> = (1..=9).map(|n| format!("{n}@a.example")).collect();
    let file = import(&store, 1, &emails.iter().map(String::as_str).collect::<Vec<_>>());
    let [campaign, other] = ["one", "two"].map(|name| sending(&store, name, file).id);
    let site = now(store.site_id("mx.example.org", Some("example"), at(20))).unwrap();
    let claimed = claims(&store, campaign);
    let elsewhere = |settled: Settlement| Settlement { provider: None, suppress: None, ..settled };
    let silent = |n: usize, stage: Stage, rule: &'static str| {
        let unheard = verdict(Outcome::Hard, Category::UnknownDomain, stage);
        let tried = attempt(&claimed[n], model::Verdict { rule: rule.into(), ..unheard }, None, at(30));
        Settlement { attempt: Some(tried), ..Settlement::of(&claimed[n], DeliveryState::Hard, at(30)) }
    };
    let mine = |settled: Settlement| Settlement { suppress: None, ..settled };
    let settled = vec![
        mine(refused(&claimed[0], at(30))),
        mine(refused(&claimed[1], at(30))),
        elsewhere(refused(&claimed[2], at(30))),
        silent(3, Stage::Dns, "no-such-domain"),
        silent(4, Stage::Rcpt, "no-such-domain"),
        silent(5, Stage::Dns, "null-answer"),
        in_doubt(&claimed[6], at(30)),
        deferred(&claimed[7], site, at(30), at(60)),
        deferred(&claimed[8], site, at(30), at(60)),
    ];
    now(store.settle(settled)).unwrap();
    let again = now(store.claim_one(claimed[8].delivery)).unwrap().unwrap();
    now(store.settle(vec![accepted(&again, at(61))])).unwrap();
    // The same answer to another campaign is another campaign's.
    let same = claims(&store, other).into_iter().find(|one| one.contact == claimed[0].contact).unwrap();
    now(store.settle(vec![mine(refused(&same, at(70)))])).unwrap();

    let asked = |text: &str| now(store.segment_count(W, rule(text), at(99)));
    let mut counts: std::collections::BTreeMap<model::CauseMark, u64> = std::collections::BTreeMap::new();
    for one in now(store.causes(campaign)).unwrap() {
        *counts.entry(one.mark()).or_default() += one.count;
    }
    assert_eq!(counts.len(), 7, "{counts:?}");
    for (mark, count) in &counts {
        let text = format!("{}.campaign(\"{campaign}\").cause(\"{mark}\")", What::of_state(mark.class));
        assert_eq!(asked(&text).unwrap(), *count, "{text}");
        assert_eq!(asked(&format!("!({text} >= 1)")).unwrap(), 9 - count, "asked of one after the other");
        now(store.create_segment(W, &text, rule(&text), false, &ME, at(99))).unwrap();
    }
    let everywhere = "hard.cause(\"hard:unknown_recipient:example:550:5.1.1:\")";
    assert_eq!(asked(everywhere).unwrap(), 2);
    assert_eq!(asked(&format!("{everywhere} >= 2")).unwrap(), 1);
    let unheard = format!("blocked.campaign(\"{campaign}\").cause(\"blocked:policy:example:550:5.7.1:\")");
    assert_eq!(asked(&unheard).unwrap(), 0);
    let refused = now(store.create_segment(W, "nobody", rule(&unheard), false, &ME, at(99)));
    assert!(
        refused.unwrap_err().to_string().contains("a cause that is not there: blocked:policy:example:550:5.7.1: of m_")
    );

    let put_off = format!("accepted.campaign(\"{campaign}\").put_off()");
    assert_eq!(asked(&put_off).unwrap(), 1);
    let among = crate::Among { put_off: true, ..crate::Among::default() };
    let found = now(store.deliveries_among(campaign, DeliveryState::Accepted, among, None, 9)).unwrap();
    assert_eq!(found.into_iter().map(|row| row.delivery).collect::<Vec<_>>(), [claimed[8].delivery]);
    let waiting = format!("queued.campaign(\"{other}\") || deferred.campaign(\"{campaign}\")");
    assert_eq!(asked(&waiting).unwrap(), 8);
}

#[test]
fn no_event_is_after_itself() {
    let store = empty();
    import(&store, 1, &["1@a.example", "2@a.example", "3@a.example", "4@a.example"]);
    let id = |n: u64| now(store.contacts_by_address(W, &address(&format!("{n}@a.example")))).unwrap()[0].id;
    let day = |days: u64| at(days * 24 * HOUR_S);
    let bought = |who: u64, when| NewReaction {
        name: Some("bought".to_owned()),
        ..NewReaction::new(ReactionKind::Custom, id(who), when)
    };
    // Once; twice within a month; twice, long after; twice at the same moment.
    let told = [(1, 10), (2, 10), (2, 30), (3, 10), (3, 90), (4, 10), (4, 10)];
    now(store.record_reactions(W, told.map(|(who, when)| bought(who, day(when))).to_vec(), day(100))).unwrap();
    let again = rule(r#"did("bought").after(did("bought"), days(30))"#);
    let found = now(store.segment_sample(W, again, 9, day(100))).unwrap();
    assert_eq!(found.into_iter().map(|contact| contact.id).collect::<Vec<_>>(), [id(2), id(4)]);
}

#[test]
fn what_a_rule_names_is_there_and_stays() {
    use crate::{NewList, NewSequence};
    use model::sequence::{Again, Branch, By, Definition, Entry, Goal, Step};
    let store = empty();
    let list = |name: &str| {
        let new = NewList { name: name.to_owned(), ..NewList::default() };
        now(store.create_list(W, new, &ME, at(1))).unwrap().id
    };
    let (news, offers, other) = (list("news"), list("offers"), list("other"));
    let file = import(&store, 1, &["kim@a.example"]);
    let campaign = sending(&store, "spring", file);
    let file = import(&store, 2, &["bob@a.example"]);
    let told = |refused: Result<(), StoreError>| match refused {
        Err(StoreError::Refused(why)) => why,
        other => panic!("{other:?}"),
    };
    let save = |name: &str, text: &str| now(store.create_segment(W, name, rule(text), false, &ME, at(5)));
    for text in ["!in_list(\"l_zz\")", "!in_import(\"i_zz\")", "clicked.campaign(\"m_zz\")"] {
        assert!(told(save("x", text).map(drop)).contains("_zz"), "{text}");
    }
    let elsewhere = now(store.create_segment(WorkspaceId(2), "x", Rule::List(news), false, &ME, at(5)));
    assert!(matches!(elsewhere, Err(StoreError::Refused(_))), "another workspace's");
    let asks = format!("!in_list(\"{news}\") && sent.after(clicked.campaign(\"{}\"), days(3))", campaign.id);
    let segment = save("left out", &asks).unwrap();
    let kept = save("of the file", &format!("!in_import(\"{file}\")")).unwrap();
    let steps = |when: Rule| {
        let inner = Step::Branch(Branch { when, then: vec![Step::End], otherwise: Vec::new() });
        vec![Step::Branch(Branch { when: rule("sent"), then: vec![], otherwise: vec![inner] })]
    };
    let entries = vec![Entry { by: By::Api, again: Again::Never }];
    let sequence = |list: model::ListId, name: &str| {
        let goal = Some(Goal::Rule(rule("clicked")));
        let definition = Definition { entries: entries.clone(), goal, zone: None, steps: steps(Rule::List(list)) };
        NewSequence { name: name.to_owned(), definition, messages: "{}".to_owned() }
    };
    let unknown = now(store.create_sequence(W, sequence(model::ListId(9), "welcome"), &ME, at(6)));
    assert!(matches!(unknown, Err(StoreError::Refused(_))));
    let welcome = now(store.create_sequence(W, sequence(offers, "welcome"), &ME, at(6))).unwrap();
    let remove = |id| now(store.remove_list(W, id, &ME, at(7)));
    assert!(told(remove(news)).contains("\"left out\""));
    assert!(told(remove(offers)).contains("\"welcome\""));
    assert!(told(now(store.remove_import(file, &ME, at(7)))).contains("\"of the file\""));
    remove(other).unwrap();
    now(store.change_segment(W, segment.id, to(rule("sent")), &ME, at(8))).unwrap();
    remove(news).unwrap();
    now(store.change_sequence(W, welcome.id, sequence_without(&entries), &ME, at(8))).unwrap();
    remove(offers).unwrap();
    now(store.remove_segment(W, kept.id, &ME, at(9))).unwrap();
}

#[test]
fn a_link_that_a_campaign_begins_without_is_told_of_whoever_asks_for_it() {
    use crate::{Audience, Frozen, Gone, NamedThing, NewSequence, RuleOf};
    use model::sequence::{Again, Branch, By, Definition, Entry, Goal, Step};
    let store = empty();
    let file = import(&store, 1, &["kim@a.example", "bob@a.example"]);
    let draft = |name: &str, audience: Audience| {
        let new = crate::NewCampaign { audience, ..new_campaign(name, vec![file]) };
        now(store.make_draft(new, None, &ME, at(1))).unwrap()
    };
    let spring = draft("spring", Audience::imports([file]));
    let asks = |number: u32| rule(&format!("!clicked.campaign(\"{}\").link({number})", spring.id));
    let save = |name: &str, number| now(store.create_segment(W, name, asks(number), false, &ME, at(2)));
    let (kept, lost) = (save("kept", 2).unwrap(), save("lost", 7).unwrap());
    let to_all =
        Audience { include: vec![Whom::Everyone], exclude: vec![Whom::Segment(kept.id), Whom::Segment(lost.id)] };
    let summer = draft("summer", to_all);
    let branch = |when: Rule| Step::Branch(Branch { when, then: vec![Step::End], otherwise: Vec::new() });
    let entries = |by: By| vec![Entry { by, again: Again::Never }];
    let welcome = NewSequence {
        name: "welcome".to_owned(),
        definition: Definition {
            entries: entries(By::Segment(lost.id)),
            goal: Some(Goal::Rule(asks(8))),
            zone: None,
            steps: vec![branch(asks(2)), branch(asks(9))],
        },
        messages: "{}".to_owned(),
    };
    let welcome = now(store.create_sequence(W, welcome, &ME, at(3))).unwrap();
    let of_audience = || now(store.gone_from_audience(W, summer.id)).unwrap();
    let of_sequence = || now(store.gone_from_sequence(W, welcome.id)).unwrap();
    assert_eq!((of_audience(), of_sequence()), (vec![], vec![]), "a draft may still get any link");
    assert!(
        matches!(now(store.discard_campaign(spring.id, &ME, at(4))), Err(StoreError::Refused(_))),
        "what a rule names stays"
    );
    let frozen =
        Frozen { message: "{}".to_owned(), files_hash: [3; 32], content_hash: [4; 32], canary: 0, trial: None };
    now(store.freeze_draft(spring.clone(), frozen)).unwrap();
    let links = (1..=3).map(|number| (number, format!("https://x.example/{number}"))).collect();
    now(store.save_links(W, spring.id, links)).unwrap();
    let gone = |of: RuleOf, number: u32| Gone { of, what: NamedThing::Link, id: format!("{number} of {}", spring.id) };
    let lost = || gone(RuleOf::Segment("lost".to_owned()), 7);
    assert_eq!(of_audience(), [lost()]);
    assert_eq!(of_sequence(), [(1, lost()), (1, gone(RuleOf::Goal, 8)), (1, gone(RuleOf::Branch, 9))]);
    assert!(matches!(save("another", 7), Err(StoreError::Refused(_))));
    assert!(save("another", 3).is_ok());
    let without = sequence_without(&entries(By::Api));
    now(store.change_sequence(W, welcome.id, without, &ME, at(6))).unwrap();
    assert_eq!(of_sequence(), [], "it was never activated: its newest version alone counts");
}

fn sequence_without(entries: &[model::sequence::Entry]) -> crate::NewSequence {
    use model::sequence::{Definition, Step};
    let definition = Definition { entries: entries.to_vec(), goal: None, zone: None, steps: vec![Step::End] };
    crate::NewSequence { name: "welcome".to_owned(), definition, messages: "{}".to_owned() }
}

#[test]
fn a_reason_names_every_part() {
    let store = empty();
    import(&store, 1, &["kim@a.example"]);
    let kim = now(store.contacts_by_address(W, &address("kim@a.example"))).unwrap()[0].id;
    let rule = rule(r#"attr.name == "person 1" && !did("booked") && (sent || lead_source == "fair")"#);
    let why = now(store.segment_explain(W, rule.clone(), kim, at(9))).unwrap().unwrap();
    let parts: Vec<(&str, bool)> = why.parts.iter().map(|part| (part.text.as_str(), part.holds)).collect();
    let expected = [
        (r#"attr.name == "person 1""#, true),
        (r#"!did("booked")"#, true),
        (r#"sent || lead_source == "fair""#, false),
    ];
    assert_eq!((why.holds, parts), (false, expected.to_vec()));
    assert_eq!(why.parts[2].parts.len(), 2);
    assert_eq!(now(store.segment_explain(WorkspaceId(2), rule, kim, at(9))).unwrap(), None, "of another workspace");
}

#[test]
fn levels_are_counted_and_unknown_is_not_never() {
    let store = empty();
    import(&store, 1, &["1@a.example", "2@a.example", "3@a.example", "4@a.example"]);
    let id = |n: u64| now(store.contacts_by_address(W, &address(&format!("{n}@a.example")))).unwrap()[0].id;
    let days = |days: u64| at(days * 24 * HOUR_S);
    let told = [
        NewReaction::new(ReactionKind::Clicked, id(1), days(290)),
        NewReaction::new(ReactionKind::Replied, id(2), days(20)),
        NewReaction { score: 100, ..NewReaction::new(ReactionKind::Opened, id(3), days(290)) },
    ];
    now(store.record_reactions(W, told.to_vec(), days(300))).unwrap();
    let levels: Vec<(Level, u64)> = now(store.engagement_levels(W, days(300))).unwrap().into_iter().collect();
    assert_eq!(levels, [(Level::Active30, 1), (Level::Cold, 1), (Level::Never, 1), (Level::Unknown, 1)]);
    let unknown = rule(r#"engagement == "unknown""#);
    assert_eq!(now(store.segment_sample(W, unknown, 5, days(300))).unwrap()[0].id, id(3));
}
