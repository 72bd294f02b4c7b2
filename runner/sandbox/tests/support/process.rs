//! Looks at the host's processes and mounts.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use rustix::process::{Pid, Signal, kill_process};

/// Waits for something that must happen soon.
pub(crate) fn soon(what: &str, mut happened: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if happened() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("did not happen: {what}");
}

/// Processes of the host whose command line starts so; a room's processes are among them.
pub(crate) fn processes(command: &str) -> Vec<i32> {
    let pids = fs::read_dir("/proc")
        .expect("readable")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let matches = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.rsplit_once('/').map_or(line.as_str(), |(_, name)| name).starts_with(command)
    };
    pids.filter(matches).collect()
}

/// Keepers and first processes of rooms.
pub(crate) struct Keepers {
    pub(crate) all: Vec<i32>,
    pub(crate) keepers: Vec<i32>,
    pub(crate) pids_1: Vec<i32>,
}

/// Those of this program.
pub(crate) fn keepers() -> Keepers {
    let keepers = keepers_below(std::process::id());
    let pids_1 = keepers.iter().flat_map(|keeper| keepers_below(keeper.cast_unsigned())).collect::<Vec<_>>();
    Keepers { all: [keepers.clone(), pids_1.clone()].concat(), keepers, pids_1 }
}

/// Children of a process that are keepers or first processes of rooms. Its launcher is neither, nor is a
/// keeper that has no room yet, nor a room's timekeeper.
pub(crate) fn keepers_below(parent: u32) -> Vec<i32> {
    let mut children = launchers_and_keepers_below(parent);
    let others = ["eadem-launcher", "eadem-spare", "eadem-clock"];
    children.retain(|pid| !others.iter().any(|name| is_named(*pid, name)));
    children
}

/// The launchers of this program's engines.
pub(crate) fn launchers() -> BTreeSet<i32> {
    let children = launchers_and_keepers_below(std::process::id());
    children.into_iter().filter(|pid| is_named(*pid, "eadem-launcher")).collect()
}

/// The timekeepers of rooms.
pub(crate) fn timekeepers() -> Vec<i32> {
    processes("eadem\u{0}__room").into_iter().filter(|pid| is_named(*pid, "eadem-clock")).collect()
}

fn is_named(pid: i32, name: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|text| text.trim_end() == name)
}

fn launchers_and_keepers_below(parent: u32) -> Vec<i32> {
    let of_parent = |pid: &i32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.lines().any(|line| line == format!("PPid:\t{parent}"))
    };
    processes("eadem\u{0}__room").into_iter().filter(of_parent).collect()
}

/// Processes of a session.
pub(crate) fn session(id: u32) -> Vec<i32> {
    let of_session = |pid: &i32| {
        // The name may hold spaces; behind it come state, parent, group and session.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let fields: Vec<&str> = fields.split_whitespace().collect();
        // The dead that nobody buried yet hold nothing any more.
        fields.get(3) == Some(&id.to_string().as_str()) && fields[0] != "Z"
    };
    processes("").into_iter().filter(of_session).collect()
}

/// Mounts of the host that have to do with a directory.
pub(crate) fn mounts(of: &Path) -> usize {
    let of = of.to_str().expect("is UTF-8");
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("readable");
    mounts.lines().filter(|line| line.contains(of)).count()
}

pub(crate) fn signal(pid: i32, signal: Signal) {
    let pid = Pid::from_raw(pid).expect("a pid");
    kill_process(pid, signal).expect("is sent");
}

/// The processes that a process started.
pub(crate) fn children(pid: i32) -> Vec<i32> {
    // A process with several threads has a list for each.
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let lists: Vec<String> = lists.collect();
    lists.iter().flat_map(|list| list.split_whitespace()).filter_map(|pid| pid.parse().ok()).collect()
}

/// Whether a process stands still at a step; see `Step`.
pub(crate) fn is_halted(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    // No signal of its own stops pid 1; whoever is not stopped yet would miss the signal to go on.
    let stands = status.contains("State:\tT") || (is_first(pid) && status.contains("State:\tS"));
    status.starts_with("Name:\thalted\n") && stands
}

/// Whether a process is there, and more than a name that nobody asked for yet.
pub(crate) fn is_alive(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status"));
    status.is_ok_and(|status| !status.contains("State:\tZ") && !status.contains("State:\tX"))
}

/// Whether a process is the first of a namespace below ours.
pub(crate) fn is_first(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
    let ids: Vec<&str> = ids.split_whitespace().collect();
    ids.len() > 1 && ids.last() == Some(&"1")
}

/// Who started a process.
pub(crate) fn parent(pid: i32) -> i32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:\t"));
    line.and_then(|number| number.parse().ok()).unwrap_or(0)
}
