//! Reply texts as template and variables, so that a million like replies cost a few bytes each.
//!
//! The recipient's address becomes `<rcpt>`, their local part alone `<local>`; what looks like a number or an id becomes
//! a hole. Of an acceptance only the remote queue id is kept; of a failure every variable, up to a bound. Invariant: a
//! template holds nothing about a person, so forgetting one has only the variables to remove.

/// A hole in a template.
pub(crate) const HOLE: char = '\u{1}';
/// The hole of the remote queue id, where an acceptance has others too.
const ID_HOLE: char = '\u{2}';
/// Between variables.
const SEPARATOR: char = '\u{1f}';
/// The template that is one hole: a text that goes in-line as a whole.
pub(crate) const WHOLE: &str = "\u{1}";
/// Octets kept of a remote queue id.
const QUEUE_ID_BYTES_MAX: usize = 64;
/// Octets kept of a failure's variables.
const VARIABLES_BYTES_MAX: usize = 512;

/// A text taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) template: String,
    pub(crate) variables: String,
}

/// Takes a reply text apart.
pub(crate) fn split(text: &str, rcpt: &str, accepted: bool) -> Parts {
    let text = hide_recipient(text, rcpt);
    let variables: Vec<&str> = variables(&text).collect();
    let kept = if accepted { queue_id(&text, &variables) } else { None };
    let mut template = String::with_capacity(text.len());
    let mut holes = 0;
    for (token, is_word) in tokens(&text) {
        if is_word && is_variable(token) {
            match kept {
                Some((at, id)) if at == holes => {
                    template.push_str(token.strip_suffix(id).unwrap_or_default());
                    template.push(ID_HOLE);
                }
                _ => template.push(HOLE),
            }
            holes += 1;
        } else {
            template.extend(token.chars().filter(|c| !is_ours(*c)));
        }
    }
    if accepted {
        let queue_id = kept.map(|(_, id)| cut(id, QUEUE_ID_BYTES_MAX));
        return Parts { template, variables: queue_id.unwrap_or_default().to_owned() };
    }
    let joined = variables.join(&SEPARATOR.to_string());
    Parts { template, variables: cut(&joined, VARIABLES_BYTES_MAX).to_owned() }
}

/// A text that finds no place in the dictionary, kept whole up to the bound.
pub(crate) fn whole(text: &str, rcpt: &str) -> Parts {
    let text: String = hide_recipient(text, rcpt).chars().filter(|c| !is_ours(*c)).collect();
    Parts { template: WHOLE.to_owned(), variables: cut(&text, VARIABLES_BYTES_MAX).to_owned() }
}

/// Puts a text together again; holes without a variable show as `…`.
pub(crate) fn join(template: &str, variables: &str, accepted: bool, rcpt: Option<&str>) -> String {
    // Of an acceptance nothing but the id was kept; one that knows no place for it may have filled any of several holes.
    let is_only_id = accepted && (template.contains(ID_HOLE) || template.matches(HOLE).count() > 1);
    let mut values = variables.split(SEPARATOR).filter(|_| !variables.is_empty());
    let mut text = String::with_capacity(template.len() + variables.len());
    for c in template.chars() {
        match c {
            ID_HOLE => text.push_str(variables),
            HOLE if is_only_id => text.push('…'),
            HOLE => text.push_str(values.next().unwrap_or("…")),
            c => text.push(c),
        }
    }
    match rcpt {
        Some(rcpt) => {
            let local = rcpt.rsplit_once('@').map_or(rcpt, |(local, _)| local);
            text.replace("<rcpt>", rcpt).replace("<local>", local)
        }
        None => text,
    }
}

/// The longest beginning of at most `max` octets.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// Is it a character by which a template says something?
fn is_ours(c: char) -> bool {
    matches!(c, HOLE | ID_HOLE | SEPARATOR)
}

fn hide_recipient(text: &str, rcpt: &str) -> String {
    let (local, _) = rcpt.rsplit_once('@').unwrap_or((rcpt, ""));
    let text = replace_ignoring_case(text, rcpt, "<rcpt>", |_| true);
    if local.len() < 3 {
        return text;
    }
    // The local part alone, as in "user anna unknown"; not as a part of another word.
    replace_ignoring_case(&text, local, "<local>", |neighbour| !neighbour.is_alphanumeric())
}

/// Replaces `what` in any (ASCII) case where the characters on both sides please `around`.
fn replace_ignoring_case(text: &str, what: &str, with: &str, around: impl Fn(char) -> bool) -> String {
    let (lower, what) = (text.to_ascii_lowercase(), what.to_ascii_lowercase());
    if what.is_empty() || !lower.contains(&what) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in lower.match_indices(&what) {
        let end = at + what.len();
        let before = text.get(..at).and_then(|t| t.chars().next_back());
        let after = text.get(end..).and_then(|t| t.chars().next());
        let free = before.is_none_or(&around) && after.is_none_or(&around);
        if at >= from && free {
            out.push_str(text.get(from..at).unwrap_or_default());
            out.push_str(with);
            from = end;
        }
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

/// Words and what stands between them, in order.
fn tokens(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let in_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '+' | '=' | '@' | '%');
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let is_word = in_word(first);
        let end = rest.find(|c| in_word(c) != is_word).unwrap_or(rest.len());
        let (token, after) = rest.split_at_checked(end)?;
        rest = after;
        Some((token, is_word))
    })
}

/// A number or an id: it has a digit, or is a long mix of capitals and small letters no word has.
fn is_variable(token: &str) -> bool {
    if token.chars().any(|c| c.is_ascii_digit()) || token.contains('@') {
        return true;
    }
    let capitals = token.chars().skip(1).filter(|c| c.is_ascii_uppercase()).count();
    let small = token.chars().filter(|c| c.is_ascii_lowercase()).count();
    token.len() >= 12 && capitals >= 3 && small >= 3
}

/// The variables of a text, in order.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    tokens(text).filter(|(token, is_word)| *is_word && is_variable(token)).map(|(token, _)| token)
}

/// The remote queue id of an acceptance, and the number of the variable it is in or ends: what follows "queued as", "id" and
/// the like, or is called so (`id=4Zq7` is one word), else the longest.
fn queue_id<'a>(text: &str, variables: &[&'a str]) -> Option<(usize, &'a str)> {
    let lower = text.to_ascii_lowercase();
    let is_named = |value: &str| {
        lower.find(&value.to_ascii_lowercase()).is_some_and(|at| {
            let before = lower.get(..at).unwrap_or_default().trim_end_matches([' ', '=', ':', '<', '(', '#']);
            before.ends_with(" as") || before.ends_with(" id") || before.ends_with("message-id")
        })
    };
    let parts = |value: &'a str| value.split_once('=').filter(|(name, rest)| !name.is_empty() && !rest.is_empty());
    let is_called = |value: &'a str| parts(value).is_some_and(|(name, _)| name.to_ascii_lowercase().ends_with("id"));
    let all = || variables.iter().copied().enumerate();
    let named = all().find(|(_, value)| is_named(value)).or_else(|| all().find(|(_, value)| is_called(value)));
    let (at, value) = named.or_else(|| all().rev().max_by_key(|(_, value)| value.len()))?;
    Some((at, parts(value).map_or(value, |(_, rest)| rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str, accepted: bool) -> (String, String) {
        let parts = split(text, "Anna.B@example.org", accepted);
        (parts.template.replace(HOLE, "·").replace(ID_HOLE, "#"), parts.variables.replace(SEPARATOR, "|"))
    }

    #[test]
    fn of_an_acceptance_the_queue_id_is_kept() {
        let own = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(kept("Ok: queued as 4Zq7Kd2x1B", true), own("Ok: queued as #", "4Zq7Kd2x1B"));
        assert_eq!(kept("OK  1763760000 a92af-1055si7.310 - gsmtp", true), own("OK  · # - gsmtp", "a92af-1055si7.310"));
        assert_eq!(kept("OK id=1rX4kD-0003Qx-2B", true), own("OK id=#", "1rX4kD-0003Qx-2B"));
        assert_eq!(kept("Thank you", true), own("Thank you", ""));
    }

    #[test]
    fn an_id_comes_back_where_it_stood() {
        let shown = |text: &str| {
            let parts = split(text, "anna@example.org", true);
            join(&parts.template, &parts.variables, true, Some("anna@example.org"))
        };
        assert_eq!(
            shown("OK 1700000000 a1b2c3-77aa.1 - gsmtp queued as 5F3A2BBB01 for 17 s"),
            "OK … … - gsmtp queued as 5F3A2BBB01 for … s"
        );
        assert_eq!(
            shown(
                "<20261123.abc@example.net> [InternalId=6571299914, Hostname=AM0PR01MB.prod.example.com] 8523 bytes in 0.138"
            ),
            "<…> [InternalId=6571299914, …] … bytes in …"
        );
        assert_eq!(
            shown("Requested mail action okay, completed: id=1Mxab0-9sXY0"),
            "Requested mail action okay, completed: id=1Mxab0-9sXY0"
        );
        // One of several, kept by an older version that did not note which.
        assert_eq!(join("OK \u{1} \u{1} - gsmtp", "a92af", true, None), "OK … … - gsmtp");
    }

    #[test]
    fn of_a_failure_everything_is_kept_and_nobody_is_named_in_the_template() {
        let text = "<anna.b@EXAMPLE.org>: user anna.b over quota (1024 of 1000 MB), see https://x.test/q?7";
        let parts = split(text, "Anna.B@example.org", false);
        assert!(!parts.template.to_lowercase().contains("anna"), "{}", parts.template);
        let again = join(&parts.template, &parts.variables, false, Some("anna.b@example.org"));
        assert_eq!(again.to_lowercase(), text.to_lowercase());
    }

    #[test]
    fn a_local_part_inside_a_word_stays() {
        let parts = split("send no more", "end@example.org", false);
        assert_eq!(parts.template, "send no more");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let parts = whole(&"é".repeat(400), "a@example.org");
        assert_eq!(parts.variables.len(), 512);
        assert_eq!(join(WHOLE, &parts.variables, false, None), "é".repeat(256));
    }

    proptest::proptest! {
        #[test]
        fn a_failure_text_comes_back(text in "[ -~]{0,200}") {
            let parts = split(&text, "kim.left@example.org", false);
            let again = join(&parts.template, &parts.variables, false, Some("kim.left@example.org"));
            proptest::prop_assert_eq!(again.to_lowercase(), text.to_lowercase());
        }
    }
}
