//! Veils: each name is a link to nowhere, on a file system in memory.
//!
//! Whoever asks for what lies behind a name follows the link, and the kernel notes the time of that; so it does
//! for whoever lists a directory. It costs nothing while a build runs. Only who asks for the link itself is not
//! seen (`lstat`), and learns no more than that the name is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, Permissions},
    io,
    iter::successors,
    os::{fd::BorrowedFd, unix::fs::PermissionsExt},
};

use eadem_model::{Room, RoomPath, RoomVeil, TreePath};
use rustix::fs::{AtFlags, CWD, Stat, Timespec, Timestamps, statat, symlinkat, utimensat};

use crate::{
    failure::{Attempt, Failure},
    mount,
    stage::write_empty,
};

/// Where the stage has veils.
const DIR: &str = "veil";

/// No process has this number.
const NOWHERE: &str = "/proc/0/veil";

/// Mounts the veils of a room; inputs come upon them.
pub(crate) fn hang(room: &Room) -> Result<(), Failure> {
    for (index, veil) in room.veils.iter().enumerate() {
        let (dir, target) = (format!("{DIR}/{index}"), format!("root{}", veil.at));
        weave(&dir, room, veil).machine("making a veil")?;
        let shown = mount::check(&target).and_then(|()| mount::show(&dir, &target, mount::SAFE));
        shown.machine("mounting a veil")?;
    }
    Ok(())
}

fn weave(dir: &str, room: &Room, veil: &RoomVeil) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let directories = directories(room, veil);
    for below in &directories {
        fs::create_dir_all(format!("{dir}/{below}"))?;
    }
    for (below, is_file) in inside(room, veil) {
        let path = format!("{dir}/{below}");
        if is_file { write_empty(path.as_ref())? } else { fs::create_dir_all(path)? }
    }
    for name in &veil.names {
        let path = format!("{dir}/{name}");
        symlinkat(NOWHERE, CWD, &path)?;
        untouch(&path)?;
    }
    // Last of all, since what is made in a directory touches it.
    directories.iter().try_for_each(|below| close(&format!("{dir}/{below}")))?;
    close(dir)
}

/// A room's user could open it again, and would be found out.
fn close(dir: &str) -> io::Result<()> {
    fs::set_permissions(dir, Permissions::from_mode(0o555))?;
    untouch(dir)
}

/// The inputs that lie in a veil, by their places there, and whether they are files.
fn inside(room: &Room, veil: &RoomVeil) -> BTreeMap<TreePath, bool> {
    let below = |at: &RoomPath| at.as_str().strip_prefix(veil.at.as_str())?.strip_prefix('/')?.parse().ok();
    room.inputs.iter().filter_map(|input| Some((below(&input.at)?, input.file))).collect()
}

/// The directories of a veil that are not the same as without it.
fn directories(room: &Room, veil: &RoomVeil) -> BTreeSet<TreePath> {
    let inside = inside(room, veil);
    let above = |path: &TreePath| successors(path.parent(), TreePath::parent);
    veil.names.iter().chain(inside.keys()).flat_map(above).collect()
}

const LONG_AGO: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

fn untouch(path: &str) -> io::Result<()> {
    let times = Timestamps { last_access: LONG_AGO, last_modification: LONG_AGO };
    Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// The names that somebody looked behind, and the directories that somebody listed or wrote to.
///
/// `stage` is the file system that holds the veils, of a room that is dead.
pub(crate) fn sought(stage: BorrowedFd<'_>, room: &Room) -> BTreeSet<RoomPath> {
    let of = |(index, veil)| touched(stage, index, room, veil);
    room.veils.iter().enumerate().flat_map(of).collect()
}

fn touched(stage: BorrowedFd<'_>, index: usize, room: &Room, veil: &RoomVeil) -> BTreeSet<RoomPath> {
    let dir = format!("{DIR}/{index}");
    let at = |way: &str| statat(stage, format!("{dir}{way}"), AtFlags::SYMLINK_NOFOLLOW);
    let ways = directories(room, veil).into_iter().chain(veil.names.clone()).map(|path| format!("/{path}"));
    let touched = ways.chain([String::new()]).filter(|way| !at(way).is_ok_and(|stat| is_untouched(&stat)));
    touched.filter_map(|way| format!("{}{way}", veil.at).parse().ok()).collect()
}

fn is_untouched(stat: &Stat) -> bool {
    let times = [stat.st_atime as u64, stat.st_atime_nsec, stat.st_mtime as u64, stat.st_mtime_nsec];
    times == [0; 4]
}
