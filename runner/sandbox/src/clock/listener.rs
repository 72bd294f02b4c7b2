//! The supervisor's end of a filter of system calls.
#![allow(unsafe_code, reason = "no safe crate of ours speaks to a listener")]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;

use crate::mount::last_error;

/// Where the kernel asks what becomes of a call.
pub(crate) struct Listener(OwnedFd);

/// A call that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Means this call alone.
    pub(crate) id: u64,
    /// The thread that made it, by its number here.
    pub(crate) thread: u32,
    pub(crate) call: i32,
    pub(crate) args: [u64; 6],
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It returns this.
    Returns(i64),
    /// It fails so.
    Fails(Errno),
    /// The kernel carries it out.
    GoesOn,
}

impl Listener {
    pub(crate) fn new(fd: OwnedFd) -> Self {
        let listener = Self(fd);
        // Who waits and who answers take turns, so one processor serves both best. Kernels before 6.6 do not
        // know it, and go on as they did.
        const TAKE_TURNS: u64 = 1;
        // SAFETY: the request takes a number.
        unsafe { libc::ioctl(listener.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, TAKE_TURNS) };
        listener
    }

    /// The next call; `None` if whoever made it is gone.
    pub(crate) fn receive(&self) -> rustix::io::Result<Option<Notice>> {
        // SAFETY: all zeros is a value of this plain structure, and the one that the kernel wants here.
        let mut notice: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: the request fills one such structure.
        let got = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut notice) };
        let libc::seccomp_notif { id, pid, data, .. } = notice;
        match got {
            -1 => match last_error() {
                Errno::NOENT | Errno::INTR | Errno::AGAIN => Ok(None),
                error => Err(error),
            },
            _ => Ok(Some(Notice { id, thread: pid, call: data.nr, args: data.args })),
        }
    }

    /// Whether a call still waits; else its thread's number may be another's by now.
    pub(crate) fn waits(&self, id: u64) -> bool {
        // SAFETY: the request reads one number.
        let is_valid =
            unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw const id) };
        is_valid == 0
    }

    /// Answers a call; whoever made it may be gone.
    pub(crate) fn answer(&self, id: u64, answer: Answer) {
        let (val, error, flags) = match answer {
            Answer::Returns(value) => (value, 0, 0),
            Answer::Fails(errno) => (0, -errno.raw_os_error(), 0),
            Answer::GoesOn => (0, 0, GO_ON),
        };
        let response = libc::seccomp_notif_resp { id, val, error, flags };
        // SAFETY: the request reads one such structure.
        unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw const response) };
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the flag is one bit")]
const GO_ON: u32 = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
