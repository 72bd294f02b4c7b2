//! Where an origin's bytes are looked for.

use eadem_model::{Attempt, Fault, Origin, TreePath};
use reqwest::Url;
use tame_index::{KrateName, index::IndexConfig};

use crate::{error::NetworkError, options::NetworkOptions, shown::shown_text};

/// One place that can be asked for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// An address.
    Known(Url),
    /// An address of the snapshot archive, which is asked for one file at a time.
    Snapshot(Url),
    /// The address that the registry's index gives for a crate.
    Registry {
        /// The crate.
        name: String,
        /// Its version.
        version: String,
    },
}

/// All mirrors.
#[derive(Debug)]
pub(crate) struct Places {
    crate_mirrors: Vec<IndexConfig>,
    package_mirrors: Vec<Url>,
    snapshots: Option<Url>,
}

impl Places {
    /// Reads the addresses of the options.
    pub(crate) fn new(options: &NetworkOptions) -> Result<Self, NetworkError> {
        let template = |text: &String| web_address(text).map(|_| template(text));
        Ok(Self {
            crate_mirrors: options.crate_mirrors.iter().map(template).collect::<Result<_, _>>()?,
            package_mirrors: options
                .package_mirrors
                .iter()
                .map(|text| web_address(text))
                .collect::<Result<_, _>>()?,
            snapshots: options.snapshots.as_deref().map(web_address).transpose()?,
        })
    }

    /// The places to ask for an origin, best first, or why there cannot be any.
    pub(crate) fn of(&self, origin: &Origin) -> Result<Vec<Place>, Attempt> {
        match origin {
            Origin::Crate { name, version } => self.of_crate(name, version),
            Origin::Package { path, snapshot, .. } => self.of_package(path, snapshot),
            Origin::Url(text) => web_address(text).map(|url| vec![Place::Known(url)]).map_err(|error| {
                let why = format!("{}; only http and https are fetched", error.why());
                attempt(&shown_text(text), why)
            }),
        }
    }

    /// The places to ask for a suite's `InRelease`; a snapshot's time is not known yet.
    pub(crate) fn of_in_release(&self, suite: &str) -> Vec<Url> {
        let path = format!("dists/{suite}/InRelease");
        self.package_mirrors.iter().map(|base| below(base, &path)).collect()
    }

    fn of_crate(&self, name: &str, version: &str) -> Result<Vec<Place>, Attempt> {
        let bad = |why: String| attempt(&format!("{name} {version}"), why);
        let krate = KrateName::try_from(name).map_err(|error| bad(error.to_string()))?;
        semver::Version::parse(version).map_err(|error| bad(error.to_string()))?;
        let mut places = Vec::new();
        for mirror in &self.crate_mirrors {
            let url = web_address(&mirror.download_url(krate, version));
            places.push(Place::Known(url.map_err(|error| bad(error.why().to_owned()))?));
        }
        places.push(Place::Registry { name: name.to_owned(), version: version.to_owned() });
        Ok(places)
    }

    fn of_package(&self, path: &str, snapshot: &str) -> Result<Vec<Place>, Attempt> {
        let clean = path.parse::<TreePath>();
        clean.map_err(|error| attempt(path, error.to_string()))?;
        let mirrors = self.package_mirrors.iter().map(|base| Place::Known(below(base, path)));
        let archive = self.snapshots.iter().filter(|_| is_snapshot(snapshot));
        let archive = archive.map(|base| below(base, &format!("{}/{snapshot}/{path}", archive_of(path))));
        Ok(mirrors.chain(archive.map(Place::Snapshot)).collect())
    }
}

/// Reads an address of the web.
pub(crate) fn web_address(text: &str) -> Result<Url, NetworkError> {
    let bad = |why: String| NetworkError::Address { address: shown_text(text), why };
    let url = Url::parse(text).map_err(|error| bad(error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(bad(format!("its scheme is `{other}`"))),
    }
}

/// An address below another; odd letters of `path` are escaped.
pub(crate) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.path_segments_mut().expect("web addresses have a path").pop_if_empty().extend(path.split('/'));
    url
}

fn template(text: &str) -> IndexConfig {
    IndexConfig { dl: text.to_owned(), api: None, auth_required: false }
}

fn attempt(place: &str, why: String) -> Attempt {
    Attempt { place: place.to_owned(), fault: Fault::Unavailable(why) }
}

/// Whether a text is a time as the snapshot archive writes it: `YYYYMMDDTHHMMSSZ`.
fn is_snapshot(text: &str) -> bool {
    let form = |(index, byte): (usize, u8)| match index {
        8 => byte == b'T',
        15 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 16 && text.bytes().enumerate().all(form)
}

/// The archive that holds a path: security updates have one of their own.
fn archive_of(path: &str) -> &'static str {
    let suite = path.strip_prefix("dists/").and_then(|rest| rest.split('/').next());
    let security =
        path.starts_with("pool/updates/") || suite.is_some_and(|suite| suite.ends_with("-security"));
    if security { "debian-security" } else { "debian" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Places {
        let options = NetworkOptions {
            crate_mirrors: vec!["https://example.invalid/{lowerprefix}/{crate}-{version}".to_owned()],
            package_mirrors: vec!["http://one.invalid/debian/".to_owned(), "http://two.invalid".to_owned()],
            snapshots: Some("https://snapshot.invalid/archive".to_owned()),
            ..NetworkOptions::default()
        };
        Places::new(&options).expect("good addresses")
    }

    fn package(path: &str, snapshot: &str) -> Vec<String> {
        let (title, path, snapshot) = ("p 1".to_owned(), path.to_owned(), snapshot.to_owned());
        let places = places().of(&Origin::Package { title, path, snapshot }).expect("a clean path");
        let text = |place: &Place| match place {
            Place::Known(url) => url.to_string(),
            Place::Snapshot(url) => format!("serial {url}"),
            Place::Registry { .. } => "registry".to_owned(),
        };
        places.iter().map(text).collect()
    }

    #[test]
    fn a_package_is_looked_for_at_every_mirror_and_then_in_the_snapshot_archive() {
        let wanted = [
            "http://one.invalid/debian/pool/main/g/g++_1%252.deb",
            "http://two.invalid/pool/main/g/g++_1%252.deb",
            "serial https://snapshot.invalid/archive/debian/20250101T000000Z/pool/main/g/g++_1%252.deb",
        ];
        assert_eq!(package("pool/main/g/g++_1%2.deb", "20250101T000000Z"), wanted);
    }

    #[test]
    fn security_updates_are_in_an_archive_of_their_own() {
        for path in ["pool/updates/main/a.deb", "dists/trixie-security/main/x"] {
            let last = package(path, "20250101T000000Z").pop().expect("three places");
            assert!(last.contains("/archive/debian-security/20250101T000000Z/"), "{last}");
        }
    }

    #[test]
    fn without_a_time_there_is_no_snapshot() {
        for snapshot in ["", "2025", "20250101T0000000", "../../../../../.."] {
            assert_eq!(package("pool/a", snapshot).len(), 2, "{snapshot:?}");
        }
    }

    #[test]
    fn a_crate_is_looked_for_at_the_mirrors_and_then_where_the_index_says() {
        let origin = Origin::Crate { name: "Tame-X".to_owned(), version: "1.0.0".to_owned() };
        let known: Url = "https://example.invalid/ta/me/Tame-X-1.0.0".parse().expect("an address");
        let registry = Place::Registry { name: "Tame-X".to_owned(), version: "1.0.0".to_owned() };
        assert_eq!(places().of(&origin), Ok(vec![Place::Known(known), registry]));
    }

    #[test]
    fn names_versions_and_paths_that_could_lead_elsewhere_are_refused() {
        let krate = |name: &str, version: &str| Origin::Crate { name: name.into(), version: version.into() };
        let file =
            |path: &str| Origin::Package { title: String::new(), path: path.into(), snapshot: String::new() };
        let origins =
            [krate("../a", "1.0.0"), krate("a", "1/../2"), file("/etc/passwd"), file("pool/../../x")];
        for origin in origins {
            assert!(places().of(&origin).is_err(), "{origin:?}");
        }
    }

    #[test]
    fn only_web_addresses_are_fetched() {
        for text in ["file:///etc/passwd", "ftp://example.invalid/x", "pool/main"] {
            let refused = places().of(&Origin::Url(text.to_owned())).expect_err("not of the web");
            let Fault::Unavailable(why) = refused.fault else { panic!("{:?}", refused.fault) };
            assert!(why.ends_with("only http and https are fetched"), "{why}");
        }
    }
}
