//! Takes back what a room's other users own.
//!
//! An ordinary user can neither read nor remove files of subordinate ids. So when a room with many users
//! is dead, everything in it is given to the payload's own user, who is the user of the host: in a user
//! namespace that has all those ids, by a process that has every power over their files and no other.
//! After that a room with many users is like one with one. Root needs none of this.

use std::{
    ffi::{CStr, CString, OsStr},
    io::{self, Read, Write, pipe},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
    process::ExitCode,
};

use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Uid, chownat, openat, statat},
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair,
        sockopt::socket_type,
    },
    process::geteuid,
    thread::{set_thread_res_gid, set_thread_res_uid},
};

use crate::{
    failure::{Attempt, Blame, Failure},
    fork::{fork, wait_for},
    identity::outer_ids,
    idmap::IdMap,
    payload::exit_now,
    range::{N_IDS, Range},
    starter,
};

/// What this process's user is called in the namespace: the first number that no user of a room has.
const OWN: u32 = N_IDS;

/// Gives everything below these directories to this process's user. Nothing may live there any more.
pub(crate) fn reclaim(dirs: &[BorrowedFd<'_>], range: Range) -> Result<(), Failure> {
    if geteuid().is_root() {
        return Ok(());
    }
    let (mut theirs, mut ours) = pipe().machine("making a pipe")?;
    let Some(child) = fork(libc::CLONE_NEWUSER).machine("cloning into a new user namespace (clone3)")? else {
        drop(ours);
        let done = theirs.read_exact(&mut [0]).and_then(|()| take_over(dirs));
        exit_now(done.map_or_else(|error| error.raw_os_error().unwrap_or(libc::EIO), |()| 0))
    };
    let mapped = IdMap::of((OWN, OWN), outer_ids(), Some(range)).write(child);
    if mapped.is_ok() {
        // If the child is dead, its status tells more.
        let _ = ours.write_all(b"g");
    }
    drop(ours);
    let status = wait_for(child).machine("waiting for a process of ours")?;
    mapped?;
    let errno = status.unwrap_or(libc::EINTR);
    let step = || "taking back what a room's other users own".to_owned();
    if errno == 0 { Ok(()) } else { Err(Failure { step: step(), errno, blame: Blame::Host }) }
}

/// In the namespace; nobody moves anything meanwhile.
fn take_over(dirs: &[BorrowedFd<'_>]) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(OWN), Gid::from_raw(OWN));
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    dirs.iter().try_for_each(|dir| Walk::from(open_dir(dir, c".")?)?.run())
}

/// A walk through a tree of any depth that holds one directory open.
struct Walk {
    at: OwnedFd,
    /// The directories that are left to see, for each step down to `at`.
    left: Vec<Vec<CString>>,
}

impl Walk {
    fn from(top: OwnedFd) -> io::Result<Self> {
        let left = vec![own_entries(&top)?];
        Ok(Self { at: top, left })
    }

    fn run(mut self) -> io::Result<()> {
        while let Some(names) = self.left.last_mut() {
            if let Some(name) = names.pop() {
                self.at = open_dir(&self.at, &name)?;
                self.left.push(own_entries(&self.at)?);
            } else {
                self.left.pop();
                if !self.left.is_empty() {
                    self.at = open_dir(&self.at, c"..")?;
                }
            }
        }
        Ok(())
    }
}

fn open_dir(at: impl AsFd, name: &CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(at, name, flags, Mode::empty())?)
}

/// Owns all entries of a directory, and tells which are directories.
fn own_entries(dir: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut dirs = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let stat = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if (stat.st_uid, stat.st_gid) != (OWN, OWN) {
            let (uid, gid) = (Uid::from_raw(OWN), Gid::from_raw(OWN));
            chownat(dir, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            dirs.push(name.to_owned());
        }
    }
    Ok(dirs)
}

/// Reclaims what a dead keeper left, in a process with one thread.
pub(crate) fn reclaim_elsewhere(dir: &Path) -> io::Result<()> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let mut process = starter::start(theirs)?;
    send(&ours, dir.as_os_str().as_bytes(), SendFlags::NOSIGNAL)?;
    if process.wait()?.success() {
        return Ok(());
    }
    let mut answer = [0; 4096];
    let (n, _) = recv(&ours, &mut answer, RecvFlags::DONTWAIT)?;
    Err(io::Error::other(String::from_utf8_lossy(&answer[..n]).into_owned()))
}

/// Whether standard input is the socket of [`reclaim_elsewhere`].
pub(crate) fn is_asked_for(socket: impl AsFd) -> bool {
    socket_type(socket).is_ok_and(|kind| kind == SocketType::DGRAM)
}

/// Does what [`reclaim_elsewhere`] asks.
pub(crate) fn answer(socket: &OwnedFd) -> ExitCode {
    let mut path = [0; libc::PATH_MAX as usize];
    let Ok((n, _)) = recv(socket, &mut path, RecvFlags::empty()) else { return ExitCode::from(2) };
    match reclaim_at(Path::new(OsStr::from_bytes(&path[..n]))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            // The status says that it failed, if nobody is left to hear why.
            let _ = send(socket, what.as_bytes(), SendFlags::NOSIGNAL);
            ExitCode::FAILURE
        }
    }
}

fn reclaim_at(dir: &Path) -> Result<(), String> {
    let range = Range::find().map_err(|error| error.to_string())?;
    let name = CString::new(dir.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
    let dir = open_dir(CWD, &name).map_err(|error| error.to_string())?;
    let failed = |failure: Failure| format!("{} failed: {}", failure.step, failure.error());
    reclaim(&[dir.as_fd()], range).map_err(failed)
}
