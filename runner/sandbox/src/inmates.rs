//! The processes of a room, as the room's own `/proc` shows them to the keeper.

use std::{fs::File, io::Read, os::fd::BorrowedFd};

use rustix::{
    fs::{AtFlags, Dir, Mode, OFlags, openat, statat},
    io::Result,
    param::page_size,
};

/// A room's `/proc`. What ends while it is read counts as nothing.
#[derive(Clone, Copy)]
pub(crate) struct Inmates<'a>(pub(crate) BorrowedFd<'a>);

impl<'a> Inmates<'a> {
    /// Ids of all processes but pid 1, which is ours.
    pub(crate) fn pids(self) -> impl Iterator<Item = u32> {
        let entries = Dir::read_from(self.0).into_iter().flatten();
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str().ok()?.parse().ok())
            .filter(|pid| *pid != 1)
    }

    /// How many processes and threads there are.
    pub(crate) fn n_threads(self) -> u64 {
        self.pids().map(|pid| self.threads_of(pid)).sum()
    }

    /// A directory of threads has a link for each, and two more as every directory.
    #[allow(clippy::unnecessary_cast, reason = "the types differ between architectures")]
    fn threads_of(self, pid: u32) -> u64 {
        statat(self.0, format!("{pid}/task"), AtFlags::empty())
            .map_or(0, |dir| (dir.st_nlink as u64).max(3) - 2)
    }

    /// At least as many bytes as all processes hold: what they share is counted for each.
    pub(crate) fn resident_bytes(self) -> u64 {
        self.pids().map(|pid| self.pages_of(pid).0).sum::<u64>() * page_size() as u64
    }

    /// Bytes that all processes hold, what they share divided among them: those of their own, and those
    /// of files in memory.
    pub(crate) fn proportional_bytes(self) -> (u64, u64) {
        let shares = self.pids().map(|pid| self.shares_of(pid));
        shares.fold((0, 0), |sum, share| (sum.0 + share.0, sum.1 + share.1))
    }

    /// Who hides from us is taken for what is surely its own.
    fn shares_of(self, pid: u32) -> (u64, u64) {
        let Ok(text) = self.read(pid, "smaps_rollup") else {
            let (resident, shared) = self.pages_of(pid);
            return (resident.saturating_sub(shared) * page_size() as u64, 0);
        };
        (kib(&text, "Pss_Anon:") << 10, kib(&text, "Pss_Shmem:") << 10)
    }

    /// Resident pages, and those of them that belong to files.
    fn pages_of(self, pid: u32) -> (u64, u64) {
        let text = self.read(pid, "statm").unwrap_or_default();
        let mut numbers = text.split(' ').skip(1).map(|word| word.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }

    fn read(self, pid: u32, name: &str) -> std::io::Result<String> {
        let file = self.open(pid, name, OFlags::RDONLY)?;
        let mut text = String::new();
        File::from(file).read_to_string(&mut text)?;
        Ok(text)
    }

    /// Opens something that `/proc` tells of a process.
    pub(crate) fn open(self, pid: u32, name: &str, flags: OFlags) -> Result<std::os::fd::OwnedFd> {
        openat(self.0, format!("{pid}/{name}"), flags | OFlags::CLOEXEC, Mode::empty())
    }
}

/// The number in a line like `Pss_Anon:  12 kB`.
fn kib(text: &str, name: &str) -> u64 {
    let number = |line: &str| line.strip_prefix(name)?.trim().strip_suffix("kB")?.trim().parse().ok();
    text.lines().find_map(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn a_number_is_read_from_its_own_line() {
        let text = "Pss:   9 kB\nPss_Anon:             1234 kB\nPss_Shmem:  5 kB\n";
        assert_eq!((kib(text, "Pss_Anon:"), kib(text, "Pss_Shmem:"), kib(text, "Pss_File:")), (1234, 5, 0));
    }

    #[test]
    fn threads_and_memory_of_this_process_are_seen() {
        let proc = File::open("/proc").expect("opens");
        let inmates = Inmates(proc.as_fd());
        let own = std::process::id();
        let before = inmates.threads_of(own);
        let (told, tell) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
        std::thread::scope(|scope| {
            scope.spawn(|| (told.wait(), tell.wait()));
            told.wait();
            assert!(inmates.threads_of(own) > before.min(1), "at least two");
            tell.wait();
        });
        let (own_bytes, _) = inmates.shares_of(own);
        assert!(own_bytes > 0 && own_bytes <= inmates.pages_of(own).0 * page_size() as u64);
    }
}
