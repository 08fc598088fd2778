//! What somebody may have meant who mistyped a name: a column, a tag, a setting, a campaign.
//!
//! Here because every stage that takes names from people answers a wrong one with the right ones. Invariant: nothing is
//! ever chosen by nearness; the result is for a message only.

/// The most names suggested.
const NAMES_MAX: usize = 3;
/// Longer names are compared by their beginning: the comparison takes time in proportion to the product of lengths.
const CHARS_MAX: usize = 64;
/// Names of fewer characters are no hint at longer ones that hold them.
const PART_CHARS_MIN: usize = 4;

/// Up to three of `known`, nearest first, that could have been meant by `typed`. Case, blanks and punctuation do not
/// count as differences.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let typed = letters(typed);
    let limit = (typed.len() / 3).max(2);
    let mut found: Vec<(usize, &str)> = known
        .into_iter()
        .map(|name| (letters(name), name))
        .map(|(candidate, name)| (slips(&typed, &candidate), is_part(&typed, &candidate), name))
        .filter(|(slips, is_part, _)| *slips <= limit || *is_part)
        .map(|(slips, _, name)| (slips, name))
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().take(NAMES_MAX).map(|(_, name)| name).collect()
}

fn letters(name: &str) -> Vec<char> {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(CHARS_MAX).collect()
}

fn is_part(one: &[char], other: &[char]) -> bool {
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    short.len() >= PART_CHARS_MIN && long.windows(short.len()).any(|window| window == short)
}

/// How many characters must be put in, taken out, changed or swapped with a neighbour to make `b` of `a`.
fn slips(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let changed = last[j] + usize::from(x != y);
            let mut least = changed.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *y && b[j - 1] == *x {
                least = least.min(before_last[j - 1] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_come_first_and_far_ones_not_at_all() {
        let known = ["first_name", "last_name", "city", "unsubscribe_url", "name", "email", "E-Mail address"];
        for (typed, meant) in [
            ("fisrt_name", &["first_name", "last_name", "name"][..]),
            ("First name", &["first_name", "last_name", "name"]),
            ("unsubscribe", &["unsubscribe_url"]),
            ("ciyt", &["city"]),
            ("emial", &["email"]),
            ("e_mail", &["email", "E-Mail address"]),
            ("telephone", &[]),
            ("", &[]),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed:?}");
        }
    }

    #[test]
    fn every_kind_of_slip_counts_once() {
        let count = |a: &str, b: &str| slips(&letters(a), &letters(b));
        assert_eq!(count("kitten", "sitting"), 3);
        assert_eq!(count("ab", "ba"), 1);
        assert_eq!(count("", "abc"), 3);
        assert_eq!(count("abc", "abc"), 0);
    }
}
