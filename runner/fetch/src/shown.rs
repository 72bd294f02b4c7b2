//! Addresses as messages may show them.

use eadem_model::Origin;
use reqwest::Url;

/// An address without the parts that may hold credentials: user, password, query and fragment.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for addresses that cannot have a user at all.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    if url.query().is_some() {
        url.set_query(Some("..."));
    }
    url.into()
}

/// As [`shown`], for a text that may not be an address.
pub(crate) fn shown_text(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) if url.has_host() => shown(&url),
        // Not an address of the web: what may be a password goes, whatever the rest means.
        _ => text.rsplit('@').next().unwrap_or(text).to_owned(),
    }
}

/// What messages call an origin.
pub(crate) fn title(origin: &Origin) -> String {
    match origin {
        Origin::Url(url) => shown_text(url),
        Origin::Crate { .. } | Origin::Package { .. } => origin.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown() {
        let table = [
            ("https://user:secret@example.invalid/a", "https://example.invalid/a"),
            ("https://token@example.invalid/a?key=secret#x", "https://example.invalid/a?..."),
            ("http://127.0.0.1:8080/a%20b", "http://127.0.0.1:8080/a%20b"),
            ("user:secret@example.invalid", "example.invalid"),
        ];
        for (text, wanted) in table {
            assert_eq!(shown_text(text), wanted);
        }
    }
}
