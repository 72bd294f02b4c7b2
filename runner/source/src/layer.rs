//! The source layer: `src` and `cargo`, from a lock alone.

use std::path::Path;

use eadem_model::{Digest, Event, Fetcher, LockedFile, LockedSource, Origin, Phase, RecipeLock, Want};
use eadem_store::{Layer, Spool, Store, StoreError};
use rayon::prelude::*;

use crate::{
    SourceError,
    archive::Unfolded,
    lockfile::{self, LockedCrate},
    own::{self, Place},
    vendor,
};

/// Makes sure that the source layer of a lock is laid out; fetches what is missing.
///
/// A directory of the project is read in any case: it may have changed.
///
/// # Errors
/// [`SourceError::Layer`] if the sources give another layer than the lock says, and
/// [`SourceError::Stale`] if a directory has changed. Nothing is laid out then.
pub fn source_layer(
    lock: &RecipeLock,
    project_root: &Path,
    store: &Store,
    fetcher: &dyn Fetcher,
    events: &(dyn Fn(Event) + Sync),
) -> Result<(), SourceError> {
    let place = Place { recipe: &lock.recipe, project_root, store, fetcher, events };
    let pinned = own_source(lock)?;
    check_names(lock)?;
    let spool = Spool::new(store)?;
    let directory = match pinned {
        LockedSource::Directory { .. } => Some(own::open(&place, pinned, &spool)?),
        _ => None,
    };
    let origin = origin(&lock.sources);
    if store.has_layer_of(&lock.layer, &origin) {
        return Ok(());
    }
    let _alone = store.exclusive(&format!("layer-{}", lock.layer.hex()))?;
    if store.has_layer_of(&lock.layer, &origin) {
        return Ok(());
    }
    place.fetch(&lock.sources.iter().flat_map(wants).collect::<Vec<_>>())?;
    let source = directory.map_or_else(|| own::open(&place, pinned, &spool), Ok)?;
    let layer = assemble(&place, &source, &crates(lock), &spool)?;
    lay_out_as(lock, layer, store)?;
    Ok(store.note_origin(&lock.layer, &origin)?)
}

/// What a layer is made from, as one digest: a layer that lies there from other sources answers nothing.
pub(crate) fn origin(sources: &[LockedSource]) -> Digest {
    Digest::of(&serde_json::to_vec(sources).expect("sources have only text keys"))
}

/// Makes the layer of sources that are in the store, lays it out and gives its digest.
pub(crate) fn lay_out(
    place: &Place<'_>,
    source: &Layer,
    crates: &[LockedCrate],
    spool: &Spool,
) -> Result<Digest, SourceError> {
    let layer = assemble(place, source, crates, spool)?;
    Ok(place.store.lay_out(layer)?)
}

/// Lays a layer out if it is the lock's.
fn lay_out_as(lock: &RecipeLock, mut layer: Layer, store: &Store) -> Result<(), SourceError> {
    layer.complete().map_err(StoreError::from)?;
    let found = layer.diff_id().map_err(StoreError::Layer)?;
    if found != lock.layer {
        return Err(SourceError::Layer { recipe: lock.recipe.clone(), wanted: lock.layer, found });
    }
    store.lay_out(layer)?;
    Ok(())
}

fn own_source(lock: &RecipeLock) -> Result<&LockedSource, SourceError> {
    let is_own = |source: &&LockedSource| !matches!(source, LockedSource::Crate { .. });
    let own: Vec<&LockedSource> = lock.sources.iter().filter(is_own).collect();
    match own[..] {
        [one] => Ok(one),
        _ => Err(SourceError::Own { recipe: lock.recipe.clone(), n_own: own.len() }),
    }
}

/// A lock is a file that anybody may have edited.
fn check_names(lock: &RecipeLock) -> Result<(), SourceError> {
    for source in &lock.sources {
        let (LockedSource::Own { name, .. } | LockedSource::Crate { name, .. }) = source else { continue };
        if !lockfile::is_name(name) {
            return Err(SourceError::CrateName { recipe: lock.recipe.clone(), name: name.clone() });
        }
    }
    Ok(())
}

fn crates(lock: &RecipeLock) -> Vec<LockedCrate> {
    let krate = |source: &LockedSource| match source.clone() {
        LockedSource::Crate { name, version, sha256, .. } => Some(LockedCrate { name, version, sha256 }),
        _ => None,
    };
    lock.sources.iter().filter_map(krate).collect()
}

/// The files of a source that the store must have.
pub(crate) fn wants(source: &LockedSource) -> Vec<Want> {
    let (origin, sha256, size) = match source {
        LockedSource::Directory { .. } => return Vec::new(),
        LockedSource::Dsc { snapshot, files, .. } => {
            return files.iter().map(|file| of_package(file, snapshot)).collect();
        }
        LockedSource::Archive { url, sha256, size, .. } => (Origin::Url(url.clone()), sha256, size),
        LockedSource::Own { name, version, sha256, size }
        | LockedSource::Crate { name, version, sha256, size } => {
            (Origin::Crate { name: name.clone(), version: version.to_string() }, sha256, size)
        }
    };
    vec![Want { origin, sha256: *sha256, size: Some(*size) }]
}

fn of_package(file: &LockedFile, snapshot: &str) -> Want {
    let path = file.path.to_string();
    let title = path.rsplit('/').next().unwrap_or(&path).to_owned();
    let origin = Origin::Package { title, path, snapshot: snapshot.to_owned() };
    Want { origin, sha256: file.sha256, size: Some(file.size) }
}

/// Puts the layer together; crates are unfolded side by side.
fn assemble(
    place: &Place<'_>,
    source: &Layer,
    crates: &[LockedCrate],
    spool: &Spool,
) -> Result<Layer, SourceError> {
    let subject = place.recipe.to_string();
    let total = crates.len() as u64;
    (place.events)(Event::Start { phase: Phase::Vendor, subject: subject.clone(), total });
    let mut layer = Layer::new();
    vendor::add_own(&mut layer, source)?;
    vendor::add_home(&mut layer)?;
    for (krate, found) in crates.iter().zip(unfold_all(place, crates, spool)) {
        vendor::add_crate(&mut layer, krate, &found?)?;
    }
    (place.events)(Event::Done { phase: Phase::Vendor, subject });
    Ok(layer)
}

/// Unfolds every crate; results stand in the order of the crates, so the first fault is always the same.
fn unfold_all(
    place: &Place<'_>,
    crates: &[LockedCrate],
    spool: &Spool,
) -> Vec<Result<Unfolded, SourceError>> {
    let unfold = |krate: &LockedCrate| {
        let found = vendor::open_crate(krate, place.store, spool)?;
        let (subject, at) = (place.recipe.to_string(), format!("{} {}", krate.name, krate.version));
        (place.events)(Event::Advance { phase: Phase::Vendor, subject, by: 1, at });
        Ok(found)
    };
    crates.par_iter().map(unfold).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use eadem_model::FetchError;

    use super::*;
    use crate::{
        tar_by_hand::Tar,
        world::{World, listing, locked, lockfile},
    };

    const OWN: &str = "{crate: own, version: 1.0.0}";

    #[test]
    fn the_layer_of_a_small_program_is_the_known_one() {
        let world = World::with_program();
        let sources = world.lock(OWN).expect("a good source");
        assert_eq!(
            sources.layer.to_string(),
            "sha256:239df105d60fb988161bf3964a10c3a85b17593eff8708b9d0eb11caf08d7d1b"
        );
        assert_eq!(
            listing(&world.store.layer_dir(&sources.layer)),
            [
                "cargo 755 315532800",
                "cargo/config.toml 644 315532800",
                "cargo/vendor 755 315532800",
                "cargo/vendor/dep-2.0.0 755 315532800",
                "cargo/vendor/dep-2.0.0/.cargo-checksum.json 644 315532800",
                "cargo/vendor/dep-2.0.0/Cargo.toml 644 315532800",
                "cargo/vendor/dep-2.0.0/lib.rs 644 315532800",
                "src 755 315532800",
                "src/Cargo.lock 644 315532800",
                "src/Cargo.toml 644 315532800",
                "src/main.rs 755 315532800",
            ]
        );
    }

    #[test]
    fn the_lock_alone_gives_the_same_layer_and_missing_blobs_are_fetched() {
        let (first, second) = (World::with_program(), World::with_program());
        let lock = locked(first.lock(OWN).expect("a good source"));
        second.lay_out(&lock).expect("a good lock");
        assert!(second.store.has_layer(&lock.layer));
        let fetched = |world: &World| world.fetched.lock().expect("no thread panicked").len();
        assert_eq!(fetched(&second), 2);
        second.forget(&lock.layer);
        second.lay_out(&lock).expect("again, from the store");
        assert_eq!(fetched(&second), 2);
    }

    #[test]
    fn sources_that_give_another_layer_are_refused_and_nothing_is_laid_out() {
        let world = World::with_program();
        let mut lock = locked(world.lock(OWN).expect("a good source"));
        let found = lock.layer;
        world.forget(&found);
        lock.layer = Digest::of(b"another");
        let error = world.lay_out(&lock).expect_err("another layer");
        assert!(error.is_integrity() && !error.is_stale());
        assert_eq!(
            error.to_string(),
            format!("the sources of `own` give the layer {found}, and the lock says {}", lock.layer)
        );
        assert!(!world.store.has_layer(&found) && !world.store.has_layer(&lock.layer));
    }

    #[test]
    fn a_directory_that_changed_makes_its_lock_stale_even_if_the_layer_is_there() {
        let world = World::with_program();
        world.file("program/Cargo.lock", "version = 4\n");
        world.file("program/main.rs", "fn main() {}\n");
        let lock = locked(world.lock("{dir: program}").expect("a good source"));
        world.lay_out(&lock).expect("nothing changed");
        world.file("program/main.rs", "fn main() { }\n");
        let error = world.lay_out(&lock).expect_err("it changed");
        assert!(error.is_stale() && !error.is_integrity());
        assert_eq!(error.remedy().as_deref(), Some("eadem lock own"));
    }

    #[test]
    fn what_cargo_writes_into_a_crate_gives_way_to_ours() {
        let mut world = World::new();
        let dep = Tar::default()
            .file("dep-2.0.0/.cargo-ok", b"ok")
            .file("dep-2.0.0/.cargo-checksum.json", b"{}")
            .file("dep-2.0.0/b.rs", b"")
            .file("dep-2.0.0/a.rs", b"");
        let dep = world.publish_crate("dep", "2.0.0", dep);
        world.file("program/Cargo.lock", &lockfile(&dep));
        let sources = world.lock("{dir: program}").expect("a good source");
        let vendor = world.store.layer_dir(&sources.layer).join("cargo/vendor/dep-2.0.0");
        assert!(!vendor.join(".cargo-ok").exists());
        let empty = Digest::of(b"").hex();
        assert_eq!(
            fs::read_to_string(vendor.join(".cargo-checksum.json")).expect("there"),
            format!(r#"{{"files":{{"a.rs":"{empty}","b.rs":"{empty}"}},"package":"{}"}}"#, dep.hex())
        );
    }

    #[test]
    fn cargo_is_sent_to_the_vendored_crates() {
        let world = World::with_program();
        let sources = world.lock(OWN).expect("a good source");
        let config = world.store.layer_dir(&sources.layer).join("cargo/config.toml");
        assert_eq!(
            fs::read_to_string(config).expect("there"),
            "[source.crates-io]\nreplace-with = \"vendored-sources\"\n\n\
             [source.vendored-sources]\ndirectory = \"cargo/vendor\"\n"
        );
    }

    #[test]
    fn a_crate_with_an_evil_archive_is_refused_by_name() {
        let mut world = World::new();
        let dep = world.publish_crate("dep", "2.0.0", Tar::default().file("dep-2.0.0/../../x", b""));
        world.file("program/Cargo.lock", &lockfile(&dep));
        let error = world.lock("{dir: program}").expect_err("an evil archive");
        assert!(error.is_integrity());
        assert_eq!(error.to_string(), "the archive of crate dep 2.0.0 is refused");
    }

    #[test]
    fn locks_that_were_edited_are_refused() {
        let world = World::with_program();
        let lock = locked(world.lock(OWN).expect("a good source"));
        let mut evil = lock.clone();
        for source in &mut evil.sources {
            if let LockedSource::Crate { name, .. } = source {
                *name = "../dep".to_owned();
            }
        }
        assert!(matches!(world.lay_out(&evil), Err(SourceError::CrateName { .. })));
        let mut twice = lock.clone();
        twice.sources.push(lock.sources[0].clone());
        assert!(matches!(world.lay_out(&twice), Err(SourceError::Own { n_own: 2, .. })));
        let mut none = lock;
        none.sources.remove(0);
        assert!(matches!(world.lay_out(&none), Err(SourceError::Own { n_own: 0, .. })));
    }

    #[test]
    fn a_crate_that_nobody_has_is_a_fault_of_fetching() {
        let world = World::new();
        world.file("program/Cargo.lock", &lockfile(&Digest::of(b"nowhere")));
        let error = world.lock("{dir: program}").expect_err("it is nowhere");
        assert!(matches!(error, SourceError::Fetch(FetchError::Nowhere { .. })));
    }
}
