//! The runtime's program: where it is, and how it is started.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use eadem_model::EngineError;
use serde::{Deserialize, Serialize};

use super::refusal::not_installed;

/// Where a runtime is looked for by its name, in this order.
const DIRS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// What a launch says of the runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Runtime {
    /// The program on the host.
    pub(crate) program: PathBuf,
    /// The bundle's `config.json`.
    pub(crate) config: String,
    /// Whether the program of the room is missing on purpose: the runtime is to say so.
    pub(crate) probe: bool,
}

/// Finds the program that `--engine oci:NAME` means.
pub(crate) fn find(name: &str) -> Result<PathBuf, EngineError> {
    let path = Path::new(name);
    let places = if path.is_absolute() {
        vec![path.to_owned()]
    } else if name.contains('/') {
        Vec::new()
    } else {
        DIRS.iter().map(|dir| Path::new(dir).join(name)).collect()
    };
    places.into_iter().find(|place| place.is_file()).ok_or_else(|| not_installed(name, &DIRS))
}

/// What the runtime says of its version, on one line.
pub(crate) fn version(program: &Path) -> io::Result<String> {
    let said = command(program).arg("--version").stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    text.lines().next().map(str::to_owned).ok_or_else(|| io::Error::other("it does not say its version"))
}

/// The runtime with an environment that says nothing of the user's.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", DIRS.join(":")).current_dir("/");
    command
}

/// What each runtime must be told so that it leaves control groups alone: eadem limits the room that
/// the runtime works in.
pub(crate) fn words(program: &Path) -> &'static [&'static str] {
    match name(program) {
        "runc" => &["--rootless=true"],
        "crun" => &["--cgroup-manager=disabled"],
        "runsc" => &["--ignore-cgroups"],
        _ => &[],
    }
}

/// Whether the runtime must see the host's control groups, though it may not change them.
///
/// runc wants to find those that it is in. crun needs none, and of those that it finds it takes offence
/// at the hybrid ones.
pub(crate) fn wants_cgroups(program: &Path) -> bool {
    name(program) != "crun"
}

fn name(program: &Path) -> &str {
    program.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_a_name_in_a_known_directory_or_an_absolute_path() {
        assert_eq!(find("/bin/sh").expect("is there"), Path::new("/bin/sh"));
        assert!(find("sh").is_ok());
        for name in ["no-such-runtime", "bin/sh", "../bin/sh", "/no/such/runtime", "/bin"] {
            assert!(matches!(find(name), Err(EngineError::Daemon { .. })), "{name}");
        }
    }
}
