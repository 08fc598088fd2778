//! Under which names anybody can have one of their own: `org`, `co.uk`, `github.io`.
//!
//! From the public suffix list (<https://publicsuffix.org>), which is compiled in: what registries and hosters sell names under
//! is nobody's sender domain and nobody's servers. A top-level domain that the list does not know is such a name, too.

/// Is this whole name one under which names are given to others? In lower case, as A-labels, without a final dot.
pub fn is_public(name: &str) -> bool {
    psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.as_bytes().len() == name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_registries_and_hosters_give_names_under_is_public() {
        for name in ["org", "co.uk", "com.br", "gv.at", "xn--p1ai", "xn--55qx5d.cn", "github.io", "example", "www.ck"] {
            assert_eq!(is_public(name), name != "www.ck", "{name}");
        }
        for name in ["example.org", "news.example.co.uk", "postroom.github.io", "l.google.com", "xn--bcher-kva.example"]
        {
            assert!(!is_public(name), "{name}");
        }
    }
}
