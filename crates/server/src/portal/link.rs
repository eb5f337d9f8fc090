//! Addresses of pages. A page about a resource has the resource's id behind its name:
//! `/portal/vaults/items/subscriptions/…/vaults/v1`.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::http::PATH;

/// The first page.
pub const HOME: &str = "/portal/";

/// The address of a page about a resource.
pub fn page(name: &str, id: &str) -> String {
    format!("/portal/{name}/{}", utf8_percent_encode(id.trim_start_matches('/'), PATH))
}

/// An address with a parameter more.
pub fn with(address: &str, name: &str, value: &str) -> String {
    let sign = if address.contains('?') { '&' } else { '?' };
    format!("{address}{sign}{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))
}

/// An address with what was typed into the page's form, so that it is there when somebody comes back from elsewhere; without
/// it when that makes the address too long.
pub fn with_typed(address: &str, fields: &[(&str, &str)]) -> String {
    let typed = fields.iter().filter(|(_, value)| !value.is_empty());
    let all = typed.fold(address.to_string(), |address, (name, value)| with(&address, name, value));
    if is_ours(&all) { all } else { address.into() }
}

/// Whether an address leads to one of our own pages, so that one may be sent there: a path of the portal's, without
/// anything that a browser reads as another host.
pub fn is_ours(address: &str) -> bool {
    let path = address.starts_with("/portal/") && !address.contains("//");
    path && address.len() <= 2048 && address.chars().all(|c| c.is_ascii_graphic() && c != '\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_its_resource_in_its_address() {
        assert_eq!(
            page("vaults/items", "/subscriptions/s/a;b c"),
            "/portal/vaults/items/subscriptions/s/a;b%20c"
        );
        assert_eq!(with("/portal/x", "a", "b c"), "/portal/x?a=b%20c");
        assert_eq!(with("/portal/x?a=1", "b", "ä"), "/portal/x?a=1&b=%C3%A4");
    }

    #[test]
    fn what_was_typed_travels_unless_it_is_long() {
        assert_eq!(with_typed("/portal/x", &[("a", "b/c"), ("d", "")]), "/portal/x?a=b%2Fc");
        assert_eq!(with_typed("/portal/x", &[("a", &"ä".repeat(1000))]), "/portal/x");
    }

    #[test]
    fn nobody_is_sent_elsewhere() {
        assert!(is_ours("/portal/") && is_ours("/portal/vaults/items/a;b?x=%2F"));
        for other in [
            "",
            "/",
            "/portal",
            "//evil.example",
            "/portal//evil",
            "https://evil.example/portal/",
            "/portal/\\x",
            "/portal/\n",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }
}
