//! Counts what many rooms could leave behind.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::process::{keepers, mounts};

/// What is counted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Count {
    descriptors: usize,
    mounts: usize,
    processes: usize,
    directories: usize,
}

impl Count {
    /// Counts what belongs to this program and to a place.
    pub(crate) fn of(place: &Path) -> Self {
        let n_in = |dir: &Path| fs::read_dir(dir).map_or(0, Iterator::count);
        Self {
            descriptors: n_in(Path::new("/proc/self/fd")),
            mounts: mounts(place),
            processes: keepers().all.len(),
            directories: n_in(&place.join("rooms")),
        }
    }
}

/// Control groups of rooms, whoever runs them, in all hierarchies.
pub(crate) fn groups() -> BTreeSet<PathBuf> {
    let mut groups = BTreeSet::new();
    let mut left = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(dir) = left.pop() {
        let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
        left.extend(entries.filter(|one| one.file_type().is_ok_and(|it| it.is_dir())).map(|one| one.path()));
        if dir.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"eadem-room-")) {
            groups.insert(dir);
        }
    }
    groups
}

/// Network namespaces that the kernel holds, of the whole machine; `None` where that cannot be read.
pub(crate) fn network_namespaces() -> Option<u64> {
    let slabs = fs::read_to_string("/proc/slabinfo").ok()?;
    let line = slabs.lines().find(|line| line.starts_with("net_namespace "))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
