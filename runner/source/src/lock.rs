//! Pins every source of a recipe.

use std::{io::Read, path::Path};

use eadem_model::{Digest, Event, Fetcher, LockedSource, Recipe, Want};
use eadem_store::{Content, Layer, NodeKind, Spool, Store};

use crate::{
    LockfileError, SourceError, layer,
    lockfile::{self, LockedCrate},
    own::{self, Place},
    vendor,
};

/// What a recipe's sources are: the part of its lock that this floor knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedSources {
    /// Every source, the recipe's own first.
    pub sources: Vec<LockedSource>,
    /// The layer that they give, by the digest of its uncompressed tar.
    pub layer: Digest,
}

/// Bytes that a `Cargo.lock` may have; the largest known ones have about one megabyte.
const MAX_LOCKFILE: u64 = 64 << 20;

/// Pins every source of a recipe, brings them into the store and lays their layer out.
///
/// The recipe's own source must have a `Cargo.lock`: it says which crates are wanted, and by which
/// digest. Nothing of a source is executed. `package` is what a distribution's index says of the source package
/// that the recipe names, if it names one.
pub fn lock_sources(
    recipe: &Recipe,
    package: Option<LockedSource>,
    project_root: &Path,
    store: &Store,
    fetcher: &dyn Fetcher,
    events: &(dyn Fn(Event) + Sync),
) -> Result<LockedSources, SourceError> {
    let place = Place { recipe: &recipe.name, project_root, store, fetcher, events };
    // Whoever waited finds the crates in the store and fetches nothing twice.
    let _alone = store.exclusive(&format!("lock-{}", recipe.name))?;
    let spool = Spool::new(store)?;
    let (pinned, source) = own::pin(&place, recipe, package, &spool)?;
    let crates = match crates(&pinned, &source) {
        // Steps may have nothing to do with cargo.
        Err(SourceError::NoLockfile { .. }) if recipe.build.is_some() => Vec::new(),
        crates => crates?,
    };
    let sources = pin_crates(&place, pinned, &crates)?;
    let layer = layer::lay_out(&place, &source, &crates, &spool)?;
    store.note_origin(&layer, &layer::origin(&sources))?;
    Ok(LockedSources { sources, layer })
}

/// The crates that the source's `Cargo.lock` names.
fn crates(pinned: &LockedSource, source: &Layer) -> Result<Vec<LockedCrate>, SourceError> {
    let of = own::title(pinned);
    let path = "Cargo.lock".parse().expect("a clean path");
    let Some(NodeKind::File(content)) = source.get(&path).map(|node| &node.kind) else {
        return Err(SourceError::NoLockfile { of });
    };
    let file = format!("Cargo.lock of {of}");
    let text = read(content).map_err(|why| LockfileError::Unreadable { file: file.clone(), why })?;
    Ok(lockfile::parse(&file, &text)?)
}

fn read(content: &Content) -> Result<String, String> {
    if content.size() > MAX_LOCKFILE {
        return Err(format!("it is larger than {MAX_LOCKFILE} bytes"));
    }
    let mut text = String::new();
    content.reader().read_to_string(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}

/// Brings the crates into the store, which tells their sizes, and lists all sources in order.
fn pin_crates(
    place: &Place<'_>,
    pinned: LockedSource,
    crates: &[LockedCrate],
) -> Result<Vec<LockedSource>, SourceError> {
    let want = |krate: &LockedCrate| Want { origin: vendor::origin(krate), sha256: krate.sha256, size: None };
    place.fetch(&crates.iter().map(want).collect::<Vec<_>>())?;
    let mut sources = vec![pinned];
    for krate in crates {
        let LockedCrate { name, version, sha256 } = krate.clone();
        sources.push(LockedSource::Crate { name, version, sha256, size: place.size(&sha256)? });
    }
    sources.sort();
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{tar_by_hand::Tar, world::World};

    const OWN: &str = "{crate: own, version: 1.0.0}";

    #[test]
    fn the_recipes_own_source_stands_first_and_every_size_is_known() {
        let world = World::with_program();
        let locked = world.lock(OWN).expect("a good source");
        let kinds: Vec<(String, u64)> = locked
            .sources
            .iter()
            .map(|source| match source {
                LockedSource::Own { size, .. } | LockedSource::Crate { size, .. } => {
                    (own::title(source), *size)
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(kinds, [("crate own 1.0.0".to_owned(), 4096), ("crate dep 2.0.0".to_owned(), 3072)]);
    }

    #[test]
    fn locking_twice_gives_the_same_lock() {
        let (one, two) = (World::with_program(), World::with_program());
        let first = one.lock(OWN).expect("a good source");
        assert_eq!(one.lock(OWN).expect("again"), first);
        assert_eq!(two.lock(OWN).expect("elsewhere"), first);
    }

    #[test]
    fn a_crate_an_archive_and_a_directory_give_the_same_source() {
        let mut world = World::with_program();
        let tar = Tar::default().file("top/Cargo.lock", b"version = 4\n").file("top/src/main.rs", b"x");
        let sha256 = world.publish(tar.gzip());
        world.file("dir/Cargo.lock", "version = 4\n");
        world.file("dir/src/main.rs", "x");
        let archive = format!("{{archive: 'https://example.invalid/a.tar.gz', sha256: {}}}", sha256.hex());
        let archive = world.lock(&archive).expect("a good archive");
        let directory = world.lock("{dir: dir}").expect("a good directory");
        assert_eq!(archive.layer, directory.layer);
    }

    #[test]
    fn a_withdrawn_crate_is_locked_with_a_warning() {
        let mut world = World::with_program();
        world.yank("own", "1.0.0");
        world.lock(OWN).expect("it can still be had");
        let warnings = world.warnings.lock().expect("no thread panicked").clone();
        assert_eq!(warnings, ["crate own 1.0.0 was withdrawn by its authors (yanked)"]);
    }

    #[test]
    fn a_source_without_a_lock_file_is_refused_with_a_remedy() {
        let mut world = World::new();
        world.publish_crate("bare", "1.0.0", Tar::default().file("bare-1.0.0/Cargo.toml", b""));
        let error = world.lock("{crate: bare, version: 1.0.0}").expect_err("no lock file");
        assert_eq!(
            error.to_string(),
            "crate bare 1.0.0 has no `Cargo.lock`, so its dependencies are not pinned"
        );
        assert!(error.remedy().is_some());
    }

    #[test]
    fn a_lock_file_that_is_a_link_is_not_followed() {
        let mut world = World::new();
        let tar = Tar::default().symlink("bare-1.0.0/Cargo.lock", "x").file("bare-1.0.0/x", b"version = 4\n");
        world.publish_crate("bare", "1.0.0", tar);
        let error = world.lock("{crate: bare, version: 1.0.0}").expect_err("no lock file");
        assert!(matches!(error, SourceError::NoLockfile { .. }));
    }
}
