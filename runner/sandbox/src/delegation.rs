//! Which part of the unified hierarchy is ours to divide.
//!
//! A group that holds processes cannot give controllers on to groups below it, but for the very top. So we
//! look, in this order, at our own group if nobody but eadem is in it (we step down into [`OWN`] then), at
//! the group above if it belongs to our user, and at the top if we are root.
//!
//! `systemd-run --user --scope -p Delegate=yes eadem …` makes a group of the first kind.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::process::{geteuid, getppid};

use crate::controller::Controller;

/// The group that eadem itself steps down into, so that rooms can have groups beside it.
pub(crate) const OWN: &str = "eadem.self";

/// The directory below which groups with some of the wanted controllers can be made, and with which.
pub(crate) fn base(mount: &Path, own: &Path, wanted: &[Controller]) -> Option<(PathBuf, Vec<Controller>)> {
    candidates(mount, own).into_iter().find_map(|dir| {
        let given = give_on(&dir, wanted);
        (!given.is_empty()).then_some((dir, given))
    })
}

fn candidates(mount: &Path, own: &Path) -> Vec<PathBuf> {
    let above = own.parent().filter(|_| own != mount);
    let stepped_down = own.file_name().is_some_and(|name| name == OWN);
    let ours = |dir: &&Path| stepped_down || (!geteuid().is_root() && belongs_to_us(dir));
    let top = geteuid().is_root().then(|| mount.to_owned());
    let own = (!stepped_down).then(|| own.to_owned());
    own.into_iter().chain(above.filter(ours).map(Path::to_owned)).chain(top).collect()
}

fn belongs_to_us(dir: &Path) -> bool {
    fs::metadata(dir).is_ok_and(|dir| dir.uid() == geteuid().as_raw())
}

/// Lets groups below `dir` have the wanted controllers, and says which they have.
fn give_on(dir: &Path, wanted: &[Controller]) -> Vec<Controller> {
    let there = words(dir, "cgroup.controllers");
    let wanted = wanted.iter().filter(|one| there.iter().any(|name| name == one.name()));
    let given = |one: &Controller| words(dir, "cgroup.subtree_control").iter().any(|name| name == one.name());
    wanted.copied().filter(|one| given(one) || (enable(dir, *one).is_ok() && given(one))).collect()
}

/// Some controllers can be given on in spite of processes here, but then to threads alone. Only the very top,
/// which has no type, may hold both.
fn enable(dir: &Path, controller: Controller) -> io::Result<()> {
    if dir.join("cgroup.type").exists() && !words(dir, "cgroup.procs").is_empty() {
        step_down(dir)?;
    }
    fs::write(dir.join("cgroup.subtree_control"), format!("+{}", controller.name()))
}

/// Moves eadem and its keepers into a group below, if nobody else is in this one.
fn step_down(dir: &Path) -> io::Result<()> {
    let pids = words(dir, "cgroup.procs");
    if !pids.iter().all(|pid| is_eadem(pid)) {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    let below = dir.join(OWN);
    match fs::create_dir(&below) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    pids.iter().try_for_each(|pid| fs::write(below.join("cgroup.procs"), pid))
}

/// The eadem that started this process, and all that comes from it: keepers and rooms.
fn is_eadem(pid: &str) -> bool {
    let eadem = getppid().map_or(0, |parent| parent.as_raw_nonzero().get()).to_string();
    std::iter::successors(Some(pid.to_owned()), |pid| parent_of(pid)).any(|pid| pid == eadem)
}

fn parent_of(pid: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().to_owned())
}

fn words(dir: &Path, name: &str) -> Vec<String> {
    let text = fs::read_to_string(dir.join(name)).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(dir: &Path, controllers: &str, given: &str) -> PathBuf {
        fs::create_dir_all(dir).expect("makes");
        fs::write(dir.join("cgroup.controllers"), controllers).expect("writes");
        fs::write(dir.join("cgroup.subtree_control"), given).expect("writes");
        dir.to_owned()
    }

    #[test]
    fn a_group_that_gives_controllers_on_is_a_base_for_those() {
        let top = tempfile::tempdir().expect("a directory");
        let own = group(&top.path().join("own"), "memory pids\n", "memory\n");
        let wanted = [Controller::Memory, Controller::Cpu];
        assert_eq!(base(top.path(), &own, &wanted), Some((own, vec![Controller::Memory])));
    }

    #[test]
    fn beside_the_group_that_eadem_stepped_down_into_is_room_for_others() {
        let top = tempfile::tempdir().expect("a directory");
        let above = group(&top.path().join("scope"), "memory pids\n", "memory pids\n");
        let own = group(&above.join(OWN), "memory pids\n", "");
        let wanted = [Controller::Processes];
        assert_eq!(base(top.path(), &own, &wanted), Some((above, wanted.to_vec())));
    }

    #[test]
    fn without_controllers_there_is_no_base() {
        let top = tempfile::tempdir().expect("a directory");
        let own = group(&top.path().join("own"), "cpuset\n", "");
        assert_eq!(base(top.path(), &own, &[Controller::Memory]), None);
    }

    #[test]
    fn only_eadem_steps_down() {
        let top = tempfile::tempdir().expect("a directory");
        let pids = format!("1\n{}\n", std::process::id());
        fs::write(top.path().join("cgroup.procs"), pids).expect("writes");
        assert_eq!(step_down(top.path()).expect_err("1 is not ours").kind(), io::ErrorKind::ResourceBusy);
        fs::write(top.path().join("cgroup.procs"), std::process::id().to_string()).expect("writes");
        step_down(top.path()).expect("nobody else is there");
        let moved = fs::read_to_string(top.path().join(OWN).join("cgroup.procs")).expect("is written");
        assert_eq!(moved, std::process::id().to_string());
    }
}
