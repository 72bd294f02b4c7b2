//! The public crate registry: its index and where it keeps `.crate` files.

use eadem_model::{Attempt, CrateRelease, Digest, Fault};
use reqwest::Url;
use semver::Version;
use tame_index::{
    IndexKrate, KrateName,
    index::{IndexConfig, sparse::CRATES_IO_HTTP_INDEX},
};
use tokio::sync::OnceCell;

use crate::{
    client::Client,
    error::NetworkError,
    patience::Patience,
    place::{below, web_address},
    shown::shown,
    trouble::{Remedy, Trouble},
};

/// A sparse index, whose configuration is read at most once.
pub(crate) struct Registry {
    index: Url,
    config: OnceCell<IndexConfig>,
}

impl Registry {
    /// The registry with this index, or the public one.
    pub(crate) fn new(index: Option<&str>) -> Result<Self, NetworkError> {
        let index = index.unwrap_or(CRATES_IO_HTTP_INDEX);
        let index = web_address(index.strip_prefix("sparse+").unwrap_or(index))?;
        Ok(Self { index, config: OnceCell::new() })
    }

    /// Where the index is.
    pub(crate) fn base(&self) -> &Url {
        &self.index
    }

    /// Where the registry keeps the `.crate` file of a version.
    pub(crate) async fn address(
        &self,
        client: &Client,
        patience: Patience,
        name: &str,
        version: &str,
    ) -> Result<Url, Attempt> {
        let url = below(&self.index, "config.json");
        let refused = |fault| Attempt { place: shown(&url), fault };
        let config = self.config.get_or_try_init(|| read_config(client, patience, &url)).await;
        let config = config.map_err(refused)?;
        let krate =
            KrateName::try_from(name).map_err(|error| refused(Fault::Unavailable(error.to_string())))?;
        web_address(&config.download_url(krate, version))
            .map_err(|error| refused(Fault::Unavailable(error.to_string())))
    }

    /// What the index says about a version; `Ok(None)` if it knows no such one.
    pub(crate) async fn release(
        &self,
        client: &Client,
        patience: Patience,
        name: KrateName<'_>,
        version: &Version,
    ) -> Result<Option<CrateRelease>, Attempt> {
        let url = below(&self.index, &name.relative_path(Some('/')));
        let entry = patience.ask(|| client.document(&url)).await;
        let found = entry.and_then(|bytes| find(&bytes, &name.to_string(), version));
        match found {
            Err(trouble) if trouble.remedy() == Some(Remedy::Absent) => Ok(None),
            found => found.map_err(|trouble| Attempt { place: shown(&url), fault: trouble.into_fault() }),
        }
    }
}

async fn read_config(client: &Client, patience: Patience, url: &Url) -> Result<IndexConfig, Fault> {
    let bytes = patience.ask(|| client.document(url)).await.map_err(Trouble::into_fault)?;
    let config = parse_config(&bytes)
        .map_err(|error| Fault::Unavailable(format!("not a registry's configuration: {error}")))?;
    if config.auth_required {
        return Err(Fault::Unavailable("the registry wants a token, which eadem has not".to_owned()));
    }
    Ok(config)
}

/// Reads a registry's configuration; mirrors write `null` for what they do not have.
fn parse_config(bytes: &[u8]) -> Result<IndexConfig, serde_json::Error> {
    let mut config: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(bytes)?;
    config.retain(|_, value| !value.is_null());
    serde_json::from_value(config.into())
}

/// Looks for a version in an index entry: one JSON object in each line.
///
/// Lines of a form that is not known yet are passed over, as the index's rules demand.
fn find(entry: &[u8], name: &str, version: &Version) -> Result<Option<CrateRelease>, Trouble> {
    let lines = entry.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let known: Vec<IndexKrate> = lines.filter_map(|line| IndexKrate::from_slice(line).ok()).collect();
    if known.is_empty() {
        return Err(Trouble::refused("not an entry of a registry's index"));
    }
    let is_it = |release: &&tame_index::IndexVersion| {
        release.name == name && release.version.parse::<Version>().is_ok_and(|found| found == *version)
    };
    let release = known.iter().flat_map(|krate| &krate.versions).find(is_it);
    Ok(release.map(|release| CrateRelease {
        sha256: Digest::from_bytes(*release.checksum()),
        yanked: release.is_yanked(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn line(version: &str, yanked: bool) -> String {
        format!(
            r#"{{"name":"a","vers":"{version}","deps":[],"features":{{}},"cksum":"{SUM}","yanked":{yanked}}}"#
        )
    }

    #[test]
    fn a_version_is_found_with_its_checksum_and_whether_it_was_yanked() {
        let entry = format!("{}\n{}\n", line("1.0.0", true), line("1.0.1+b", false));
        for (version, yanked) in [("1.0.0", true), ("1.0.1+b", false)] {
            let found = find(entry.as_bytes(), "a", &version.parse().expect("a version")).expect("an entry");
            assert_eq!(found, Some(CrateRelease { sha256: Digest::of(b"abc"), yanked }));
        }
    }

    #[test]
    fn unknown_versions_other_names_and_lines_of_the_future_give_nothing() {
        let entry = format!("{}\n{{\"name\":7}}", line("1.0.0", false));
        for (name, version) in [("a", "1.0.1"), ("A", "1.0.0"), ("a", "1.0.0+b")] {
            let found = find(entry.as_bytes(), name, &version.parse().expect("a version"));
            assert_eq!(found.expect("an entry"), None, "{name} {version}");
        }
    }

    #[test]
    fn a_configuration_may_name_what_is_not_there_but_not_omit_the_download_address() {
        let config = parse_config(br#"{"dl":"http://example.invalid/dl","api":null,"new":1}"#).expect("good");
        assert_eq!((config.dl.as_str(), config.auth_required), ("http://example.invalid/dl", false));
        for bad in ["", "[]", "{}", r#"{"dl":null}"#] {
            assert!(parse_config(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_page_in_place_of_an_entry_is_refused() {
        assert!(find(b"<html>", "a", &Version::new(1, 0, 0)).is_err());
    }
}
