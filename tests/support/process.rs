//! Looks at the processes of this machine.

use std::fs;

/// The ids of all processes whose command line holds `text`; its words stand one space apart.
pub(crate) fn with_words(text: &str) -> Vec<u32> {
    let pids = fs::read_dir("/proc")
        .expect("/proc is mounted")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| *pid != std::process::id() && words(*pid).contains(text)).collect()
}

/// A process's command line; empty if the process is gone or a zombie.
fn words(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// The mounts that this process sees.
pub(crate) fn mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").expect("/proc is mounted")
}
