//! Files that go with a message (RFC 2045, RFC 2183, RFC 2231, RFC 2392).
//!
//! Separate because only messages that programs send have them. The content stays in base64, as it came and as it goes
//! on the wire; here it is only cut into lines. Invariant: no name, type or content can end a header or a part.

use crate::headers::one_line;
use crate::qp::base64_lines;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Files of one message at most.
pub const FILES_MAX: usize = 20;
/// Octets of all files of a message together, decoded.
pub const FILES_OCTETS_MAX: usize = 10 * 1024 * 1024;
/// Characters of a file's name at most.
const NAME_CHARS_MAX: usize = 150;
/// Characters of a media type or content id at most.
const TOKEN_CHARS_MAX: usize = 120;

/// A file that goes with a message; made by [`Attachment::new`], which checks it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    name: String,
    media_type: String,
    /// Named by the HTML part as `cid:…`; without, it is shown as a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_id: Option<String>,
    base64: String,
}

/// Why a file cannot go with a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttachmentError {
    /// The name.
    #[error("a file's name has 1 to {NAME_CHARS_MAX} characters, none of them a control character")]
    Name,
    /// The media type.
    #[error("{0:?} is no media type such as application/pdf; a message within a message cannot be attached")]
    MediaType(String),
    /// The content id.
    #[error("a content id has 1 to {TOKEN_CHARS_MAX} letters, digits, dots, dashes, underscores and one @ at most")]
    ContentId,
    /// The content.
    #[error("the content is not base64 (RFC 4648 section 4)")]
    Content,
}

impl Attachment {
    /// Checks a file. Refused: names and types that could not be written, and content that is not base64.
    pub fn new(
        name: &str,
        media_type: &str,
        content_id: Option<&str>,
        base64: &str,
    ) -> Result<Attachment, AttachmentError> {
        let chars = name.chars().count();
        if chars == 0 || chars > NAME_CHARS_MAX || name.chars().any(char::is_control) {
            return Err(AttachmentError::Name);
        }
        let is_token =
            |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-+._".contains(&b));
        let is_type = media_type
            .split_once('/')
            .is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype) && !is_composite(kind));
        if !is_type || media_type.len() > TOKEN_CHARS_MAX {
            return Err(AttachmentError::MediaType(media_type.to_owned()));
        }
        if let Some(id) = content_id {
            let is_id = id.matches('@').count() <= 1 && id.split('@').all(is_token);
            if !is_id || id.len() > TOKEN_CHARS_MAX {
                return Err(AttachmentError::ContentId);
            }
        }
        let content: String = base64.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        STANDARD.decode(&content).map_err(|_| AttachmentError::Content)?;
        Ok(Attachment {
            name: one_line(name, NAME_CHARS_MAX),
            media_type: media_type.to_ascii_lowercase(),
            content_id: content_id.map(str::to_owned),
            base64: content,
        })
    }

    /// How large the file is, in octets.
    pub fn octets(&self) -> usize {
        self.base64.len() / 4 * 3
    }

    /// Is it shown within the HTML part?
    pub(crate) fn is_inline(&self) -> bool {
        self.content_id.is_some()
    }

    /// Octets on the wire, about.
    pub(crate) fn wire_octets(&self) -> usize {
        self.base64.len() * 78 / 76 + 512
    }

    /// Appends header fields and content.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let disposition = if self.is_inline() { "inline" } else { "attachment" };
        push(out, &format!("Content-Type: {}\r\nContent-Transfer-Encoding: base64\r\n", self.media_type));
        push(out, &format!("Content-Disposition: {disposition};\r\n {}\r\n", file_name(&self.name)));
        if let Some(id) = &self.content_id {
            push(out, &format!("Content-ID: <{id}>\r\n"));
        }
        push(out, "\r\n");
        base64_lines(out, &self.base64);
    }
}

/// `multipart` and `message` would have to be read to be written safely.
fn is_composite(kind: &str) -> bool {
    kind.eq_ignore_ascii_case("multipart") || kind.eq_ignore_ascii_case("message")
}

/// The parameter that names the file: quoted, or in pieces of percent-encoded UTF-8 (RFC 2231 sections 3 and 4).
fn file_name(name: &str) -> String {
    let is_plain =
        name.len() <= 60 && name.bytes().all(|b| b == b' ' || b.is_ascii_graphic() && !b"\"\\%".contains(&b));
    if is_plain {
        return format!("filename=\"{name}\"");
    }
    let encoded: String = name
        .bytes()
        .map(|b| match b {
            b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(b).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    let mut pieces = Vec::new();
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        // Never within an escape.
        let mut end = rest.len().min(54);
        while end < rest.len() && (rest.as_bytes()[end - 1] == b'%' || rest.as_bytes()[end - 2] == b'%') {
            end -= 1;
        }
        let (piece, left) = rest.split_at(end);
        let charset = if pieces.is_empty() { "utf-8''" } else { "" };
        pieces.push(format!("filename*{}*={charset}{piece}", pieces.len()));
        rest = left;
    }
    pieces.join(";\r\n ")
}

fn push(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_break_out_of_a_part_is_refused() {
        let file =
            |name: &str, kind: &str, id: Option<&str>, content: &str| Attachment::new(name, kind, id, content).err();
        assert_eq!(file("a.pdf", "application/pdf", None, "aGVs\nbG8="), None);
        assert_eq!(file("a\r\nBcc: x", "application/pdf", None, "aGVsbG8="), Some(AttachmentError::Name));
        assert_eq!(file("", "application/pdf", None, "aGVsbG8="), Some(AttachmentError::Name));
        for kind in ["pdf", "application/pdf; x=y", "multipart/mixed", "message/rfc822", "a/b\r\nX: y", "/", "a/"] {
            assert_eq!(file("a", kind, None, ""), Some(AttachmentError::MediaType(kind.to_owned())), "{kind}");
        }
        for id in ["", "a@b@c", "a b", "<a>", "a\r\n"] {
            assert_eq!(file("a", "image/png", Some(id), ""), Some(AttachmentError::ContentId), "{id:?}");
        }
        assert_eq!(file("a", "image/png", None, "aGVsbG8"), Some(AttachmentError::Content));
        assert_eq!(file("a", "image/png", None, "--=_d_"), Some(AttachmentError::Content));
    }

    #[test]
    fn names_beyond_ascii_are_written_in_pieces() {
        assert_eq!(file_name("invoice 7.pdf"), "filename=\"invoice 7.pdf\"");
        assert_eq!(file_name("ü\".pdf"), "filename*0*=utf-8''%C3%BC%22.pdf");
        let long = file_name(&"ü".repeat(40));
        assert!(long.split("\r\n ").all(|line| line.len() <= 76), "{long}");
        let joined: String = long.split(";\r\n ").map(|piece| piece.split_once('=').unwrap().1).collect();
        assert_eq!(joined, format!("utf-8''{}", "%C3%BC".repeat(40)));
    }
}
