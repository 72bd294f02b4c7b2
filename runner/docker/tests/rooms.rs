//! Rooms of a real Docker Engine and a real Podman, both private to these tests.
//!
//! Every test runs with both. This program is the tests, the payload that tries to get out, and the
//! eadem that is killed.
#![allow(clippy::print_stdout, reason = "the tests have their own main function and tell what they do")]

#[allow(dead_code, reason = "the tests of native rooms use the rest")]
#[path = "../../../tests/fixtures/escape/answers.rs"]
mod answers;
#[path = "../../../tests/fixtures/escape/crate/attack/mod.rs"]
mod attack;
mod escape;
#[path = "../../../tests/support/host.rs"]
mod host;
mod support;
mod terminal;
mod transfer;

use std::{
    collections::BTreeSet,
    env,
    io::{Read, Write},
    net::TcpListener,
    os::unix::{fs::symlink, net::UnixListener},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::{Command, ExitCode, Stdio},
    thread,
    time::Instant,
};

use eadem_model::{
    Applied, Architecture, Cancel, DirectoryOrder, Ending, Engine, EngineError, Input, Kernel, Level, Limit,
    Means, Root, Round, Setting, Text, Users,
};
use escape::attempts_to_get_out_are_answered_but_for_these_as_in_native_rooms;
use support::{
    attempts,
    process::{processes, soon},
    proxy::Proxy,
    service::{Service, patiently},
    trial::{attempt, digest, round, shell, with_output},
    world::{World, engine, furnish},
};
use terminal::{
    a_daemon_that_goes_away_gives_the_terminal_back, a_killed_eadem_at_a_terminal_is_swept,
    a_prompt_has_a_terminal_of_its_own, a_prompt_has_the_size_of_the_users_terminal,
    a_reader_that_goes_away_ends_the_writer, a_signal_or_a_closed_window_ends_the_room,
    keys_reach_the_job_in_the_foreground, much_is_carried_both_ways_without_loss,
    what_a_failed_build_left_is_kept_and_shown, whether_a_build_did_well_is_for_the_caller_to_judge,
    without_a_terminal_streams_stay_apart,
};
use transfer::a_transfer_that_stalls_is_given_up_and_leaves_nothing;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("__attempt") => attempts::run(&words[1..]),
        Some("__escape") => {
            print!("{}", attack::run());
            ExitCode::SUCCESS
        }
        Some("__enter") => terminal::enter(&words[1..]),
        Some("__victim") => victim(&words[1], Path::new(&words[2])),
        _ => run_tests(&words),
    }
}

type Test = (&'static str, fn(&World<'_>));

macro_rules! tests {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), $name as fn(&World<'_>))),*] };
}

const TESTS: &[Test] = tests![
    a_probe_says_what_the_daemon_can,
    a_program_sees_who_and_where_the_round_says,
    the_environment_is_exactly_the_rounds,
    a_varied_round_differs_in_everything_that_can_be_varied,
    what_cannot_be_varied_is_said,
    inputs_are_shown_as_the_store_has_them,
    only_scratch_and_temporary_directories_can_be_written,
    the_images_own_accounts_are_covered,
    there_is_no_network_but_the_loopback,
    attempts_to_get_out_are_answered_but_for_these_as_in_native_rooms,
    what_builds_need_is_allowed,
    addresses_are_the_same_in_every_room_or_it_is_said,
    endings_are_told_as_they_were,
    a_program_that_is_missing_is_like_in_a_shell,
    an_image_without_a_shell_will_do,
    odd_names_pass_untouched,
    plans_that_no_room_can_have_are_refused,
    a_link_in_a_layer_does_not_lead_out,
    links_of_an_image_do_not_redirect_mounts,
    standard_error_and_output_are_one_stream,
    a_log_that_is_too_long_is_cut,
    outputs_are_taken_as_they_are,
    planted_links_are_taken_as_links,
    what_is_missing_or_odd_is_named,
    outputs_have_a_limit,
    nothing_outlives_the_program,
    a_timeout_ends_what_ignores_signals,
    a_cancelled_room_ends_at_once,
    a_memory_hog_is_ended,
    a_crowd_of_processes_is_ended,
    what_fills_the_disk_is_ended,
    a_million_files_are_too_many,
    what_was_written_in_no_time_is_counted_too,
    rooms_stand_beside_each_other,
    an_image_is_loaded_once,
    the_death_of_eadem_leaves_what_the_next_start_removes,
    a_daemon_that_goes_away_in_mid_build_is_named,
    daemons_that_are_none_are_named,
    a_daemon_of_another_architecture_is_refused,
    a_prompt_has_a_terminal_of_its_own,
    a_prompt_has_the_size_of_the_users_terminal,
    keys_reach_the_job_in_the_foreground,
    a_signal_or_a_closed_window_ends_the_room,
    a_killed_eadem_at_a_terminal_is_swept,
    a_daemon_that_goes_away_gives_the_terminal_back,
    without_a_terminal_streams_stay_apart,
    much_is_carried_both_ways_without_loss,
    a_reader_that_goes_away_ends_the_writer,
    what_a_failed_build_left_is_kept_and_shown,
    whether_a_build_did_well_is_for_the_caller_to_judge,
    a_transfer_that_stalls_is_given_up_and_leaves_nothing,
];

fn run_tests(words: &[String]) -> ExitCode {
    let filter = words.iter().find(|word| !word.starts_with('-')).map_or("", String::as_str);
    let dir = tempfile::tempdir().expect("a temporary directory");
    furnish(dir.path());
    let chosen: Vec<&Test> = TESTS.iter().filter(|(name, _)| name.contains(filter)).collect();
    let services = [Service::docker(&dir.path().join("d")), Service::podman(&dir.path().join("p"))];
    let worlds = services.iter().map(|service| World::new(service, dir.path()));
    let passed = |world: World<'_>| chosen.iter().filter(|test| passes(test, &world)).count();
    let n_passed: usize = worlds.map(passed).sum();
    println!("{n_passed} passed; {} failed", 2 * chosen.len() - n_passed);
    if n_passed == 2 * chosen.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn passes((name, test): &Test, world: &World<'_>) -> bool {
    let since = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| {
        test(world);
        assert_eq!(world.service.leftovers(), [""; 0], "things of rooms stay at the daemon");
    }));
    let (word, service) = (if result.is_ok() { "ok" } else { "FAILED" }, world.service.name);
    println!("test {service} {name} ... {word} ({} ms)", since.elapsed().as_millis());
    result.is_ok()
}

fn a_probe_says_what_the_daemon_can(world: &World<'_>) {
    let abilities = world.engine.probe().expect("the daemon answers").0;
    let found = |name: &str| abilities.iter().find(|ability| ability.name == name).expect(name);
    assert!(found("daemon").found.contains(&world.service.address()), "{abilities:?}");
    let level = if world.is_docker() { Level::Good } else { Level::Partly };
    assert_eq!((found("seccomp").level, found("limits").level), (level, Level::Good));
}

fn a_program_sees_who_and_where_the_round_says(world: &World<'_>) {
    let log = world.sh("id -u; id -un; id -g; pwd; hostname; umask; echo ~; test $$ -gt 1");
    assert_eq!(log, "1000\nbuilder\n1000\n/build/target\neadem\n0022\n/home/builder\n");
    assert_eq!(world.sh("ulimit -c; ulimit -s; ulimit -n; ulimit -p"), "0\n8192\n8192\n32768\n");
    assert_eq!(world.sh("cat /etc/hostname").trim(), "eadem");
    let hosts = world.sh("cat /etc/hosts");
    for name in ["localhost", "eadem"] {
        let is_it =
            |line: &str| line.starts_with("127.0.0.1") && line.split_whitespace().any(|word| word == name);
        assert!(hosts.lines().any(is_it), "{hosts}");
    }
    let resolve = world.sh("cat /etc/resolv.conf");
    let is_own =
        |line: &str| line.starts_with('#') || ["", "nameserver 127.0.0.1", "options ndots:0"].contains(&line);
    assert!(resolve.lines().all(is_own), "{resolve}");
}

fn the_environment_is_exactly_the_rounds(world: &World<'_>) {
    let run = round(&["/usr/bin/env"]);
    let expected: BTreeSet<String> =
        run.room().expect("clean").env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let log = world.run(&run).success();
    assert_eq!(log.lines().map(str::to_owned).collect::<BTreeSet<_>>(), expected);
}

fn varied(round: Round) -> Round {
    Round { setting: Setting::varied(&round.plan.digest()), plan: round.plan }
}

fn a_varied_round_differs_in_everything_that_can_be_varied(world: &World<'_>) {
    let round = varied(shell("id -u; id -un; id -g; hostname; umask; pwd; nproc; ls $HOME; ls -ld $HOME"));
    let setting = round.setting.clone();
    let run = world.run(&round);
    let n_all: usize = world.sh("nproc").trim().parse().expect("a number");
    let log = run.success();
    let lines: Vec<&str> = log.lines().collect();
    let user = &setting.user;
    let expected = [user.uid.to_string(), user.name.clone(), user.gid.to_string(), setting.hostname];
    assert_eq!(lines[..4], expected);
    assert_eq!(lines[4..7], ["0077", setting.roots.target.as_str(), &(n_all - 1).max(1).to_string()]);
    assert!(lines[7].starts_with("drwxr-xr-x") && lines[7].contains(&user.name), "{}", lines[7]);
}

fn what_cannot_be_varied_is_said(world: &World<'_>) {
    let mut round = shell("true");
    round.setting.order = DirectoryOrder::Shuffled(1);
    round.setting.clock_offset = 1;
    round.setting.kernel = Kernel::TwoSix;
    let run = world.run(&round);
    let outcome = run.outcome();
    let skipped: Vec<&str> = outcome.skipped.iter().map(|skipped| skipped.variation.as_str()).collect();
    assert_eq!(skipped, ["order", "clock", "kernel"]);
    let counted = if world.is_docker() { Means::Watch } else { Means::Nothing };
    let by = |limit| outcome.limits.iter().find(|applied| applied.limit == limit).map(|applied| applied.by);
    assert_eq!((by(Limit::Processes), by(Limit::Wall)), (Some(Means::Daemon), Some(Means::Watch)));
    assert_eq!((by(Limit::Disk), by(Limit::Memory)), (Some(counted), None));
    assert!(outcome.lacks.iter().any(|words| words.contains("mountinfo")), "{:?}", outcome.lacks);
    assert_eq!(outcome.lacks.iter().any(|words| words.contains("randomised")), !world.is_docker());
}

fn inputs_are_shown_as_the_store_has_them(world: &World<'_>) {
    let log = world
        .sh("ls /build/src; cat /build/src/sub/*; readlink /build/src/link; cat /build/src/again; id -u");
    assert_eq!(
        log,
        "again\nfile0\nfile1\nfile2\nfile3\nfile4\nfile5\nfile6\nfile7\nfile8\nlink\nsub\nodd\nsub//../file1\ncontent\n1000\n"
    );
}

fn only_scratch_and_temporary_directories_can_be_written(world: &World<'_>) {
    let closed = [
        "/",
        "/etc",
        "/usr",
        "/usr/bin",
        "/build",
        "/build/src",
        "/build/src/sub",
        "/build/cargo",
        "/home",
        "/var",
    ];
    let log = world.attempt(&[&["write"][..], &closed].concat());
    assert_eq!(log.lines().filter(|line| line.ends_with("=EROFS")).count(), closed.len(), "{log}");
    let open = ["/build/target", "/home/builder", "/tmp", "/var/tmp", "/dev/shm"];
    let log = world.attempt(&[&["write"][..], &open].concat());
    assert_eq!(log.lines().filter(|line| line.ends_with("=allowed")).count(), open.len(), "{log}");
    let log = world.attempt(&["write", "/proc/sys", "/proc", "/sys", "/dev"]);
    assert!(!log.contains("allowed"), "{log}");
    assert_eq!(world.sh("printf '#!/bin/sh\\necho runs\\n' > /tmp/x; chmod +x /tmp/x; /tmp/x"), "runs\n");
}

fn the_images_own_accounts_are_covered(world: &World<'_>) {
    let log =
        world.sh("cat /etc/of-the-image; while IFS=: read name rest; do echo $name; done < /etc/passwd");
    assert_eq!(log, "image\nbuilder\nroot\nnobody\n");
}

fn there_is_no_network_but_the_loopback(world: &World<'_>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = listener.local_addr().expect("bound").port().to_string();
    let log = world.attempt(&["network", &port]);
    let expected =
        "interfaces=lo\nroutes=0\nhost=ECONNREFUSED\n1.1.1.1:80=ENETUNREACH\n10.0.0.1:80=ENETUNREACH\n";
    assert!(log.starts_with(expected), "{log}");
    assert!(log.contains("itself=true\ndocker=false"), "{log}");
}

fn what_builds_need_is_allowed(world: &World<'_>) {
    let log = world.attempt(&["allowed"]);
    for line in ["unix=allowed", "inet=allowed", "inet6=allowed", "route=allowed", "thread=runs"] {
        assert!(log.lines().any(|found| found == line), "{log}");
    }
    assert!(log.contains("child=exit status: 0"), "{log}");
}

fn addresses_are_the_same_in_every_room_or_it_is_said(world: &World<'_>) {
    if world.is_docker() {
        assert_eq!(world.attempt(&["address"]), world.attempt(&["address"]));
    } else {
        assert_ne!(world.attempt(&["address"]), world.attempt(&["address"]));
    }
}

fn endings_are_told_as_they_were(world: &World<'_>) {
    for (script, ending) in [
        ("exit 3", Ending::Failed(3)),
        ("kill -SEGV $$", Ending::Signalled(11)),
        ("kill -KILL $$", Ending::Signalled(9)),
        ("true", Ending::Success),
    ] {
        let run = world.run(&shell(script));
        assert_eq!(run.outcome().ending, ending, "{script}");
        assert!(run.outcome().limits.contains(&Applied { limit: Limit::Wall, value: 60, by: Means::Watch }));
        assert_eq!(run.events, []);
    }
}

fn a_program_that_is_missing_is_like_in_a_shell(world: &World<'_>) {
    let run = world.run(&round(&["/bin/nothing"]));
    assert_eq!(run.outcome().ending, Ending::Failed(127));
    assert!(run.log.contains("/bin/nothing"), "{}", run.log);
    assert_eq!(world.run(&round(&["/etc/passwd"])).outcome().ending, Ending::Failed(126));
    assert_eq!(world.run(&round(&["true"])).outcome().ending, Ending::Success);
    let mut round = shell("true");
    round.plan.cwd = Text::from("/not/there");
    let error = world.run(&round).outcome.expect_err("nobody can go there");
    assert!(matches!(&error, EngineError::Plan { what } if what.contains("/not/there")), "{error:?}");
}

fn an_image_without_a_shell_will_do(world: &World<'_>) {
    let mut world = World::new(world.service, world.place());
    let bare = world.layer("bare", |to| support::image::install(to, &["/usr/bin/printf".into()]));
    let mut round = round(&["/bin/printf", "%s", "a b"]);
    round.plan.rootfs = vec![bare];
    let run = world.run(&round);
    assert!(run.outcome().lacks.iter().any(|words| words.contains("process 1")), "{:?}", run.outcome().lacks);
    assert_eq!(run.success(), "a b");
    round.plan.argv[0] = Text::from("/bin/nothing");
    assert_eq!(world.run(&round).outcome().ending, Ending::Failed(127));
    round.setting.umask = 0o077;
    assert!(world.run(&round).outcome().skipped.iter().any(|skipped| skipped.variation == "umask"));
}

fn odd_names_pass_untouched(world: &World<'_>) {
    let mut round =
        shell("printf '%s|' \"$PWD\" \"$ODD\" \"$@\"; ls -d \"$PWD\" > /dev/null && echo x > out");
    round.plan.argv.extend(["sh", "a,b:c\nd", "$HOME `id`", "-e"].map(Text::from));
    round.plan.env.insert("ODD".to_owned(), Text::from("1,2:3\n\"'\\"));
    round = with_output(round, "out", "/out");
    let plain = round.clone();
    round.setting.roots.target = "/build/t,a:r=g e\nt".parse().expect("clean");
    round.setting.roots.source = "/build/s,r:c".parse().expect("clean");
    let mut run = world.run(&round);
    let mut target = round.setting.roots.target;
    if !world.is_docker() {
        assert!(matches!(&run.outcome, Err(EngineError::Plan { what }) if what.contains("/build/s,r:c")));
        (run, target) = (world.run(&plain), plain.setting.roots.target);
    }
    assert_eq!(run.outcome().ending, Ending::Success, "{}", run.log);
    let expected = format!("{target}|1,2:3\n\"'\\|a,b:c\nd|$HOME `id`|-e|");
    assert_eq!((run.log, &run.taken[..]), (expected, &["out = x\n".to_owned()][..]));
}

fn plans_that_no_room_can_have_are_refused(world: &World<'_>) {
    let refused = |change: fn(&mut Round)| {
        let mut round = with_output(shell("true"), "out", "/out");
        change(&mut round);
        world.run(&round).outcome.expect_err("refused").to_string()
    };
    assert!(refused(|round| round.plan.users = Users::Range).contains("a range of user ids"));
    assert!(
        refused(|round| round.setting.roots.target = "/proc/x".parse().expect("clean")).contains("/proc/x")
    );
    assert!(refused(|round| round.plan.outputs[0].from = Text::from("/etc/passwd")).contains("/etc/passwd"));
    let foreign = |round: &mut Round| {
        let here = cfg!(target_arch = "x86_64");
        round.plan.architecture = if here { Architecture::Arm64 } else { Architecture::Amd64 };
    };
    assert!(refused(foreign).starts_with("the image is for "), "{}", refused(foreign));
    assert!(refused(|round| round.plan.rootfs.push(digest("unknown"))).contains("cannot be opened"));
}

fn a_link_in_a_layer_does_not_lead_out(world: &World<'_>) {
    let mut round = shell("ls /build/src");
    round.plan.inputs[0] = Input {
        layer: digest("source"),
        subpath: "planted".parse().expect("clean"),
        at: Root::Source,
        below: None,
        file: false,
    };
    assert!(matches!(world.run(&round).outcome, Err(EngineError::Io { .. })));
}

fn links_of_an_image_do_not_redirect_mounts(world: &World<'_>) {
    let mut world = World::new(world.service, world.place());
    let evil = world.layer("evil", |to| {
        ["build", "home", "tmp"].iter().for_each(|name| symlink("/usr", to.join(name)).expect("links"));
    });
    let mut round = shell("ls /build; ls /usr; cat /build/src/file1");
    round.plan.rootfs.push(evil);
    assert_eq!(world.run(&round).success(), "cargo\nsrc\ntarget\nbin\nlib\nlib64\ncontent\n");
}

fn standard_error_and_output_are_one_stream(world: &World<'_>) {
    let script = "for i in 1 2 3; do echo out$i; echo err$i >&2; done; echo a > /dev/stderr; echo b > /dev/stdout; cat";
    assert_eq!(world.sh(script), "out1\nerr1\nout2\nerr2\nout3\nerr3\na\nb\n");
}

fn a_log_that_is_too_long_is_cut(world: &World<'_>) {
    let mut round = attempt(&["loud", "3000000"]);
    round.plan.limits.log_bytes = 1_000_000;
    let run = world.run(&round);
    assert_eq!((run.log.len(), &run.outcome().ending), (1_000_000, &Ending::Exceeded(Limit::Log, 1_000_000)));
}

fn outputs_are_taken_as_they_are(world: &World<'_>) {
    let script = "mkdir -p out/d/e; echo text > out/file; echo run > out/d/run; chmod 755 out/d/run; ln -s file out/link; \
                  ln out/file out/hard; echo l > out/$(printf %0200d 7); echo z > out/zero; chmod 0 out/zero out/d/e";
    let run = world.run(&with_output(shell(script), "all", "/out"));
    let long = format!("all/{:0200} = l\n", 7);
    let expected = [
        "all/",
        &long,
        "all/d/",
        "all/d/e/",
        "all/d/run* = run\n",
        "all/file = text\n",
        "all/hard = text\n",
        "all/link -> file",
        "all/zero = z\n",
    ];
    assert_eq!(run.taken, expected);
    assert_eq!(run.outcome().ending, Ending::Success);
    // A round that differs in everything leaves the same.
    assert_eq!(world.run(&varied(with_output(shell(script), "all", "/out"))).taken, run.taken);
    let mut whole = with_output(shell("echo x > f"), "all", "");
    whole.plan.outputs[0].from = Text::root(Root::Target);
    assert_eq!(world.run(&whole).taken, ["all/", "all/f = x\n"]);
}

fn planted_links_are_taken_as_links(world: &World<'_>) {
    assert_eq!(world.run(&with_output(shell("ln -s /etc out"), "out", "/out")).taken, ["out -> /etc"]);
    for (target, from) in [("/etc", "/out/passwd"), ("../../../../etc", "/out/hostname"), (".", "/out/out")] {
        let run = world.run(&with_output(shell(&format!("ln -s {target} out")), "out", from));
        assert_eq!(run.outcome().ending, Ending::MissingOutput("out".parse().expect("clean")), "{target}");
    }
}

fn what_is_missing_or_odd_is_named(world: &World<'_>) {
    let run = world.run(&with_output(shell("mkdir out; mknod out/pipe p; echo x > out/a"), "out", "/out"));
    assert_eq!(run.outcome().ending, Ending::MissingOutput("out/pipe".parse().expect("clean")));
    assert_eq!(run.taken, [""; 0]);
    let run = world.run(&with_output(shell("true"), "bin/tool", "/release/tool"));
    assert_eq!(run.outcome().ending, Ending::MissingOutput("bin/tool".parse().expect("clean")));
    let run = world.run(&with_output(shell("mkdir out; echo x > out/$(printf '\\377')"), "out", "/out"));
    let error = run.outcome.expect_err("cannot be named");
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(cause.contains("not UTF-8"), "{error:?}");
}

fn outputs_have_a_limit(world: &World<'_>) {
    let mut round = with_output(shell("head -c 1000000 /dev/zero > out"), "out", "/out");
    round.plan.limits.output_bytes = 999_999;
    assert_eq!(world.run(&round).outcome().ending, Ending::Exceeded(Limit::Output, 999_999));
}

fn nothing_outlives_the_program(world: &World<'_>) {
    world.attempt(&["daemon", "98861"]);
    assert_eq!(processes("sleep\u{0}98861"), [0; 0]);
}

fn a_timeout_ends_what_ignores_signals(world: &World<'_>) {
    let mut round = attempt(&["stubborn", "98862"]);
    round.plan.limits.wall_seconds = 1;
    assert_eq!(world.run(&round).outcome().ending, Ending::Exceeded(Limit::Wall, 1));
    assert_eq!(processes("sleep\u{0}98862"), [0; 0]);
}

fn a_cancelled_room_ends_at_once(world: &World<'_>) {
    let (cancel, round) = (Cancel::default(), attempt(&["stubborn", "98863"]));
    let run = thread::scope(|scope| {
        let run = scope.spawn(|| world.run_by(&world.engine, &round, &cancel));
        soon("the room lives", || processes("sleep\u{0}98863").len() == 4);
        cancel.cancel();
        run.join().expect("no panic")
    });
    assert_eq!(run.outcome().ending, Ending::Cancelled);
    assert_eq!(processes("sleep\u{0}98863"), [0; 0]);
}

fn a_memory_hog_is_ended(world: &World<'_>) {
    let mut round = attempt(&["hog", "200"]);
    round.plan.limits.memory_bytes = Some(64 << 20);
    let run = world.run(&round);
    let ending = &run.outcome().ending;
    // Podman does not always know who has killed.
    let is_unknown = !world.is_docker() && *ending == Ending::Signalled(9);
    assert!(is_unknown || *ending == Ending::Exceeded(Limit::Memory, 64 << 20), "{ending:?}");
    let held = Applied { limit: Limit::Memory, value: 64 << 20, by: Means::Daemon };
    assert!(run.outcome().limits.contains(&held));
}

fn a_crowd_of_processes_is_ended(world: &World<'_>) {
    let mut round = attempt(&["bomb"]);
    round.plan.limits.processes = 40;
    assert_eq!(world.run(&round).outcome().ending, Ending::Exceeded(Limit::Processes, 40));
}

fn what_fills_the_disk_is_ended(world: &World<'_>) {
    if !world.is_docker() {
        // What nobody counts there is said: `what_cannot_be_varied_is_said`.
        return;
    }
    let mut round = attempt(&["fill", ".", "400"]);
    round.plan.limits.disk_bytes = 50 << 20;
    let run = world.run(&round);
    assert_eq!(run.outcome().ending, Ending::Exceeded(Limit::Disk, 50 << 20));
    let held = Applied { limit: Limit::Disk, value: 50 << 20, by: Means::Watch };
    assert!(run.outcome().limits.contains(&held));
}

fn a_million_files_are_too_many(world: &World<'_>) {
    if !world.is_docker() {
        // What nobody counts there is said: `what_cannot_be_varied_is_said`.
        return;
    }
    let mut round = attempt(&["files", ".", "1000000"]);
    round.plan.limits.files = 5000;
    assert_eq!(world.run(&round).outcome().ending, Ending::Exceeded(Limit::Files, 5000));
}

fn what_was_written_in_no_time_is_counted_too(world: &World<'_>) {
    if !world.is_docker() {
        // What nobody counts there is said: `what_cannot_be_varied_is_said`.
        return;
    }
    let mut round = shell("mkdir closed; echo > closed/a; echo > closed/b; chmod 0 closed; exit 3");
    round.plan.limits.files = 2;
    assert_eq!(world.run(&round).outcome().ending, Ending::Exceeded(Limit::Files, 2));
    round.plan.limits.files = 3;
    assert_eq!(world.run(&round).outcome().ending, Ending::Failed(3));
}

fn rooms_stand_beside_each_other(world: &World<'_>) {
    let logs: Vec<String> = thread::scope(|scope| {
        let room = |n: usize| scope.spawn(move || world.sh(&format!("echo {n} > f; sleep 0.3; cat f; ls")));
        let rooms: Vec<_> = (0..4).map(room).collect();
        rooms.into_iter().map(|room| room.join().expect("no panic")).collect()
    });
    assert_eq!(logs, ["0\nf\n", "1\nf\n", "2\nf\n", "3\nf\n"]);
}

fn an_image_is_loaded_once(world: &World<'_>) {
    world.sh("true");
    let images = || {
        let said = world.service.says(["image", "ls", "--quiet", "--no-trunc", "localhost/eadem/rootfs"]);
        said.expect("the daemon answers").lines().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let before = images();
    world
        .run_by(&engine(&world.service.address(), world.place()), &shell("true"), &Cancel::default())
        .success();
    assert_eq!(images(), before);
}

/// An eadem that is killed in mid-build.
fn victim(address: &str, place: &Path) -> ExitCode {
    let service = Service::stranger(address);
    let _ = World::new(&service, place).run(&shell("sleep 98864"));
    ExitCode::SUCCESS
}

fn the_death_of_eadem_leaves_what_the_next_start_removes(world: &World<'_>) {
    let own = env::current_exe().expect("has a path");
    let mut victim = Command::new(own);
    victim.arg("__victim").arg(world.service.address()).arg(world.place()).stdout(Stdio::null());
    let mut victim = victim.spawn().expect("starts");
    soon("its room lives", || !processes("sleep\u{0}98864").is_empty());
    // A living eadem's rooms are left alone.
    let other = engine(&world.service.address(), world.place());
    other.probe().expect("the daemon answers");
    assert!(!processes("sleep\u{0}98864").is_empty());
    victim.kill().expect("is there");
    victim.wait().expect("is dead");
    assert!(!world.service.leftovers().is_empty());
    let next = engine(&world.service.address(), world.place());
    next.probe().expect("the daemon answers");
    assert_eq!(world.service.leftovers(), [""; 0]);
    assert_eq!(processes("sleep\u{0}98864"), [0; 0]);
}

fn a_daemon_that_goes_away_in_mid_build_is_named(world: &World<'_>) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let start = if world.is_docker() { Service::docker } else { Service::podman };
    let service = start(dir.path());
    let lonely = World::new(&service, world.place());
    let marker = if world.is_docker() { "98865" } else { "98866" };
    let (round, command) = (shell(&format!("sleep {marker}")), format!("sleep\u{0}{marker}"));
    let run = thread::scope(|scope| {
        let run = scope.spawn(|| lonely.run(&round));
        patiently("the room lives", || !processes(&command).is_empty());
        service.kill();
        run.join().expect("no panic")
    });
    let error = run.outcome.expect_err("nobody is there");
    assert!(matches!(&error, EngineError::Daemon { what, .. } if what.contains("went away")), "{error:?}");
    assert!(run.events.iter().any(|event| format!("{event:?}").contains("until the next start")));
    // A daemon that comes back finds what it had, and it can be removed.
    let again = start(dir.path());
    assert!(!again.leftovers().is_empty());
    drop(again);
    assert_eq!(processes(&command), [0; 0]);
}

fn daemons_that_are_none_are_named(world: &World<'_>) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let said = |address: &str| match engine(address, world.place()).probe() {
        Err(EngineError::Daemon { daemon, what, remedy }) => (format!("{daemon} {what}"), remedy),
        other => panic!("{other:?}"),
    };
    let absent = format!("unix://{}/none", dir.path().display());
    let (words, remedy) = said(&absent);
    assert_eq!(words, format!("no daemon of Docker or Podman answers at {absent} (there is no such socket)"));
    assert!(remedy.expect("helps").contains("systemctl start docker"));
    assert!(said("tcp://127.0.0.1:1").0.contains("tcp://127.0.0.1:1"));
    assert!(said("ftp://x").0.contains("is no address of a daemon"));
    let old = old_daemon(&dir.path().join("old"));
    let (words, _) = said(&old);
    assert!(words.ends_with("has version 1.24 of the API, and rooms need 1.40"), "{words}");
}

fn a_daemon_of_another_architecture_is_refused(world: &World<'_>) {
    let (ours, theirs) = if cfg!(target_arch = "x86_64") { ("amd64", "arm64") } else { ("arm64", "amd64") };
    let dir = tempfile::tempdir().expect("a temporary directory");
    // Podman calls the same machine by its other name. A space keeps the length.
    let machine = world.service.says(["info", "--format", "{{.Architecture}}"]).expect("the daemon answers");
    let told = format!("\"Architecture\":\"{machine}\"");
    let other = format!("\"Architecture\":\"{theirs}\"");
    let other = format!("{other}{}", " ".repeat(told.len() - other.len()));
    let proxy = Proxy::changing(&world.service.address(), &dir.path().join("sock"), &told, &other);
    let run = world.run_by(&engine(&proxy.address(), world.place()), &shell("true"), &Cancel::default());
    let error = run.outcome.expect_err("a room there would be emulated").to_string();
    assert!(error.starts_with(&format!("the image is for {ours}, this machine is {theirs} (")), "{error}");
    assert!(error.contains(&proxy.address()), "{error}");
}

/// Answers two questions as a daemon of long ago.
fn old_daemon(socket: &Path) -> String {
    let listener = UnixListener::bind(socket).expect("binds");
    thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            let mut stream = stream.expect("a client");
            let n = stream.read(&mut [0; 4096]).expect("asks");
            assert!(n > 0);
            let body = "{\"Version\":\"1.12.0\",\"ApiVersion\":\"1.24\",\"Architecture\":\"x86_64\"}";
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}",
                body.len()
            );
            stream
                .write_all(format!("{head}\r\nConnection: close\r\n\r\n{body}").as_bytes())
                .expect("answers");
        }
    });
    format!("unix://{}", socket.display())
}
