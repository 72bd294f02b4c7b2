//! Pid 1's life after the payload started.
#![allow(unsafe_code, reason = "no safe crate of ours reads signals from a descriptor")]

use std::{
    io::PipeReader,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
    ptr,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::{Errno, Result},
    process::{Pid, WaitOptions, wait},
};

use crate::mount::last_error;

/// Tells when a child ended.
pub(crate) struct Children(OwnedFd);

impl Children {
    /// Takes SIGCHLD out of the ordinary way, before there is a child.
    pub(crate) fn watch() -> Result<Self> {
        // SAFETY: all zeros is an empty set on Linux; the calls read and write this set alone, and the
        // descriptor that they return is new and nobody else's.
        unsafe {
            let mut signals = std::mem::zeroed();
            libc::sigaddset(&raw mut signals, libc::SIGCHLD);
            libc::sigprocmask(libc::SIG_BLOCK, &raw const signals, ptr::null_mut());
            match libc::signalfd(-1, &raw const signals, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
                -1 => Err(last_error()),
                fd => Ok(Self(OwnedFd::from_raw_fd(fd))),
            }
        }
    }

    /// Buries children, adopted ones too, until the payload's wait status is known.
    ///
    /// `None` if the keeper died first; what it pipes to us ends then.
    pub(crate) fn until_ended(&self, payload: Pid, keeper: &PipeReader) -> Result<Option<i32>> {
        loop {
            if let Some(status) = bury(payload)? {
                return Ok(Some(status));
            }
            let mut watched = [
                PollFd::from_borrowed_fd(self.0.as_fd(), PollFlags::IN),
                PollFd::from_borrowed_fd(keeper.as_fd(), PollFlags::IN),
            ];
            match poll(&mut watched, None) {
                Err(Errno::INTR) => continue,
                polled => polled?,
            };
            if !watched[1].revents().is_empty() {
                return Ok(None);
            }
            self.forget();
        }
    }

    /// The signal is only a hint to look; one may stand for many children.
    fn forget(&self) {
        let mut buffer = [0_u8; 512];
        // SAFETY: the descriptor is open and the kernel writes at most the buffer's length.
        while unsafe { libc::read(self.0.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) } > 0 {}
    }
}

fn bury(payload: Pid) -> Result<Option<i32>> {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == payload => return Ok(Some(status.as_raw())),
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) | Err(Errno::CHILD) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}
