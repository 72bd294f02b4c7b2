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

/// Options of a room's own `/dev/pts`.
pub(crate) const TERMINALS: &str = "newinstance,ptmxmode=0666,mode=0620";

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
    mount::show("dev", "root/dev", CLOSED).machine("mounting /dev")?;
    show_nodes("root/dev")?;
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount::make("devpts", "root/dev/pts", flags, TERMINALS).machine("mounting /dev/pts")
}

const CLOSED: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_RDONLY
    .union(MountAttrFlags::MOUNT_ATTR_NOSUID)
    .union(MountAttrFlags::MOUNT_ATTR_NOEXEC);

/// Shows the host's nodes in a directory, which may be where they are.
///
/// Nodes cannot be made in a user namespace, only shown. Data passes all the same; but the host's own node
/// keeps its times, which whoever may write could set.
pub(crate) fn show_nodes(dir: &str) -> Result<(), Failure> {
    let show = |node: &str| mount::show(&format!("/dev/{node}"), &format!("{dir}/{node}"), CLOSED);
    NODES.iter().try_for_each(|node| show(node).machine("mounting a device"))
}

fn furnish() -> rustix::io::Result<()> {
    mkdir("dev/pts", Mode::from_raw_mode(0o755))?;
    mkdir("dev/shm", Mode::from_raw_mode(0o755))?;
    NODES.iter().try_for_each(|node| blank_file(&format!("dev/{node}")))?;
    LINKS.iter().try_for_each(|(name, target)| symlink(*target, format!("dev/{name}")))
}
