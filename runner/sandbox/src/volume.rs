//! How full a file system is.

use std::{
    iter::Sum,
    ops::{Add, Sub},
    os::fd::AsFd,
};

use rustix::{fs::fstatvfs, io::Result};
use serde::{Deserialize, Serialize};

/// Bytes, and files of any kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Amount {
    pub(crate) bytes: u64,
    pub(crate) files: u64,
}

impl Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { bytes: self.bytes.saturating_add(other.bytes), files: self.files.saturating_add(other.files) }
    }
}

/// What is more than the other; never less than nothing.
impl Sub for Amount {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { bytes: self.bytes.saturating_sub(other.bytes), files: self.files.saturating_sub(other.files) }
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}

impl Amount {
    /// The lesser of both bytes, and of both files.
    pub(crate) fn least(self, other: Self) -> Self {
        Self { bytes: self.bytes.min(other.bytes), files: self.files.min(other.files) }
    }
}

/// What a file system says of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Volume {
    /// What it holds.
    pub(crate) used: Amount,
    /// What it still takes from an ordinary user.
    pub(crate) free: Amount,
    /// Its size; no files where it makes room for files as they come.
    pub(crate) size: Amount,
}

impl Volume {
    /// Asks the file system that a descriptor lies on.
    pub(crate) fn of(fd: impl AsFd) -> Result<Self> {
        let stat = fstatvfs(fd)?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        let size = Amount { bytes: bytes(stat.f_blocks), files: stat.f_files };
        let unused = Amount { bytes: bytes(stat.f_bfree), files: stat.f_ffree };
        let free = Amount { bytes: bytes(stat.f_bavail), files: stat.f_favail };
        Ok(Self { used: size - unused, free, size })
    }

    /// Whether it knows how many files it holds.
    pub(crate) fn counts_files(&self) -> bool {
        self.size.files > 0
    }

    /// Whether so little is left that others on this machine suffer: a hundredth, or a GiB of much.
    pub(crate) fn is_nearly_full(&self) -> bool {
        const MOST_BYTES: u64 = 1 << 30;
        const MOST_FILES: u64 = 10_000;
        let reserve = Amount {
            bytes: (self.size.bytes / 100).min(MOST_BYTES),
            files: (self.size.files / 100).min(MOST_FILES),
        };
        self.free.bytes < reserve.bytes || (self.counts_files() && self.free.files < reserve.files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_kept_free() {
        let volume = |size, free, files| {
            let (size, free) = (Amount { bytes: size, files }, Amount { bytes: free, files: files / 2 });
            Volume { used: size - free, free, size }
        };
        assert!(volume(1 << 40, (1 << 30) - 1, 100).is_nearly_full());
        assert!(!volume(1 << 40, 1 << 30, 100).is_nearly_full());
        assert!(!volume(1 << 20, 20_000, 100).is_nearly_full());
        assert!(volume(1 << 20, 10_000, 100).is_nearly_full());
        assert!(!volume(1 << 40, 1 << 39, 0).is_nearly_full(), "some file systems count no files");
    }
}
