//! Rooms with a wall clock of their own.
#![allow(unsafe_code, reason = "filters of system calls have no safe form")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::SystemTime,
};

use eadem_model::{EngineError, Round, Setting, Users};
use rustix::process::Signal;

use crate::{
    leaves_nothing,
    support::{
        harness::{Test, tests},
        image::install,
        process::{keepers, processes, signal, soon, timekeepers},
        world::{World, attempt, digest, shell},
    },
};

/// What is so whoever makes the room.
pub(crate) const ALIKE: &[Test] = tests![a_clock_that_is_not_moved_is_told];

/// What is so in rooms that eadem makes itself.
pub(crate) const TESTS: &[Test] = tests![
    every_program_sees_the_clock_of_its_room,
    programs_of_every_make_see_the_clock_of_their_room,
    every_user_of_a_room_sees_its_clock,
    waits_until_a_time_of_day_end_when_it_comes,
    a_storm_of_programs_sees_one_clock_and_leaves_nothing,
    a_death_of_the_keeper_takes_the_timekeeper_along,
    a_timekeeper_that_dies_takes_no_round_for_done,
    where_another_program_supervises_the_clock_stays_and_that_is_told,
];

/// The year of the varied clock is this one's and fifteen more.
fn offset() -> i64 {
    Setting::varied(&digest("clock")).clock_offset
}

fn moved(round: Round) -> Round {
    let setting = Setting { clock_offset: offset(), ..round.setting };
    Round { setting, ..round }
}

fn now() -> i64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().expect("it is past 1970");
    i64::try_from(since.as_secs()).expect("it is not past all years")
}

/// Runs a round in a room whose clock is moved, and gives what it printed: times of that clock.
fn times(world: &World, round: Round) -> Vec<String> {
    let before = now();
    let run = world.run(&moved(round));
    assert_eq!(run.outcome().skipped, [], "{}", run.log);
    let (log, after) = (run.success(), now());
    for line in log.lines() {
        let (_, time) = line.split_once(' ').unwrap_or_else(|| panic!("no time: {log}"));
        let time: i64 = time.parse().unwrap_or_else(|_| panic!("no time: {log}"));
        // A coarse clock, and one that only counts seconds, may be a little behind.
        assert!((before + offset() - 1..=after + offset()).contains(&time), "{line}; it is {after}");
    }
    log.lines().map(str::to_owned).collect()
}

fn every_program_sees_the_clock_of_its_room(world: &World) {
    assert_eq!(times(world, attempt(&["clock"])).len(), 4);
    let machines = world.attempt(&["clock"]);
    let first = machines.lines().next().and_then(|line| line.strip_prefix("std ")).expect("tells it");
    assert!(now().abs_diff(first.parse().expect("a number")) < 5, "the baseline has the machine's");
}

/// Interpreters that this machine may have, and how each tells the time.
const INTERPRETERS: [(&str, &str); 3] = [
    ("/bin/date", "date '+date %s'"),
    ("/bin/bash", "bash -c 'echo bash $EPOCHSECONDS; printf \"printf %(%s)T\\n\"'"),
    ("/usr/bin/perl", "perl -e 'print \"perl \", time, \"\\n\"'"),
];

const C: &str = "#include <stdio.h>\n#include <time.h>\n#include <sys/time.h>\n#include <sys/syscall.h>\n\
    #include <unistd.h>\nint main(void) { struct timespec a; struct timeval b; struct timespec c;\n\
    clock_gettime(CLOCK_REALTIME, &a); gettimeofday(&b, 0); syscall(SYS_clock_gettime, 0, &c, 0);\n\
    printf(\"gettime %ld\\ngettimeofday %ld\\ntime %ld\\nraw %ld\\nrawtime %ld\\n\", (long)a.tv_sec,\n\
    (long)b.tv_sec, (long)time(0), (long)c.tv_sec, syscall(SYS_time, 0L, 0L, 0L)); return 0; }\n";

/// Programs of C that are linked in every way, if there is a compiler.
fn compile(to: &Path) -> Vec<String> {
    let source = to.join("clock.c");
    fs::write(&source, C).expect("writes");
    let ways = [("dynamic", "-O1"), ("static", "-static"), ("static-pie", "-static-pie")];
    let compiled = ways.into_iter().filter(|(name, flag)| {
        let mut compiler = Command::new("gcc");
        compiler.args(["-O1", flag, "-o"]).arg(to.join(name)).arg(&source);
        compiler.status().is_ok_and(|status| status.success())
    });
    compiled.map(|(name, _)| name.to_owned()).collect()
}

fn programs_of_every_make_see_the_clock_of_their_room(world: &World) {
    let mut world = world.another();
    let (dir, mut script) = (tempfile::tempdir().expect("a directory"), "exec 2> /dev/null\n".to_owned());
    let compiled = compile(dir.path());
    let found: Vec<_> = INTERPRETERS.iter().filter(|(path, _)| Path::new(path).exists()).collect();
    world.layer("tools", |to| {
        install(to, &found.iter().map(|(path, _)| PathBuf::from(path)).collect::<Vec<_>>());
        for name in &compiled {
            install(to, &[dir.path().join(name)]);
        }
    });
    found.iter().for_each(|(_, line)| script.push_str(&format!("{line}\n")));
    compiled.iter().for_each(|name| script.push_str(&format!("{name}\n")));
    let mut round = shell(&script);
    round.plan.rootfs.push(digest("tools"));
    let lines = times(&world, round);
    assert!(lines.len() > 5 * compiled.len(), "{lines:?}");
    println!("{} programs of C, {lines:?}", compiled.len());
}

fn every_user_of_a_room_sees_its_clock(world: &World) {
    let mut round = attempt(&["clock"]);
    round.plan.users = Users::Range;
    assert_eq!(times(world, round).len(), 4);
}

fn waits_until_a_time_of_day_end_when_it_comes(world: &World) {
    let log = world.run(&moved(attempt(&["until", "1"]))).success();
    assert_eq!(log, format!("0 1\n{} 1\n0 0\n", libc::ETIMEDOUT));
    let log = world.run(&moved(shell("sleep 0.1; echo slept"))).success();
    assert_eq!(log, "slept\n");
}

fn a_storm_of_programs_sees_one_clock_and_leaves_nothing(world: &World) {
    let (before, script) = (
        processes("").len(),
        "for i in 1 2 3 4; do (n=0; while [ $n -lt 250 ]; do n=$((n+1)); /bin/true || echo bad; done) & done; wait; echo done",
    );
    leaves_nothing(world, || assert_eq!(world.run(&moved(shell(script))).success(), "done\n"));
    leaves_nothing(world, || {
        let round = moved(shell("n=0; while [ $n -lt 1000 ]; do n=$((n+1)); sleep 9876 & done; echo done"));
        assert_eq!(world.run(&round).success(), "done\n");
    });
    assert_eq!((processes("sleep\u{0}9876"), timekeepers()), (vec![], vec![]));
    assert!(processes("").len() < before + 50);
}

fn a_death_of_the_keeper_takes_the_timekeeper_along(world: &World) {
    std::thread::scope(|scope| {
        let run = scope.spawn(|| world.run(&moved(attempt(&["stubborn", "98771"]))));
        soon("the room lives", || processes("sleep\u{0}98771").len() == 4);
        assert_eq!(timekeepers().len(), 1);
        keepers().keepers.iter().for_each(|pid| signal(*pid, Signal::KILL));
        assert!(run.join().expect("no panic").outcome.is_err());
    });
    soon("all is over", || processes("sleep\u{0}98771").is_empty() && timekeepers().is_empty());
}

fn a_timekeeper_that_dies_takes_no_round_for_done(world: &World) {
    let run = std::thread::scope(|scope| {
        let run = scope.spawn(|| world.run(&moved(shell("sleep 1.5; exec /bin/true"))));
        soon("the room lives", || processes("sleep\u{0}1.5").len() == 1);
        timekeepers().iter().for_each(|pid| signal(*pid, Signal::KILL));
        run.join().expect("no panic")
    });
    // Without it no program starts: the round comes to nothing, does not go on with another clock, and is no failure of
    // the build.
    assert!(matches!(run.outcome, Err(EngineError::Killed)), "{:?}", run.outcome);
}

/// Whoever makes the room: its clock is moved, or it is told that it was not.
fn a_clock_that_is_not_moved_is_told(world: &World) {
    let run = world.run(&moved(shell("true")));
    let skipped: Vec<&str> = run.outcome().skipped.iter().map(|one| one.variation.as_str()).collect();
    assert_eq!(skipped, if world.is_native() { &[][..] } else { &["clock"] });
}

fn where_another_program_supervises_the_clock_stays_and_that_is_told(world: &World) {
    let own = env::current_exe().expect("has a path");
    let mut command = Command::new(own);
    command.arg("__supervised").args(world.words(&world.rooms_dir()));
    let output = command.output().expect("starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("the kernel has one alone"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

/// Makes a room below a filter with a listener, and says what it went without.
pub(crate) fn supervised(world: &World) -> ExitCode {
    let allow = [libc::sock_filter { code: 6, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW }];
    let program = libc::sock_fprog { len: 1, filter: allow.as_ptr().cast_mut() };
    // SAFETY: the program has one step and outlives the call; the descriptor stays open as long as we live.
    let listener = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    };
    assert!(listener >= 0, "this process can be supervised");
    let run = world.run(&moved(attempt(&["clock"])));
    println!("{:?}\n{}", run.outcome().skipped, run.log);
    ExitCode::SUCCESS
}
