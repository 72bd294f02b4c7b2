//! Which control groups eadem may make, to hold limits by the kernel.

use std::{
    fs,
    path::{Path, PathBuf},
};

use eadem_model::{Ability, Level};
use rustix::fs::{Access, access};

const NAME: &str = "cgroups";

/// The controllers that hold a plan's limits.
const WANTED: [&str; 3] = ["cpu", "memory", "pids"];

/// Makes a group that is eadem's to divide.
const SCOPE: &str = "systemd-run --user --scope --property=Delegate=yes eadem …";

/// Looks at the groups that this process is in.
pub(crate) fn look() -> Ability {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    judge(&text("/proc/self/mounts"), &text("/proc/self/cgroup"), &Disk)
}

/// What the directories of groups say.
trait Groups {
    fn controllers(&self, group: &Path) -> Vec<String>;
    fn may_write(&self, group: &Path) -> bool;
}

struct Disk;

impl Groups for Disk {
    fn controllers(&self, group: &Path) -> Vec<String> {
        let text = fs::read_to_string(group.join("cgroup.controllers")).unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn may_write(&self, group: &Path) -> bool {
        access(group, Access::WRITE_OK).is_ok()
            && access(group.join("cgroup.procs"), Access::WRITE_OK).is_ok()
    }
}

fn judge(mounts: &str, own: &str, groups: &dyn Groups) -> Ability {
    let unified = unified(mounts, own);
    let held = |group: &PathBuf| -> Vec<&str> {
        let there = groups.controllers(group);
        WANTED.into_iter().filter(|wanted| there.iter().any(|one| one == wanted)).collect()
    };
    let controllers = unified.as_ref().map(held).unwrap_or_default();
    if let Some(group) = unified.filter(|_| !controllers.is_empty()) {
        return of_unified(&controllers, groups.may_write(&group));
    }
    let old: Vec<&str> = WANTED
        .into_iter()
        .filter(|wanted| old(mounts, own, wanted).is_some_and(|group| groups.may_write(&group)))
        .collect();
    of_old(&old)
}

fn of_unified(controllers: &[&str], delegated: bool) -> Ability {
    let list = controllers.join(", ");
    let remedy = SCOPE.to_owned();
    match (delegated, controllers.len() == WANTED.len()) {
        (true, true) => Ability::good(NAME, format!("version 2, delegated: {list}")),
        (true, false) => {
            let found = format!("version 2, delegated: only {list}");
            Ability::flawed(NAME, Level::Partly, found, Some(remedy))
        }
        (false, _) => {
            let found = format!("version 2 ({list}), but this group is not delegated to eadem");
            Ability::flawed(NAME, Level::Missing, found, Some(remedy))
        }
    }
}

fn of_old(controllers: &[&str]) -> Ability {
    let list = controllers.join(", ");
    match controllers.len() {
        0 => Ability::flawed(
            NAME,
            Level::Missing,
            "none may be made; limits are held by rlimits and by watching",
            Some(format!("{SCOPE} (or run eadem as root)")),
        ),
        n if n == WANTED.len() => Ability::good(NAME, format!("version 1: {list}")),
        _ => {
            let remedy = "run eadem as root, where /sys/fs/cgroup has cpu, memory and pids".to_owned();
            Ability::flawed(NAME, Level::Partly, format!("version 1: only {list}"), Some(remedy))
        }
    }
}

/// The directory of this process's group in the unified hierarchy.
fn unified(mounts: &str, own: &str) -> Option<PathBuf> {
    let path = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(directory(mounts, |kind, _| kind == "cgroup2")?.join(path.trim_start_matches('/')))
}

/// The directory of this process's group in the old hierarchy of a controller.
fn old(mounts: &str, own: &str, controller: &str) -> Option<PathBuf> {
    let path = own.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        fields.next()?.split(',').any(|one| one == controller).then(|| fields.next())?
    })?;
    let names = |options: &str| options.split(',').any(|one| one == controller);
    let mount = directory(mounts, |kind, options| kind == "cgroup" && names(options))?;
    let group = mount.join(path.trim_start_matches('/'));
    // In a container the mount may begin at the group itself.
    if group.is_dir() { Some(group) } else { Some(mount) }
}

/// The first mount that fits.
fn directory(mounts: &str, fits: impl Fn(&str, &str) -> bool) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        let [_, at, kind, options, ..] = fields[..] else { return None };
        fits(kind, options).then(|| PathBuf::from(at))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake {
        controllers: &'static str,
        writable: &'static [&'static str],
    }

    impl Groups for Fake {
        fn controllers(&self, _: &Path) -> Vec<String> {
            self.controllers.split_whitespace().map(str::to_owned).collect()
        }

        fn may_write(&self, group: &Path) -> bool {
            self.writable.iter().any(|path| Path::new(path) == group)
        }
    }

    const NEW: &str = "cgroup2 /groups cgroup2 rw 0 0\n";
    const HYBRID: &str = "cgroup2 /u cgroup2 rw 0 0\ncgroup /m cgroup rw,memory 0 0\n\
                          cgroup /p cgroup rw,pids 0 0\ncgroup /c cgroup rw,cpu,cpuacct 0 0\n";
    const HYBRID_OWN: &str = "3:memory:/\n2:pids:/\n1:cpu,cpuacct:/\n0::/\n";

    #[test]
    fn a_delegated_group_with_all_controllers_is_good() {
        let fake = Fake { controllers: "cpuset cpu io memory pids", writable: &["/groups/a/b"] };
        let ability = judge(NEW, "0::/a/b\n", &fake);
        assert_eq!(
            (ability.level, ability.found.as_str()),
            (Level::Good, "version 2, delegated: cpu, memory, pids")
        );
    }

    #[test]
    fn a_group_of_somebody_else_has_its_command() {
        let ability = judge(NEW, "0::/a\n", &Fake { controllers: "memory pids", writable: &[] });
        assert_eq!(ability.level, Level::Missing);
        assert!(ability.remedy.expect("one").starts_with("systemd-run --user --scope"));
        let ability = judge(NEW, "0::/a\n", &Fake { controllers: "pids", writable: &["/groups/a"] });
        assert_eq!(
            (ability.level, ability.found.as_str()),
            (Level::Partly, "version 2, delegated: only pids")
        );
    }

    #[test]
    fn an_empty_unified_hierarchy_leaves_the_old_ones() {
        let ability = judge(HYBRID, HYBRID_OWN, &Fake { controllers: "", writable: &["/m", "/p", "/c"] });
        assert_eq!((ability.level, ability.found.as_str()), (Level::Good, "version 1: cpu, memory, pids"));
        let ability = judge(HYBRID, HYBRID_OWN, &Fake { controllers: "", writable: &["/m"] });
        assert_eq!((ability.level, ability.found.as_str()), (Level::Partly, "version 1: only memory"));
    }

    #[test]
    fn a_machine_without_groups_has_none() {
        for (mounts, own) in [("", ""), (HYBRID, HYBRID_OWN), ("garbage", "x\n0:")] {
            let ability = judge(mounts, own, &Fake { controllers: "", writable: &[] });
            assert_eq!(ability.level, Level::Missing, "{mounts}");
            assert!(ability.remedy.is_some_and(|remedy| remedy.contains("as root")), "{mounts}");
        }
    }
}
