//! Rooms as they really are: every test makes some and looks at them from inside and outside.
//!
//! Rooms re-exec the program that makes them, so this program has its own main function: it is the
//! tests, the keeper, and the payload that tries to get out. As root it runs every test twice, the
//! second time as an ordinary user.
#![allow(clippy::print_stdout, reason = "the tests have their own main function and tell what they do")]

mod support;

use std::{
    collections::BTreeSet,
    env, fs,
    io::Read,
    net::TcpListener,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use eadem_model::{
    Architecture, Cancel, DirectoryOrder, Ending, Engine, EngineError, Input, Processors, Root, Round,
    Setting, Text,
};
use eadem_sandbox::{LAUNCHER_WORD, NativeEngine, launcher_main, outer_ids, sweep};
use rustix::process::{Signal, geteuid};
use support::{
    attempts,
    process::{keepers, keepers_below, mounts, processes, session, signal, soon},
    world::{World, attempt, digest, round, shell, with_output},
};

/// An id that no account needs to have.
const ORDINARY: &str = "12345";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some(LAUNCHER_WORD) => launcher_main(),
        Some("__attempt") => attempts::run(&words[1..]),
        Some("__probe") => probe(Path::new(&words[1])),
        Some("__victim") => victim(Path::new(&words[1]), Path::new(&words[2])),
        Some("__restless") => restless(Path::new(&words[1]), Path::new(&words[2])),
        _ => run_tests(&words),
    }
}

type Test = (&'static str, fn(&World));

macro_rules! tests {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), $name as fn(&World))),*] };
}

const TESTS: &[Test] = tests![
    a_probe_finds_that_rooms_can_be_made,
    a_program_sees_who_and_where_the_round_says,
    the_environment_is_exactly_the_rounds,
    a_varied_round_differs_in_everything_that_can_be_seen,
    nothing_of_the_host_shows_in_the_mounts,
    nothing_of_the_host_shows_in_proc,
    only_scratch_and_temporary_directories_can_be_written,
    the_images_own_accounts_are_covered,
    devices_work,
    there_is_no_network_but_the_loopback,
    descriptors_are_three,
    refused_calls_are_refused,
    refused_arguments_are_refused,
    what_builds_need_is_allowed,
    calls_of_other_architectures_do_not_exist,
    pid_1_cannot_be_looked_into,
    files_that_change_the_machine_cannot_be_written,
    addresses_are_the_same_in_every_room,
    endings_are_told_as_they_were,
    a_program_that_is_missing_is_like_in_a_shell,
    a_missing_working_directory_is_the_plans_fault,
    a_foreign_architecture_is_refused,
    a_link_in_a_layer_does_not_lead_out,
    links_of_an_image_do_not_redirect_mounts,
    an_image_may_have_many_layers,
    limits_are_the_same_everywhere,
    the_log_is_cut_and_the_rest_counted,
    standard_error_can_be_opened_again,
    outputs_are_taken_as_they_are,
    planted_links_are_taken_as_links,
    pipes_are_no_outputs,
    missing_outputs_are_named,
    outputs_without_permissions_are_read_all_the_same,
    outputs_have_a_limit,
    as_stored_lists_as_stored_and_shuffled_does_not,
    one_processor_fewer_is_one_fewer,
    nothing_outlives_the_program,
    a_timeout_ends_what_ignores_signals,
    a_cancelled_room_ends_at_once,
    a_stopped_pid_1_dies_as_well,
    rooms_stand_beside_each_other,
    directories_without_permissions_are_removed,
    a_hundred_rooms_leave_nothing,
    the_death_of_eadem_leaves_nothing,
    the_death_of_eadem_at_any_moment_leaves_nothing,
    the_death_of_a_keeper_is_told_and_leaves_nothing,
    the_death_of_both_leaves_what_a_sweep_removes,
    a_store_on_an_overlay_will_do,
    a_machine_without_namespaces_says_so_and_how_to_repair_it,
];

fn run_tests(words: &[String]) -> ExitCode {
    let filter = words.iter().find(|word| !word.starts_with('-')).map_or("", String::as_str);
    let world = World::new();
    let chosen: Vec<&Test> = TESTS.iter().filter(|(name, _)| name.contains(filter)).collect();
    let n_passed = chosen.iter().filter(|test| passes(test, &world)).count();
    let who = if is_root() { "root" } else { "an ordinary user" };
    println!("{n_passed} passed; {} failed (as {who})", chosen.len() - n_passed);
    let others = if is_root() { run_as_ordinary_user(words) } else { true };
    if others && n_passed == chosen.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn passes((name, test): &Test, world: &World) -> bool {
    let since = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| {
        test(world);
        assert_eq!(world.leftovers(), [""; 0], "directories of rooms stay");
    }));
    println!(
        "test {name} ... {} ({} ms)",
        if result.is_ok() { "ok" } else { "FAILED" },
        since.elapsed().as_millis()
    );
    result.is_ok()
}

fn is_root() -> bool {
    geteuid().is_root()
}

/// The same program under another id, in a place where that id may read it.
fn run_as_ordinary_user(words: &[String]) -> bool {
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("sets");
    let program = dir.path().join("rooms");
    fs::copy(env::current_exe().expect("has a path"), &program).expect("copies");
    let ids = [format!("--reuid={ORDINARY}"), format!("--regid={ORDINARY}"), "--clear-groups".to_owned()];
    let status = Command::new("setpriv").args(ids).arg(program).args(words).current_dir("/").status();
    status.expect("setpriv starts").success()
}

fn a_probe_finds_that_rooms_can_be_made(world: &World) {
    world.engine.probe().expect("this machine can make rooms");
}

fn a_program_sees_who_and_where_the_round_says(world: &World) {
    let log = world.sh("id; pwd; hostname; umask; cat /etc/hostname; nproc > /dev/null; echo ~");
    let ids = "uid=1000(builder) gid=1000(builder) groups=1000(builder)";
    assert_eq!(log, format!("{ids}\n/build/target\neadem\n0022\neadem\n/home/builder\n"));
}

fn the_environment_is_exactly_the_rounds(world: &World) {
    let run = round(&["/usr/bin/env"]);
    let expected: BTreeSet<String> =
        run.room().expect("clean").env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let log = world.run(&run).success();
    assert_eq!(log.lines().map(str::to_owned).collect::<BTreeSet<_>>(), expected);
}

fn varied(round: Round) -> Round {
    Round { setting: Setting::varied(&round.plan.digest()), plan: round.plan }
}

fn a_varied_round_differs_in_everything_that_can_be_seen(world: &World) {
    let round = varied(shell("id -u; id -un; id -g; hostname; umask; pwd; ls $HOME; ls -ld $HOME"));
    let setting = round.setting.clone();
    let log = world.run(&round).success();
    let lines: Vec<&str> = log.lines().collect();
    let user = &setting.user;
    let expected = [user.uid.to_string(), user.name.clone(), user.gid.to_string(), setting.hostname];
    assert_eq!(lines[..4], expected);
    assert_eq!(lines[4..6], ["0077", setting.roots.target.as_str()]);
    assert!(lines[6].starts_with("drwxr-xr-x") && lines[6].contains(&user.name), "{}", lines[6]);
}

fn nothing_of_the_host_shows_in_the_mounts(world: &World) {
    for round in [
        shell("cat /proc/self/mounts /proc/self/mountinfo"),
        varied(shell("cat /proc/self/mounts /proc/self/mountinfo")),
    ] {
        let log = world.run(&round).success();
        let place = world.place.file_name().expect("has a name").to_string_lossy().into_owned();
        for word in [place.as_str(), "unpacked", "rooms", "ext4", "/tmp/."] {
            assert!(!log.contains(word), "`{word}` is in:\n{log}");
        }
        assert!(log.contains("overlay"), "{log}");
    }
}

fn nothing_of_the_host_shows_in_proc(world: &World) {
    let log = world.attempt(&["hidden"]);
    assert!(log.lines().all(|line| line.ends_with("=0")), "{log}");
    let log = world.sh("for p in /proc/[0-9]*; do echo ${p#/proc/}; done; cat /proc/1/cmdline; ls /sys");
    // Pid 1, the payload; the shell's own words need no third process.
    assert_eq!(log, "1\n2\neadem\0__room\0");
}

fn only_scratch_and_temporary_directories_can_be_written(world: &World) {
    let closed = [
        "/",
        "/etc",
        "/usr",
        "/usr/bin",
        "/build",
        "/build/src",
        "/build/src/sub",
        "/build/cargo",
        "/dev",
        "/home",
        "/var",
        "/sys",
    ];
    let log = world.attempt(&[&["write"][..], &closed].concat());
    assert_eq!(log.lines().filter(|line| line.ends_with("=EROFS")).count(), closed.len(), "{log}");
    let open = ["/build/target", "/home/builder", "/tmp", "/var/tmp", "/dev/shm"];
    let log = world.attempt(&[&["write"][..], &open].concat());
    assert_eq!(log.lines().filter(|line| line.ends_with("=allowed")).count(), open.len(), "{log}");
    let log = world.attempt(&["write", "/proc/self/fd", "/proc/sys", "/proc"]);
    assert!(!log.contains("allowed"), "{log}");
    // Shuffled inputs lie in memory that could be written.
    let mut round = attempt(&["write", "/build/src", "/build/src/sub", "/build/cargo"]);
    round.setting.order = DirectoryOrder::Shuffled(1);
    let log = world.run(&round).success();
    assert_eq!(log.lines().filter(|line| line.ends_with("=EROFS")).count(), 3, "{log}");
}

fn the_images_own_accounts_are_covered(world: &World) {
    let log = world.sh("cat /etc/of-the-image; while IFS=: read name rest; do echo $name; done < /etc/passwd; cat /etc/resolv.conf");
    assert_eq!(log, "image\nbuilder\nroot\nnobody\n");
}

fn devices_work(world: &World) {
    let script = "echo x > /dev/null; head -c 3 /dev/zero > z; head -c 3 /dev/urandom > u; cat /dev/stdin; \
                  test -c /dev/tty; test -c /dev/pts/ptmx; (echo full > /dev/full) 2> /dev/null || echo full; ls -A /dev/pts";
    assert_eq!(world.sh(script), "full\nptmx\n");
}

fn there_is_no_network_but_the_loopback(world: &World) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = listener.local_addr().expect("bound").port().to_string();
    let log = world.attempt(&["network", &port]);
    let expected =
        "interfaces=lo\nroutes=0\nhost=ECONNREFUSED\n1.1.1.1:80=ENETUNREACH\n10.0.0.1:80=ENETUNREACH\n";
    assert!(log.starts_with(expected), "{log}");
    assert!(log.contains("[2606:4700::1111]:80=ENETUNREACH") || log.contains("EADDRNOTAVAIL"), "{log}");
    assert!(log.ends_with("itself=true\ndocker=false\n"), "{log}");
}

fn descriptors_are_three(world: &World) {
    // One that a careless program left open for its children.
    let leaked = fs::File::open("/").expect("opens");
    rustix::io::fcntl_setfd(&leaked, rustix::io::FdFlags::empty()).expect("sets");
    assert_eq!(world.attempt(&["descriptors"]), "0=/dev/null\n1=pipe\n2=pipe\n");
}

fn refused_calls_are_refused(world: &World) {
    let log = world.attempt(&["calls"]);
    let other: Vec<&str> = log.lines().filter(|line| !line.ends_with("=EPERM")).collect();
    assert!(other.is_empty() && log.lines().count() == 36, "{other:?}");
}

fn refused_arguments_are_refused(world: &World) {
    let log = world.attempt(&["arguments"]);
    let other: Vec<&str> = log.lines().filter(|line| !line.ends_with("=EPERM")).collect();
    assert!(other.is_empty() && log.lines().count() == 21, "{other:?} {log}");
}

fn what_builds_need_is_allowed(world: &World) {
    let log = world.attempt(&["allowed"]);
    let expected = "unix=allowed\ninet=allowed\ninet6=allowed\nroute=allowed\npersonality=0x40000\ngroups=0\n\
                    thread=runs\nchild=exit status: 0\n";
    assert_eq!(log, expected);
}

fn calls_of_other_architectures_do_not_exist(world: &World) {
    let log = world.attempt(&["foreign"]);
    let expected = if cfg!(target_arch = "x86_64") {
        "clone3=ENOSYS\nx32=ENOSYS\nint80=refused\n"
    } else {
        "clone3=ENOSYS\n"
    };
    assert_eq!(log, expected);
}

fn pid_1_cannot_be_looked_into(world: &World) {
    let log = world.attempt(&["init"]);
    let allowed: Vec<&str> = log.lines().filter(|line| line.ends_with("allowed")).collect();
    // A signal to pid 1 that pid 1 has no handler for is taken and dropped; the room lives on.
    assert_eq!(allowed, ["kill=allowed"], "{log}");
}

fn files_that_change_the_machine_cannot_be_written(world: &World) {
    let log = world.attempt(&["files"]);
    assert!(!log.contains("allowed"), "{log}");
}

fn addresses_are_the_same_in_every_room(world: &World) {
    assert_eq!(world.attempt(&["address"]), world.attempt(&["address"]));
}

fn endings_are_told_as_they_were(world: &World) {
    for (script, ending) in [
        ("exit 3", Ending::Failed(3)),
        ("kill -SEGV $$", Ending::Signalled(11)),
        ("kill -KILL $$", Ending::Signalled(9)),
        ("true", Ending::Success),
    ] {
        let run = world.run(&shell(script));
        assert_eq!(run.outcome().ending, ending, "{script}");
        assert!(run.outcome().limits.contains(&"wall=60s".to_owned()));
        assert_eq!(run.events, []);
    }
    let run = world.run(&shell("i=0; while test $i -lt 100000; do i=$((i+1)); done"));
    assert!(run.outcome().usage.cpu_ms > 0 && run.outcome().usage.peak_kib > 0, "{:?}", run.outcome());
}

fn a_program_that_is_missing_is_like_in_a_shell(world: &World) {
    let run = world.run(&round(&["/bin/nothing"]));
    assert_eq!(run.outcome().ending, Ending::Failed(127));
    assert_eq!(run.log, "eadem: cannot start `/bin/nothing`: No such file or directory (os error 2)\n");
    assert_eq!(world.run(&round(&["/etc/passwd"])).outcome().ending, Ending::Failed(126));
    assert_eq!(world.run(&round(&["true"])).outcome().ending, Ending::Success);
}

fn a_missing_working_directory_is_the_plans_fault(world: &World) {
    let mut round = shell("true");
    round.plan.cwd = Text::from("/not/there");
    assert!(
        matches!(world.run(&round).outcome, Err(EngineError::Plan { what }) if what.contains("/not/there"))
    );
}

fn a_foreign_architecture_is_refused(world: &World) {
    let mut round = shell("true");
    round.plan.architecture =
        if cfg!(target_arch = "x86_64") { Architecture::Arm64 } else { Architecture::Amd64 };
    assert!(matches!(world.run(&round).outcome, Err(EngineError::Architecture { .. })));
}

fn a_link_in_a_layer_does_not_lead_out(world: &World) {
    let mut round = shell("ls /build/src");
    round.plan.inputs[0] =
        Input { layer: digest("source"), subpath: "planted".parse().expect("clean"), at: Root::Source };
    assert!(matches!(world.run(&round).outcome, Err(EngineError::Io { .. })));
    round.plan.inputs[0].layer = digest("unknown");
    assert!(matches!(world.run(&round).outcome, Err(EngineError::Input { .. })));
}

fn links_of_an_image_do_not_redirect_mounts(_: &World) {
    let mut world = World::new();
    let evil = world.layer("evil", |to| {
        for name in ["build", "dev", "proc", "tmp", "home", "etc"] {
            std::os::unix::fs::symlink("/usr", to.join(name)).expect("links");
        }
    });
    let mut round = shell("ls /build; ls /usr; cat /build/src/file1");
    round.plan.rootfs.push(evil);
    assert_eq!(world.run(&round).success(), "cargo\nsrc\ntarget\nbin\nlib\nlib64\ncontent\n");
}

fn an_image_may_have_many_layers(_: &World) {
    let mut world = World::new();
    let mut round = shell("cat /layer /only-in-*");
    for n in 0..126 {
        let layer = world.layer(&format!("layer{n}"), |to| {
            fs::write(to.join("layer"), format!("{n}\n")).expect("writes");
            if n % 25 == 0 {
                fs::write(to.join(format!("only-in-{n}")), format!("only {n}\n")).expect("writes");
            }
        });
        round.plan.rootfs.push(layer);
    }
    let log = world.run(&round).success();
    assert_eq!(log, "125\nonly 0\nonly 100\nonly 125\nonly 25\nonly 50\nonly 75\n");
    round.plan.rootfs.push(digest("libraries"));
    assert!(
        matches!(world.run(&round).outcome, Err(EngineError::Plan { what }) if what.contains("129 layers"))
    );
}

fn limits_are_the_same_everywhere(world: &World) {
    assert_eq!(world.sh("ulimit -c; ulimit -s; ulimit -p; ulimit -n"), "0\n8192\n32768\n8192\n");
    let log = world.sh("cat /proc/self/mounts");
    assert!(log.contains(" /tmp tmpfs rw,nosuid,nodev,relatime,size=4194304k,nr_inodes=1000000,"), "{log}");
}

fn the_log_is_cut_and_the_rest_counted(world: &World) {
    let mut round = attempt(&["loud", "3000000"]);
    round.plan.limits.log_bytes = 1_000_000;
    let run = world.run(&round);
    assert_eq!((run.log.len(), run.outcome().log_dropped), (1_000_000, 2_000_000));
}

fn standard_error_can_be_opened_again(world: &World) {
    assert_eq!(world.sh("echo a > /dev/stderr; echo b > /dev/stdout; echo c > /proc/self/fd/2"), "a\nb\nc\n");
}

fn outputs_are_taken_as_they_are(world: &World) {
    let script = "mkdir -p out/d; echo text > out/file; echo run > out/d/run; chmod 755 out/d/run; ln -s file out/link";
    let run = world.run(&with_output(shell(script), "all", "/out"));
    assert_eq!(run.taken, ["all/", "all/d/", "all/d/run* = run\n", "all/file = text\n", "all/link -> file"]);
    assert_eq!(run.outcome().ending, Ending::Success);
    // A round that differs in everything leaves the same.
    assert_eq!(world.run(&varied(with_output(shell(script), "all", "/out"))).taken, run.taken);
}

fn planted_links_are_taken_as_links(world: &World) {
    let run = world.run(&with_output(shell("ln -s /etc out"), "out", "/out"));
    assert_eq!(run.taken, ["out -> /etc"]);
    let run = world.run(&with_output(shell("ln -s /etc out"), "out", "/out/passwd"));
    assert_eq!(run.outcome().ending, Ending::MissingOutput("out".parse().expect("clean")));
    let run = world.run(&with_output(shell("ln -s ../../../../../../etc out"), "out", "/out/hostname"));
    assert_eq!(run.outcome().ending, Ending::MissingOutput("out".parse().expect("clean")));
}

fn pipes_are_no_outputs(world: &World) {
    let run = world.run(&with_output(shell("mkdir out; mknod out/pipe p; echo x > out/a"), "out", "/out"));
    assert_eq!(run.outcome().ending, Ending::MissingOutput("out/pipe".parse().expect("clean")));
    assert_eq!(run.taken, [""; 0]);
}

fn missing_outputs_are_named(world: &World) {
    let run = world.run(&with_output(shell("true"), "bin/tool", "/release/tool"));
    assert_eq!(run.outcome().ending, Ending::MissingOutput("bin/tool".parse().expect("clean")));
    let mut round = with_output(shell("true"), "tool", "/tool");
    round.plan.outputs[0].from = Text::from("/etc/passwd");
    assert!(matches!(world.run(&round).outcome, Err(EngineError::Plan { .. })));
}

fn outputs_without_permissions_are_read_all_the_same(world: &World) {
    let script =
        "mkdir -p out/d; echo x > out/d/f; echo y > out/g; chmod 0 out/d/f out/g; chmod 0 out/d; chmod 0 out";
    let run = world.run(&with_output(shell(script), "o", "/out"));
    assert_eq!(run.taken, ["o/", "o/d/", "o/d/f = x\n", "o/g = y\n"]);
}

fn outputs_have_a_limit(world: &World) {
    let mut round = with_output(shell("head -c 1000000 /dev/zero > out"), "out", "/out");
    round.plan.limits.output_bytes = 999_999;
    assert_eq!(world.run(&round).outcome().ending, Ending::OutputTooLarge(999_999));
}

fn as_stored_lists_as_stored_and_shuffled_does_not(world: &World) {
    let listed = |order| {
        let mut round = attempt(&["list", "/build/src"]);
        round.setting.order = order;
        let run = world.run(&round);
        assert_eq!(run.outcome().skipped, []);
        run.success().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let stored = fs::read_dir(world.place.join("unpacked/source/source")).expect("readable");
    let stored: Vec<_> =
        stored.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect();
    let (same, again) = (listed(DirectoryOrder::AsStored), listed(DirectoryOrder::AsStored));
    assert_eq!((&same, &again), (&stored, &stored));
    let (one, once_more, two) =
        (DirectoryOrder::Shuffled(1), DirectoryOrder::Shuffled(1), DirectoryOrder::Shuffled(2));
    let (one, once_more, two) = (listed(one), listed(once_more), listed(two));
    assert_eq!(one, once_more);
    assert!(one != two && one != stored);
    let sorted = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(sorted(&one), sorted(&stored));
    let mut round = shell("ls -l --time-style=+%s /build/src/sub/run /build/src/link; cat /build/src/link");
    let plain = world.run(&round).success();
    round.setting.order = DirectoryOrder::Shuffled(1);
    assert_eq!(world.run(&round).success(), plain);
}

fn one_processor_fewer_is_one_fewer(world: &World) {
    let n_all: usize = world.sh("nproc").trim().parse().expect("a number");
    let mut round = shell("nproc");
    round.setting.processors = Processors::OneFewer;
    let run = world.run(&round);
    let skipped = run.outcome().skipped.clone();
    let n_fewer: usize = run.success().trim().parse().expect("a number");
    if n_all > 1 {
        assert_eq!((n_fewer, skipped.len()), (n_all - 1, 0));
    } else {
        assert_eq!((n_fewer, skipped[0].variation.as_str()), (1, "processors"));
    }
}

fn nothing_outlives_the_program(world: &World) {
    let since = Instant::now();
    world.attempt(&["daemon", "98761"]);
    assert!(since.elapsed() < Duration::from_secs(5));
    assert_eq!(processes("sleep\u{0}98761"), [0; 0]);
}

fn a_timeout_ends_what_ignores_signals(world: &World) {
    let mut round = attempt(&["stubborn", "98762"]);
    round.plan.limits.wall_seconds = 1;
    let since = Instant::now();
    let run = world.run(&round);
    assert_eq!(run.outcome().ending, Ending::TimedOut(1));
    assert!(since.elapsed() < Duration::from_secs(3));
    assert_eq!(processes("sleep\u{0}98762"), [0; 0]);
}

fn a_cancelled_room_ends_at_once(world: &World) {
    let cancel = Cancel::default();
    let round = attempt(&["stubborn", "98763"]);
    let (run, asked) = std::thread::scope(|scope| {
        let run = scope.spawn(|| (world.run_until(&round, &cancel), Instant::now()));
        soon("the room lives", || processes("sleep\u{0}98763").len() == 4);
        let asked = Instant::now();
        cancel.cancel();
        let (run, ended) = run.join().expect("no panic");
        (run, ended - asked)
    });
    assert_eq!(run.outcome().ending, Ending::Cancelled);
    assert!(asked < Duration::from_millis(500), "{asked:?}");
    assert_eq!(processes("sleep\u{0}98763"), [0; 0]);
}

fn a_stopped_pid_1_dies_as_well(world: &World) {
    let mut round = attempt(&["stubborn", "98764"]);
    round.plan.limits.wall_seconds = 2;
    let run = std::thread::scope(|scope| {
        let run = scope.spawn(|| world.run(&round));
        soon("the room lives", || processes("sleep\u{0}98764").len() == 4);
        for pid in keepers().pids_1 {
            signal(pid, Signal::STOP);
        }
        run.join().expect("no panic")
    });
    assert_eq!(run.outcome().ending, Ending::TimedOut(2));
    assert_eq!(processes("sleep\u{0}98764"), [0; 0]);
}

fn rooms_stand_beside_each_other(world: &World) {
    std::thread::scope(|scope| {
        let rooms: Vec<_> = (0..8)
            .map(|n| {
                scope.spawn(move || {
                    world.sh(&format!("echo {n} > x; sleep 0.2; cat x; ls /tmp; echo > /tmp/{n}"))
                })
            })
            .collect();
        for (n, room) in rooms.into_iter().enumerate() {
            assert_eq!(room.join().expect("no panic"), format!("{n}\n"));
        }
    });
}

fn directories_without_permissions_are_removed(world: &World) {
    world.sh("mkdir -p a/b/c ~/x/y; echo > a/b/c/f; chmod 0 a/b/c; chmod 0 a/b a ~/x/y ~/x");
}

fn a_hundred_rooms_leave_nothing(world: &World) {
    let state = || (fs::read_dir("/proc/self/fd").expect("readable").count(), mounts(&world.place));
    world.sh("true");
    let before = state();
    assert_eq!(before.1, 0);
    for _ in 0..100 {
        world.sh("true");
    }
    assert_eq!(state(), before);
    assert_eq!(keepers().all, [0; 0]);
}

/// What dies in the next tests: an eadem with one room.
fn victim(place: &Path, rooms_dir: &Path) -> ExitCode {
    let run = World::beside(place, rooms_dir).run(&attempt(&["stubborn", "98765"]));
    println!("{:?}", run.outcome);
    ExitCode::SUCCESS
}

struct Victim {
    rooms: tempfile::TempDir,
    process: Child,
}

/// Starts a victim and waits until its room lives.
fn start_victim(world: &World) -> Victim {
    let rooms = tempfile::tempdir().expect("a temporary directory");
    let mut victim = Command::new(env::current_exe().expect("has a path"));
    let process = victim
        .arg("__victim")
        .args([world.place.as_path(), rooms.path()])
        .process_group(0)
        .spawn()
        .expect("starts");
    soon("the room lives", || processes("sleep\u{0}98765").len() == 4);
    Victim { rooms, process }
}

impl Victim {
    fn n_rooms(&self) -> usize {
        fs::read_dir(self.rooms.path()).expect("readable").count()
    }

    fn kill(&mut self) {
        self.process.kill().expect("is killed");
        self.process.wait().expect("is waited for");
    }

    fn nothing_lives(&self) {
        soon("every process is dead", || processes("sleep\u{0}98765").is_empty());
        assert_eq!(mounts(self.rooms.path()), 0);
    }
}

fn the_death_of_eadem_leaves_nothing(world: &World) {
    let mut victim = start_victim(world);
    assert_eq!(victim.n_rooms(), 1);
    victim.kill();
    soon("the room is removed", || victim.n_rooms() == 0);
    victim.nothing_lives();
}

/// What dies in the next test: an eadem that makes one room after the other.
fn restless(place: &Path, rooms_dir: &Path) -> ExitCode {
    let world = World::beside(place, rooms_dir);
    let round = with_output(shell("mkdir -p out/a/b; echo > out/a/b/c"), "out", "/out");
    println!("ready");
    while world.run(&round).outcome().ending == Ending::Success {}
    ExitCode::FAILURE
}

fn the_death_of_eadem_at_any_moment_leaves_nothing(world: &World) {
    for turn in 0..50_u64 {
        let rooms = tempfile::tempdir().expect("a temporary directory");
        // In a session of its own, so that its keepers can be told from others.
        let mut restless = Command::new("setsid");
        restless.arg(env::current_exe().expect("has a path")).arg("__restless");
        restless.args([world.place.as_path(), rooms.path()]).stdout(Stdio::piped());
        let mut process = restless.spawn().expect("starts");
        let mut out = process.stdout.take().expect("is piped");
        out.read_exact(&mut [0; 6]).expect("gets ready");
        // The moments are spread over the life of a room, which takes some tens of milliseconds.
        std::thread::sleep(Duration::from_micros(turn * 7_919 % 50_000));
        process.kill().expect("is killed");
        process.wait().expect("is waited for");
        soon("its keepers are dead", || session(process.id()).is_empty());
        assert_eq!(fs::read_dir(rooms.path()).expect("readable").count(), 0, "turn {turn}");
        assert_eq!(mounts(rooms.path()), 0);
    }
}

fn the_death_of_a_keeper_is_told_and_leaves_nothing(world: &World) {
    let error = std::thread::scope(|scope| {
        let run = scope.spawn(|| world.run(&attempt(&["stubborn", "98766"])));
        soon("the room lives", || processes("sleep\u{0}98766").len() == 4);
        signal(keepers().keepers[0], Signal::KILL);
        run.join().expect("no panic").outcome.expect_err("broke")
    });
    assert!(matches!(error, EngineError::Launcher { .. }), "{error:?}");
    soon("every process is dead", || processes("sleep\u{0}98766").is_empty());
}

fn the_death_of_both_leaves_what_a_sweep_removes(world: &World) {
    let mut victim = start_victim(world);
    let keepers = keepers_below(victim.process.id());
    assert_eq!(sweep(victim.rooms.path()).expect("sweeps"), 0, "the living are left alone");
    // Stopped, it cannot clean up in between.
    signal(keepers[0], Signal::STOP);
    victim.kill();
    assert_eq!(sweep(victim.rooms.path()).expect("sweeps"), 0, "the living are left alone");
    signal(keepers[0], Signal::KILL);
    victim.nothing_lives();
    soon("the lock is free", || sweep(victim.rooms.path()).expect("sweeps") == 1);
    assert_eq!(victim.n_rooms(), 0);
}

/// Says what a probe says.
fn probe(dir: &Path) -> ExitCode {
    match NativeEngine::new(dir.to_owned()).probe() {
        Ok(()) => println!("can"),
        Err(EngineError::Forbidden { step, errno, facts, remedy }) => {
            println!("{step}\n{errno}\n{}\n{remedy}", facts.join(", "));
        }
        Err(error) => println!("{error:?}"),
    }
    ExitCode::SUCCESS
}

/// As in a container, whose root is an overlay already: it can be no upper, and the room says so.
fn a_store_on_an_overlay_will_do(world: &World) {
    let script = "cd \"$1\" && mkdir -p none upper work over && \
        mount -t overlay overlay -o lowerdir=none,upperdir=upper,workdir=work,userxattr over && \
        mkdir over/rooms && exec \"$2\" __probe \"$1/over/rooms\"";
    let program = env::current_exe().expect("has a path");
    let place = world.place.join("overlay");
    fs::create_dir(&place).expect("makes");
    let said =
        Command::new("unshare").args(["-Urm", "sh", "-c", script, "sh"]).arg(&place).arg(program).output();
    assert_eq!(String::from_utf8(said.expect("unshare starts").stdout).expect("is UTF-8"), "can\n");
}

fn a_machine_without_namespaces_says_so_and_how_to_repair_it(world: &World) {
    let script = "echo 0 > /proc/sys/user/max_user_namespaces; exec \"$@\"";
    let program = env::current_exe().expect("has a path");
    let mut command = Command::new("unshare");
    command
        .args(["-Ur", "sh", "-c", script, "sh"])
        .arg(program)
        .arg("__probe")
        .arg(world.place.join("other"));
    let said = command.output().expect("unshare starts");
    let said = String::from_utf8(said.stdout).expect("is UTF-8");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "cloning into new namespaces (clone3)", "{said}");
    assert_eq!(lines[1], "No space left on device (os error 28)");
    assert!(lines[2].starts_with("user.max_user_namespaces = 0"), "{said}");
    assert_eq!(lines[3], "sysctl -w user.max_user_namespaces=10000");
    // Nobody but root has an id to give away.
    assert!(is_root() || outer_ids().0.to_string() == ORDINARY);
}
