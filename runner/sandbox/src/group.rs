//! The control groups of one room.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use eadem_model::{Limit, Limits, Means};
use rustix::process::Pid;

use crate::{
    cgroup::{Place, Version, places},
    controller::Controller,
    counter,
    directory::Directory,
    quota,
};

/// What the names of all our groups begin with.
const PREFIX: &str = "eadem-room-";

/// More processes than this are counted by looking: making a group takes longer than making a room.
const MANY_PROCESSES: u64 = 4096;

/// The groups of a room. Whoever made them removes them, or else the sweep that finds the room's directory.
#[derive(Default)]
pub(crate) struct Groups(Vec<Group>);

struct Group {
    dir: PathBuf,
    version: Version,
    controllers: Vec<Controller>,
}

impl Groups {
    /// Makes the groups that the limits ask for, as far as this machine has a place for them.
    ///
    /// Their names are noted in the room's directory before they are made.
    pub(crate) fn make(limits: &Limits, directory: &Directory) -> io::Result<Self> {
        let wanted = wanted(limits);
        if wanted.is_empty() {
            return Ok(Self::default());
        }
        Self::make_below(places(&wanted), limits, directory)
    }

    fn make_below(places: Vec<Place>, limits: &Limits, directory: &Directory) -> io::Result<Self> {
        let name = format!("{PREFIX}{}", directory.name().to_string_lossy());
        let planned: Vec<(Place, PathBuf)> = places
            .into_iter()
            .map(|place| (free_name(&place.dir, &name), place))
            .map(|(dir, place)| (place, dir))
            .collect();
        directory.note_groups(planned.iter().map(|(_, dir)| dir.as_path()))?;
        let groups = planned.into_iter().filter_map(|(place, dir)| Group::make(dir, place, limits));
        Ok(Self(groups.collect()))
    }

    /// Puts a process, and all that it will start, into the groups.
    ///
    /// A group may be ours and our processes not: then it holds nothing.
    pub(crate) fn take_in(&mut self, pid: Pid) {
        let pid = pid.as_raw_nonzero().to_string();
        for group in &mut self.0 {
            if fs::write(group.dir.join("cgroup.procs"), &pid).is_err() {
                group.controllers.clear();
            }
        }
    }

    /// What holds a limit, if a group does.
    pub(crate) fn means(&self, controller: Controller) -> Option<Means> {
        let group = self.0.iter().find(|group| group.controllers.contains(&controller))?;
        Some(match group.version {
            Version::One => Means::Cgroup1,
            Version::Two => Means::Cgroup2,
        })
    }

    /// The limit that the kernel had to enforce since the groups were made.
    pub(crate) fn breach(&self) -> Option<Limit> {
        self.0.iter().find_map(|group| {
            let enforced = |one: &&Controller| counter::enforced(&group.dir, group.version, **one);
            group.controllers.iter().find(enforced).and_then(|one| limit(*one))
        })
    }

    /// Removes the groups; everything in them must be dead.
    pub(crate) fn remove(&self) -> io::Result<()> {
        self.0.iter().try_for_each(|group| remove(&group.dir))
    }
}

/// The controllers that a room's limits need.
fn wanted(limits: &Limits) -> Vec<Controller> {
    let memory = limits.memory_bytes.map(|_| Controller::Memory);
    let cpu = limits.cpu_percent.map(|_| Controller::Cpu);
    let processes = (limits.processes <= MANY_PROCESSES).then_some(Controller::Processes);
    memory.into_iter().chain(cpu).chain(processes).collect()
}

/// What ends a room; the processor's share ends none.
fn limit(controller: Controller) -> Option<Limit> {
    match controller {
        Controller::Memory => Some(Limit::Memory),
        Controller::Processes => Some(Limit::Processes),
        Controller::Cpu => None,
    }
}

/// Rooms of two stores may have one name.
fn free_name(below: &Path, name: &str) -> PathBuf {
    let names = std::iter::once(name.to_owned()).chain((1..).map(|n| format!("{name}.{n}")));
    names.map(|name| below.join(name)).find(|dir| !dir.exists()).expect("numbers do not end")
}

impl Group {
    /// `None` if nothing can be made there, or nothing in it can be limited.
    fn make(dir: PathBuf, place: Place, limits: &Limits) -> Option<Self> {
        fs::create_dir(&dir).ok()?;
        let Place { version, controllers, .. } = place;
        let set = |one: &Controller| quota::set(&dir, version, *one, limits).is_ok();
        let controllers: Vec<_> = controllers.into_iter().filter(set).collect();
        if controllers.is_empty() {
            // Nobody ever was in it, so it goes; if not, the room's directory still names it.
            let _ = fs::remove_dir(&dir);
            return None;
        }
        Some(Self { dir, version, controllers })
    }
}

/// Removes the groups that a dead room's directory names; others are not touched.
pub(crate) fn remove_noted(dirs: impl Iterator<Item = PathBuf>) -> io::Result<()> {
    let ours = |dir: &PathBuf| {
        dir.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX))
            && dir.join("cgroup.procs").exists()
    };
    dirs.filter(ours).try_for_each(|dir| remove(&dir))
}

/// The kernel may still be about to bury what was killed.
fn remove(dir: &Path) -> io::Result<()> {
    const TRIES: u32 = 200;
    for _ in 0..TRIES {
        match fs::remove_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            removed => return removed,
        }
        thread::sleep(Duration::from_millis(10));
    }
    Err(io::ErrorKind::ResourceBusy.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        wall_seconds: 1,
        log_bytes: 1,
        output_bytes: 1,
        memory_bytes: Some(1 << 20),
        processes: 10,
        cpu_percent: None,
        disk_bytes: 1,
        files: 1,
    };

    /// Groups of a room below a directory that looks like the unified hierarchy.
    fn made(at: &Path) -> (Directory, Groups) {
        let rooms = at.join("rooms");
        fs::create_dir(&rooms).expect("makes");
        let directory = Directory::create(&rooms).expect("is made");
        let controllers = vec![Controller::Memory, Controller::Processes];
        let place = Place { dir: at.to_owned(), version: Version::Two, controllers };
        let groups = Groups::make_below(vec![place], &LIMITS, &directory).expect("are made");
        (directory, groups)
    }

    #[test]
    fn a_group_holds_its_limits_takes_pid_1_in_and_tells_what_was_refused() {
        let at = tempfile::tempdir().expect("a directory");
        let (directory, mut groups) = made(at.path());
        let dir = at.path().join(format!("{PREFIX}{}", directory.name().to_string_lossy()));
        let read = |name: &str| fs::read_to_string(dir.join(name)).expect("was written");
        assert_eq!((read("memory.max"), read("pids.max")), ("1048576".to_owned(), "11".to_owned()));
        groups.take_in(Pid::INIT);
        assert_eq!(read("cgroup.procs"), "1");
        assert_eq!(groups.means(Controller::Memory), Some(Means::Cgroup2));
        assert_eq!((groups.means(Controller::Cpu), groups.breach()), (None, None));
        fs::write(dir.join("pids.events"), "max 4\n").expect("writes");
        assert_eq!(groups.breach(), Some(Limit::Processes));
    }

    #[test]
    fn a_group_that_cannot_be_entered_holds_nothing() {
        let at = tempfile::tempdir().expect("a directory");
        let (_directory, mut groups) = made(at.path());
        groups.0.iter().for_each(|group| fs::create_dir(group.dir.join("cgroup.procs")).expect("makes"));
        groups.take_in(Pid::INIT);
        assert_eq!(groups.means(Controller::Memory), None);
    }

    #[test]
    fn only_groups_of_ours_are_removed_for_a_note() {
        let at = tempfile::tempdir().expect("a directory");
        let [ours, others, plain] =
            ["eadem-room-1-0", "others", "eadem-room-2-0"].map(|name| at.path().join(name));
        [&ours, &others, &plain].into_iter().for_each(|dir| fs::create_dir(dir).expect("makes"));
        fs::write(others.join("cgroup.procs"), "").expect("writes");
        // A group is removed with its files, which no directory here can be; so it is said to be not empty.
        fs::write(ours.join("cgroup.procs"), "").expect("writes");
        let error = remove_noted([others.clone(), plain.clone(), ours].into_iter()).expect_err("is tried");
        assert_eq!(error.kind(), io::ErrorKind::DirectoryNotEmpty);
        assert!(others.exists() && plain.exists());
    }

    #[test]
    fn groups_are_made_only_for_what_they_hold_better() {
        let few = Limits { memory_bytes: None, ..LIMITS };
        assert_eq!(wanted(&LIMITS), [Controller::Memory, Controller::Processes]);
        assert_eq!(wanted(&few), [Controller::Processes]);
        assert_eq!(wanted(&Limits::default()), []);
    }
}
