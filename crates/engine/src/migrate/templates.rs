//! Templates in another platform's export: which there are, with their merge tags written as ours.

use super::{MigrateError, Platform, tags};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;

/// The largest file of one template, in octets.
const HTML_BYTES_MAX: u64 = 512 * 1024;
/// The longest name, in octets.
const NAME_BYTES_MAX: usize = 200;

/// A template on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedTemplate {
    /// What it is called there.
    pub name: String,
    /// What it is made of, or why it cannot move.
    pub content: Result<TemplateContent, String>,
}

/// What a template is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateContent {
    /// How `source` is written: `html`, `markdown` or `text`.
    pub format: String,
    /// The message.
    pub source: String,
    /// Its subject.
    pub subject: Option<String>,
    /// The text part.
    pub text: Option<String>,
}

/// The first of these members that is a text with something in it.
fn text<'a>(entry: &'a Map<String, Value>, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| entry.get(*name).and_then(Value::as_str).filter(|text| !text.trim().is_empty()))
}

/// The templates among the entries of an answer; `None`: these are something else.
pub(super) fn of_entries(platform: Platform, entries: &[&Map<String, Value>]) -> Option<Vec<MovedTemplate>> {
    let found: Vec<MovedTemplate> = entries.iter().filter_map(|entry| of_entry(platform, entry)).collect();
    (!found.is_empty()).then_some(found)
}

fn of_entry(platform: Platform, entry: &Map<String, Value>) -> Option<MovedTemplate> {
    let name = text(entry, &["name", "Name", "TemplateName", "Alias"])?;
    // SendGrid keeps versions, one of them in use; Amazon SES keeps the content in a member of its own.
    let versions = entry.get("versions").and_then(Value::as_array);
    let in_use = |version: &&Value| version.get("active").is_none_or(|active| active == 1 || active == true);
    let version = versions.and_then(|all| all.iter().find(in_use).or(all.first()));
    let content = version.or(entry.get("TemplateContent")).and_then(Value::as_object).unwrap_or(entry);
    let html = text(content, &["body", "html_content", "HtmlBody", "HtmlPart", "Html", "html"]);
    let plain = text(content, &["plain_content", "TextBody", "TextPart", "Text", "body_plain"]);
    let (source, format) = match (html, plain) {
        (Some(html), _) => (html, format_of(content)),
        (None, Some(plain)) => (plain, "text"),
        (None, None) => return None,
    };
    let subject = text(content, &["subject", "Subject", "SubjectPart"]).or(text(entry, &["subject"]));
    let also = plain.filter(|_| html.is_some());
    Some(moved(platform, name, (source, format), subject, also))
}

/// listmonk says how a body is written.
fn format_of(content: &Map<String, Value>) -> &'static str {
    match content.get("content_type").and_then(Value::as_str) {
        Some("markdown") => "markdown",
        Some("plain") => "text",
        _ => "html",
    }
}

fn moved(
    platform: Platform,
    name: &str,
    (source, format): (&str, &str),
    subject: Option<&str>,
    plain: Option<&str>,
) -> MovedTemplate {
    let translated = |text: Option<&str>| text.map(|text| tags::ours(platform, text)).transpose();
    let content = || -> Result<TemplateContent, String> {
        Ok(TemplateContent {
            format: format.to_owned(),
            source: tags::ours(platform, source)?,
            subject: translated(subject)?,
            text: translated(plain)?,
        })
    };
    let name = name.trim();
    let name = name.get(..name.floor_char_boundary(NAME_BYTES_MAX)).unwrap_or(name).to_owned();
    MovedTemplate { name, content: content() }
}

/// A page that stands in a file of its own.
pub(super) fn of_page(platform: Platform, file: &Path) -> Result<MovedTemplate, MigrateError> {
    let unreadable = |why| MigrateError::Read { file: file.display().to_string(), why };
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if fs::metadata(file).map_err(unreadable)?.len() > HTML_BYTES_MAX {
        return Ok(MovedTemplate { name, content: Err(format!("it has more than {HTML_BYTES_MAX} bytes")) });
    }
    let read = fs::read(file).map_err(unreadable)?;
    Ok(match String::from_utf8(read) {
        Ok(page) => moved(platform, &name, (&page, "html"), None, None),
        Err(_) => MovedTemplate { name, content: Err("it is not UTF-8".to_owned()) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(platform: Platform, answer: Value) -> Vec<String> {
        let entry = answer.as_object().unwrap();
        let found = of_entries(platform, &[entry]).unwrap_or_default();
        found
            .iter()
            .map(|one| match &one.content {
                Ok(made) => format!("{}: {} {:?} {} {:?}", one.name, made.format, made.subject, made.source, made.text),
                Err(why) => format!("{}: {why}", one.name),
            })
            .collect()
    }

    #[test]
    fn every_platform_keeps_its_templates_in_its_own_way() {
        let listmonk =
            json!({ "id": 1, "name": "Plain", "type": "tx", "subject": "Hi {{ .Tx.Data.name }}", "body": "<p>x</p>" });
        assert_eq!(shown(Platform::Listmonk, listmonk), ["Plain: html Some(\"Hi {{ name }}\") <p>x</p> None"]);
        let sendgrid = json!({ "id": "d-1", "name": "Receipt", "versions": [
            { "active": 0, "subject": "Old", "html_content": "old" },
            { "active": 1, "subject": "Yours", "html_content": "<b>{{total}}</b>", "plain_content": "{{total}}" }
        ] });
        assert_eq!(
            shown(Platform::SendGrid, sendgrid),
            ["Receipt: html Some(\"Yours\") <b>{{ total }}</b> Some(\"{{ total }}\")"]
        );
        let ses = json!({ "TemplateName": "T", "TemplateContent": { "Subject": "S", "Text": "only text" } });
        assert_eq!(shown(Platform::Ses, ses), ["T: text Some(\"S\") only text None"]);
        let postmark = json!({ "TemplateId": 7, "Name": "W", "Subject": "S", "HtmlBody": "{{#if a}}" });
        assert_eq!(shown(Platform::Postmark, postmark), ["W: {{ #if a }} has no counterpart here: write it again"]);
        assert!(shown(Platform::Listmonk, json!({ "name": "Anna", "email": "anna@a.example" })).is_empty());
    }
}
