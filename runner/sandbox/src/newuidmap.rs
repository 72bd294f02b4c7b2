//! The programs that may map ids which their caller may not.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use rustix::process::Pid;

use crate::failure::{Attempt, Blame, Failure};

/// Where systems keep programs that may do what their callers may not.
const PLACES: [[&str; 2]; 3] = [
    ["/usr/bin/newuidmap", "/usr/bin/newgidmap"],
    ["/bin/newuidmap", "/bin/newgidmap"],
    ["/run/wrappers/bin/newuidmap", "/run/wrappers/bin/newgidmap"],
];

/// The programs that map what `/etc/subuid` and `/etc/subgid` allow.
pub(crate) fn programs() -> Option<[&'static str; 2]> {
    PLACES.into_iter().find(|pair| pair.iter().all(|path| Path::new(path).exists()))
}

/// Runs one of them for a process that is in a new user namespace; it gets numbers and nothing else.
pub(crate) fn run(program: &str, pid: Pid, numbers: &[u32]) -> Result<(), Failure> {
    let mut command = Command::new(program);
    command.arg(pid.as_raw_nonzero().to_string());
    command.args(numbers.iter().map(u32::to_string));
    command.env_clear().current_dir("/").stdin(Stdio::null());
    let output = command.output().machine(&format!("starting {program}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Failure { step: format!("{program} ({said})"), errno: libc::EPERM, blame: Blame::Machine })
}
