//! Being the only one in a store.

use std::{
    fs::{self, File, TryLockError},
    os::unix::fs::MetadataExt,
};

use eadem_model::At;

use crate::{StoreError, store::Store};

/// Nobody else uses the store until this is dropped; whoever comes meanwhile waits.
#[derive(Debug)]
pub struct Alone<'a> {
    in_use: &'a File,
}

/// Another process that uses the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// Its command line, as far as it can be seen.
    pub words: Vec<String>,
}

impl Store {
    /// Takes the store for oneself, if nobody else uses it.
    pub fn alone(&self) -> Result<Option<Alone<'_>>, StoreError> {
        let path = self.dir().join("locks/store");
        let in_use = self.in_use();
        in_use.unlock().at(&path)?;
        match in_use.try_lock() {
            Ok(()) => Ok(Some(Alone { in_use })),
            Err(TryLockError::WouldBlock) => {
                in_use.lock_shared().at(&path)?;
                Ok(None)
            }
            Err(TryLockError::Error(error)) => Ok(Err(error).at(&path)?),
        }
    }

    /// Waits until nobody else uses the store, and takes it for oneself.
    pub fn wait_alone(&self) -> Result<Alone<'_>, StoreError> {
        let path = self.dir().join("locks/store");
        let in_use = self.in_use();
        in_use.unlock().at(&path)?;
        in_use.lock().at(&path)?;
        Ok(Alone { in_use })
    }

    /// Who else uses the store, as far as this process may know: those of other containers have no number here.
    pub fn holders(&self) -> Vec<Holder> {
        let inode = self.in_use().metadata().map(|found| found.ino()).unwrap_or_default();
        let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
        let pids = locks.lines().filter_map(|line| holder(line, inode));
        let mut pids: Vec<u32> = pids.filter(|pid| *pid != std::process::id()).collect();
        pids.sort_unstable();
        pids.dedup();
        pids.into_iter().map(Holder::of).collect()
    }
}

impl Holder {
    fn of(pid: u32) -> Self {
        let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = bytes.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        Self { pid, words: words.map(|word| String::from_utf8_lossy(word).into_owned()).collect() }
    }
}

/// The process of a line such as `7: FLOCK  ADVISORY  READ 4242 fe:01:131 0 EOF`; a waiter's has an arrow.
fn holder(line: &str, inode: u64) -> Option<u32> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, "FLOCK", _, _, pid, file, ..] = words[..] else { return None };
    let is_it = file.rsplit(':').next()?.parse() == Ok(inode);
    pid.parse().ok().filter(|pid| is_it && *pid > 0)
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        // Locks that cannot be changed go with the process.
        let _ = self.in_use.unlock();
        let _ = self.in_use.lock_shared();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_belongs_to_one_only_while_nobody_else_uses_it() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let dir = &dir;
        let store = Store::open(dir.path()).expect("a store");
        let other = Store::open(dir.path()).expect("the same");
        assert!(store.alone().expect("looks").is_none());
        drop(other);
        let alone = store.alone().expect("looks").expect("is alone");
        std::thread::scope(|scope| {
            let (said, heard) = std::sync::mpsc::channel();
            let comer = scope.spawn(move || {
                let wait = || said.send(()).expect("somebody listens");
                Store::open_saying(dir.path(), &wait).expect("waits, then opens")
            });
            heard.recv().expect("it says that it waits");
            drop(alone);
            let other = comer.join().expect("ends");
            assert!(store.alone().expect("looks").is_none());
            drop(other);
        });
        drop(store.wait_alone().expect("nobody is there"));
    }

    #[test]
    fn a_line_of_the_kernels_list_names_a_holder_of_this_file_alone() {
        let line = "7: FLOCK  ADVISORY  READ 4242 fe:01:131 0 EOF";
        assert_eq!(holder(line, 131), Some(4242));
        assert_eq!(holder(line, 132), None);
        assert_eq!(holder("7: -> FLOCK  ADVISORY  READ 4242 fe:01:131 0 EOF", 131), None);
        assert_eq!(holder("8: POSIX  ADVISORY  READ 4242 fe:01:131 0 EOF", 131), None);
    }
}
