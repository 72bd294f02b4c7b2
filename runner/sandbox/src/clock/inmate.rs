//! A process that waits for an answer, as the timekeeper sees it.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::PathBuf,
};

use super::{
    listener::{Listener, Notice},
    vdso::{self, Patch},
};

/// The memory of a process that waits.
///
/// It is a file of that process's alone: whatever becomes of the process and its number, nobody else's memory
/// is read or written by it.
pub(crate) struct Memory(File);

/// Why a memory cannot be had.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// The process does not wait any more.
    Gone,
    /// It cannot be looked into.
    Closed,
}

fn place(thread: u32, name: &str) -> PathBuf {
    format!("/proc/{thread}/{name}").into()
}

impl Memory {
    /// Opens the memory of whoever made a call, and makes sure that it was not somebody else by then.
    pub(crate) fn of(listener: &Listener, notice: &Notice) -> Result<Self, Absent> {
        let opened = File::options().read(true).write(true).open(place(notice.thread, "mem"));
        if !listener.waits(notice.id) {
            return Err(Absent::Gone);
        }
        opened.map(Self).map_err(|_| Absent::Closed)
    }

    pub(crate) fn read<const N: usize>(&self, at: u64) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.0.read_exact_at(&mut bytes, at).map(|()| bytes)
    }

    pub(crate) fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }

    /// Changes the vDSO of a thread's process, if it is the one that we know; `false` if not.
    pub(crate) fn patch(&self, thread: u32, patch: &Patch) -> bool {
        let Some(start) = vdso::start(&place(thread, "auxv")) else { return false };
        let at = start.saturating_add(patch.at);
        let mut there = vec![0; patch.original.len()];
        let read = self.0.read_exact_at(&mut there, at);
        let is_known = read.is_ok() && there == patch.original;
        // An image that sets its thread pointer twice has it already.
        there == patch.changed || (is_known && self.write(at, &patch.changed).is_ok())
    }
}

/// Whether a signal is to be delivered to a thread, which it cannot be while the call waits.
pub(crate) fn has_signal(thread: u32) -> bool {
    let status = fs::read_to_string(place(thread, "status")).unwrap_or_default();
    let set = |name: &str| {
        let hex = status.lines().find_map(|line| line.strip_prefix(name))?.trim();
        u64::from_str_radix(hex, 16).ok()
    };
    let pending = set("SigPnd:").unwrap_or(0) | set("ShdPnd:").unwrap_or(0);
    pending & !set("SigBlk:").unwrap_or(0) != 0
}
