//! How the network is to be used.

use std::time::Duration;

/// The distribution's archive of everything that its mirrors ever held, by time.
///
/// It is slow and rate-limited, so it is asked last, for one file at a time. Below it are the
/// archives `debian` and `debian-security`, then the time.
pub const SNAPSHOT_ARCHIVE: &str = "https://snapshot.debian.org/archive";

/// Where to ask, and how patiently. Nothing in it changes a byte that enters the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkOptions {
    /// Whether asking is forbidden altogether (`--offline`).
    pub offline: bool,
    /// Download templates of crate mirrors, asked before the registry itself, in order.
    ///
    /// The markers are those of a registry's `dl`: `{crate}`, `{version}`, `{prefix}` and
    /// `{lowerprefix}`; without any of them `/{crate}/{version}/download` is appended.
    pub crate_mirrors: Vec<String>,
    /// The sparse index to use in place of the public one, with or without `sparse+`.
    pub crate_index: Option<String>,
    /// Roots of the distribution's mirrors in the order in which they are asked: those of the
    /// configuration, then those of [`crate::apt_mirrors`].
    pub package_mirrors: Vec<String>,
    /// The snapshot archive, asked last; `None` if it must not be asked.
    pub snapshots: Option<String>,
    /// How many crates and plain files are downloaded at once, at least 1.
    pub n_crates_at_once: usize,
    /// How many packages are downloaded at once, at least 1.
    pub n_packages_at_once: usize,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long a server may send no byte.
    pub stall_timeout: Duration,
    /// How often one place is asked for one file, if it fails in a way that may pass; at least 1.
    pub tries: usize,
    /// The pause before the second try; it doubles with each further one.
    pub first_pause: Duration,
    /// Whether proxies are used.
    pub proxy: Proxy,
}

/// Whether proxies are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxy {
    /// Those that the environment names.
    System,
    /// None.
    None,
}

impl Default for NetworkOptions {
    /// The public registry, no mirrors, the snapshot archive, and the patience of a person.
    fn default() -> Self {
        Self {
            offline: false,
            crate_mirrors: Vec::new(),
            crate_index: None,
            package_mirrors: Vec::new(),
            snapshots: Some(SNAPSHOT_ARCHIVE.to_owned()),
            n_crates_at_once: 16,
            n_packages_at_once: 6,
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(30),
            tries: 3,
            first_pause: Duration::from_millis(500),
            proxy: Proxy::System,
        }
    }
}
