//! The nearest known names to a mistyped one, for error messages.

/// The most names suggested.
const NAMES_MAX: usize = 3;
/// Longer names are not compared: the comparison takes time in proportion to the product of lengths.
const CHARS_MAX: usize = 64;

/// Up to three of `known`, nearest first, that could have been meant by `name`.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    let wanted = name.to_lowercase();
    let limit = (wanted.chars().count() / 3).max(2);
    let mut found: Vec<(usize, &str)> = known
        .map(|candidate| (distance(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= limit || is_part(&wanted, candidate))
        .collect();
    found.sort();
    found.dedup_by(|a, b| a.1 == b.1);
    found.into_iter().take(NAMES_MAX).map(|(_, candidate)| candidate.to_owned()).collect()
}

fn is_part(wanted: &str, candidate: &str) -> bool {
    let candidate = candidate.to_lowercase();
    wanted.len() >= 4 && candidate.len() >= 4 && (candidate.contains(wanted) || wanted.contains(&candidate))
}

/// Insertions, deletions, substitutions and swaps of neighbours from one to the other.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(CHARS_MAX).collect();
    let b: Vec<char> = b.chars().take(CHARS_MAX).collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + changed);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_come_first_and_far_ones_not_at_all() {
        let known = ["first_name", "last_name", "city", "unsubscribe_url", "name"];
        let nearest = |name: &str| nearest(name, known.into_iter());
        assert_eq!(nearest("fisrt_name"), ["first_name", "last_name", "name"]);
        assert_eq!(nearest("unsubscribe"), ["unsubscribe_url"]);
        assert_eq!(nearest("ciyt"), ["city"]);
        assert!(nearest("telephone").is_empty());
    }
}
