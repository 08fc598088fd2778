//! Merge tags of other platforms, written as ours.
//!
//! Only what plainly means the same is rewritten; a condition, a loop or a tag that has no counterpart refuses the whole
//! text with the tag, because a message that says something else than it did is worse than one that is written again.

use super::Platform;
use mail::values::tag_of_column;

/// How a platform writes its tags.
enum Style {
    /// `{{ .Subscriber.Name }}` (Go).
    Go,
    /// `*|FNAME|*`.
    Stars,
    /// `{{name}}`, `{{{name}}}` (Mustache, Handlebars, Liquid).
    Braces,
}

/// The text with our tags. Refused: a tag that has no counterpart, in words.
pub(super) fn ours(platform: Platform, text: &str) -> Result<String, String> {
    match style(platform) {
        Style::Go => replaced(&text.replace("@TrackLink", ""), ("{{", "}}"), go),
        Style::Stars => replaced(text, ("*|", "|*"), stars),
        Style::Braces => {
            if let Some(block) = text.find("{%") {
                return Err(unknown(
                    text.get(block..).unwrap_or_default().chars().take(40).collect::<String>().as_str(),
                ));
            }
            let text = text.replace("<%asm_group_unsubscribe_raw_url%>", "{{unsubscribe}}");
            replaced(&text.replace("{{{", "{{").replace("}}}", "}}"), ("{{", "}}"), braces)
        }
    }
}

const fn style(platform: Platform) -> Style {
    match platform {
        Platform::Listmonk => Style::Go,
        Platform::Mailchimp | Platform::Emma => Style::Stars,
        Platform::CustomerIo | Platform::Postmark | Platform::Ses | Platform::SendGrid => Style::Braces,
    }
}

fn unknown(tag: &str) -> String {
    format!("{tag} has no counterpart here: write it again")
}

/// Every tag between the marks, rewritten.
fn replaced(text: &str, (open, close): (&str, &str), tag: fn(&str) -> Option<String>) -> Result<String, String> {
    let (mut done, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, behind)) = rest.split_once(open) {
        let Some((inner, after)) = behind.split_once(close) else {
            return Err(format!("a {open} is never closed"));
        };
        let inner = inner.trim_matches('-').trim();
        done.push_str(before);
        done.push_str(&tag(inner).ok_or_else(|| unknown(&format!("{open} {inner} {close}")))?);
        rest = after;
    }
    done.push_str(rest);
    Ok(done)
}

fn tag(name: &str) -> Option<String> {
    Some(format!("{{{{ {name} }}}}"))
}

/// A tag of listmonk's.
fn go(inner: &str) -> Option<String> {
    let (word, rest) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
    let quoted = || rest.split('"').nth(1).map(str::to_owned);
    match word {
        ".Subscriber.FirstName" => tag("first_name"),
        ".Subscriber.LastName" => tag("last_name"),
        ".Subscriber.Name" => tag("name"),
        ".Subscriber.Email" => tag("email"),
        "UnsubscribeURL" => tag("unsubscribe_url"),
        "ManageURL" => tag("preferences_url"),
        "MessageURL" => tag("view_url"),
        // Opens are counted without a mark in the text, and links as they stand.
        "TrackView" => Some(String::new()),
        "TrackLink" => quoted(),
        // The campaign's own text stood here.
        "template" => Some("<!-- content -->".to_owned()),
        ".Campaign.Subject" | ".Campaign.Name" => Some(String::new()),
        "L.T" => Some(words_of(&quoted()?).to_owned()),
        word => {
            let attribute = word.strip_prefix(".Subscriber.Attribs.").or_else(|| word.strip_prefix(".Tx.Data."))?;
            is_plain(attribute).then(|| tag(&tag_of_column(attribute)))?
        }
    }
}

/// What listmonk says by a key of its catalogue, as far as its own templates use it.
fn words_of(key: &str) -> &str {
    match key {
        "email.unsubHelp" => "Don't want to receive these e-mails?",
        "email.unsub" => "Unsubscribe",
        "email.viewInBrowser" => "View in browser",
        other => other.rsplit('.').next().unwrap_or(other),
    }
}

/// A tag of Mailchimp's.
fn stars(inner: &str) -> Option<String> {
    match inner {
        "FNAME" => tag("first_name"),
        "LNAME" => tag("last_name"),
        "EMAIL" => tag("email"),
        "UNSUB" => tag("unsubscribe_url"),
        "UPDATE_PROFILE" => tag("preferences_url"),
        "ARCHIVE" => tag("view_url"),
        "LIST:ADDRESS" | "LIST:ADDRESSLINE" | "HTML:LIST_ADDRESS_HTML" => tag("postal_address"),
        "MC:SUBJECT" | "MC_PREVIEW_TEXT" => Some(String::new()),
        field if is_plain(field) => tag(&tag_of_column(&field.to_lowercase())),
        _ => None,
    }
}

/// A tag between braces.
fn braces(inner: &str) -> Option<String> {
    let unsubscribes =
        ["unsubscribe", "unsubscribe_url", "unsubscribe_link", "pm:unsubscribe_url", "amazonsesunsubscribeurl"];
    if unsubscribes.iter().any(|word| inner.eq_ignore_ascii_case(word)) {
        return tag("unsubscribe_url");
    }
    let name = inner.strip_prefix("customer.").unwrap_or(inner);
    name.split('.').all(is_plain).then(|| tag(name))?
}

fn is_plain(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|octet| octet.is_ascii_alphabetic() || octet == b'_');
    first && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_tags_become_ours() {
        for (platform, theirs, expected) in [
            (
                Platform::Listmonk,
                "Hi {{ .Subscriber.FirstName }}, {{- .Subscriber.Attribs.city }}",
                "Hi {{ first_name }}, {{ city }}",
            ),
            (
                Platform::Listmonk,
                "<a href=\"{{ UnsubscribeURL }}\">{{ L.T \"email.unsub\" }}</a>{{ TrackView . }}",
                "<a href=\"{{ unsubscribe_url }}\">Unsubscribe</a>",
            ),
            (
                Platform::Listmonk,
                "{{ TrackLink \"https://a.example\" . }} https://b.example@TrackLink",
                "https://a.example https://b.example",
            ),
            (
                Platform::Mailchimp,
                "*|FNAME|* *|FAVOURITE_COLOUR|* *|UNSUB|* 2 * 3 | 4",
                "{{ first_name }} {{ favourite_colour }} {{ unsubscribe_url }} 2 * 3 | 4",
            ),
            (
                Platform::Postmark,
                "{{name}} {{ order.total }} {{{ pm:unsubscribe_url }}}",
                "{{ name }} {{ order.total }} {{ unsubscribe_url }}",
            ),
            (Platform::CustomerIo, "{{customer.first_name}}", "{{ first_name }}"),
            (Platform::SendGrid, "<%asm_group_unsubscribe_raw_url%>", "{{ unsubscribe_url }}"),
        ] {
            assert_eq!(ours(platform, theirs).as_deref(), Ok(expected), "{theirs}");
        }
    }

    #[test]
    fn what_has_no_counterpart_refuses_the_whole() {
        for (platform, theirs) in [
            (Platform::Listmonk, "{{ if .Subscriber.Name }}x{{ end }}"),
            (Platform::Listmonk, "{{ .Subscriber.Attribs.a.b }}"),
            (Platform::Listmonk, "{{ never"),
            (Platform::Mailchimp, "*|IF:FNAME|*x*|END:IF|*"),
            (Platform::SendGrid, "{{#each items}}{{this}}{{/each}}"),
            (Platform::CustomerIo, "{% if a %}x{% endif %}"),
            (Platform::Ses, "{{a b}}"),
        ] {
            assert!(ours(platform, theirs).is_err(), "{theirs}");
        }
    }
}
