//! `/proc` of a room.

use std::fs;

use rustix::{
    io::Errno,
    mount::{MountAttrFlags, MountFlags},
};

use crate::{
    failure::{Attempt, Failure},
    mount,
    mount::show_read_only,
};

/// Parts that change the machine.
pub(crate) const READ_ONLY: [&str; 4] = ["bus", "fs", "irq", "sys"];

/// Parts that tell of the machine's memory, disks, keys and other users.
pub(crate) const HIDDEN: [&str; 17] = [
    "cmdline",
    "diskstats",
    "interrupts",
    "kallsyms",
    "kcore",
    "key-users",
    "keys",
    "kmsg",
    "latency_stats",
    "locks",
    "modules",
    "partitions",
    "sched_debug",
    "swaps",
    "sysrq-trigger",
    "timer_list",
    "vmallocinfo",
];

/// Directories that tell of them.
pub(crate) const HIDDEN_DIRS: [&str; 3] = ["acpi", "asound", "scsi"];

/// Mounts a fresh `/proc`, whose processes are the room's alone.
pub(crate) fn mount_proc() -> Result<(), Failure> {
    mount_whole("root/proc")?;
    for name in READ_ONLY {
        let path = format!("root/proc/{name}");
        if_there(show_read_only(&path, &path)).machine("making a part of /proc read-only")?;
    }
    for name in HIDDEN {
        let hidden = mount::show("blank", &format!("root/proc/{name}"), MountAttrFlags::empty());
        if_there(hidden).machine("hiding a part of /proc")?;
    }
    for name in HIDDEN_DIRS {
        if_there(show_read_only("none", &format!("root/proc/{name}"))).machine("hiding a part of /proc")?;
    }
    Ok(())
}

/// Mounts a `/proc` of this process's namespaces, and forbids user namespaces below them.
///
/// Whoever gets past the system call filter still meets this limit of the room's own namespace.
pub(crate) fn mount_whole(target: &str) -> Result<(), Failure> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount::make("proc", target, flags, "").machine("mounting /proc")?;
    fs::write(format!("{target}/sys/user/max_user_namespaces"), "0")
        .machine("forbidding user namespaces inside")
}

/// Kernels are built with different parts.
fn if_there(result: rustix::io::Result<()>) -> rustix::io::Result<()> {
    match result {
        Err(Errno::NOENT) => Ok(()),
        result => result,
    }
}
