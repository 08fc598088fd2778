//! Lists in pages: `{data, has_more, next}`. No totals: counting what nobody reads is what makes lists slow.
//!
//! A cursor is opaque to the caller. Inside stands which list it belongs to and after what the next page begins, so that
//! entries that come and go meanwhile neither repeat nor vanish.

use crate::problem::{Code, Problem};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use utoipa::{IntoParams, ToSchema};

/// Entries of a page when nothing is asked for.
const LIMIT_DEFAULT: u32 = 50;
/// Entries of a page at most.
pub(crate) const LIMIT_MAX: u32 = 500;

/// Which page, of a list without other choices.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Plain {
    /// Entries of a page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    pub(crate) limit: Option<u32>,
    /// The `next` of the page before.
    pub(crate) after: Option<String>,
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct Page<T: ToSchema> {
    /// The entries.
    pub(crate) data: Vec<T>,
    /// Are there more?
    pub(crate) has_more: bool,
    /// Ask with `after` = this for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

impl<T: ToSchema> Page<T> {
    /// A page of what was found, each entry as it is shown; see [`cut`].
    pub(crate) fn cut<R>(
        mut found: Vec<R>,
        limit: usize,
        list: &str,
        place: impl FnOnce(&R) -> String,
        show: impl Fn(R) -> T,
    ) -> Page<T> {
        let next = cut(&mut found, limit, list, place);
        Page { data: found.into_iter().map(show).collect(), has_more: next.is_some(), next }
    }
}

/// Cuts what was found to a page of at most `limit`, where one more than that was asked for; the cursor of the next page, if there
/// is one. `place` names where an entry stands in the list called `list`.
pub(crate) fn cut<R, P: Display>(
    found: &mut Vec<R>,
    limit: usize,
    list: &str,
    place: impl FnOnce(&R) -> P,
) -> Option<String> {
    let has_more = found.len() > limit;
    found.truncate(limit);
    found.last().filter(|_| has_more).map(|last| seal(list, &place(last).to_string()))
}

/// How many entries are asked for.
pub(crate) fn limit(asked: Option<u32>) -> Result<usize, Problem> {
    match asked.unwrap_or(LIMIT_DEFAULT) {
        limit @ 1..=LIMIT_MAX => Ok(usize::try_from(limit).unwrap_or(usize::MAX)),
        other => Err(Problem::field("limit", format!("{other} is not between 1 and {LIMIT_MAX}"))),
    }
}

/// A list narrowed by something: a filter, or what its entries belong to. Cursors of one narrowing are refused by another.
pub(crate) fn within<'a>(list: &str, narrowed_by: impl IntoIterator<Item = &'a str>) -> String {
    // FNV-1a (64 bits) over the parts, each with its end: the same in every release.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for octet in narrowed_by.into_iter().flat_map(|part| part.bytes().chain([0xff])) {
        hash = (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{list}@{hash:016x}")
}

/// Refuses a cursor where everything is on one page.
pub(crate) fn no_cursor(cursor: Option<&str>) -> Result<(), Problem> {
    cursor.map_or(Ok(()), |_| Err(of_another_filter()))
}

fn of_another_filter() -> Problem {
    Problem::new(Code::InvalidCursor, "this cursor was given for another filter; begin without one, or ask as before")
}

/// A cursor of a list.
pub(crate) fn seal(list: &str, place: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list}:{place}"))
}

/// What a cursor of this list says.
pub(crate) fn open(list: &str, cursor: &str) -> Result<String, Problem> {
    let octets = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Code::InvalidCursor)?;
    let text = String::from_utf8(octets).map_err(|_| Code::InvalidCursor)?;
    let (of, place) = text.split_once(':').ok_or(Code::InvalidCursor)?;
    let noun = |list: &str| list.split('@').next().map(str::to_owned);
    match of == list {
        true => Ok(place.to_owned()),
        false if noun(of) == noun(list) => Err(of_another_filter()),
        false => Err(Code::InvalidCursor.into()),
    }
}

/// The same, where the place is an id or a number.
pub(crate) fn open_as<P: std::str::FromStr>(list: &str, cursor: Option<&str>) -> Result<Option<P>, Problem> {
    let read = |cursor| open(list, cursor)?.parse().map_err(|_| Code::InvalidCursor.into());
    cursor.map(read).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_of_one_list_is_none_of_another() {
        let cursor = seal("keys", "k_7");
        assert_eq!(open("keys", &cursor).unwrap(), "k_7");
        assert_eq!(open("users", &cursor).unwrap_err().code, Code::InvalidCursor);
        assert_eq!(open("keys", "!").unwrap_err().code, Code::InvalidCursor);
        assert_eq!(open_as::<u32>("keys", Some(&cursor)).unwrap_err().code, Code::InvalidCursor);
    }

    #[test]
    fn a_cursor_of_one_filter_is_none_of_another() {
        let (soft, hard) = (within("people", ["m_1", "soft"]), within("people", ["m_1", "hard"]));
        let cursor = seal(&soft, "d_7");
        assert_eq!(open(&soft, &cursor).unwrap(), "d_7");
        for other in [hard.as_str(), "people", &within("people", ["m_1s", "oft"])] {
            let problem = open(other, &cursor).unwrap_err();
            assert_eq!(
                (problem.code, problem.detail.contains("another filter")),
                (Code::InvalidCursor, true),
                "{other}"
            );
        }
        assert!(!open("keys", &cursor).unwrap_err().detail.contains("filter"));
        assert_eq!(no_cursor(Some(&cursor)).unwrap_err().code, Code::InvalidCursor);
        assert!(no_cursor(None).is_ok());
    }

    #[test]
    fn a_page_says_whether_there_are_more() {
        let page = |limit| Page::cut(vec![1, 2, 3], limit, "n", i32::to_string, |n| n);
        assert_eq!((page(3).has_more, page(3).next), (false, None));
        assert_eq!((page(2).data, page(2).next), (vec![1, 2], Some(seal("n", "2"))));
    }
}
