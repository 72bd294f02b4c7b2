//! Which crates of a source layer depend on which.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use eadem_model::RecipeLock;
use eadem_store::Store;

use crate::lockfile;

/// The packages that the source's `Cargo.lock` names, and what each depends on, all as `NAME VERSION`.
///
/// This is for people to look at, so nothing is said if the layer is not laid out or has no such file.
pub fn dependencies(store: &Store, lock: &RecipeLock) -> BTreeMap<String, BTreeSet<String>> {
    let path = store.layer_dir(&lock.layer).join("src/Cargo.lock");
    let text = fs::read_to_string(path).unwrap_or_default();
    lockfile::edges("Cargo.lock", &text).unwrap_or_default()
}
