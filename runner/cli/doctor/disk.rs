//! The file system that the store is on, or will be on.

use std::path::{Path, PathBuf};

use eadem_model::{Ability, Level};
use rustix::{
    fs::{Mode, OFlags, StatVfs, open, statvfs},
    io::Errno,
};
use tempfile::TempDir;

use crate::paint;

/// Bytes that an image and a build of a small program take, with some to spare.
const COMFORT: u64 = 8 << 30;
/// Below this nothing can be fetched.
const LEAST: u64 = 64 << 20;
const COMFORTABLE_FILES: u64 = 400_000;
const FEWEST_FILES: u64 = 1_000;

/// A directory on the store's file system where something may be tried.
pub(crate) enum Ground {
    /// The store's own; rooms remove themselves.
    Store(PathBuf),
    /// One that is removed with this value.
    Temporary(TempDir),
}

impl Ground {
    /// The store's own directory for rooms, or a temporary one as near to it as can be.
    pub(crate) fn near(store_dir: &Path) -> Option<Self> {
        let rooms = store_dir.join("rooms");
        let mine = |dir: &Path| rustix::fs::access(dir, rustix::fs::Access::WRITE_OK).is_ok();
        if store_dir.join("locks/store").is_file() && mine(&rooms) {
            return Some(Self::Store(rooms));
        }
        let dir = existing(store_dir)?;
        tempfile::Builder::new().prefix(".eadem-doctor-").tempdir_in(dir).ok().map(Self::Temporary)
    }

    /// Where rooms may be made.
    pub(crate) fn rooms_dir(&self) -> PathBuf {
        match self {
            Self::Store(rooms) => rooms.clone(),
            Self::Temporary(dir) => dir.path().to_owned(),
        }
    }
}

/// The directory itself, or the nearest one above it that is there.
fn existing(dir: &Path) -> Option<&Path> {
    dir.ancestors().find(|dir| dir.is_dir())
}

/// Space, files, and whether files may stay without a name until they are whole.
pub(crate) fn look(store_dir: &Path, ground: Option<&Ground>) -> Vec<Ability> {
    let Some(dir) = existing(store_dir) else {
        return vec![missing("disk", format!("no directory above {} is there", store_dir.display()))];
    };
    let Some(ground) = ground else {
        return vec![missing("disk", format!("{} cannot be written", dir.display()))];
    };
    let space = match statvfs(dir) {
        Ok(stat) => space(&stat),
        Err(error) => missing("disk", format!("{}: {error}", dir.display())),
    };
    vec![space, unnamed(&ground.rooms_dir())]
}

fn missing(name: &str, found: String) -> Ability {
    let remedy = "name a directory with more space, and yours, by --store DIR".to_owned();
    Ability::flawed(name, Level::Missing, found, Some(remedy))
}

fn space(stat: &StatVfs) -> Ability {
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    // Some file systems make room for files as they come, and say 0 of 0.
    judge(free, (stat.f_files > 0).then_some(stat.f_favail))
}

fn judge(free: u64, files: Option<u64>) -> Ability {
    let files_left = files.map_or_else(|| "no limit on files".to_owned(), |files| format!("{files} files"));
    let found = format!("{} and {files_left} are free", paint::bytes(free));
    if free < LEAST || files.is_some_and(|files| files < FEWEST_FILES) {
        return missing("disk", found);
    }
    if free < COMFORT || files.is_some_and(|files| files < COMFORTABLE_FILES) {
        let remedy = "free some space, or name another store by --store DIR".to_owned();
        return Ability::flawed("disk", Level::Partly, format!("only {found}"), Some(remedy));
    }
    Ability::good("disk", found)
}

/// Files without names leave nothing behind when eadem is killed.
fn unnamed(dir: &Path) -> Ability {
    match open(dir, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR) {
        Ok(_) => Ability::good("unnamed files", "half-written files vanish by themselves (O_TMPFILE)"),
        Err(Errno::OPNOTSUPP | Errno::ISDIR) => {
            let found = "this file system has none (O_TMPFILE); leftovers are swept by the next start";
            Ability::flawed("unnamed files", Level::Partly, found, None)
        }
        Err(error) => missing("disk", format!("no file can be made in {}: {error}", dir.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_judged_by_space_and_by_files() {
        let cases = [
            (100 << 30, Some(10_000_000), Level::Good, "107.37 GB and 10000000 files are free"),
            (100 << 30, None, Level::Good, "107.37 GB and no limit on files are free"),
            (1 << 30, None, Level::Partly, "only 1.07 GB and no limit on files are free"),
            (100 << 30, Some(1_000), Level::Partly, "only 107.37 GB and 1000 files are free"),
            (100 << 30, Some(0), Level::Missing, "107.37 GB and 0 files are free"),
            (1_000, None, Level::Missing, "1.0 kB and no limit on files are free"),
        ];
        for (free, files, level, found) in cases {
            let ability = judge(free, files);
            assert_eq!((ability.level, ability.found.as_str()), (level, found));
        }
    }

    #[test]
    fn where_there_is_no_store_yet_the_nearest_directory_above_is_tried_and_left_as_it_was() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = dir.path().join("a/b/store");
        let ground = Ground::near(&store).expect("the directory is ours");
        assert!(ground.rooms_dir().starts_with(dir.path()) && ground.rooms_dir().is_dir());
        assert_eq!(look(&store, Some(&ground)).len(), 2);
        drop(ground);
        assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 0);
    }
}
