//! Every limit, exceeded on purpose: the room ends at once, the record says which limit and what held
//! it, and the machine is as it was.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use eadem_model::{Ending, Limit, Limits, Means, Round};
use rustix::process::Signal;

use crate::support::{
    harness::{Test, tests},
    process::{keepers, keepers_below, processes, signal, soon},
    world::{Run, World, attempt, shell},
};

pub(crate) const TESTS: &[Test] = tests![
    a_fork_bomb_is_ended,
    a_crowd_is_ended_even_if_it_takes_the_refusal_well,
    threads_count_as_processes,
    one_process_that_takes_all_memory_is_ended,
    many_processes_that_take_all_memory_are_ended,
    files_in_memory_are_memory,
    files_in_memory_without_a_name_are_memory,
    memory_that_is_shared_counts_once,
    one_big_file_is_too_much_disk,
    many_files_are_too_many,
    a_million_files_are_too_many,
    an_open_file_without_a_name_is_disk,
    a_file_that_cannot_be_seen_is_disk,
    what_lies_in_tmp_is_disk,
    small_rooms_lie_in_memory_and_are_taken_out_of_it,
    a_log_without_end_is_ended_at_once,
    endless_sleep_is_ended,
    a_stopped_program_is_ended,
    a_stopped_keeper_goes_on,
    a_share_of_a_processor_is_held_or_said_to_be_missing,
    a_full_disk_is_the_machines_fault,
    every_limit_is_in_the_record,
    what_is_just_allowed_is_allowed,
    a_room_does_not_see_its_groups,
    watching_costs_next_to_nothing,
];

const MIB: u64 = 1 << 20;

/// Enough to let a room lie on disk, and more than a test takes.
const MUCH_MEMORY: u64 = 8 << 30;

fn limited(mut round: Round, set: impl FnOnce(&mut Limits)) -> Round {
    set(&mut round.plan.limits);
    round
}

/// Runs what exceeds a limit, and sees that it is ended for that, soon, and that nothing stays.
fn ends(world: &World, round: &Round, limit: Limit, value: u64) -> Run {
    let since = Instant::now();
    let run = world.run(round);
    assert_eq!(run.outcome().ending, Ending::Exceeded(limit, value), "{:?} {}", run.outcome(), run.log);
    assert!(since.elapsed() < Duration::from_secs(30), "{:?}", since.elapsed());
    let applied = run.outcome().limits.iter().find(|one| one.limit == limit).expect("is in the record");
    assert_eq!(applied.value, value);
    assert_ne!(applied.by, Means::Nothing);
    soon("its groups are removed", || groups_of_the_dead().is_empty());
    run
}

fn means(run: &Run, limit: Limit) -> Means {
    run.outcome().limits.iter().find(|one| one.limit == limit).expect("is in the record").by
}

/// Root makes groups where it may; else eadem looks itself.
fn expect_group_or_watch(run: &Run, limit: Limit, controller: &str) {
    let by = means(run, limit);
    println!("     {limit:?} by {by:?}");
    match has_groups(controller) {
        true => assert!(matches!(by, Means::Cgroup1 | Means::Cgroup2), "{by:?}"),
        false => assert_eq!(by, Means::Watch),
    }
}

/// Whether this process can make groups with this controller, at the usual places.
pub(crate) fn has_groups(controller: &str) -> bool {
    let old = Path::new("/sys/fs/cgroup").join(controller).join("cgroup.procs");
    may_write(&old) || unified_dirs().iter().any(|dir| has_unified_groups(dir, controller))
}

fn has_unified_groups(dir: &Path, controller: &str) -> bool {
    let there = fs::read_to_string(dir.join("cgroup.controllers")).unwrap_or_default();
    may_write(&dir.join("cgroup.subtree_control")) && there.split_whitespace().any(|name| name == controller)
}

/// Our group in the unified hierarchy, and the one above.
fn unified_dirs() -> Vec<PathBuf> {
    let membership = fs::read_to_string("/proc/self/cgroup").expect("readable");
    let own = membership.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    let own = Path::new("/sys/fs/cgroup").join(own);
    own.ancestors().take(2).map(Path::to_owned).collect()
}

fn may_write(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}

/// Groups of rooms whose keeper does not live any more.
pub(crate) fn groups_of_the_dead() -> Vec<PathBuf> {
    let keeper = |dir: &Path| {
        let name = dir.file_name()?.to_str()?.strip_prefix("eadem-room-")?.to_owned();
        Some(name.split_once('-')?.0.to_owned())
    };
    let dead = |dir: &PathBuf| keeper(dir).is_some_and(|pid| !Path::new("/proc").join(pid).exists());
    directories(Path::new("/sys/fs/cgroup")).into_iter().filter(dead).collect()
}

/// Groups of rooms that this keeper made.
pub(crate) fn groups_of(keeper: i32) -> Vec<PathBuf> {
    let prefix = format!("eadem-room-{keeper}-");
    let own = |dir: &PathBuf| dir.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix));
    directories(Path::new("/sys/fs/cgroup")).into_iter().filter(own).collect()
}

fn directories(dir: &Path) -> Vec<PathBuf> {
    let inner = fs::read_dir(dir).into_iter().flatten().flatten();
    let inner = inner.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    inner.flat_map(|entry| [vec![entry.path()], directories(&entry.path())].concat()).collect()
}

fn a_fork_bomb_is_ended(world: &World) {
    let round = limited(attempt(&["bomb"]), |limits| limits.processes = 200);
    let run = ends(world, &round, Limit::Processes, 200);
    expect_group_or_watch(&run, Limit::Processes, "pids");
    // So many are not worth a group.
    let round = limited(attempt(&["bomb"]), |limits| limits.processes = 5000);
    assert_eq!(means(&ends(world, &round, Limit::Processes, 5000), Limit::Processes), Means::Watch);
}

fn a_crowd_is_ended_even_if_it_takes_the_refusal_well(world: &World) {
    let round = limited(attempt(&["crowd", "1000"]), |limits| limits.processes = 50);
    let _ = ends(world, &round, Limit::Processes, 50);
}

fn threads_count_as_processes(world: &World) {
    let round = limited(attempt(&["threads", "100"]), |limits| limits.processes = 50);
    let _ = ends(world, &round, Limit::Processes, 50);
}

fn one_process_that_takes_all_memory_is_ended(world: &World) {
    let round = limited(attempt(&["hog", "2000"]), |limits| limits.memory_bytes = Some(100 * MIB));
    let run = ends(world, &round, Limit::Memory, 100 * MIB);
    expect_group_or_watch(&run, Limit::Memory, "memory");
    assert!(run.outcome().usage.peak_kib < 1 << 20, "{:?}", run.outcome());
}

fn many_processes_that_take_all_memory_are_ended(world: &World) {
    let round = limited(attempt(&["hogs", "10", "30"]), |limits| limits.memory_bytes = Some(100 * MIB));
    let _ = ends(world, &round, Limit::Memory, 100 * MIB);
}

fn files_in_memory_are_memory(world: &World) {
    for place in ["/dev/shm", "/tmp", "/var/tmp"] {
        let round = attempt(&["fill", place, "1000"]);
        let round = limited(round, |limits| limits.memory_bytes = Some(100 * MIB));
        let _ = ends(world, &round, Limit::Memory, 100 * MIB);
    }
}

fn files_in_memory_without_a_name_are_memory(world: &World) {
    let round = limited(attempt(&["memfd", "1000"]), |limits| limits.memory_bytes = Some(100 * MIB));
    let _ = ends(world, &round, Limit::Memory, 100 * MIB);
    let round =
        limited(attempt(&["nameless", "/tmp", "1000"]), |limits| limits.memory_bytes = Some(100 * MIB));
    let _ = ends(world, &round, Limit::Memory, 100 * MIB);
}

fn memory_that_is_shared_counts_once(world: &World) {
    let round = limited(attempt(&["shared", "64"]), |limits| limits.memory_bytes = Some(150 * MIB));
    assert_eq!(world.run(&round).outcome().ending, Ending::Success);
}

/// The round in a room on disk, and in one in memory.
fn both_places(round: &Round, set: impl Fn(&mut Limits)) -> [(Round, Means); 2] {
    let on_disk = limited(round.clone(), |limits| limits.memory_bytes = Some(MUCH_MEMORY));
    [(limited(on_disk, &set), Means::Watch), (limited(round.clone(), &set), Means::FileSystem)]
}

fn one_big_file_is_too_much_disk(world: &World) {
    for (round, by) in both_places(&attempt(&["fill", ".", "400"]), |limits| limits.disk_bytes = 50 * MIB) {
        assert_eq!(means(&ends(world, &round, Limit::Disk, 50 * MIB), Limit::Disk), by);
    }
}

fn many_files_are_too_many(world: &World) {
    for (round, by) in both_places(&attempt(&["files", ".", "20000"]), |limits| {
        (limits.disk_bytes, limits.files) = (100 * MIB, 3000);
    }) {
        assert_eq!(means(&ends(world, &round, Limit::Files, 3000), Limit::Files), by);
    }
}

fn a_million_files_are_too_many(world: &World) {
    let round = limited(attempt(&["files", "/build/target", "1000000"]), |limits| limits.files = 30_000);
    let _ = ends(world, &round, Limit::Files, 30_000);
}

fn an_open_file_without_a_name_is_disk(world: &World) {
    for (round, _) in both_places(&attempt(&["nameless", ".", "400"]), |limits| limits.disk_bytes = 50 * MIB)
    {
        let _ = ends(world, &round, Limit::Disk, 50 * MIB);
    }
}

fn a_file_that_cannot_be_seen_is_disk(world: &World) {
    for (round, _) in both_places(&attempt(&["hidden", ".", "400"]), |limits| limits.disk_bytes = 50 * MIB) {
        let _ = ends(world, &round, Limit::Disk, 50 * MIB);
    }
}

fn what_lies_in_tmp_is_disk(world: &World) {
    for (round, _) in both_places(&attempt(&["fill", "/tmp", "400"]), |limits| limits.disk_bytes = 50 * MIB) {
        let _ = ends(world, &round, Limit::Disk, 50 * MIB);
    }
}

fn small_rooms_lie_in_memory_and_are_taken_out_of_it(world: &World) {
    let script = "mkdir -p out/d; echo text > out/d/file; ln -s d out/link; echo x > ~/other; chmod 0 out/d";
    let round = crate::with_output(shell(script), "all", "/out");
    let usual = world.run(&round);
    let small = world.run(&limited(round, |limits| limits.disk_bytes = 50 * MIB));
    assert_eq!(small.outcome().ending, Ending::Success);
    assert_eq!((means(&usual, Limit::Disk), means(&small, Limit::Disk)), (Means::Watch, Means::FileSystem));
    assert_eq!(small.taken, usual.taken);
}

fn a_log_without_end_is_ended_at_once(world: &World) {
    let round = limited(attempt(&["loud", "1073741824"]), |limits| limits.log_bytes = MIB);
    let run = ends(world, &round, Limit::Log, MIB);
    assert_eq!(run.log.len() as u64, MIB);
    // Whoever says too much and then waits is not waited for.
    let script = "head -c 2000000 /dev/zero; exec sleep 98771";
    let _ = ends(world, &limited(shell(script), |limits| limits.log_bytes = MIB), Limit::Log, MIB);
    assert_eq!(processes("sleep\u{0}98771"), [0; 0]);
}

fn endless_sleep_is_ended(world: &World) {
    let round = limited(shell("exec sleep 98772"), |limits| limits.wall_seconds = 1);
    let _ = ends(world, &round, Limit::Wall, 1);
    assert_eq!(processes("sleep\u{0}98772"), [0; 0]);
}

fn a_stopped_program_is_ended(world: &World) {
    let round = limited(shell("sleep 98773 & kill -STOP $! $$"), |limits| limits.wall_seconds = 1);
    let _ = ends(world, &round, Limit::Wall, 1);
    assert_eq!(processes("sleep\u{0}98773"), [0; 0]);
}

fn a_stopped_keeper_goes_on(world: &World) {
    let round = limited(attempt(&["stubborn", "98774"]), |limits| limits.wall_seconds = 2);
    std::thread::scope(|scope| {
        let run = scope.spawn(|| ends(world, &round, Limit::Wall, 2));
        soon("the room lives", || processes("sleep\u{0}98774").len() == 4);
        signal(keeper(), Signal::STOP);
        let _ = run.join().expect("no panic");
    });
    assert_eq!(processes("sleep\u{0}98774"), [0; 0]);
}

fn a_share_of_a_processor_is_held_or_said_to_be_missing(world: &World) {
    let round = limited(attempt(&["spin", "1500"]), |limits| limits.cpu_percent = Some(20));
    let run = world.run(&round);
    let (outcome, by) = (run.outcome(), means(&run, Limit::Cpu));
    println!("     {by:?}: {} ms of {} ms", outcome.usage.cpu_ms, outcome.usage.wall_ms);
    if has_groups("cpu") {
        assert!(matches!(by, Means::Cgroup1 | Means::Cgroup2) && outcome.lacks.is_empty(), "{outcome:?}");
        assert!(outcome.usage.cpu_ms < outcome.usage.wall_ms / 2, "{outcome:?}");
    } else {
        assert_eq!(by, Means::Nothing);
        assert!(outcome.lacks.iter().any(|lack| lack.contains("cpu=20")), "{outcome:?}");
        assert_eq!(run.events.len(), outcome.lacks.len(), "{:?}", run.events);
    }
}

/// A room on a small disk, in a namespace of mounts that ends with this process.
fn a_full_disk_is_the_machines_fault(world: &World) {
    let script =
        "mount -t tmpfs -o size=64m none \"$1/small\" && exec \"$2\" __full \"$1\" \"$1/small/rooms\"";
    let program = std::env::current_exe().expect("has a path");
    fs::create_dir_all(world.place.join("small")).expect("makes");
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-c", script, "sh"]).arg(&world.place).arg(program);
    let said = command.output().expect("unshare starts");
    let said = String::from_utf8(said.stdout).expect("is UTF-8");
    assert!(said.contains("StorageFull") && said.contains("small/rooms free"), "{said}");
}

/// What the namespace of mounts runs.
pub(crate) fn fill_small_disk(place: &Path, rooms_dir: &Path) -> ExitCode {
    let run = World::beside(place, rooms_dir).run(&attempt(&["fill", ".", "200"]));
    println!("{:?}", run.outcome);
    ExitCode::SUCCESS
}

fn every_limit_is_in_the_record(world: &World) {
    let round = limited(shell("true"), |limits| {
        (limits.memory_bytes, limits.cpu_percent, limits.processes) = (Some(MUCH_MEMORY), Some(100), 100);
    });
    let run = world.run(&round);
    let limits: Vec<Limit> = run.outcome().limits.iter().map(|one| one.limit).collect();
    let all = [
        Limit::Wall,
        Limit::Log,
        Limit::Output,
        Limit::Memory,
        Limit::Processes,
        Limit::Cpu,
        Limit::Disk,
        Limit::Files,
    ];
    assert_eq!(limits, all);
}

fn what_is_just_allowed_is_allowed(world: &World) {
    let fits = |limits: &mut Limits| {
        (limits.processes, limits.disk_bytes, limits.files) = (3, 50 * MIB, 60);
    };
    let script = "sleep 0.2 & sleep 0.2 & head -c 45000000 /dev/zero > big; \
                  for n in 1 2 3 4 5 6 7 8 9 0; do > $n; > ~/$n; > /tmp/$n; done; wait";
    // Three processes are the shell and two more, so `head` comes when they are gone.
    let script = script.replace("& head", "& wait; head");
    for (round, _) in both_places(&shell(&script), fits) {
        let run = world.run(&round);
        assert_eq!(run.outcome().ending, Ending::Success, "{:?} {}", run.outcome(), run.log);
    }
}

fn a_room_does_not_see_its_groups(world: &World) {
    let script = "cat /proc/self/cgroup; cat /proc/1/cgroup";
    let plain = world.run(&shell(script)).success();
    let grouped = limited(shell(script), |limits| {
        (limits.memory_bytes, limits.cpu_percent, limits.processes) = (Some(MUCH_MEMORY), Some(100), 100);
    });
    assert_eq!(world.run(&grouped).success(), plain);
    assert!(plain.lines().all(|line| line.ends_with(":/")), "{plain}");
}

/// The keeper's processor time over two seconds of a room that does nothing.
fn watching_costs_next_to_nothing(world: &World) {
    let round = limited(shell("exec sleep 98775"), |limits| {
        (limits.wall_seconds, limits.memory_bytes, limits.processes) = (3, Some(MUCH_MEMORY), 100);
    });
    let ticks = std::thread::scope(|scope| {
        let run = scope.spawn(|| ends(world, &round, Limit::Wall, 3));
        soon("the room lives", || processes("sleep\u{0}98775").len() == 1);
        let keeper = keeper();
        let since = ticks(keeper);
        std::thread::sleep(Duration::from_secs(2));
        let spent = ticks(keeper) - since;
        let _ = run.join().expect("no panic");
        spent
    });
    println!("     {ticks} ticks in 2 s");
    assert!(ticks <= 4, "{ticks} hundredths of a second");
}

/// The keeper of the one room that lives; others may still be removing theirs.
fn keeper() -> i32 {
    let living = |keeper: &i32| !keepers_below(keeper.cast_unsigned()).is_empty();
    keepers().keepers.into_iter().find(living).expect("a room lives")
}

/// Hundredths of a second of processor time.
fn ticks(pid: i32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("lives");
    let fields = stat.rsplit_once(')').expect("has a name").1;
    fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().expect("a number")).sum()
}
