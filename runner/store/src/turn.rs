//! Of all who want a unit at once, one makes it.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Once,
    thread,
    time::Duration,
};

use eadem_model::{At, AtError, Cancel, Digest};

use crate::{StoreError, store::Store};

/// The right to make a unit; given up on drop, or by the kernel if the holder dies.
///
/// ```text
/// locks/units/KEY   is there while somebody makes the unit; held by a lock
/// ```
#[derive(Debug)]
pub struct UnitTurn {
    path: PathBuf,
    _held: File,
}

/// How often somebody who waits looks again: what ends the wait early cannot wake one who waits for a lock.
const LOOK: Duration = Duration::from_millis(20);

impl Store {
    /// Waits until nobody else makes the unit with a key; `None` if `cancel` ends the wait. Whoever waits is told
    /// once.
    ///
    /// Whoever waited looks again whether the unit is still to be made.
    pub fn unit_turn(
        &self,
        key: &Digest,
        cancel: &Cancel,
        waits: &dyn Fn(),
    ) -> Result<Option<UnitTurn>, StoreError> {
        let path = self.turns_dir().join(key.hex());
        let tell = Once::new();
        while !cancel.is_cancelled() {
            let file = File::options().create(true).append(true).open(&path).at(&path)?;
            match file.try_lock() {
                Ok(()) if is_named(&file, &path)? => return Ok(Some(UnitTurn { path, _held: file })),
                // Whoever held it has removed its name; others make a new one.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    tell.call_once(waits);
                    thread::sleep(LOOK);
                }
                Err(TryLockError::Error(error)) => Err(error).at(&path)?,
            }
        }
        Ok(None)
    }

    /// Removes the turns of those who were killed.
    pub(crate) fn sweep_turns(&self) -> Result<(), AtError> {
        let dir = self.turns_dir();
        for entry in fs::read_dir(&dir).at(&dir)? {
            let path = entry.at(&dir)?.path();
            // Whoever has just removed it has done what is to be done here.
            let Ok(file) = File::open(&path) else { continue };
            if file.try_lock().is_ok() && is_named(&file, &path)? {
                fs::remove_file(&path).at(&path)?;
            }
        }
        Ok(())
    }

    pub(crate) fn turns_dir(&self) -> PathBuf {
        self.dir().join("locks/units")
    }
}

/// Whether a path still leads to an open file.
fn is_named(file: &File, path: &Path) -> Result<bool, AtError> {
    let inode = file.metadata().at(path)?.ino();
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        named => Ok(named.at(path)?.ino() == inode),
    }
}

impl Drop for UnitTurn {
    fn drop(&mut self) {
        // While it is held, so that nobody else's is removed; what stays is swept by the next start.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        (dir, store)
    }

    fn turns(store: &Store) -> usize {
        fs::read_dir(store.turns_dir()).expect("listed").count()
    }

    #[test]
    fn a_turn_is_one_holders_at_a_time_and_leaves_no_file() {
        let (_dir, store) = store();
        let (key, cancel) = (Digest::of(b"key"), Cancel::new());
        let (inside, n) = (AtomicU32::new(0), AtomicU32::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let turn = store.unit_turn(&key, &cancel, &|| ()).expect("waits").expect("gets it");
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two are in at once");
                    n.fetch_add(1, Ordering::SeqCst);
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(turn);
                });
            }
        });
        assert_eq!((n.into_inner(), turns(&store)), (8, 0));
    }

    #[test]
    fn a_turn_of_another_unit_is_free_and_a_cancelled_wait_ends() {
        let (_dir, store) = store();
        let cancel = Cancel::new();
        let _held = store.unit_turn(&Digest::of(b"one"), &cancel, &|| ()).expect("opens").expect("is free");
        assert!(store.unit_turn(&Digest::of(b"two"), &cancel, &|| ()).expect("opens").is_some());
        thread::scope(|scope| {
            let waiter =
                scope.spawn(|| store.unit_turn(&Digest::of(b"one"), &cancel, &|| ()).expect("waits"));
            cancel.cancel();
            assert!(waiter.join().expect("ends").is_none());
        });
    }

    #[test]
    fn what_a_killed_holder_left_is_swept_and_what_is_held_stays() {
        let (dir, store) = store();
        let held =
            store.unit_turn(&Digest::of(b"held"), &Cancel::new(), &|| ()).expect("opens").expect("is free");
        fs::write(store.turns_dir().join(Digest::of(b"left").hex()), "").expect("written");
        drop(Store::open(dir.path()).expect("opens again"));
        assert_eq!(turns(&store), 1);
        drop(held);
        assert_eq!(turns(&store), 0);
    }
}
