//! The projects below `tests/fixtures`.

use std::path::PathBuf;

/// The directory of a fixture.
pub(crate) fn dir(name: &str) -> PathBuf {
    let dir = [crate::support::REPOSITORY, "tests", "fixtures", name].iter().collect::<PathBuf>();
    assert!(dir.is_dir(), "there is no fixture {name}");
    dir
}
