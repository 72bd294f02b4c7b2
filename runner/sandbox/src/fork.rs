//! Forks this process, which must have one thread.
#![allow(unsafe_code, reason = "clone3 has no safe form")]

use rustix::{
    io::{Errno, Result},
    process::{Pid, WaitOptions, waitpid},
};

use crate::mount::last_error;

/// A child of this process, or a sister with `CLONE_PARENT`; `None` in the new process.
///
/// Only keepers and launchers call this: they have one thread, so the new process may go on as it likes.
pub(crate) fn fork(flags: i32) -> Result<Option<Pid>> {
    // SAFETY: all zeros is the value of `clone_args` that asks for nothing.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flags.cast_unsigned().into();
    if flags & libc::CLONE_PARENT == 0 {
        args.exit_signal = libc::SIGCHLD as u64;
    }
    // SAFETY: this process has one thread and no flag of ours shares memory, so the child is like one of
    // fork; `args` is as long as said.
    let mut pid = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of_val(&args)) };
    if pid < 0 && last_error() == Errno::NOSYS {
        // Filters of containers cannot look into the arguments of clone3, so they hide it.
        let flags = libc::c_long::from(flags | libc::SIGCHLD);
        // SAFETY: as above; without a stack of its own the new process goes on with a copy of this one.
        pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0_usize, 0_usize, 0_usize, 0_usize) };
    }
    match i32::try_from(pid) {
        Ok(0) => Ok(None),
        Ok(pid) if pid > 0 => Ok(Pid::from_raw(pid)),
        _ => Err(last_error()),
    }
}

/// The exit status of a child, if it ended by itself.
pub(crate) fn wait_for(pid: Pid) -> Result<Option<i32>> {
    loop {
        match waitpid(Some(pid), WaitOptions::empty()) {
            Ok(Some((_, status))) => return Ok(status.exit_status()),
            Ok(None) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}
