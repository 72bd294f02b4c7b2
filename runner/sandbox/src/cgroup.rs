//! Where control groups can be made for a room.
//!
//! Everything is read from the two files of `/proc` that say which hierarchies are mounted where and in which
//! group we are, so that tests can say it in their own words. A group is made below our own group, or
//! at a place that was given to us; what belongs to others is not divided.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{controller::Controller, delegation};

/// Which of the kernel's two interfaces a hierarchy has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// One hierarchy for each controller.
    One,
    /// The unified hierarchy.
    Two,
}

/// A directory below which groups with these controllers can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
    pub(crate) version: Version,
    pub(crate) controllers: Vec<Controller>,
}

/// A hierarchy that is mounted.
struct Hierarchy {
    version: Version,
    /// Names of the controllers, of version 1 alone.
    controllers: Vec<String>,
    mount: PathBuf,
    /// The group that the mount shows as its top.
    top: PathBuf,
}

/// Where groups with these controllers can be made on this machine.
pub(crate) fn places(wanted: &[Controller]) -> Vec<Place> {
    let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    places_of(wanted, &read("mountinfo"), &read("cgroup"))
}

/// The unified hierarchy is asked first: it says who exceeded what, and ends whole groups.
fn places_of(wanted: &[Controller], mountinfo: &str, membership: &str) -> Vec<Place> {
    let hierarchies: Vec<Hierarchy> = mountinfo.lines().filter_map(hierarchy).collect();
    let mut missing = wanted.to_vec();
    let mut places: Vec<Place> = Vec::new();
    for version in [Version::Two, Version::One] {
        for hierarchy in hierarchies.iter().filter(|one| one.version == version) {
            let place = place(hierarchy, &missing, membership);
            missing.retain(|one| !place.iter().any(|place| place.controllers.contains(one)));
            places.extend(place);
        }
    }
    places
}

fn place(hierarchy: &Hierarchy, wanted: &[Controller], membership: &str) -> Option<Place> {
    let own = hierarchy.own_dir(membership)?;
    let (dir, controllers) = match hierarchy.version {
        Version::Two => delegation::base(&hierarchy.mount, &own, wanted)?,
        Version::One => (own, hierarchy.has(wanted)),
    };
    (!controllers.is_empty()).then_some(Place { dir, version: hierarchy.version, controllers })
}

impl Hierarchy {
    fn has(&self, wanted: &[Controller]) -> Vec<Controller> {
        let has = |one: &&Controller| self.controllers.iter().any(|name| name == one.name());
        wanted.iter().filter(has).copied().collect()
    }

    /// The directory of the group that we are in, if the mount shows it.
    fn own_dir(&self, membership: &str) -> Option<PathBuf> {
        let group = membership.lines().find_map(|line| self.group_in(line))?;
        let below = Path::new(group).strip_prefix(&self.top).ok()?;
        let dir = self.mount.join(below);
        dir.is_dir().then_some(dir)
    }

    /// The group of a line like `4:memory:/a/b`, if the line is about this hierarchy.
    fn group_in<'a>(&self, line: &'a str) -> Option<&'a str> {
        let (number, rest) = line.split_once(':')?;
        let (controllers, group) = rest.split_once(':')?;
        let ours = match self.version {
            Version::Two => number == "0",
            Version::One => controllers.split(',').any(|name| self.controllers.iter().any(|own| own == name)),
        };
        ours.then_some(group)
    }
}

/// Reads a line like `31 23 0:27 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory`.
fn hierarchy(line: &str) -> Option<Hierarchy> {
    let (mount, fs) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(3).map(PathBuf::from);
    let (top, mount) = (mount.next()?, mount.next()?);
    let fs: Vec<&str> = fs.split(' ').collect();
    let version = match fs.first() {
        Some(&"cgroup") => Version::One,
        Some(&"cgroup2") => Version::Two,
        _ => return None,
    };
    let options = fs.get(2).copied().unwrap_or_default();
    let controllers = options.split(',').filter(|word| !matches!(*word, "rw" | "ro"));
    Some(Hierarchy { version, controllers: controllers.map(str::to_owned).collect(), mount, top })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Controller; 3] = [Controller::Memory, Controller::Processes, Controller::Cpu];

    fn mounts(at: &Path) -> String {
        let at = at.display();
        format!(
            "22 1 254:0 / / rw - ext4 /dev/vda rw\n\
             24 22 0:22 / {at}/cpu rw,nosuid - cgroup cgroup rw,cpu,cpuacct\n\
             27 22 0:25 /docker/7 {at}/memory rw,nosuid shared:3 - cgroup cgroup rw,memory\n\
             31 22 0:29 / {at}/systemd rw - cgroup cgroup rw,name=systemd\n\
             32 22 0:30 / {at}/unified rw - cgroup2 cgroup2 rw,nsdelegate\n"
        )
    }

    #[test]
    fn groups_of_the_old_hierarchies_are_made_below_our_own() {
        let at = tempfile::tempdir().expect("a directory");
        for dir in ["cpu/a", "memory/b", "systemd", "unified"] {
            fs::create_dir_all(at.path().join(dir)).expect("makes");
        }
        let membership = "9:name=systemd:/\n4:memory:/docker/7/b\n2:cpuacct,cpu:/a\n0::/\n";
        let places = places_of(&ALL, &mounts(at.path()), membership);
        let place = |dir: &str, controller| Place {
            dir: at.path().join(dir),
            version: Version::One,
            controllers: vec![controller],
        };
        assert_eq!(places, [place("cpu/a", Controller::Cpu), place("memory/b", Controller::Memory)]);
    }

    #[test]
    fn a_group_that_the_mount_does_not_show_is_no_place() {
        let at = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(at.path().join("memory/other")).expect("makes");
        assert_eq!(places_of(&ALL, &mounts(at.path()), "4:memory:/docker/8/other\n2:cpu:/gone\n"), []);
    }

    #[test]
    fn the_unified_hierarchy_comes_first_and_the_old_ones_give_the_rest() {
        let at = tempfile::tempdir().expect("a directory");
        for dir in ["cpu", "memory", "unified"] {
            fs::create_dir_all(at.path().join(dir)).expect("makes");
        }
        let unified = at.path().join("unified");
        fs::write(unified.join("cgroup.controllers"), "cpuset cpu pids\n").expect("writes");
        fs::write(unified.join("cgroup.subtree_control"), "cpu pids\n").expect("writes");
        let places = places_of(&ALL, &mounts(at.path()), "4:memory:/docker/7\n2:cpu:/\n0::/\n");
        let seen: Vec<_> = places.iter().map(|place| (place.version, place.controllers.clone())).collect();
        let (two, one) = (vec![Controller::Processes, Controller::Cpu], vec![Controller::Memory]);
        assert_eq!(seen, [(Version::Two, two), (Version::One, one)]);
    }
}
