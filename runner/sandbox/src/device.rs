//! `/dev` of a room.

use rustix::{
    fs::{Mode, mkdir, symlink},
    mount::{MountAttrFlags, MountFlags},
};

use crate::{
    failure::{Attempt, Failure},
    mount,
    stage::blank_file,
};

/// The host's devices that a room has; none of them keeps a state that one room could show another.
const NODES: [&str; 6] = ["full", "null", "random", "tty", "urandom", "zero"];

const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("ptmx", "pts/ptmx"),
    ("stderr", "/proc/self/fd/2"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
];

/// Mounts `/dev`, its nodes and its own terminals. Memory for `/dev/shm` comes later.
pub(crate) fn mount_dev() -> Result<(), Failure> {
    furnish().machine("making /dev")?;
    let flags = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    mount::show("dev", "root/dev", flags).machine("mounting /dev")?;
    for node in NODES {
        // Nodes cannot be made in a user namespace, only shown.
        let shown =
            mount::show(&format!("/dev/{node}"), &format!("root/dev/{node}"), MountAttrFlags::empty());
        shown.machine("mounting a device")?;
    }
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount::make("devpts", "root/dev/pts", flags, "newinstance,ptmxmode=0666,mode=0620")
        .machine("mounting /dev/pts")
}

fn furnish() -> rustix::io::Result<()> {
    mkdir("dev/pts", Mode::from_raw_mode(0o755))?;
    mkdir("dev/shm", Mode::from_raw_mode(0o755))?;
    NODES.iter().try_for_each(|node| blank_file(&format!("dev/{node}")))?;
    LINKS.iter().try_for_each(|(name, target)| symlink(*target, format!("dev/{name}")))
}
