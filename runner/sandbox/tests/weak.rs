//! Weak rooms as they really are, made by root; see `rooms.rs` for the others.
#![allow(clippy::print_stdout, reason = "the tests have their own main function and tell what they do")]
#![allow(unsafe_code, reason = "the attempts are raw system calls")]

#[allow(dead_code, reason = "the other program of tests uses the rest")]
mod support;

use std::{
    env, fs,
    os::unix::fs::MetadataExt,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    time::{Duration, Instant},
};

use eadem_model::{Ability, Cancel, DirectoryOrder, Ending, Engine, EngineError, Isolation, Level, Limit};
use eadem_sandbox::{LAUNCHER_WORD, NativeEngine, launcher_main, sweep};
use rustix::process::{Signal, geteuid};
use support::{
    attempts,
    harness::{Test, tests},
    process::{keepers, mounts, processes, signal, soon},
    world::{World, attempt, shell, with_output},
};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some(LAUNCHER_WORD) => launcher_main(),
        Some("__attempt") if words[1..] == ["shared"] => shared(),
        Some("__attempt") => attempts::run(&words[1..]),
        _ => run_tests(&words),
    }
}

const TESTS: &[Test] = tests![
    a_weak_room_says_what_it_is_and_lacks,
    the_payload_is_a_user_who_owns_nothing_else,
    the_images_layers_cannot_be_changed,
    outputs_are_taken_from_weak_rooms,
    what_is_shared_with_the_host_is_refused,
    nothing_of_the_host_is_reached_by_name,
    nothing_outlives_a_weak_room,
    a_timeout_ends_what_ignores_signals,
    a_fork_bomb_has_a_limit_and_an_end,
    two_weak_rooms_have_two_users,
    the_death_of_a_warden_leaves_nothing,
    the_death_of_a_keeper_leaves_what_a_sweep_removes,
    where_strict_rooms_are_made_weak_ones_are_asked_for_by_name,
];

fn run_tests(words: &[String]) -> ExitCode {
    assert!(geteuid().is_root(), "weak rooms want root");
    let filter = words.iter().find(|word| !word.starts_with('-')).map_or("", String::as_str);
    let mut world = World::new();
    world.engine = NativeEngine::new(world.rooms_dir()).weak();
    let chosen: Vec<&Test> = TESTS.iter().filter(|(name, _)| name.contains(filter)).collect();
    let n_passed = chosen.iter().filter(|test| passes(test, &world)).count();
    println!("{n_passed} passed; {} failed", chosen.len() - n_passed);
    if n_passed == chosen.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn passes((name, test): &Test, world: &World) -> bool {
    let passed = catch_unwind(AssertUnwindSafe(|| {
        test(world);
        assert_eq!(world.leftovers(), [""; 0], "directories of rooms stay");
        assert_eq!(payloads(), [0; 0], "processes of rooms stay");
        assert_eq!(mounts(&world.place), 0, "mounts stay");
    }));
    println!("test {name} ... {}", if passed.is_ok() { "ok" } else { "FAILED" });
    passed.is_ok()
}

/// Processes of the users that weak rooms have.
fn payloads() -> Vec<i32> {
    let of_room = |pid: &i32| {
        let owner = fs::metadata(format!("/proc/{pid}")).map(|process| process.uid());
        owner.is_ok_and(|uid| (65520..=65529).contains(&uid))
    };
    let pids = fs::read_dir("/proc").expect("readable").flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(of_room).collect()
}

fn a_weak_room_says_what_it_is_and_lacks(world: &World) {
    let mut round = shell("true");
    round.setting.order = DirectoryOrder::Shuffled(1);
    round.setting.clock_offset = 1;
    let run = world.run(&round);
    let outcome = run.outcome();
    assert_eq!((&outcome.ending, outcome.isolation), (&Ending::Success, Isolation::Weak));
    assert!(outcome.lacks.iter().any(|lack| lack.starts_with("namespaces:")), "{:?}", outcome.lacks);
    let skipped: Vec<&str> = outcome.skipped.iter().map(|skipped| skipped.variation.as_str()).collect();
    assert_eq!(skipped, ["hostname", "ids", "order", "clock"]);
}

fn the_payload_is_a_user_who_owns_nothing_else(world: &World) {
    let said = world.sh("id -u; id -un; id -G; cat /etc/passwd | head -n 1; cat /etc/of-the-image; pwd");
    let lines: Vec<&str> = said.lines().collect();
    let uid: u32 = lines[0].parse().expect("a number");
    assert!((65520..=65529).contains(&uid), "{said}");
    assert_eq!(&lines[1..3], ["builder", &uid.to_string()], "{said}");
    assert!(lines[3].starts_with(&format!("builder:x:{uid}:{uid}:")), "{said}");
    assert_eq!(&lines[4..], ["image", "/build/target"], "{said}");
}

/// The image's files are further names of the store's own.
fn the_images_layers_cannot_be_changed(world: &World) {
    let script = "for f in /usr/bin/cat /etc/of-the-image /build/src/file1 /build/src/sub/run; do \
                  (echo x >>$f) 2>/dev/null && echo changed $f; chmod 777 $f 2>/dev/null && echo opened $f; done; \
                  for d in / /usr /usr/bin /etc /dev /build /build/src /build/cargo /home; do \
                  mkdir $d/new 2>/dev/null && echo made $d/new; done; \
                  mkdir /tmp/new /var/tmp/new /dev/shm/new /build/target/new /home/builder/new && echo end";
    assert_eq!(world.sh(script), "end\n");
    let file = world.place.join("unpacked/program/etc/of-the-image");
    assert_eq!(fs::read(&file).expect("there"), b"image\n");
    world.engine.settle().expect("the room is removed");
    assert_eq!(fs::metadata(&file).expect("there").nlink(), 1);
}

fn outputs_are_taken_from_weak_rooms(world: &World) {
    let round = shell("mkdir -p out/deep; echo hello >out/deep/file; ln -s /etc/passwd out/link");
    let run = world.run(&with_output(round, "out", "/out"));
    assert_eq!(run.outcome().ending, Ending::Success);
    assert_eq!(run.taken, ["out/", "out/deep/", "out/deep/file = hello\n", "out/link -> /etc/passwd"]);
}

/// What the payload tries for the next test.
fn shared() -> ExitCode {
    let call = |name: &str, number: i64, a: i32, b: i32| {
        // SAFETY: the calls take numbers only; none of them reads or writes memory of ours.
        let result = unsafe { libc::syscall(number, a, b, 0, 0) };
        println!("{name}={}", if result < 0 { "refused" } else { "allowed" });
    };
    for (name, family) in [
        ("unix", libc::AF_UNIX),
        ("inet", libc::AF_INET),
        ("inet6", libc::AF_INET6),
        ("netlink", libc::AF_NETLINK),
        ("packet", libc::AF_PACKET),
        ("vsock", libc::AF_VSOCK),
    ] {
        call(name, libc::SYS_socket, family, libc::SOCK_STREAM);
        call(name, libc::SYS_socket, family, libc::SOCK_DGRAM);
    }
    call("shmget", libc::SYS_shmget, 77, 4096);
    call("semget", libc::SYS_semget, 77, 1);
    call("msgget", libc::SYS_msgget, 77, 0o1600);
    call("mq_open", libc::SYS_mq_open, 0, libc::O_CREAT);
    call("unshare", libc::SYS_unshare, libc::CLONE_NEWUSER, 0);
    call("chroot", libc::SYS_chroot, 0, 0);
    call("kill", libc::SYS_kill, parent(), 0);
    call("ptrace", libc::SYS_ptrace, libc::PTRACE_ATTACH.cast_signed(), parent());
    let pair = std::os::unix::net::UnixStream::pair();
    println!("pair={}", if pair.is_ok() { "allowed" } else { "refused" });
    ExitCode::SUCCESS
}

fn parent() -> i32 {
    rustix::process::getppid().map_or(1, |pid| pid.as_raw_nonzero().get())
}

fn what_is_shared_with_the_host_is_refused(world: &World) {
    let said = world.attempt(&["shared"]);
    let allowed: Vec<&str> = said.lines().filter(|line| line.ends_with("=allowed")).collect();
    assert_eq!(allowed, ["pair=allowed"], "{said}");
    assert_eq!(said.lines().count(), 21, "{said}");
}

fn nothing_of_the_host_is_reached_by_name(world: &World) {
    let place = world.place.display();
    let script = format!(
        "cat {place}/unpacked/program/etc/passwd /proc/1/environ /sys/kernel/vmcoreinfo ../../../../../../{place} \
         /dev/kmsg /dev/mem 2>/dev/null; ls /proc /sys; ls -d /srv /home/* 2>/dev/null; echo end"
    );
    assert_eq!(world.sh(&script), "/proc:\n\n/sys:\n/home/builder\nend\n");
}

fn nothing_outlives_a_weak_room(world: &World) {
    let since = Instant::now();
    world.attempt(&["daemon", "98771"]);
    assert!(since.elapsed() < Duration::from_secs(20));
    assert_eq!(processes("sleep\u{0}98771"), [0; 0]);
}

fn a_timeout_ends_what_ignores_signals(world: &World) {
    let mut round = attempt(&["stubborn", "98772"]);
    round.plan.limits.wall_seconds = 2;
    let run = world.run(&round);
    assert_eq!(run.outcome().ending, Ending::Exceeded(Limit::Wall, 2));
    assert_eq!(processes("sleep\u{0}98772"), [0; 0]);
}

fn a_fork_bomb_has_a_limit_and_an_end(world: &World) {
    let mut round = shell("bomb() { bomb | bomb & }; bomb; sleep 98773");
    (round.plan.limits.processes, round.plan.limits.wall_seconds) = (40, 3);
    let run = world.run(&round);
    assert!(run.outcome().ending != Ending::Success);
    assert!(payloads().is_empty());
}

fn two_weak_rooms_have_two_users(world: &World) {
    let cancel = Cancel::default();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| world.run_until(&shell("id -u; sleep 98774"), &cancel));
        soon("the first room lives", || !processes("sleep\u{0}98774").is_empty());
        let second = world.sh("id -u; kill -9 -1; true");
        assert!(!processes("sleep\u{0}98774").is_empty(), "one room reached the other");
        cancel.cancel();
        let first = first.join().expect("no panic");
        assert_eq!(first.outcome().ending, Ending::Cancelled);
        assert_ne!(first.log, second);
    });
}

/// Starts a room that does not want to end, does something to it, and gives what came of the room.
fn disturbed(world: &World, seconds: &str, disturb: impl Fn()) -> Result<Ending, EngineError> {
    std::thread::scope(|scope| {
        let run = scope.spawn(|| world.run(&attempt(&["stubborn", seconds])));
        soon("the room lives", || processes(&format!("sleep\u{0}{seconds}")).len() == 4);
        disturb();
        run.join().expect("no panic").outcome.map(|outcome| outcome.ending)
    })
}

fn the_death_of_a_warden_leaves_nothing(world: &World) {
    let ending = disturbed(world, "98775", || signal(keepers().pids_1[0], Signal::KILL));
    assert!(matches!(ending, Err(EngineError::Killed)), "{ending:?}");
    assert_eq!(processes("sleep\u{0}98775"), [0; 0]);
}

fn the_death_of_a_keeper_leaves_what_a_sweep_removes(world: &World) {
    let ending = disturbed(world, "98776", || signal(keepers().keepers[0], Signal::KILL));
    assert!(matches!(ending, Err(EngineError::Killed)), "{ending:?}");
    soon("every process is dead", || payloads().is_empty());
    soon("the room is swept", || {
        sweep(&world.rooms_dir()).expect("sweeps");
        world.leftovers().is_empty()
    });
}

fn where_strict_rooms_are_made_weak_ones_are_asked_for_by_name(world: &World) {
    let weak = |ability: &&Ability| ability.name == "weak rooms";
    let abilities = world.engine.probe().expect("root can").0;
    assert_eq!(abilities.iter().find(weak).map(|ability| ability.level), Some(Level::Good));
}
