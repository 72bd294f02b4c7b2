//! Looks at the host's processes and mounts.

use std::{fs, path::Path, time::Duration};

use rustix::process::{Pid, Signal, kill_process};

/// Waits for something that must happen soon.
pub(crate) fn soon(what: &str, mut happened: impl FnMut() -> bool) {
    for _ in 0..500 {
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

/// Children of a process that are keepers or first processes of rooms.
pub(crate) fn keepers_below(parent: u32) -> Vec<i32> {
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
