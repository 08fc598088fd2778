//! Pages that stand beside each other.

use super::Visitor;
use model::access::Scope;

/// A page beside others: its address, its words, and what one needs to see it.
type Tab = (&'static str, &'static str, Option<Scope>);

const PEOPLE: [Tab; 4] = [
    ("/contacts", "menu-contacts", Some(Scope::ContactsRead)),
    ("/lists", "lists", Some(Scope::SegmentsRead)),
    ("/imports", "imports", Some(Scope::ContactsRead)),
    ("/sunsets", "sunsets", Some(Scope::ContactsRead)),
];

const DELIVERY: [Tab; 5] = [
    ("/lanes", "lanes-title", Some(Scope::DispatchRead)),
    ("/sources", "sources", Some(Scope::DispatchRead)),
    ("/domains", "domains", Some(Scope::DomainsRead)),
    ("/alerts", "alerts", Some(Scope::DispatchRead)),
    ("/machine", "machine", Some(Scope::DispatchRead)),
];

/// What belongs to the whole installation, and is seen in its first workspace.
const OF_THE_HOUSE: [&str; 2] = ["/sources", "/machine"];

/// Of how mail leaves.
pub(super) fn delivery(visitor: &Visitor, here: &str) -> Vec<(String, String, bool)> {
    let is_house = visitor.caller.of_the_house().is_ok();
    let tabs = shown(visitor, &DELIVERY, here);
    tabs.into_iter().filter(|(href, _, _)| is_house || !OF_THE_HOUSE.contains(&href.as_str())).collect()
}

const SETTINGS: [Tab; 5] = [
    ("/settings", "settings", Some(Scope::SettingsRead)),
    ("/users", "users", Some(Scope::UsersRead)),
    ("/keys", "keys", Some(Scope::KeysRead)),
    ("/webhooks", "webhooks", Some(Scope::WebhooksRead)),
    ("/account", "account", None),
];

/// What a sandbox has none of its own of.
const OF_THE_INSTALLATION: [&str; 3] = ["/users", "/keys", "/account"];

/// Of settings.
pub(super) fn settings(visitor: &Visitor, here: &str) -> Vec<(String, String, bool)> {
    shown(visitor, &SETTINGS, here)
}

/// Of people.
pub(super) fn people(visitor: &Visitor, here: &str) -> Vec<(String, String, bool)> {
    shown(visitor, &PEOPLE, here)
}

fn shown(visitor: &Visitor, tabs: &[Tab], here: &str) -> Vec<(String, String, bool)> {
    let may = |scope: &Option<Scope>| scope.is_none_or(|scope| visitor.caller.scopes.has(scope));
    let is_there = |href: &str| !visitor.is_inside || !OF_THE_INSTALLATION.contains(&href);
    let seen = tabs.iter().filter(|(href, _, scope)| may(scope) && is_there(href));
    seen.map(|(href, words, _)| ((*href).to_owned(), visitor.shown.say(words), *href == here)).collect()
}
