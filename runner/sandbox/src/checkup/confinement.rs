//! What the kernel offers to confine a payload by.
#![allow(unsafe_code, reason = "no safe crate of ours asks for the version of landlock")]

use std::{fs, path::Path, ptr};

use eadem_model::{Ability, Level};

/// Whether payloads can be given a filter of system calls; every room needs one.
pub(crate) fn system_calls() -> Ability {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| status.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()));
    let known = Path::new("/proc/sys/kernel/seccomp/actions_avail").exists();
    match field("Seccomp:").as_deref() {
        Some("2") => {
            let found = "available; eadem itself stands behind the filter of a container or service";
            Ability::good("seccomp", found)
        }
        Some(_) => Ability::good("seccomp", "available"),
        None if known => Ability::good("seccomp", "available"),
        None => Ability::flawed("seccomp", Level::Missing, "the kernel has none, so it makes no rooms", None),
    }
}

/// Whether the kernel has landlock, and which version of it.
pub(crate) fn landlock() -> Ability {
    const VERSION: u32 = 1;
    // SAFETY: with this flag the kernel reads no attributes; it returns a number and opens nothing.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, ptr::null::<u8>(), 0_usize, VERSION) };
    if version > 0 {
        return Ability::good("landlock", format!("version {version}"));
    }
    let found = match std::io::Error::last_os_error().raw_os_error() {
        Some(libc::EOPNOTSUPP) => "the kernel has it, but it was not switched on at boot",
        Some(libc::EPERM) => "the filter of a container or service hides it",
        _ => "the kernel has none",
    };
    let remedy =
        found.contains("boot").then(|| "add `lsm=landlock,…` to the kernel's command line".to_owned());
    Ability::flawed("landlock", Level::Partly, format!("{found}; rooms are closed without it"), remedy)
}
