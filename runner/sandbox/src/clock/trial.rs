//! Whether a room really has a clock of its own: a process of it looks, before the payload starts.
#![allow(unsafe_code, reason = "the calls that a trial makes have no safe form")]

use std::os::unix::net::UnixStream;

use rustix::{
    io::Errno,
    process::{DumpableBehavior, set_dumpable_behavior},
};

use super::{
    Obstacle,
    filter::{self, ARCH_PRCTL},
    stub::{CLOCK_GETTIME, MARK},
};
use crate::{
    fork::{fork, wait_for},
    payload::exit_now,
};

/// Exit statuses of the trial.
const FINDINGS: [(i32, Obstacle); 3] =
    [(10, Obstacle::Supervised), (11, Obstacle::Refused), (12, Obstacle::Unmoved)];

/// Has a child of this process enter a filter of its own and look at the clock.
pub(crate) fn run(way: &UnixStream, offset: i64) -> Result<(), Obstacle> {
    let Ok(child) = fork(0) else { return Err(Obstacle::Refused) };
    let Some(child) = child else {
        let found = look(way, offset).err();
        let status = FINDINGS.iter().find(|(_, obstacle)| Some(*obstacle) == found);
        exit_now(status.map_or(0, |(status, _)| *status));
    };
    let status = wait_for(child).ok().flatten();
    let finding = FINDINGS.iter().find(|(known, _)| status == Some(*known));
    match finding {
        Some((_, obstacle)) => Err(*obstacle),
        None if status == Some(0) => Ok(()),
        None => Err(Obstacle::Unmoved),
    }
}

/// The child's part.
fn look(way: &UnixStream, offset: i64) -> Result<(), Obstacle> {
    /// Seconds after which nobody answers any more.
    const PATIENCE: u32 = 10;
    // SAFETY: takes a number; the signal ends this process, which has no handler.
    unsafe { libc::alarm(PATIENCE) };
    // As every program of the room is; there is none yet that could look.
    set_dumpable_behavior(DumpableBehavior::Dumpable).map_err(|_| Obstacle::Refused)?;
    filter::enter(way).map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::BUSY) => Obstacle::Supervised,
        _ => Obstacle::Refused,
    })?;
    set_thread_pointer_again();
    let shown = [the_vdsos(), asked_for(0)];
    let before = asked_for(MARK);
    let is_shifted = |shown: &i64| (before + offset - 1..=before + offset).contains(shown);
    if shown.iter().all(is_shifted) { Ok(()) } else { Err(Obstacle::Unmoved) }
}

/// What every program does when it starts.
fn set_thread_pointer_again() {
    const SET: libc::c_ulong = 0x1002;
    const GET: libc::c_ulong = 0x1003;
    let mut pointer: libc::c_ulong = 0;
    // SAFETY: the first call writes one number; the second one changes nothing, since it sets what is set.
    unsafe {
        if libc::syscall(libc::c_long::from(ARCH_PRCTL), GET, &raw mut pointer) == 0 {
            libc::syscall(libc::c_long::from(ARCH_PRCTL), SET, pointer);
        }
    }
}

/// The second that libc shows, which asks the vDSO.
fn the_vdsos() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one such structure.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut time) };
    time.tv_sec
}

/// The second that the kernel shows to who asks it with such a mark.
fn asked_for(mark: u32) -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one such structure, and ignores the mark.
    unsafe {
        libc::syscall(libc::c_long::from(CLOCK_GETTIME), libc::CLOCK_REALTIME, &raw mut time, mark);
    }
    time.tv_sec
}
