//! A look at a store that changes nothing.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
};

use eadem_model::{At, AtError};

/// What lies in a directory that is to be a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// Nothing, or there is no such directory: the first command makes a store.
    New,
    /// Things that are not eadem's.
    Foreign,
    /// A store.
    Store {
        /// The user whom it belongs to.
        owner: u32,
        /// The version of its layout, as it says.
        layout: String,
        /// Rooms and temporary files that killed eadems left; the next command sweeps them.
        n_leftovers: usize,
    },
}

/// Looks at the directory `dir` without opening it as a store.
pub fn inspect(dir: &Path) -> Result<Look, AtError> {
    if !dir.exists() || fs::read_dir(dir).at(dir)?.next().is_none() {
        return Ok(Look::New);
    }
    if !dir.join("locks/store").is_file() {
        return Ok(Look::Foreign);
    }
    let owner = fs::metadata(dir).at(dir)?.uid();
    let layout = fs::read_to_string(dir.join("oci-layout")).unwrap_or_default();
    let n_leftovers = leftovers(&dir.join("rooms"))? + leftovers(&dir.join("tmp"))?;
    Ok(Look::Store { owner, layout: version(&layout), n_leftovers })
}

fn version(layout: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(layout).unwrap_or_default();
    value["imageLayoutVersion"].as_str().unwrap_or("unknown").to_owned()
}

/// Counts the directories that nobody holds by a lock.
fn leftovers(dir: &Path) -> Result<usize, AtError> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries.at(dir)?,
    };
    let mut n = 0;
    for entry in entries {
        let path = entry.at(dir)?.path();
        n += usize::from(path.is_dir() && is_free(&path));
    }
    Ok(n)
}

/// A shared lock, so that no holder is kept waiting; it ends with this call.
fn is_free(path: &Path) -> bool {
    File::open(path).is_ok_and(|dir| dir.try_lock_shared().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    #[test]
    fn what_is_there_is_told_and_not_changed() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(inspect(&dir.path().join("none")).expect("readable"), Look::New);
        assert_eq!(inspect(dir.path()).expect("readable"), Look::New);
        drop(Store::open(dir.path()).expect("a store"));
        fs::create_dir(dir.path().join("rooms/1-0")).expect("made");
        let held = dir.path().join("rooms/2-0");
        fs::create_dir(&held).expect("made");
        let lock = File::open(&held).expect("opens");
        lock.lock().expect("nobody else has it");
        let owner = rustix::process::geteuid().as_raw();
        let look = Look::Store { owner, layout: "1.0.0".to_owned(), n_leftovers: 1 };
        assert_eq!(inspect(dir.path()).expect("readable"), look);
        assert!(dir.path().join("rooms/1-0").is_dir());
    }

    #[test]
    fn a_directory_with_other_things_is_foreign() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("letter"), "x").expect("written");
        assert_eq!(inspect(dir.path()).expect("readable"), Look::Foreign);
    }
}
