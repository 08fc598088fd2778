//! What a message calls the value of a column: merge tags are names that can be written between braces.
//!
//! Apart from what renders them because rules about people call values as messages do.

/// What messages call the address they go to.
pub const EMAIL_TAG: &str = "email";

/// The tag a column answers to: lower case, every run of other characters an underscore, never a digit first.
pub fn tag_of_column(column: &str) -> String {
    let mut tag = String::with_capacity(column.len());
    for c in column.trim().chars() {
        match c {
            c if c.is_alphanumeric() => tag.extend(c.to_lowercase()),
            _ if tag.is_empty() || tag.ends_with('_') => {}
            _ => tag.push('_'),
        }
    }
    let tag = tag.trim_end_matches('_');
    if tag.starts_with(|c: char| c.is_ascii_digit()) { format!("_{tag}") } else { tag.to_owned() }
}
