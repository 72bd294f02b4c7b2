//! Looks at the processes of this machine.

use std::fs;

/// The ids of all processes whose command line holds `text`; its words stand one space apart.
pub(crate) fn with_words(text: &str) -> Vec<u32> {
    let pids = fs::read_dir("/proc")
        .expect("/proc is mounted")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| *pid != std::process::id() && words(*pid).contains(text)).collect()
}

/// The process that started this one, as long as both are there.
pub(crate) fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

/// The processes that a process has started itself and that are there.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// The id that a process has for itself, if that is another one: it is in a room.
pub(crate) fn in_room(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    ids.split_whitespace().nth(1)?.parse().ok()
}

/// Whether a process was started by another one, or by one that it started.
pub(crate) fn descends(pid: u32, from: u32) -> bool {
    std::iter::successors(Some(pid), |pid| parent(*pid)).any(|pid| pid == from)
}

/// A process's command line; empty if the process is gone or a zombie.
pub(crate) fn words(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// The mounts that this process sees.
pub(crate) fn mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").expect("/proc is mounted")
}
