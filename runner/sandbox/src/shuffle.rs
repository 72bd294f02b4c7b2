//! Inputs whose directories list in another order.
//!
//! A file system in memory lists entries in the order in which they were made, or in its reverse. So
//! a copy that is made in a shuffled order lists in a shuffled order, without a file system of ours.

use std::{
    ffi::{CStr, CString},
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    fs::{
        AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps, fchmod, fstat, futimens,
        mkdir, mkdirat, openat, readlinkat, statat, symlinkat, utimensat,
    },
    mount::{MountFlags, UnmountFlags, unmount},
};

use crate::{
    failure::{Attempt, Failure},
    mount,
    mount::show_read_only,
};

/// Shows the directory `from` of the stage at `target`, in an order that `seed` decides.
///
/// `false` if the memory does not hold it; nothing is mounted then.
pub(crate) fn mount_shuffled(from: &str, target: &str, seed: u64) -> Result<bool, Failure> {
    let copy = format!("shuffled-{from}");
    mkdir(&copy, Mode::RWXU).machine("making a directory for a shuffled input")?;
    mount::make("tmpfs", &copy, MountFlags::NOSUID | MountFlags::NODEV, "mode=0755")
        .machine("mounting a file system in memory")?;
    match (Copier { order: Order(seed), buffer: Buffer::new() }).run(from, &copy) {
        Err(error) if error.kind() == io::ErrorKind::StorageFull => {
            unmount(copy, UnmountFlags::DETACH).machine("unmounting a shuffled input")?;
            return Ok(false);
        }
        copied => copied.host(|| "copying an input in a shuffled order".to_owned())?,
    }
    show_read_only(&copy, target).machine("mounting a shuffled input")?;
    Ok(true)
}

struct Copier {
    order: Order,
    buffer: Buffer,
}

impl Copier {
    fn run(&mut self, from: &str, to: &str) -> io::Result<()> {
        let name = CString::new(from)?;
        let to = open_dir(CWD, &CString::new(to)?)?;
        self.copy_entries(&open_dir(CWD, &name)?, &to)
    }

    /// Fills `to`; its mode and time come last, since filling changes them.
    fn copy_entries(&mut self, from: &OwnedFd, to: &OwnedFd) -> io::Result<()> {
        let mut names = sorted_names(from)?;
        self.order.shuffle(&mut names);
        for name in &names {
            let stat = statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => self.copy_dir(from, to, name)?,
                FileType::RegularFile => self.buffer.copy_file(from, to, name, &stat)?,
                FileType::Symlink => copy_link(from, to, name, &stat)?,
                _ => return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP)),
            }
        }
        finish(to, &fstat(from)?)
    }

    fn copy_dir(&mut self, from: &OwnedFd, to: &OwnedFd, name: &CStr) -> io::Result<()> {
        mkdirat(to, name, Mode::RWXU)?;
        self.copy_entries(&open_dir(from, name)?, &open_dir(to, name)?)
    }
}

/// What files are copied through.
pub(crate) struct Buffer(Vec<u8>);

impl Buffer {
    pub(crate) fn new() -> Self {
        Self(vec![0; 128 << 10])
    }

    /// Makes a file that has the content, mode and time of another.
    pub(crate) fn copy_file(
        &mut self,
        from: &OwnedFd,
        to: &OwnedFd,
        name: &CStr,
        stat: &Stat,
    ) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut source = File::from(openat(from, name, flags, Mode::empty())?);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mut copy = File::from(openat(to, name, flags, Mode::RUSR | Mode::WUSR)?);
        loop {
            let n = source.read(&mut self.0)?;
            if n == 0 {
                return finish(&copy.into(), stat);
            }
            copy.write_all(&self.0[..n])?;
        }
    }
}

pub(crate) fn open_dir(at: impl AsFd, name: &CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(at, name, flags, Mode::empty())?)
}

/// Sorted, so that the shuffle alone decides, and not the order of the store's file system.
pub(crate) fn sorted_names(dir: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    names.sort();
    Ok(names)
}

pub(crate) fn copy_link(from: &OwnedFd, to: &OwnedFd, name: &CStr, stat: &Stat) -> io::Result<()> {
    let target = readlinkat(from, name, Vec::new())?;
    symlinkat(&target, to, name)?;
    Ok(utimensat(to, name, &times(stat), AtFlags::SYMLINK_NOFOLLOW)?)
}

pub(crate) fn finish(copy: &OwnedFd, stat: &Stat) -> io::Result<()> {
    fchmod(copy, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
    Ok(futimens(copy, &times(stat))?)
}

#[allow(clippy::unnecessary_cast, reason = "the types differ between architectures")]
fn times(stat: &Stat) -> Timestamps {
    let time = Timespec { tv_sec: stat.st_mtime as i64, tv_nsec: stat.st_mtime_nsec as i64 };
    Timestamps { last_access: time, last_modification: time }
}

/// Numbers that a seed decides: splitmix64.
struct Order(u64);

impl Order {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.next() % (last as u64 + 1);
            items.swap(last, usize::try_from(other).expect("is at most an index"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        let mut order = Order(1_234_567);
        let numbers = [(); 3].map(|()| order.next());
        assert_eq!(
            numbers,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn one_seed_gives_one_order_and_another_seed_another() {
        let shuffled = |seed| {
            let mut items: Vec<u32> = (0..20).collect();
            Order(seed).shuffle(&mut items);
            items
        };
        assert_eq!(shuffled(1), shuffled(1));
        assert_ne!(shuffled(1), shuffled(2));
        assert_ne!(shuffled(1), (0..20).collect::<Vec<_>>());
    }
}
