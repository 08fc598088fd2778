//! What a form was drawn of. The form keeps a mark of it, and what it asks for is compared with what stands in the very write: of
//! two presses in one instant, and of two windows, one is of an older page. Whoever is told so and presses again has seen it.

use super::forms::Typed;
use crate::auth::hash;
use store::Doubt;

/// The field that keeps the mark.
pub(super) const READ: &str = "read";
/// Octets of a mark: enough for two states never to have the same.
const MARK_BYTES: usize = 16;

/// The mark of how something stands: another one whenever anything of it is another.
pub(super) fn mark(whole: &[&str]) -> String {
    hash(&whole.join("\n")).iter().take(MARK_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

/// The mark of a doubt. A second copy is meant for the doubt that was seen; one that came of sending again is another.
pub(super) fn mark_of_doubt(doubt: &Doubt) -> String {
    mark(&[&doubt.people.to_string(), &doubt.tries.to_string()])
}

/// Is the doubt the one that a form was drawn of?
pub(super) fn is_doubt_of(typed: &Typed) -> impl FnOnce(&Doubt) -> bool + Send + 'static + use<> {
    let read = typed.get(READ).to_owned();
    move |doubt: &Doubt| mark_of_doubt(doubt) == read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_doubt_has_another_mark() {
        let of = |people, tries| mark_of_doubt(&Doubt { people, tries });
        assert_eq!((of(2, 3), of(2, 3).len()), (of(2, 3), 2 * MARK_BYTES));
        assert!(of(2, 3) != of(2, 4) && of(2, 3) != of(1, 3) && of(1, 23) != of(12, 3));
        let typed = Typed::default().with(READ, of(2, 3));
        assert!(is_doubt_of(&typed)(&Doubt { people: 2, tries: 3 }));
        assert!(!is_doubt_of(&Typed::default())(&Doubt { people: 2, tries: 3 }), "a form without a mark");
    }
}
