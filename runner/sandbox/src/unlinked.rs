//! Files without a name, which a room's processes hold open: no directory shows them.

use std::{
    collections::BTreeSet,
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    fs::{AtFlags, Dir, FileType, FsWord, OFlags, Stat, fstat, fstatfs, statat},
    io::Errno,
};

use crate::{handover::Handover, inmates::Inmates, survey::bytes, volume::Amount};

/// What a file system in memory says that it is.
const IN_MEMORY: FsWord = 0x0102_1994;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Unlinked {
    /// On a disk.
    pub(crate) on_disk: Amount,
    /// In memory, but not on the file system of `/tmp`, which counts them itself.
    pub(crate) in_memory: Amount,
    /// Whether some process hides its descriptors, as it may by a word to the kernel.
    pub(crate) blind: bool,
    tmp: u64,
    seen: BTreeSet<(u64, u64)>,
}

/// Looks at every descriptor of every process of the room.
pub(crate) fn unlinked(room: &Handover) -> Unlinked {
    let tmp = fstat(&room.memory.fd).map_or(0, |stat| stat.st_dev);
    let mut found = Unlinked { tmp, ..Unlinked::default() };
    let inmates = room.inmates();
    inmates.pids().for_each(|pid| found.process(inmates, pid));
    found
}

impl Unlinked {
    fn process(&mut self, inmates: Inmates<'_>, pid: u32) {
        let dir = match inmates.open(pid, "fd", OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(dir) => dir,
            Err(error) => {
                self.blind |= matches!(error, Errno::ACCESS | Errno::PERM);
                return;
            }
        };
        let Ok(entries) = Dir::read_from(&dir) else { return };
        for entry in entries.flatten() {
            // What was closed in between counts as nothing.
            let _ = self.descriptor(inmates, pid, &dir, entry.file_name());
        }
    }

    fn descriptor(
        &mut self,
        inmates: Inmates<'_>,
        pid: u32,
        dir: &OwnedFd,
        name: &std::ffi::CStr,
    ) -> rustix::io::Result<()> {
        let stat = statat(dir, name, AtFlags::empty())?;
        if is_nameless(&stat) && stat.st_dev != self.tmp && self.seen.insert((stat.st_dev, stat.st_ino)) {
            // Without a right to read or write, so that opening has no effect whatever it is.
            let path = format!("fd/{}", name.to_string_lossy());
            let file = inmates.open(pid, &path, OFlags::PATH)?;
            self.file(&fstat(&file)?, &file)?;
        }
        Ok(())
    }

    fn file(&mut self, stat: &Stat, file: impl AsFd) -> rustix::io::Result<()> {
        let amount = Amount { bytes: bytes(stat), files: 1 };
        let sum = if fstatfs(file)?.f_type == IN_MEMORY { &mut self.in_memory } else { &mut self.on_disk };
        *sum = *sum + amount;
        Ok(())
    }
}

fn is_nameless(stat: &Stat) -> bool {
    stat.st_nlink == 0 && FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write};

    use super::*;

    /// This process alone.
    fn own(dir: &File) -> Unlinked {
        let mut found = Unlinked::default();
        found.process(Inmates(dir.as_fd()), std::process::id());
        found
    }

    #[test]
    fn an_open_file_without_a_name_is_found_once() {
        let proc = File::open("/proc").expect("opens");
        let before = own(&proc);
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(&[1; 1_000_000]).expect("writes");
        let _again = file.try_clone().expect("clones");
        let found = own(&proc);
        let all = |seen: &Unlinked| seen.on_disk + seen.in_memory;
        let more = all(&found) - all(&before);
        assert!(more.files >= 1 && (1_000_000..3_000_000).contains(&more.bytes), "{more:?}");
    }
}
