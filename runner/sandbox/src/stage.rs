//! The stage: a file system in memory where a room is put together.
//!
//! ```text
//! l0 l1 …   the image's layers       top       our own files and mount points, above the layers
//! i0 i1 …   the inputs               none      an empty directory: an overlay needs two layers
//! disk      the room's directory     scratch   an overlay over it that can be written
//! tmp vartmp shm dev blank           root      what becomes the root
//! ```
//!
//! Everything of the host is shown through overlays of these short names, never bound: a bind mount
//! shows its place on the host's file system in `/proc/self/mountinfo`, and a build could read it.
//! The root is an overlay without an upper. With one id mapped the payload owns every file and modes
//! protect nothing; but where there is no upper nothing can be written, and nothing is left to throw
//! away.

use std::{
    fs, io,
    os::{fd::OwnedFd, unix::fs::PermissionsExt},
    path::Path,
};

use eadem_model::{DirectoryOrder, Room, User};
use rustix::{
    fs::{CWD, FileType, Mode, mkdir, mknodat},
    io::Errno,
    mount::{
        FsMountFlags, FsOpenFlags, MountFlags, MoveMountFlags, fsconfig_create, fsconfig_set_string, fsmount,
        fsopen, move_mount,
    },
    process::fchdir,
};

use crate::{
    failure::{Attempt, Failure},
    mount,
    report::Note,
    shuffle,
};

/// Bytes that /tmp, /var/tmp and /dev/shm hold together.
pub(crate) const MEMORY_BYTES: u64 = 4 << 30;
const MEMORY_INODES: &str = "1000000";

const SAFE: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV);

/// Makes the stage the working directory.
///
/// It is mounted upon the host's `/proc`, a directory that surely is there and that nobody needs any
/// more: the room gets a fresh one.
pub(crate) fn open() -> Result<(), Failure> {
    let stage = memory().machine("mounting a file system in memory")?;
    fchdir(&stage).machine("entering the stage")?;
    furnish().machine("making the stage")
}

fn furnish() -> rustix::io::Result<()> {
    for name in ["top", "none", "disk", "scratch", "tmp", "vartmp", "shm", "dev", "root"] {
        mkdir(name, Mode::from_raw_mode(0o755))?;
    }
    blank_file("blank")?;
    // Nobody can write to it from here on, wherever it is shown.
    mount::show("blank", "blank", mount::READ_ONLY)
}

/// An empty file, to be hidden by a mount or to hide something.
pub(crate) fn blank_file(path: &str) -> rustix::io::Result<()> {
    mknodat(CWD, path, FileType::RegularFile, Mode::from_raw_mode(0o444), 0)
}

fn memory() -> rustix::io::Result<OwnedFd> {
    let fs = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&fs, "size", MEMORY_BYTES.to_string())?;
    fsconfig_set_string(&fs, "nr_inodes", MEMORY_INODES)?;
    fsconfig_set_string(&fs, "mode", "0755")?;
    fsconfig_create(&fs)?;
    let stage = fsmount(&fs, FsMountFlags::FSMOUNT_CLOEXEC, mount::SAFE)?;
    move_mount(&stage, "", CWD, "/proc", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    Ok(stage)
}

/// Mounts the root: the image's layers and ours above them.
pub(crate) fn mount_root(room: &Room, layers: &[OwnedFd]) -> Result<(), Failure> {
    write_top(room).machine("writing the room's own files")?;
    let mut lower = String::from("top");
    for (index, layer) in layers.iter().enumerate() {
        place(layer, &format!("l{index}")).machine("mounting a layer")?;
    }
    (0..layers.len()).rev().for_each(|index| lower.push_str(&format!(":l{index}")));
    read_only_overlay(&lower, "root").machine("mounting an overlay of the image's layers")
}

fn place(tree: &OwnedFd, name: &str) -> rustix::io::Result<()> {
    mkdir(name, Mode::from_raw_mode(0o755))?;
    mount::attach(tree, name)
}

/// The empty directory at the bottom makes two layers of one.
fn read_only_overlay(lower: &str, target: &str) -> rustix::io::Result<()> {
    let options = format!("lowerdir={lower}:none,userxattr");
    mount::check(target)?;
    mount::make("overlay", target, SAFE | MountFlags::RDONLY, &options)
}

/// Our layer: mount points as real directories, so that no link of a layer can be in their place,
/// and the few files that say where the payload is.
fn write_top(room: &Room) -> io::Result<()> {
    let top = Path::new("top");
    let own = room.inputs.iter().map(|input| &input.at).chain(&room.scratch);
    let fixed = ["dev", "etc", "proc", "sys", "tmp", "var/tmp"];
    for path in fixed.into_iter().chain(own.map(eadem_model::RoomPath::below_root)) {
        fs::create_dir_all(top.join(path))?;
    }
    for (name, content) in own_files(room) {
        fs::write(top.join("etc").join(name), content)?;
    }
    Ok(())
}

fn own_files(room: &Room) -> [(&'static str, String); 5] {
    let User { name, uid, gid, home } = &room.user;
    let host = &room.hostname;
    // The payload's own ids come first: they may be those of another line.
    let passwd = format!(
        "{name}:x:{uid}:{gid}::{home}:/bin/sh\nroot:x:0:0:root:/root:/bin/sh\n\
         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    );
    [
        ("passwd", passwd),
        ("group", format!("{name}:x:{gid}:\nroot:x:0:\nnogroup:x:65534:\n")),
        ("hostname", format!("{host}\n")),
        ("hosts", format!("127.0.0.1\tlocalhost {host}\n::1\tlocalhost ip6-localhost {host}\n")),
        ("resolv.conf", String::new()),
    ]
}

/// Mounts the inputs; says so if they could not be shuffled.
pub(crate) fn mount_inputs(room: &Room, inputs: &[OwnedFd]) -> Result<Option<Note>, Failure> {
    let mut note = None;
    for (index, (input, tree)) in room.inputs.iter().zip(inputs).enumerate() {
        let (name, target) = (format!("i{index}"), format!("root{}", input.at));
        place(tree, &name).machine("mounting an input")?;
        if let DirectoryOrder::Shuffled(seed) = room.order {
            if shuffle::mount_shuffled(&name, &target, seed)? {
                continue;
            }
            note = Some(Note::NotShuffled);
        }
        read_only_overlay(&name, &target).machine("mounting an overlay of an input")?;
    }
    Ok(note)
}

/// Mounts the directories that can be written and outlive the room.
pub(crate) fn mount_scratch(room: &Room, disk: &OwnedFd) -> Result<Option<Note>, Failure> {
    mount::attach(disk, "disk").machine("mounting the room's disk")?;
    let note = scratch_overlay().machine("mounting an overlay that can be written")?;
    let from = if note.is_some() { "disk/u" } else { "scratch" };
    for (index, at) in room.scratch.iter().enumerate() {
        let target = format!("root{at}");
        let shown = mount::check(&target)
            .and_then(|()| mount::show(&format!("{from}/{index}"), &target, mount::SAFE));
        shown.machine("mounting a scratch directory")?;
    }
    Ok(note)
}

/// One overlay for all scratch directories. Its upper is never used again, hence `volatile`.
fn scratch_overlay() -> rustix::io::Result<Option<Note>> {
    let options = "lowerdir=none,upperdir=disk/u,workdir=disk/w,userxattr,volatile";
    match mount::make("overlay", "scratch", SAFE, options) {
        // Some file systems, overlays among them, cannot be an upper.
        Err(Errno::INVAL) => Ok(Some(Note::PlainScratch)),
        made => made.map(|()| None),
    }
}

/// Mounts the directories that can be written and live in memory.
pub(crate) fn mount_memory() -> Result<(), Failure> {
    for (name, target) in [("tmp", "root/tmp"), ("vartmp", "root/var/tmp"), ("shm", "root/dev/shm")] {
        let open = fs::set_permissions(name, fs::Permissions::from_mode(0o1777));
        open.machine("making a temporary directory")?;
        mount::show(name, target, mount::SAFE).machine("mounting a temporary directory")?;
    }
    Ok(())
}
