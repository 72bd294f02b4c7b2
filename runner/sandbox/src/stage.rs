//! The stage: a file system in memory where a room is put together.
//!
//! ```text
//! l0 l1 …   the image's layers       top       our own files and mount points, above the layers
//! i0 i1 …   the inputs               none      an empty directory: an overlay needs two layers
//! disk      what can be written      scratch   an overlay over it that can be written
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

use eadem_model::{DirectoryOrder, Room};
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
    directory::scratch_name,
    failure::{Attempt, Failure},
    headroom, mount,
    report::Note,
    shuffle,
    volume::Amount,
};

/// Bytes that /tmp, /var/tmp and /dev/shm hold together.
const MEMORY: Amount = Amount { bytes: 4 << 30, files: 1_000_000 };

const SAFE: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV);

/// Makes the stage the working directory, mounted upon a directory of the host that surely is there and
/// that nobody needs any more.
pub(crate) fn open(upon: &str) -> Result<OwnedFd, Failure> {
    let stage = memory(upon, MEMORY).machine("mounting a file system in memory")?;
    fchdir(&stage).machine("entering the stage")?;
    furnish().machine("making the stage")?;
    Ok(stage)
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

fn memory(at: &str, size: Amount) -> rustix::io::Result<OwnedFd> {
    let fs = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&fs, "size", size.bytes.to_string())?;
    fsconfig_set_string(&fs, "nr_inodes", size.files.to_string())?;
    fsconfig_set_string(&fs, "mode", "0755")?;
    fsconfig_create(&fs)?;
    let mounted = fsmount(&fs, FsMountFlags::FSMOUNT_CLOEXEC, mount::SAFE)?;
    move_mount(&mounted, "", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    Ok(mounted)
}

/// Mounts the root: the image's layers and ours above them.
pub(crate) fn mount_root(room: &Room, layers: &[OwnedFd]) -> Result<(), Failure> {
    write_top(room).machine("writing the room's own files")?;
    let mut lower = String::from("top");
    for (index, layer) in layers.iter().enumerate() {
        place(layer, &format!("l{index}")).machine("mounting a layer")?;
    }
    (0..layers.len()).rev().for_each(|index| lower.push_str(&format!(":l{index}")));
    if layers.is_empty() {
        lower.push_str(BOTTOM);
    }
    read_only_overlay(&lower, "root").machine("mounting an overlay of the image's layers")
}

fn place(tree: &OwnedFd, name: &str) -> rustix::io::Result<()> {
    mkdir(name, Mode::from_raw_mode(0o755))?;
    mount::attach(tree, name)
}

/// The empty directory at the bottom, which makes two layers of one.
const BOTTOM: &str = ":none";

/// An overlay of at least two layers.
fn read_only_overlay(lower: &str, target: &str) -> rustix::io::Result<()> {
    let options = format!("lowerdir={lower},userxattr");
    mount::check(target)?;
    mount::make("overlay", target, SAFE | MountFlags::RDONLY, &options)
}

/// Our layer: mount points as real directories, so that no link of a layer can be in their place,
/// and the few files that say where the payload is.
fn write_top(room: &Room) -> io::Result<()> {
    let top = Path::new("top");
    let veiled = room.veils.iter().map(|veil| &veil.at);
    let (files, dirs): (Vec<_>, Vec<_>) = room.inputs.iter().partition(|input| input.file);
    let own = dirs.into_iter().map(|input| &input.at).chain(&room.scratch).chain(veiled);
    let fixed = ["dev", "etc", "proc", "sys", "tmp", "var/tmp"];
    for path in fixed.into_iter().chain(own.map(eadem_model::RoomPath::below_root)) {
        fs::create_dir_all(top.join(path))?;
    }
    for file in files {
        write_empty(&top.join(file.at.below_root()))?;
    }
    for (name, content) in room.own_files() {
        fs::write(top.join("etc").join(name), content)?;
    }
    Ok(())
}

/// A place for a file.
pub(crate) fn write_empty(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path.parent().expect("a file lies in a directory"))?;
    fs::write(path, "")
}

/// Mounts the inputs; says so if they could not be shuffled.
pub(crate) fn mount_inputs(room: &Room, inputs: &[OwnedFd]) -> Result<Option<Note>, Failure> {
    let mut note = None;
    for (index, (input, tree)) in room.inputs.iter().zip(inputs).enumerate() {
        let (name, target) = (format!("i{index}"), format!("root{}", input.at));
        if input.file {
            let shown = mount::check_file(&target).and_then(|()| mount::attach_read_only(tree, &target));
            shown.machine("mounting an input")?;
            continue;
        }
        place(tree, &name).machine("mounting an input")?;
        if let DirectoryOrder::Shuffled(seed) = room.order {
            if shuffle::mount_shuffled(&name, &target, seed)? {
                continue;
            }
            note = Some(Note::NotShuffled);
        }
        read_only_overlay(&format!("{name}{BOTTOM}"), &target).machine("mounting an overlay of an input")?;
    }
    Ok(note)
}

/// Mounts the directories that can be written and outlive the room.
pub(crate) fn mount_scratch(room: &Room, start: Option<&OwnedFd>) -> Result<Option<Note>, Failure> {
    let note = scratch_overlay(start).machine("mounting an overlay that can be written")?;
    let from = if note.is_some() { "disk/u" } else { "scratch" };
    for (index, at) in room.scratch.iter().enumerate() {
        let target = format!("root{at}");
        let shown = mount::check(&target)
            .and_then(|()| mount::show(&format!("{from}/{index}"), &target, mount::SAFE));
        shown.machine("mounting a scratch directory")?;
    }
    Ok(note)
}

/// Mounts what the scratch directories lie on: the room's directory on the host.
pub(crate) fn mount_disk(disk: &OwnedFd) -> Result<(), Failure> {
    mount::attach(disk, "disk").machine("mounting the room's disk")
}

/// The same in memory, furnished as the directory is.
pub(crate) fn mount_disk_in_memory(room: &Room) -> Result<OwnedFd, Failure> {
    let disk = memory("disk", headroom::disk(&room.limits)).machine("mounting a file system in memory")?;
    let scratch = (0..room.scratch.len()).map(|index| format!("disk/{}", scratch_name(index)));
    for name in ["disk/u".to_owned(), "disk/w".to_owned()].into_iter().chain(scratch) {
        mkdir(name, Mode::from_raw_mode(0o755)).machine("making scratch directories")?;
    }
    Ok(disk)
}

/// One overlay for all scratch directories. Its upper is never used again, hence `volatile`. What they hold
/// at first is its lower, so that nothing can be changed there, and what is new alone is in the upper.
fn scratch_overlay(start: Option<&OwnedFd>) -> rustix::io::Result<Option<Note>> {
    let lower = if start.is_some() { "start" } else { "none" };
    start.map_or(Ok(()), |start| place(start, lower))?;
    let options = format!("lowerdir={lower},upperdir=disk/u,workdir=disk/w,userxattr,volatile");
    match mount::make("overlay", "scratch", SAFE, &options) {
        // Some file systems, overlays among them, cannot be an upper.
        Err(Errno::INVAL) if start.is_none() => Ok(Some(Note::PlainScratch)),
        made => made.map(|()| None),
    }
}

/// Mounts what a failed build left as the directories that can be written.
///
/// Each is the upper of an overlay of its own: the one directory that holds them all holds more.
pub(crate) fn mount_kept(room: &Room, kept: &OwnedFd) -> Result<Option<Note>, Failure> {
    place(kept, "kept").machine("mounting what a build left")?;
    let mut note = None;
    for (index, at) in room.scratch.iter().enumerate() {
        let shown = show_kept(index, &format!("root{at}")).machine("mounting a kept directory")?;
        note = note.or(shown);
    }
    Ok(note)
}

fn show_kept(index: usize, target: &str) -> rustix::io::Result<Option<Note>> {
    mount::check(target)?;
    let options = format!("lowerdir=none,upperdir=kept/{index},workdir=kept/w{index},userxattr,volatile");
    match mount::make("overlay", target, SAFE, &options) {
        Err(Errno::INVAL) => {
            mount::show(&format!("kept/{index}"), target, mount::SAFE).map(|()| Some(Note::PlainScratch))
        }
        made => made.map(|()| None),
    }
}

/// Directories that can be written and live in memory, and where the room has them.
pub(crate) const TEMPORARY: [(&str, &str); 2] = [("tmp", "root/tmp"), ("vartmp", "root/var/tmp")];

/// The same, below the room's `/dev`.
pub(crate) const SHARED: (&str, &str) = ("shm", "root/dev/shm");

/// Mounts directories that can be written and live in memory.
pub(crate) fn mount_memory(places: &[(&str, &str)]) -> Result<(), Failure> {
    for (name, target) in places {
        let open = fs::set_permissions(name, fs::Permissions::from_mode(0o1777));
        open.machine("making a temporary directory")?;
        mount::show(name, target, mount::SAFE).machine("mounting a temporary directory")?;
    }
    Ok(())
}
