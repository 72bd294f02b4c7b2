//! A CARGO_HOME whose only registry is a directory, written by hand.
//!
//! The output of `cargo vendor` changes between versions of cargo, so it is never what a lock pins.

use std::collections::BTreeMap;

use eadem_model::{Digest, Origin, TreePath};
use eadem_store::{Content, Layer, NodeKind, Spool, Store};
use serde::Serialize;

use crate::{
    SourceError,
    archive::{self, Unfolded},
    entry::{self, Strip},
    lockfile::LockedCrate,
};

/// Where crates lie below the source layer.
const VENDOR: &str = "cargo/vendor";

/// Sends cargo to the vendored crates.
///
/// Cargo resolves the directory against the parent of the one that holds this file. CARGO_HOME is
/// always called `cargo`, so the path is right wherever a round puts it.
const CONFIG: &str = "\
[source.crates-io]
replace-with = \"vendored-sources\"

[source.vendored-sources]
directory = \"cargo/vendor\"
";

/// What cargo checks a vendored crate against, in its one form: sorted, without spaces.
#[derive(Serialize)]
struct Checksums<'a> {
    files: BTreeMap<&'a TreePath, String>,
    package: String,
}

/// The name of the file with a crate's [`Checksums`].
const CHECKSUMS: &str = ".cargo-checksum.json";

/// Files that cargo writes into a crate that it has unpacked; one that was packed by mistake would be in its way.
const OF_CARGO: [&str; 2] = [CHECKSUMS, ".cargo-ok"];

/// Adds CARGO_HOME without a crate.
pub(crate) fn add_home(layer: &mut Layer) -> Result<(), SourceError> {
    add(layer, path("cargo"), entry::directory())?;
    add(layer, path(VENDOR), entry::directory())?;
    let config = Content::Bytes(CONFIG.as_bytes().to_vec());
    add(layer, path("cargo/config.toml"), entry::file(0o644, config))
}

/// Adds one unfolded crate.
pub(crate) fn add_crate(layer: &mut Layer, krate: &LockedCrate, found: &Unfolded) -> Result<(), SourceError> {
    let dir = path(&format!("{VENDOR}/{}", top(krate)));
    let checksums = Content::Bytes(checksums(krate, &found.digests));
    add(layer, below(&dir, CHECKSUMS), entry::file(0o644, checksums))?;
    for (path, node) in found.layer.entries() {
        if !OF_CARGO.contains(&path.as_str()) {
            add(layer, below(&dir, path.as_str()), node.clone())?;
        }
    }
    Ok(())
}

/// Reads a crate that is in the store.
pub(crate) fn open_crate(krate: &LockedCrate, store: &Store, spool: &Spool) -> Result<Unfolded, SourceError> {
    let file = store.open_blob(&krate.sha256)?;
    Ok(archive::unfold(&origin(krate).to_string(), file, &Strip::Named(top(krate)), spool)?)
}

/// Where a crate is published.
pub(crate) fn origin(krate: &LockedCrate) -> Origin {
    Origin::Crate { name: krate.name.clone(), version: krate.version.to_string() }
}

/// The one directory that a `.crate` file holds.
fn top(krate: &LockedCrate) -> String {
    format!("{}-{}", krate.name, krate.version)
}

fn checksums(krate: &LockedCrate, digests: &BTreeMap<TreePath, Digest>) -> Vec<u8> {
    let of_crate = |(path, _): &(&TreePath, &Digest)| !OF_CARGO.contains(&path.as_str());
    let files = digests.iter().filter(of_crate).map(|(path, digest)| (path, digest.hex())).collect();
    serde_json::to_vec(&Checksums { files, package: krate.sha256.hex() })
        .expect("a map of texts has a JSON form")
}

fn path(text: &str) -> TreePath {
    text.parse().expect("names of crates were checked, and ours are clean")
}

fn below(dir: &TreePath, rest: &str) -> TreePath {
    dir.join(rest).expect("both parts are clean")
}

fn add(layer: &mut Layer, path: TreePath, node: eadem_store::Node) -> Result<(), SourceError> {
    Ok(layer.add(path, node).map_err(eadem_store::StoreError::from)?)
}

/// Adds the recipe's own source; its directory is there even if it is empty.
pub(crate) fn add_own(layer: &mut Layer, own: &Layer) -> Result<(), SourceError> {
    let dir = path("src");
    add(layer, dir.clone(), entry::directory())?;
    for (path, node) in own.entries() {
        let mut node = node.clone();
        if let NodeKind::Hardlink(target) = &node.kind {
            node.kind = NodeKind::Hardlink(below(&dir, target.as_str()));
        }
        add(layer, below(&dir, path.as_str()), node)?;
    }
    Ok(())
}
