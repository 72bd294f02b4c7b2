//! Words what a runtime refused, and what to type.

use eadem_model::EngineError;

/// A runtime that is in none of the directories that were searched.
pub(crate) fn not_installed(name: &str, dirs: &[&str]) -> EngineError {
    let (what, remedy) = if name.starts_with('/') {
        ("is no file".to_owned(), None)
    } else if name.contains('/') {
        ("is neither a program's name nor an absolute path".to_owned(), None)
    } else {
        (format!("is in none of {}", dirs.join(", ")), Some(install(name)))
    };
    EngineError::Daemon { daemon: format!("the OCI runtime `{name}`"), what, remedy }
}

/// Distributions have the usual ones.
fn install(name: &str) -> String {
    let known = ["crun", "runc"].contains(&name);
    format!("apt-get install {}", if known { name } else { "runc (and then: --engine oci:runc)" })
}

/// What a holder reported of the runtime.
pub(crate) fn explain(said: &str) -> EngineError {
    let remedy = REMEDIES.iter().find(|(sign, _)| said.contains(sign)).map(|(_, remedy)| remedy);
    EngineError::Daemon {
        daemon: "the OCI runtime".to_owned(),
        what: said.to_owned(),
        remedy: Some(remedy.unwrap_or(&OTHERWISE).to_string()),
    }
}

const OTHERWISE: &str = "eadem --engine native … (or another runtime: runc is known to work)";

/// Signs in what runtimes say, and what helps.
const REMEDIES: [(&str, &str); 3] = [
    (
        "hybrid mode",
        "eadem --engine oci:runc … (or start the machine with systemd.unified_cgroup_hierarchy=1)",
    ),
    (
        "Permission denied",
        "install the runtime where every user may run it, and its libraries where every user may read them",
    ),
    ("seccomp", "install a runtime that was built with seccomp: eadem --engine oci:runc …"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_crun_says_of_hybrid_cgroups_has_a_remedy() {
        let said = "`/usr/bin/crun` did not start the room: cgroups in hybrid mode not supported";
        let EngineError::Daemon { what, remedy, .. } = explain(said) else { panic!("is a refusal") };
        assert!(what.contains("hybrid mode") && remedy.expect("there is one").contains("oci:runc"));
    }
}
