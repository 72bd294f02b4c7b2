//! What a daemon can do, for those who want to know before they build.

use eadem_model::{Abilities, Ability, Level};

use crate::daemon::{Daemon, Make};

/// What is known of a daemon that answers.
pub(crate) fn abilities(daemon: &Daemon) -> Abilities {
    let info = &daemon.info;
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    let groups = info.cgroup_version.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let who = if daemon.is_rootless() { "an ordinary user's" } else { "root's" };
    Abilities(vec![
        ability("daemon", Level::Good, format!("{}, version {}, {who}", daemon.name, daemon.version)),
        ability("api", Level::Good, daemon.api.clone()),
        ability("architecture", Level::Good, known(&info.architecture)),
        ability("storage", Level::Good, known(&info.driver)),
        limits(daemon, &groups),
        seccomp(daemon),
    ])
}

fn limits(daemon: &Daemon, groups: &str) -> Ability {
    let info = &daemon.info;
    let all =
        [("memory", info.memory_limit), ("processes", info.pids_limit), ("processors", info.cpu_cfs_quota)];
    let missing: Vec<&str> =
        all.iter().filter(|(_, can)| *can != Some(true)).map(|(name, _)| *name).collect();
    match missing.is_empty() {
        true => ability("limits", Level::Good, format!("control groups, version {groups}")),
        false => ability("limits", Level::Partly, format!("no control of {}", missing.join(", "))),
    }
}

fn seccomp(daemon: &Daemon) -> Ability {
    match (daemon.has_seccomp(), daemon.make) {
        (true, Make::Docker) => ability("seccomp", Level::Good, "eadem's profile".to_owned()),
        (true, Make::Podman) => ability("seccomp", Level::Partly, "the daemon's own profile".to_owned()),
        (false, _) => ability("seccomp", Level::Partly, "system calls are not filtered".to_owned()),
    }
}

fn ability(name: &str, level: Level, found: String) -> Ability {
    Ability { name: name.to_owned(), level, found, remedy: None }
}
