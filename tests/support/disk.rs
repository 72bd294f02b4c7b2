//! Directories: copying them, and what a store must look like.

use std::{
    fs,
    path::{Path, PathBuf},
};

use eadem_model::Digest;

/// Copies a directory with all that is in it; `made` sees every new path.
pub(crate) fn copy(from: &Path, to: &Path, made: &dyn Fn(&Path)) {
    if !to.is_dir() {
        fs::create_dir(to).unwrap_or_else(|error| panic!("cannot make {}: {error}", to.display()));
        made(to);
    }
    for path in list(from) {
        let target = to.join(path.file_name().expect("a listed path has a name"));
        if path.is_dir() {
            copy(&path, &target, made);
        } else {
            fs::copy(&path, &target)
                .unwrap_or_else(|error| panic!("cannot copy {}: {error}", path.display()));
            made(&target);
        }
    }
}

/// The paths of a directory's entries, in byte order.
#[track_caller]
pub(crate) fn list(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("cannot list {}: {error}", dir.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("the list can be read").path()).collect();
    paths.sort();
    paths
}

/// The paths of all files below a directory, in byte order.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    list(dir).into_iter().flat_map(below).collect()
}

/// Expects no leftovers, and that every blob has the name of its content.
#[track_caller]
pub(crate) fn expect_clean(store: &Path) {
    expect_swept(store);
    for path in list(&store.join("blobs/sha256")) {
        let name = path.file_name().expect("a listed path has a name").to_string_lossy().into_owned();
        let bytes = fs::read(&path).expect("blobs can be read");
        assert_eq!(Digest::of(&bytes).hex(), name, "a blob is not what its name says");
    }
}

/// Expects neither rooms nor temporary directories; the gate that guards them stays.
#[track_caller]
pub(crate) fn expect_swept(store: &Path) {
    let left = leftovers(store);
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// What is in the directories that are to be empty when no eadem runs.
pub(crate) fn leftovers(store: &Path) -> Vec<PathBuf> {
    let mut left = list(&store.join("tmp"));
    left.extend(list(&store.join("rooms")));
    left.retain(|path| !path.ends_with(".gate"));
    left
}

/// Finds where two byte strings part.
pub(crate) fn first_difference(one: &[u8], two: &[u8]) -> usize {
    let same = one.iter().zip(two).take_while(|(left, right)| left == right);
    same.count()
}
