//! In whose name a workspace's pages and its own mail speak: settings of the workspace, read together.

use crate::options::SETTING_CHARS_MAX;
use model::brand::CONTRAST_MIN;
use model::{Colour, Language, WorkspaceId};
use store::{Store, StoreError};

/// The sender's name.
pub const BRAND_NAME: &str = "brand_name";
/// The colour of buttons and links.
pub const BRAND_COLOUR: &str = "brand_colour";
/// The From address of what Postroom itself writes for the workspace.
pub const SENDER: &str = "sender";
/// What is spoken.
pub const LANGUAGE: &str = "language";
/// The zone in which operators read times and write windows (an IANA name).
pub const TIME_ZONE: &str = "time_zone";
/// The longest name of a sender, in characters.
const BRAND_CHARS_MAX: usize = 80;

/// How a workspace shows itself to the people it writes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brand {
    /// Its name.
    pub name: Option<String>,
    /// Its colour: it can be read on white.
    pub colour: Option<Colour>,
    /// What it speaks.
    pub language: Language,
}

impl Brand {
    /// The brand of a workspace.
    pub async fn of(store: &Store, workspace: WorkspaceId) -> Result<Brand, StoreError> {
        let language = store.setting(workspace, LANGUAGE).await?;
        Ok(Brand {
            name: store.setting(workspace, BRAND_NAME).await?,
            colour: store.setting(workspace, BRAND_COLOUR).await?.as_deref().and_then(Colour::parse),
            language: language.as_deref().and_then(Language::from_word).unwrap_or(Language::En),
        })
    }
}

/// A setting's value as it is kept. Refused, in words: one that is empty, too long, or nothing this setting can be.
pub fn read_setting(name: &str, value: &str) -> Result<String, String> {
    let value = value.trim();
    let most = if name == BRAND_NAME { BRAND_CHARS_MAX } else { SETTING_CHARS_MAX };
    if value.is_empty() || value.chars().count() > most {
        return Err(format!("a text of 1 to {most} characters"));
    }
    match name {
        SENDER => match crate::launch::parse_mailbox(value) {
            Ok(_) => Ok(value.to_owned()),
            Err(_) => Err("an address, or `Name <address>`".to_owned()),
        },
        BRAND_NAME if value.chars().any(char::is_control) => Err("a name on one line".to_owned()),
        BRAND_COLOUR => {
            let colour = Colour::parse(value).ok_or("a colour as in #2a48c4")?;
            let contrast = colour.contrast(Colour::WHITE);
            if contrast < CONTRAST_MIN {
                return Err(format!(
                    "a darker colour: this one has a contrast of {contrast:.1} to white, and text needs {CONTRAST_MIN} \
                     to be legible (WCAG 2.2, 1.4.3)"
                ));
            }
            Ok(colour.to_string())
        }
        LANGUAGE => {
            let words = || Language::ALL.iter().map(|language| language.word()).collect::<Vec<_>>().join(", ");
            let language = Language::from_word(&value.to_ascii_lowercase());
            Ok(language.ok_or_else(|| format!("one of: {}", words()))?.word().to_owned())
        }
        TIME_ZONE => {
            let zone = jiff::tz::TimeZone::get(value).map_err(|_| "a time zone as in Europe/Berlin")?;
            Ok(zone.iana_name().unwrap_or(value).to_owned())
        }
        _ => Ok(value.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_kept_as_they_can_be_used() {
        assert_eq!(read_setting(LANGUAGE, " DE "), Ok("de".to_owned()));
        assert_eq!(read_setting(LANGUAGE, "fr"), Err("one of: en, de".to_owned()));
        assert_eq!(read_setting(BRAND_COLOUR, "#2A48C4"), Ok("#2a48c4".to_owned()));
        assert!(read_setting(BRAND_COLOUR, "#ffdd00").unwrap_err().contains("contrast of 1.3"));
        assert!(read_setting(BRAND_COLOUR, "red;}").is_err());
        assert!(read_setting(BRAND_NAME, "two\nlines").is_err());
        assert_eq!(read_setting(TIME_ZONE, "Europe/Berlin"), Ok("Europe/Berlin".to_owned()));
        assert!(read_setting(TIME_ZONE, "Berlin").is_err());
        assert!(read_setting(BRAND_NAME, &"x".repeat(81)).is_err());
        assert_eq!(read_setting("postal_address", " 1 Way\nTown "), Ok("1 Way\nTown".to_owned()));
    }
}
