//! Words a failed step: what is wrong with this machine, and what to type.

use std::{fs, path::Path};

use eadem_model::EngineError;

use crate::{
    failure::{Blame, Failure},
    keeper::CLONE_STEP,
    oci,
};

/// Turns a failed step into the engine's error.
pub(crate) fn explain(failure: &Failure) -> EngineError {
    let error = failure.error();
    match failure.blame {
        Blame::Plan => EngineError::Plan { what: format!("{} ({error})", failure.step) },
        Blame::Runtime => oci::explain(&failure.step),
        Blame::Host => EngineError::Io { attempt: failure.step.clone(), source: error },
        Blame::Machine => {
            let machine = Machine::look();
            EngineError::Forbidden {
                step: failure.step.clone(),
                errno: error.to_string(),
                remedy: machine.remedy(failure),
                facts: machine.facts,
            }
        }
    }
}

/// Every room takes one of each.
const COUNTS: [&str; 7] = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];

const SWITCH: &str = "kernel.unprivileged_userns_clone";
const APPARMOR: &str = "kernel.apparmor_restrict_unprivileged_userns";

/// The settings that bear on namespaces.
struct Machine {
    facts: Vec<String>,
}

impl Machine {
    fn look() -> Self {
        let counts = COUNTS.map(|kind| format!("user.max_{kind}_namespaces"));
        let settings = [SWITCH.to_owned(), APPARMOR.to_owned()].into_iter().chain(counts);
        let setting = |name: String| {
            let value = read(&format!("/proc/sys/{}", name.replace('.', "/")))?;
            // Of the counts, only the first that most machines change and those that forbid tell something.
            let tells = value == "0" || !name.starts_with("user.") || name.contains("user_");
            tells.then(|| format!("{name} = {value}"))
        };
        Self { facts: settings.filter_map(setting).chain(seccomp()).chain(of_containers()).collect() }
    }

    fn says(&self, fact: &str) -> bool {
        self.facts.iter().any(|known| known == fact)
    }

    /// The one command that most probably helps.
    fn remedy(&self, failure: &Failure) -> String {
        let zero =
            self.facts.iter().find_map(|fact| fact.strip_suffix(" = 0").filter(|it| it.starts_with("user.")));
        if let Some(setting) = zero {
            return format!("sysctl -w {setting}=10000");
        }
        if self.says(&format!("{SWITCH} = 0")) {
            return format!("sysctl -w {SWITCH}=1");
        }
        if self.says(&format!("{APPARMOR} = 1")) && failure.errno != libc::ENOSPC {
            return format!("eadem doctor --fix-apparmor (or, for all programs: sysctl -w {APPARMOR}=0)");
        }
        self.remedy_of_containers(failure)
    }

    fn remedy_of_containers(&self, failure: &Failure) -> String {
        if failure.step == CLONE_STEP && failure.errno == libc::ENOSPC {
            return "sysctl -w user.max_user_namespaces=10000".to_owned();
        }
        if failure.step.contains("overlay") && failure.errno == libc::ENODEV {
            return "modprobe overlay".to_owned();
        }
        let (program, options) = self.options();
        format!(
            "{program} {options} … (in a container; else ask who runs this machine to allow user namespaces)"
        )
    }

    /// All that the container needs, and no more: whoever starts it again wants to do so once.
    fn options(&self) -> (&'static str, String) {
        let is_podman = self.says(PODMAN);
        let unmask = if is_podman { "unmask=ALL" } else { "systempaths=unconfined" };
        // Where one of the two is missing, the other was asked for, and must be asked for again.
        let is_container = self.says("Seccomp: 2") || self.says(HIDDEN);
        let needed = [
            (is_container, "seccomp=unconfined"),
            (is_container, unmask),
            (self.facts.iter().any(|fact| fact.starts_with(PROFILE)), "apparmor=unconfined"),
        ];
        let options = needed.iter().filter(|(is_needed, _)| *is_needed);
        let options: Vec<String> = options.map(|(_, option)| format!("--security-opt {option}")).collect();
        let program = if is_podman { "podman run" } else { "docker run" };
        (program, if options.is_empty() { "--privileged".to_owned() } else { options.join(" ") })
    }
}

/// The kernel shows no whole `/proc` to the rooms of somebody from whom parts are hidden.
const HIDDEN: &str = "parts of /proc are hidden";
const PODMAN: &str = "this is a container of Podman";
const PROFILE: &str = "confined by AppArmor as ";

/// What containers leave behind to be recognised by.
fn of_containers() -> impl Iterator<Item = String> {
    let mounts = read("/proc/self/mounts").unwrap_or_default();
    let hidden = |line: &str| line.split(' ').nth(1).is_some_and(|at| at.starts_with("/proc/"));
    let hidden = mounts.lines().any(hidden).then(|| HIDDEN.to_owned());
    let podman = Path::new("/run/.containerenv").exists().then(|| PODMAN.to_owned());
    let profile = read("/proc/self/attr/apparmor/current").filter(|profile| profile.ends_with("(enforce)"));
    let profile = profile.map(|profile| format!("{PROFILE}{profile}"));
    [hidden, podman, profile].into_iter().flatten()
}

fn read(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

/// `Seccomp: 2` says that a filter stands between us and the kernel.
fn seccomp() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("Seccomp:"))?;
    Some(line.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remedy(facts: &[&str], step: &str, errno: i32) -> String {
        let machine = Machine { facts: facts.iter().map(|fact| (*fact).to_owned()).collect() };
        machine.remedy(&Failure { step: step.to_owned(), errno, blame: Blame::Machine })
    }

    #[test]
    fn each_cause_has_its_command() {
        let cases = [
            (
                &["user.max_user_namespaces = 0"][..],
                CLONE_STEP,
                libc::ENOSPC,
                "sysctl -w user.max_user_namespaces=10000",
            ),
            (
                &["user.max_net_namespaces = 0"],
                CLONE_STEP,
                libc::ENOSPC,
                "sysctl -w user.max_net_namespaces=10000",
            ),
            (
                &["kernel.unprivileged_userns_clone = 0"],
                CLONE_STEP,
                libc::EPERM,
                "sysctl -w kernel.unprivileged_userns_clone=1",
            ),
            (
                &["kernel.apparmor_restrict_unprivileged_userns = 1", "Seccomp: 0"],
                "writing uid_map of the room",
                libc::EPERM,
                "eadem doctor --fix-apparmor",
            ),
            (
                &["Seccomp: 2"],
                CLONE_STEP,
                libc::ENOSYS,
                "docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined …",
            ),
            (
                &["Seccomp: 2", HIDDEN],
                CLONE_STEP,
                libc::ENOSYS,
                "docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined …",
            ),
            (
                &["Seccomp: 0", HIDDEN],
                "mounting /proc",
                libc::EPERM,
                "docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined …",
            ),
            (
                &["Seccomp: 2", HIDDEN, PODMAN],
                CLONE_STEP,
                libc::ENOSYS,
                "podman run --security-opt seccomp=unconfined --security-opt unmask=ALL …",
            ),
            (
                &["Seccomp: 0", "confined by AppArmor as docker-default (enforce)"],
                "cutting mounts off from the host's",
                libc::EACCES,
                "docker run --security-opt apparmor=unconfined …",
            ),
            (&["Seccomp: 0"], "mounting /dev", libc::EPERM, "docker run --privileged …"),
            (&[], "mounting an overlay of the image's layers", libc::ENODEV, "modprobe overlay"),
        ];
        for (facts, step, errno, command) in cases {
            let said = remedy(facts, step, errno);
            assert!(said.starts_with(command), "{facts:?} {step}: {said}");
        }
    }

    #[test]
    fn a_place_that_the_plan_names_is_not_the_machines_fault() {
        let failure =
            Failure { step: "the working directory `/x`".into(), errno: libc::ENOENT, blame: Blame::Plan };
        assert!(matches!(explain(&failure), EngineError::Plan { .. }));
    }
}
