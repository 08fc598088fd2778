//! Under which names anybody can have one of their own: `org`, `co.uk`, `github.io`.
//!
//! From the public suffix list (<https://publicsuffix.org>), which is compiled in: what registries and hosters sell names under
//! is nobody's sender domain and nobody's servers. A top-level domain that the list does not know is such a name, too.

/// Is this whole name one under which names are given to others? In lower case, as A-labels, without a final dot.
pub fn is_public(name: &str) -> bool {
    psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.as_bytes().len() == name.len())
}

/// The name that the owner of a domain chose, without the suffix it is sold under: `example` of `mail.example.co.uk`. Domains
/// that share it (`example.com`, `example.de`) are taken as one owner's. In lower case, as for [`is_public`]; a name that is
/// public itself is its own.
pub fn owner_of(name: &str) -> &str {
    let suffix = psl::suffix(name.as_bytes()).map_or(0, |suffix| suffix.as_bytes().len());
    let chosen = name.get(..name.len() - suffix).unwrap_or_default().trim_end_matches('.');
    chosen.rsplit('.').next().filter(|owner| !owner.is_empty()).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_a_domain_is_named_in_front_of_its_suffix() {
        for name in ["example.com", "mail.example.co.uk", "a.b.example.github.io", "example.nowhere", "example"] {
            assert_eq!(owner_of(name), "example", "{name}");
        }
        assert_eq!((owner_of("co.uk"), owner_of("")), ("co.uk", ""));
    }

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
