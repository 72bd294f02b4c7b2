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
const READ_ONLY: [&str; 4] = ["bus", "fs", "irq", "sys"];

/// Parts that tell of the machine's memory, disks, keys and other users.
const HIDDEN: [&str; 15] = [
    "cmdline",
    "diskstats",
    "kallsyms",
    "kcore",
    "key-users",
    "keys",
    "kmsg",
    "locks",
    "modules",
    "partitions",
    "sched_debug",
    "swaps",
    "sysrq-trigger",
    "timer_list",
    "vmallocinfo",
];

/// Mounts a fresh `/proc`, whose processes are the room's alone.
pub(crate) fn mount_proc() -> Result<(), Failure> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount::make("proc", "root/proc", flags, "").machine("mounting /proc")?;
    forbid_user_namespaces()?;
    for name in READ_ONLY {
        let path = format!("root/proc/{name}");
        if_there(show_read_only(&path, &path)).machine("making a part of /proc read-only")?;
    }
    for name in HIDDEN {
        let hidden = mount::show("blank", &format!("root/proc/{name}"), MountAttrFlags::empty());
        if_there(hidden).machine("hiding a part of /proc")?;
    }
    Ok(())
}

/// Whoever gets past the system call filter still meets this limit of the room's own namespace.
fn forbid_user_namespaces() -> Result<(), Failure> {
    fs::write("root/proc/sys/user/max_user_namespaces", "0").machine("forbidding user namespaces inside")
}

/// Kernels are built with different parts.
fn if_there(result: rustix::io::Result<()>) -> rustix::io::Result<()> {
    match result {
        Err(Errno::NOENT) => Ok(()),
        result => result,
    }
}
