//! The user's configuration: nothing in it changes a byte of an output.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use eadem_model::{At, document, document::Version1};
use serde::Deserialize;

use crate::{exit::Exit, report::Report};

/// `$XDG_CONFIG_HOME/eadem/config.yaml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(rename = "eadem")]
    _version: Version1,
    /// Where the store is.
    #[serde(default)]
    pub(crate) store: Option<PathBuf>,
    /// Whom to ask first.
    #[serde(default)]
    pub(crate) mirrors: Mirrors,
}

/// Places that are asked before the usual ones.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Mirrors {
    /// Download addresses for crates, as a registry's `dl` writes them.
    pub(crate) crates: Vec<String>,
    /// A sparse index that stands for the public one.
    pub(crate) crate_index: Option<String>,
    /// Roots of mirrors of the distribution.
    pub(crate) packages: Vec<String>,
}

impl Config {
    /// Reads the configuration, if there is one.
    pub(crate) fn read() -> Result<Self, Report> {
        let Some(path) = directory("XDG_CONFIG_HOME", ".config").map(|dir| dir.join("config.yaml")) else {
            return Ok(Self::default());
        };
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            text => Ok(document::parse(&path.display().to_string(), &text.at(&path)?)?),
        }
    }

    /// Where the store is: as typed, as configured, or in the user's data directory.
    pub(crate) fn store(&self, typed: Option<&Path>) -> Result<PathBuf, Report> {
        let configured = typed.map(Path::to_owned).or_else(|| self.store.clone());
        configured.or_else(|| directory("XDG_DATA_HOME", ".local/share")).ok_or_else(|| {
            Report::new(Exit::Machine, "there is no home directory for the store")
                .hint("name a store by --store DIR, or set HOME")
        })
    }
}

/// eadem's directory below one of the user's; a relative value is to be ignored, says the XDG standard.
fn directory(variable: &str, below_home: &str) -> Option<PathBuf> {
    let path = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    path(variable).or_else(|| path("HOME").map(|home| home.join(below_home))).map(|dir| dir.join("eadem"))
}
