//! Rooms that an installed OCI runtime makes: the same rounds, the same answers.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use eadem_model::{Applied, Cancel, Ending, Engine, EngineError, Isolation, Limit, Means, Users};
use eadem_sandbox::OciEngine;

use crate::{
    answers, escape,
    host::Host,
    support::{
        harness::{Test, tests},
        process::{mounts, processes, soon},
        world::{World, attempt, shell, with_output},
    },
    terminal::at_terminal,
    varied,
};

/// What is so in rooms of runtimes alone.
pub(crate) const TESTS: &[Test] = tests![
    probes_name_the_runtime_and_its_version,
    the_program_is_pid_1,
    the_devices_are_those_of_native_rooms,
    attempts_to_get_out_are_answered_but_for_these_as_in_native_rooms,
    what_is_refused_is_refused_by_the_numbers_of_32_bit_programs,
    there_are_no_capabilities,
    a_room_looks_as_a_native_one_does,
    endings_are_told_as_they_were,
    outputs_are_those_of_native_rooms,
    files_can_be_given_away_where_there_are_many_users_alone,
    many_rooms_leave_nothing,
    a_runtime_that_says_no_is_quoted,
    a_runtime_without_terminals_is_named,
    a_runtime_that_is_not_there_is_named,
];

fn probes_name_the_runtime_and_its_version(world: &World) {
    for name in ["runc", "crun"] {
        let abilities = OciEngine::new(name, world.rooms_dir()).probe().expect("makes a room").0;
        assert_eq!(abilities[0].name, format!("oci:{name}"));
        assert!(abilities[0].found.starts_with(&format!("{name} version ")), "{}", abilities[0].found);
    }
}

fn the_program_is_pid_1(world: &World) {
    let log = world.attempt(&["hidden"]);
    assert!(log.lines().all(|line| line.ends_with("=0")), "{log}");
    let log = world.sh("for p in /proc/[0-9]*; do echo ${p#/proc/}; done; ls /sys");
    assert_eq!(log, "1\n");
}

fn the_devices_are_those_of_native_rooms(world: &World) {
    let round = shell("ls -A /dev /dev/pts /dev/shm");
    assert_eq!(world.run(&round).success(), world.native(&round).success());
}

/// What is answered otherwise, and why that is no harm.
const OTHERWISE: &[(&str, &str, &str)] = &[
    ("statmount", "ENOENT", UNNAMED),
    ("listmount", "allowed", UNNAMED),
    ("int80", "allowed", "what is refused is refused by these numbers too"),
    ("setns-pid-1-mount", "EPERM", ITSELF),
    ("setns-pid-1-net", "EPERM", ITSELF),
    ("ptrace-seize-1", "allowed", ITSELF),
    ("process-vm-read-1", "allowed", ITSELF),
    ("process-vm-write-1", "allowed", ITSELF),
    ("migrate-pages-1", "allowed", ITSELF),
    ("write-proc-oom-1", "allowed", ITSELF),
    ("write-proc-mem-1", "EIO", ITSELF),
    ("write-proc-uid-map-1", "EPERM", ITSELF),
    ("write-proc-comm-1", "EINVAL", ITSELF),
    ("write-proc-coredump-1", "allowed", ITSELF),
    ("write-proc-clear-refs-1", "allowed", ITSELF),
    ("read-proc-1-auxv", "allowed", ITSELF),
    ("read-proc-1-environ", "allowed", ITSELF),
    ("read-proc-1-io", "allowed", ITSELF),
    ("read-proc-1-maps", "allowed", ITSELF),
    ("read-proc-1-mem", "EIO", ITSELF),
    ("read-proc-1-numa_maps", "allowed|ENOENT", ITSELF),
    ("read-proc-1-pagemap", "EINVAL", ITSELF),
    ("read-proc-1-smaps", "allowed", ITSELF),
    ("read-proc-1-syscall", "allowed|ENOENT", ITSELF),
    ("read-proc-1-timers", "empty", ITSELF),
    ("link-proc-1-cwd", "allowed", ITSELF),
    ("link-proc-1-exe", "allowed", ITSELF),
    ("link-proc-1-fd-0", "allowed", ITSELF),
    ("link-proc-1-map_files", "allowed", ITSELF),
    ("link-proc-1-ns-mnt", "allowed", ITSELF),
    ("link-proc-1-ns-user", "allowed", ITSELF),
    ("link-proc-1-root", "allowed", ITSELF),
    ("list-proc-1-fd", "allowed", ITSELF),
    ("setuid-0", "EPERM", OTHERS),
    ("setuid-other", "EPERM", OTHERS),
    ("setgid-0", "EPERM", OTHERS),
    ("setresuid-0", "EPERM", OTHERS),
    ("chown-root", "EPERM", OTHERS),
    ("chown-other", "EPERM", OTHERS),
    ("chgrp-other", "EPERM", OTHERS),
    ("prctl-keep-capabilities", "allowed", "there are none to keep"),
    ("setuid-mounts", "allowed", "empty directories that hide parts of /proc, where nothing can be put"),
];

const ITSELF: &str = "pid 1 is the program itself";
const UNNAMED: &str = "libseccomp has no name for it yet; it tells of the room's own mounts";
const OTHERS: &str = "the runtime's id and others are there, but it takes a power to have them";

#[cfg(target_arch = "x86_64")]
fn what_is_refused_is_refused_by_the_numbers_of_32_bit_programs(world: &World) {
    assert_eq!(
        world.attempt(&["old-numbers"]),
        "-1
-1
-1
"
    );
}

#[cfg(not(target_arch = "x86_64"))]
fn what_is_refused_is_refused_by_the_numbers_of_32_bit_programs(_: &World) {}

fn attempts_to_get_out_are_answered_but_for_these_as_in_native_rooms(world: &World) {
    let host = Host::new();
    let log = world.run(&escape(world, &host)).success();
    assert_eq!(answers::compare(&log, OTHERWISE), "");
}

fn there_are_no_capabilities(world: &World) {
    let log = world.sh(
        "while read name value; do case $name in Cap*|NoNew*|Secc*:) echo $name $value;; esac; done < /proc/self/status",
    );
    let none = "0000000000000000";
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert!(log.contains(&format!("{set}: {none}\n")), "{log}");
    }
    assert!(log.contains("NoNewPrivs: 1\n") && log.contains("Seccomp: 2\n"), "{log}");
}

/// What programs mostly look at.
const LOOK: &str = "ls -lan / /etc /build /home /usr /build/src /build/target /tmp /var/tmp /dev/shm | \
                    while read mode n uid gid rest; do echo \"$mode $uid $gid ${rest##*:??}\"; done; \
                    cat /etc/passwd /etc/group /etc/hosts /etc/resolv.conf; ulimit -a; umask; \
                    cat /proc/sys/kernel/domainname /proc/sys/user/max_user_namespaces";

fn a_room_looks_as_a_native_one_does(world: &World) {
    let mut other = varied(shell(LOOK));
    // A runtime's room has the machine's clock, and times are listed otherwise by one that is far ahead.
    other.setting.clock_offset = 0;
    for round in [shell(LOOK), other] {
        assert_eq!(world.run(&round).success(), world.native(&round).success());
    }
}

fn endings_are_told_as_they_were(world: &World) {
    for (script, ending) in [
        ("exit 3", Ending::Failed(3)),
        ("exit 1", Ending::Failed(1)),
        ("exit 126", Ending::Failed(126)),
        ("exit 137", Ending::Failed(137)),
        ("true", Ending::Success),
    ] {
        let run = world.run(&shell(script));
        assert_eq!(run.outcome().ending, ending, "{script}");
        assert!(run.outcome().limits.contains(&Applied { limit: Limit::Wall, value: 60, by: Means::Watch }));
        assert_eq!((&run.events[..], run.outcome().isolation), (&[][..], Isolation::Strict));
        assert!(run.outcome().lacks.iter().any(|lack| lack.contains("pid 1")), "{:?}", run.outcome());
    }
    // A fault kills pid 1 as well; only signals that somebody sends may be ignored.
    let run = world.run(&attempt(&["fault"]));
    assert_eq!(run.outcome().ending, Ending::Signalled(11), "{}", run.log);
}

fn outputs_are_those_of_native_rooms(world: &World) {
    let script = "mkdir -p out/d; echo text > out/file; echo run > out/d/run; chmod 755 out/d/run; \
                  ln -s file out/link; ln -s /etc/passwd out/far; echo x > 'out/a,b:c\\d'; mkdir out/'new\nline'";
    let round = with_output(shell(script), "all", "/out");
    let run = world.run(&round);
    assert_eq!(run.outcome().ending, Ending::Success);
    assert!(run.taken.contains(&"all/d/run* = run\n".to_owned()), "{:?}", run.taken);
    let native = world.native(&round);
    assert_eq!(run.taken, native.taken);
    assert_eq!(world.run(&varied(round)).taken, native.taken);
    let run = world.run(&with_output(shell("true"), "bin/tool", "/release/tool"));
    assert_eq!(run.outcome().ending, Ending::MissingOutput("bin/tool".parse().expect("clean")));
}

fn many_rooms_leave_nothing(world: &World) {
    let n_in = |dir: &str| fs::read_dir(dir).map_or(0, Iterator::count);
    let state = || {
        world.settle();
        [n_in("/proc/self/fd"), mounts(&world.place), n_in("/run/runc"), n_in("/run/crun")]
    };
    drop(world.run(&shell("true")).success());
    let before = state();
    for _ in 0..20 {
        drop(world.run(&shell("sleep 98767 & exit 0")).success());
    }
    assert_eq!(state(), before);
    soon("no process stays", || processes("sleep\u{0}98767").is_empty());
    let groups = Command::new("find").args(["/sys/fs/cgroup", "-name", "eadem"]).output().expect("starts");
    assert_eq!(String::from_utf8_lossy(&groups.stdout), "");
}

fn files_can_be_given_away_where_there_are_many_users_alone(world: &World) {
    let mut round = attempt(&["users"]);
    let log = world.run(&round).success();
    assert!(log.contains("\nroots: EPERM\nothers: EPERM\nhighest: EPERM\n"), "{log}");
    round.plan.users = Users::Range;
    let run = world.run(&round);
    let lacks = |text| run.outcome().lacks.iter().any(|lack| lack.contains(text));
    assert!(lacks("pid 1") && lacks("powers over users"), "{:?}", run.outcome());
    let log = run.success();
    let given = "\nroots 0:0\nothers 33:44\nhighest 65535:65535\nbeyond: EINVAL\ngroups [4, 5]\nbecame 0:0\n\
                 mount: EPERM\nchroot: EPERM\nmknod: EPERM\nclock: EPERM\n";
    assert!(log.contains(given), "{log}");
}

/// A program that stands for a runtime, where everybody may run it.
fn pretend(dir: &Path, script: &str) -> String {
    let path = dir.join("runtime");
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("sets");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("writes");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("sets");
    path.to_str().expect("is UTF-8").to_owned()
}

fn a_runtime_that_says_no_is_quoted(world: &World) {
    let says = "while [ \"$1\" != --log ]; do shift; done; \
                echo '{\"level\":\"error\",\"msg\":\"cgroups in hybrid mode not supported\"}' > \"$2\"; exit 1";
    for (script, what) in [
        (says, "did not start the room: cgroups in hybrid mode not supported"),
        ("exit 7", "did not start the room: it ended with exit status: 7 and did not say why"),
        ("exit 0", "did not tell the pid of what it started"),
        ("echo \"$PATH\"; env | wc -l; exit 1", "did not say why"),
    ] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let program = pretend(dir.path(), script);
        let run =
            world.run_with(&OciEngine::new(&program, world.rooms_dir()), &shell("true"), &Cancel::default());
        let Err(EngineError::Daemon { what: said, remedy, .. }) = &run.outcome else {
            panic!("{:?}", run.outcome)
        };
        assert!(said.contains(what) && said.contains(&program) && remedy.is_some(), "{said}");
    }
}

fn a_runtime_without_terminals_is_named(_: &World) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let world = World::new().by(&pretend(dir.path(), "exit 0"));
    let mut session = at_terminal(&world, &["/bin/sh"]);
    session.expect("did not hand out the room's terminal");
    assert_eq!(session.status(), Some(98));
    assert!(session.is_cooked());
}

fn a_runtime_that_is_not_there_is_named(world: &World) {
    let engine = OciEngine::new("no-such-runtime", world.rooms_dir());
    let error = world.run_with(&engine, &shell("true"), &Cancel::default()).outcome.expect_err("is missing");
    let said = error.to_string();
    assert!(said.starts_with("the OCI runtime `no-such-runtime` is in none of /usr/local/sbin, "), "{said}");
    assert!(matches!(engine.probe(), Err(EngineError::Daemon { .. })));
}
