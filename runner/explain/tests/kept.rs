//! The inputs that fuzzers found: see `fuzz` beside the sources.

#[path = "support/harness.rs"]
mod harness;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use harness::TARGETS;

/// How long one input may take, in a build without optimisation on a busy machine.
const LONGEST: Duration = Duration::from_secs(10);
/// All inputs together, in bytes.
const MOST: u64 = 300_000;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn inside(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("the corpus is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_kept_input_is_explained_without_a_panic_and_within_bounds() {
    for (name, target) in TARGETS {
        let inputs = inside(&corpus().join(name));
        assert!(!inputs.is_empty(), "no input of {name} is kept");
        for path in inputs {
            let (input, since) = (fs::read(&path).expect("it was just listed"), Instant::now());
            target(&input);
            assert!(since.elapsed() < LONGEST, "{} took {:?}", path.display(), since.elapsed());
        }
    }
}

#[test]
fn the_corpus_is_small_and_every_directory_of_it_has_a_target() {
    let dirs = inside(&corpus());
    let names: BTreeSet<_> = dirs.iter().filter_map(|dir| dir.file_name()?.to_str()).collect();
    assert_eq!(names, TARGETS.iter().map(|(name, _)| *name).collect());
    let files = dirs.iter().flat_map(|dir| inside(dir));
    let size: u64 = files.map(|path| fs::metadata(path).expect("it was just listed").len()).sum();
    assert!(size <= MOST, "the corpus has {size} bytes");
}
