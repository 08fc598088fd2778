//! What is around every page: the menu, whose workspace it is, whether mail is under way.

use super::assets::PLACE;
use super::shown::Shown;
use super::visit::{Look, Stranger, Visitor};
use crate::App;
use askama::Template;
use model::Language;
use model::access::Scope;

/// What a form that leads elsewhere did, as the page it leads to says it (`?done=lifted`).
pub(crate) const DONE: [&str; 3] = ["suppressed", "forgotten", "lifted"];

/// Where in the menu a page stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Home,
    Campaigns,
    Contacts,
    Segments,
    Suppressions,
    Delivery,
    Sequences,
    Events,
    Settings,
}

/// A line of the menu.
pub(crate) struct Place {
    pub(crate) section: Section,
    pub(crate) path: &'static str,
    pub(crate) icon: &'static str,
    /// Its text, in the catalogue.
    pub(crate) words: &'static str,
    /// Does a new group begin with it?
    pub(crate) gap: bool,
    scope: Scope,
}

const MENU: [Place; 9] = [
    Place {
        section: Section::Home,
        path: "/",
        icon: "home",
        words: "menu-home",
        gap: false,
        scope: Scope::CampaignsRead,
    },
    Place {
        section: Section::Campaigns,
        path: "/campaigns",
        icon: "send",
        words: "menu-campaigns",
        gap: false,
        scope: Scope::CampaignsRead,
    },
    Place {
        section: Section::Sequences,
        path: "/sequences",
        icon: "again",
        words: "menu-sequences",
        gap: false,
        scope: Scope::CampaignsRead,
    },
    Place {
        section: Section::Contacts,
        path: "/contacts",
        icon: "people",
        words: "menu-contacts",
        gap: false,
        scope: Scope::ContactsRead,
    },
    Place {
        section: Section::Segments,
        path: "/segments",
        icon: "slice",
        words: "menu-segments",
        gap: false,
        scope: Scope::SegmentsRead,
    },
    Place {
        section: Section::Suppressions,
        path: "/suppressions",
        icon: "shield",
        words: "menu-suppressions",
        gap: false,
        scope: Scope::SuppressionsRead,
    },
    Place {
        section: Section::Delivery,
        path: "/lanes",
        icon: "pulse",
        words: "menu-delivery",
        gap: true,
        scope: Scope::DispatchRead,
    },
    Place {
        section: Section::Events,
        path: "/events",
        icon: "code",
        words: "menu-events",
        gap: false,
        scope: Scope::EventsRead,
    },
    Place {
        section: Section::Settings,
        path: "/settings",
        icon: "gear",
        words: "menu-settings",
        gap: false,
        scope: Scope::SettingsRead,
    },
];

/// What is around a page.
pub(crate) struct Layout {
    /// The page's title.
    pub(crate) title: String,
    pub(crate) look: Look,
    pub(crate) shown: Shown,
    /// Where the stylesheet stands.
    pub(crate) assets: &'static str,
    /// The menu; `None` on pages for strangers.
    pub(crate) inside: Option<Inside>,
    /// Is it a page of the sandbox?
    pub(crate) is_sandbox: bool,
}

/// Of a page for those who signed in.
pub(crate) struct Inside {
    pub(crate) menu: Vec<&'static Place>,
    /// Which line of the menu it belongs to, where that is known.
    section: Option<Section>,
    pub(crate) workspace: String,
    pub(crate) name: String,
    /// Whether mail is under way ([`engine_line`]).
    pub(crate) engine: String,
    /// The page one looks at.
    pub(crate) at: String,
}

impl Inside {
    /// Does the page belong to this line of the menu?
    pub(crate) fn is_at(&self, section: &Section) -> bool {
        self.section.as_ref() == Some(section)
    }

    /// What was done by the form that led here: a word of [`DONE`].
    pub(crate) fn done(&self) -> Option<&'static str> {
        let (_, query) = self.at.split_once('?')?;
        let (_, word) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "done")?;
        DONE.into_iter().find(|known| *known == word)
    }
}

/// Whether mail is under way, as it stands below the menu.
#[derive(Template)]
#[template(path = "pages/engine.html")]
struct EngineLine<'a> {
    shown: &'a Shown,
    icons: &'static str,
    is_sending: bool,
}

/// Whether mail is under way, drawn; pages that move draw it anew.
pub(super) fn engine_line(app: &App, shown: &Shown) -> String {
    let icons: &'static str = &PLACE;
    EngineLine { shown, icons, is_sending: app.engine.is_sending() }.render().unwrap_or_default()
}

impl Layout {
    /// Around a page for somebody who signed in.
    pub(crate) fn of(app: &App, visitor: &Visitor, section: Section, title: impl Into<String>) -> Layout {
        Layout::around(app, visitor, Some(section), title)
    }

    /// Around a page for somebody who signed in, wherever in the menu it stands.
    pub(crate) fn around(app: &App, visitor: &Visitor, section: Option<Section>, title: impl Into<String>) -> Layout {
        let menu = MENU.iter().filter(|place| visitor.caller.scopes.has(place.scope)).collect();
        Layout {
            title: title.into(),
            look: visitor.look,
            shown: visitor.shown.clone(),
            assets: &PLACE,
            is_sandbox: app.is_sandbox(),
            inside: Some(Inside {
                menu,
                section,
                workspace: visitor.workspace.clone(),
                name: visitor.name.clone(),
                engine: engine_line(app, &visitor.shown),
                at: visitor.at.clone(),
            }),
        }
    }

    /// Around a page for anybody.
    pub(crate) fn outside(app: &App, stranger: &Stranger, title: impl Into<String>) -> Layout {
        let shown = Shown { words: stranger.words, zone: jiff::tz::TimeZone::UTC, now: app.now() };
        let is_sandbox = app.is_sandbox();
        Layout { title: title.into(), look: stranger.look, shown, assets: &PLACE, inside: None, is_sandbox }
    }

    /// An icon; what it means stands beside it in words.
    pub(crate) fn icon(&self, name: &str) -> Icon {
        Icon { place: self.assets, name: name.to_owned() }
    }

    /// A text of the catalogue.
    pub(crate) fn say(&self, id: &str) -> String {
        self.shown.say(id)
    }

    /// Where the sandbox is.
    pub(crate) const fn sandbox_place(&self) -> &'static str {
        crate::sandbox::PLACE
    }

    /// The language's tag.
    pub(crate) fn language(&self) -> &'static str {
        self.shown.words.tag()
    }

    /// Every language: its tag, and its name in itself.
    pub(crate) fn languages(&self) -> [(&'static str, &'static str); Language::ALL.len()] {
        [("en", "English"), ("de", "Deutsch")]
    }
}

/// An icon, as markup.
pub(crate) struct Icon {
    place: &'static str,
    name: String,
}

impl askama::filters::HtmlSafe for Icon {}

impl std::fmt::Display for Icon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Icon { place, name } = self;
        write!(f, "<svg class=\"icon\" aria-hidden=\"true\"><use href=\"{place}/icons.svg#{name}\"/></svg>")
    }
}
