//! How a sender shows itself on pages and in mail that Postroom writes: in which language, in which colour.

use crate::verdict::words;
use serde::{Deserialize, Serialize};
use std::fmt;

words! {
    /// A language that the pages speak.
    Language {
        /// English.
        En = 0 "en",
        /// German.
        De = 1 "de",
    }
}

impl Language {
    /// The one somebody likes best, by their Accept-Language field (RFC 9110 section 12.5.4); English if none is spoken
    /// here.
    pub fn accepted(field: &str) -> Language {
        let mut best = (0.0, Language::En);
        for range in field.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
            let spoken = Language::from_word(tag.split('-').next().unwrap_or_default());
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
            if let (Some(language), Ok(weight)) = (spoken, weight)
                && weight > best.0
            {
                best = (weight, language);
            }
        }
        best.1
    }
}

/// Text is legible from this contrast on (WCAG 2.2, success criterion 1.4.3).
pub const CONTRAST_MIN: f64 = 4.5;

/// A colour, sRGB, eight bits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    /// Red.
    pub red: u8,
    /// Green.
    pub green: u8,
    /// Blue.
    pub blue: u8,
}

impl Colour {
    /// White.
    pub const WHITE: Colour = Colour { red: 255, green: 255, blue: 255 };

    /// Reads `#2a48c4`. `None`: it is not six hexadecimal digits behind a `#`.
    pub fn parse(text: &str) -> Option<Colour> {
        let digits = text.trim().strip_prefix('#').filter(|digits| digits.len() == 6)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let [_, red, green, blue] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
        Some(Colour { red, green, blue })
    }

    /// How well one is seen on the other: 1 to 21 (WCAG 2.2, "contrast ratio").
    pub fn contrast(self, other: Colour) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// This colour or, where it is too dark to be read on `ground`, the nearest lighter one that is not.
    pub fn light_on(self, ground: Colour) -> Colour {
        let mix = |own: u8, share: u32| (u32::from(own) * (STEPS - share) + 255 * share) / STEPS;
        let lighter = |share: u32| {
            let part = |own: u8| u8::try_from(mix(own, share)).unwrap_or(u8::MAX);
            Colour { red: part(self.red), green: part(self.green), blue: part(self.blue) }
        };
        (0..=STEPS).map(lighter).find(|colour| colour.contrast(ground) >= CONTRAST_MIN).unwrap_or(Colour::WHITE)
    }

    /// Relative luminance, 0 to 1.
    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }
}

/// Steps between a colour and white.
const STEPS: u32 = 16;

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_somebody_likes_best_is_taken_among_those_spoken_here() {
        for (field, language) in [
            ("de-AT,de;q=0.9,en;q=0.8", Language::De),
            ("fr, en;q=0.2, de;q=0.7", Language::De),
            ("de;q=0, en;q=0.1", Language::En),
            ("fr", Language::En),
            ("DE", Language::De),
            ("", Language::En),
            ("de;q=x", Language::En),
        ] {
            assert_eq!(Language::accepted(field), language, "{field}");
        }
    }

    #[test]
    fn colours_are_read_written_and_compared() {
        let blue = Colour::parse("#2A48c4").unwrap();
        assert_eq!(blue.to_string(), "#2a48c4");
        for text in ["2a48c4", "#2a48c", "#2a48cg", "#+a48c4", "blue", ""] {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
        let black = Colour { red: 0, green: 0, blue: 0 };
        assert!((black.contrast(Colour::WHITE) - 21.0).abs() < 1e-9);
        assert!((Colour::parse("#767676").unwrap().contrast(Colour::WHITE) - 4.54).abs() < 0.01);
    }

    #[test]
    fn whatever_the_colour_it_can_be_read_on_a_dark_ground() {
        let ground = Colour::parse("#1a1c20").unwrap();
        for text in ["#000000", "#2a48c4", "#7a0000", "#ffffff"] {
            let light = Colour::parse(text).unwrap().light_on(ground);
            assert!(light.contrast(ground) >= CONTRAST_MIN, "{text} became {light}");
        }
        let already = Colour::parse("#a5b6ff").unwrap();
        assert_eq!(already.light_on(ground), already);
    }
}
