//! Rooms as they really are: every test makes some and looks at them from inside and outside.
//!
//! Rooms re-exec the program that makes them, so this program has its own main function: it is the
//! tests, the keeper, and the payload that tries to get out. As root it runs every test twice, the
//! second time as an ordinary user.
#![allow(clippy::print_stdout, reason = "the tests have their own main function and tell what they do")]

#[path = "../../../tests/fixtures/escape/answers.rs"]
mod answers;
#[path = "../../../tests/fixtures/escape/crate/attack/mod.rs"]
mod attack;
#[path = "rooms/clock.rs"]
mod clock;
#[path = "../../../tests/support/host.rs"]
mod host;
mod limits;
#[path = "rooms/names.rs"]
mod names;
#[path = "rooms/oci.rs"]
mod oci;
mod support;
#[path = "rooms/terminal.rs"]
mod terminal;
#[path = "rooms/users.rs"]
mod users;
#[path = "rooms/veils.rs"]
mod veils;

use std::{
    collections::BTreeSet,
    env, fs,
    io::Read,
    net::TcpListener,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use eadem_model::{
    Applied, Architecture, Cancel, DirectoryOrder, Ending, Engine, EngineError, Event, Input, Limit, Means,
    Processors, Root, Round, Setting, Text, Users,
};
use eadem_sandbox::{LAUNCHER_WORD, NativeEngine, launcher_main, outer_ids, sweep};
use host::Host;
use rustix::process::Signal;
use support::{
    attempts,
    harness::{self, Test, is_root, tests},
    killing, leak,
    process::{keepers, keepers_below, launchers, mounts, processes, session, signal, soon},
    world::{World, attempt, digest, round, shell, with_output},
};

use names::{
    names_that_would_say_something_else_are_refused, places_of_a_room_may_have_any_name,
    values_pass_through_unharmed,
};
use users::{
    a_sweep_removes_what_other_users_own, deep_trees_of_other_users_are_removed,
    files_of_other_users_are_outputs_like_all, rooms_of_many_users_look_like_those_of_one,
    the_ids_of_a_room_own_nothing_on_the_host, where_there_are_many_users_files_can_be_given_to_them,
    where_there_is_one_user_nothing_can_be_given_away, wish,
};
use veils::{
    a_single_file_is_shown_in_a_veil_and_nobody_writes_to_it, a_veil_over_other_places_is_refused,
    who_looks_behind_a_veil_is_found_out,
};

/// An id that no account needs to have.
const ORDINARY: &str = "12345";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some(LAUNCHER_WORD) => launcher_main(),
        Some("__attempt") => attempts::run(&words[1..]),
        Some("__escape") => {
            print!("{}", attack::run());
            ExitCode::SUCCESS
        }
        Some(killing::WORD) => killing::run(Path::new(&words[1]), Path::new(&words[2]), &words[3]),
        Some("__supervised") => clock::supervised(&World::of_words(&words[1..])),
        Some("__probe") => probe(Path::new(&words[1])),
        Some("__enter") => terminal::enter(&words[1..]),
        Some("__victim") => victim(&World::of_words(&words[1..])),
        Some("__generous") => generous(Path::new(&words[1]), Path::new(&words[2])),
        Some("__wish") => wish(Path::new(&words[1]), Path::new(&words[2])),
        Some("__full") => limits::fill_small_disk(Path::new(&words[1]), Path::new(&words[2])),
        Some("__restless") => restless(&World::of_words(&words[1..])),
        _ => run_tests(&words),
    }
}

/// What is so whoever makes the room.
const ALIKE: &[Test] = tests![
    a_program_sees_who_and_where_the_round_says,
    the_environment_is_exactly_the_rounds,
    a_varied_round_differs_in_everything_that_can_be_seen,
    nothing_of_the_host_shows_in_the_mounts,
    only_scratch_and_temporary_directories_can_be_written,
    the_images_own_accounts_are_covered,
    devices_work,
    there_is_no_network_but_the_loopback,
    descriptors_are_three,
    what_builds_need_is_allowed,
    addresses_are_the_same_in_every_room,
    a_program_that_is_missing_is_like_in_a_shell,
    a_missing_working_directory_is_the_plans_fault,
    a_foreign_architecture_is_refused,
    a_link_in_a_layer_does_not_lead_out,
    links_of_an_image_do_not_redirect_mounts,
    an_image_may_have_many_layers,
    limits_are_the_same_everywhere,
    a_log_that_is_too_long_is_cut,
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
    the_death_of_eadem_leaves_nothing,
    the_death_of_eadem_at_any_moment_leaves_nothing,
    the_death_of_a_keeper_is_told_and_leaves_nothing,
    the_death_of_both_leaves_what_a_sweep_removes,
    files_of_other_users_are_outputs_like_all,
    deep_trees_of_other_users_are_removed,
    places_of_a_room_may_have_any_name,
    magic_links_of_an_image_do_not_redirect_mounts,
    plans_that_mount_where_no_room_can_are_refused,
    names_with_every_character_but_two_are_names,
    outputs_without_a_readable_name_are_refused,
    places_of_the_host_with_any_name_will_do,
    values_pass_through_unharmed,
    names_that_would_say_something_else_are_refused,
];

/// What is so in rooms that eadem makes itself.
const TESTS: &[Test] = tests![
    a_probe_finds_that_rooms_can_be_made,
    nothing_of_the_host_shows_in_proc,
    attempts_to_get_out_are_answered_as_listed,
    a_room_of_many_users_answers_but_for_them_as_listed,
    endings_are_told_as_they_were,
    who_looks_behind_a_veil_is_found_out,
    a_single_file_is_shown_in_a_veil_and_nobody_writes_to_it,
    a_veil_over_other_places_is_refused,
    many_rooms_leave_nothing,
    eight_rooms_at_once_leave_nothing,
    a_death_at_any_step_leaves_nothing,
    the_death_of_a_launcher_is_told_and_rooms_go_on,
    a_launcher_ends_with_its_engine_and_without_one_rooms_are_the_same,
    where_there_are_many_users_files_can_be_given_to_them,
    where_there_is_one_user_nothing_can_be_given_away,
    rooms_of_many_users_look_like_those_of_one,
    the_ids_of_a_room_own_nothing_on_the_host,
    a_sweep_removes_what_other_users_own,
    a_store_on_an_overlay_will_do,
    a_machine_without_namespaces_says_so_and_how_to_repair_it,
];

fn run_tests(words: &[String]) -> ExitCode {
    let of_root = if is_root() { users::OF_ROOT } else { &[] };
    let alike = [ALIKE, terminal::TESTS, clock::ALIKE].concat();
    let passed = [
        harness::run(&[&alike, TESTS, clock::TESTS, limits::TESTS, of_root].concat(), words, &World::new()),
        harness::run(&alike, words, &World::new().by("runc")),
        harness::run(&alike, words, &World::new().by("crun")),
        harness::run(oci::TESTS, words, &World::new().by("runc")),
    ];
    let passed = passed.into_iter().all(|passed| passed);
    let others = if is_root() { run_as_ordinary_user(words) } else { true };
    if others && passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The same program under another id, in a place where that id may read it.
fn run_as_ordinary_user(words: &[String]) -> bool {
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("sets");
    let program = dir.path().join("rooms");
    fs::copy(env::current_exe().expect("has a path"), &program).expect("copies");
    // The machine's own files stay as they are: the copy is seen in a mount namespace alone.
    let etc = users::etc_with_subordinate_ids(dir.path());
    let script = "mount --bind \"$1\" /etc && shift && exec setpriv \"$@\"";
    let ids = [format!("--reuid={ORDINARY}"), format!("--regid={ORDINARY}"), "--clear-groups".to_owned()];
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]).arg(etc).args(ids).arg(program).args(words);
    command.current_dir("/").status().expect("unshare starts").success()
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
    let round = varied(shell(
        "id -u; id -un; id -g; hostname; umask; pwd; ls $HOME; ls -ld $HOME; cat /proc/self/personality",
    ));
    let setting = round.setting.clone();
    let log = world.run(&round).success();
    let lines: Vec<&str> = log.lines().collect();
    let user = &setting.user;
    let expected = [user.uid.to_string(), user.name.clone(), user.gid.to_string(), setting.hostname];
    assert_eq!(lines[..4], expected);
    assert_eq!(lines[4..6], ["0077", setting.roots.target.as_str()]);
    assert!(lines[6].starts_with("drwxr-xr-x") && lines[6].contains(&user.name), "{}", lines[6]);
    // Addresses are fixed, and the kernel calls itself 2.6.
    assert_eq!(lines[7], "00060000");
}

fn nothing_of_the_host_shows_in_the_mounts(world: &World) {
    for round in [
        shell("cat /proc/self/mounts /proc/self/mountinfo"),
        varied(shell("cat /proc/self/mounts /proc/self/mountinfo")),
    ] {
        let log = world.run(&round).success();
        let place = world.place.file_name().expect("has a name").to_string_lossy().into_owned();
        for word in [place.as_str(), "unpacked", "rooms", "ext4", "/tmp/.", "cgroup", "config.json"] {
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

/// The round of the attacker, which is told what of the host it should not find.
fn escape(world: &World, host: &Host) -> Round {
    let mut round = attempt(&[]);
    round.plan.argv[1] = Text::from("__escape");
    let told = host.told(&world.place).into_iter().map(|(name, value)| (name.to_owned(), Text::from(value)));
    round.plan.env.extend(told);
    for (name, root) in [
        ("CARGO_MANIFEST_DIR", Root::Source),
        ("CARGO_HOME", Root::Cargo),
        ("CARGO_TARGET_DIR", Root::Target),
    ] {
        round.plan.env.insert(name.to_owned(), Text::root(root));
    }
    round
}

fn attempts_to_get_out_are_answered_as_listed(world: &World) {
    let host = Host::new();
    let log = world.run(&escape(world, &host)).success();
    assert_eq!(answers::compare(&log, &[]), "");
    answers::expect_reasons();
}

fn a_room_of_many_users_answers_but_for_them_as_listed(world: &World) {
    let host = Host::new();
    let mut round = escape(world, &host);
    round.plan.users = Users::Range;
    let log = world.run(&round).success();
    assert_eq!(answers::compare(&log, answers::MANY_USERS), "");
}

fn what_builds_need_is_allowed(world: &World) {
    let log = world.attempt(&["allowed"]);
    let expected = "unix=allowed\ninet=allowed\ninet6=allowed\nroute=allowed\npersonality=0x40000\ngroups=0\n\
                    thread=runs\nchild=exit status: 0\n";
    assert_eq!(log, expected);
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
        assert!(run.outcome().limits.contains(&Applied { limit: Limit::Wall, value: 60, by: Means::Watch }));
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
    assert_eq!(world.run(&round(&["/build/src"])).outcome().ending, Ending::Failed(126));
    assert_eq!(world.run(&round(&["true"])).outcome().ending, Ending::Success);
    let run = world.run(&round(&["nothing", "x"]));
    assert_eq!(run.outcome().ending, Ending::Failed(127));
    let said = "eadem: cannot start `nothing`: it is in none of the directories of PATH: /usr/bin, /bin\n";
    assert_eq!(run.log, said);
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
    round.plan.inputs[0] = Input {
        layer: digest("source"),
        subpath: "planted".parse().expect("clean"),
        at: Root::Source,
        below: None,
        file: false,
    };
    assert!(matches!(world.run(&round).outcome, Err(EngineError::Io { .. })));
    round.plan.inputs[0].layer = digest("unknown");
    assert!(matches!(world.run(&round).outcome, Err(EngineError::Input { .. })));
}

fn links_of_an_image_do_not_redirect_mounts(world: &World) {
    let mut world = world.another();
    let evil = world.layer("evil", |to| {
        for name in ["build", "dev", "proc", "tmp", "home", "etc"] {
            std::os::unix::fs::symlink("/usr", to.join(name)).expect("links");
        }
    });
    let mut round = shell("ls /build; ls /usr; cat /build/src/file1");
    round.plan.rootfs.push(evil);
    assert_eq!(world.run(&round).success(), "cargo\nsrc\ntarget\nbin\nlib\nlib64\ncontent\n");
}

fn magic_links_of_an_image_do_not_redirect_mounts(world: &World) {
    let mut world = world.another();
    let evil = world.layer("magic", |to| {
        for (name, target) in [
            ("build", "/proc/self/root/etc"),
            ("home", "/proc/1/root"),
            ("dev", "/proc/self/cwd"),
            ("var", "../../../../etc"),
        ] {
            std::os::unix::fs::symlink(target, to.join(name)).expect("links");
        }
    });
    let mut round = with_output(shell("ls /build /home /var; ls /etc; echo x > out"), "out", "/out");
    round.plan.rootfs.push(evil);
    let run = world.run(&round);
    assert_eq!(run.taken, ["out = x\n"]);
    let expected = "/build:\ncargo\nsrc\ntarget\n\n/home:\nbuilder\n\n/var:\ntmp\n\
                    group\nhostname\nhosts\nof-the-image\npasswd\nresolv.conf\n";
    assert_eq!(run.success(), expected);
}

fn plans_that_mount_where_no_room_can_are_refused(world: &World) {
    for place in [
        "/",
        "/etc",
        "/etc/ssl",
        "/proc",
        "/proc/self",
        "/dev/shm",
        "/sys",
        "/tmp/x",
        "/usr/../etc",
        "/build/target/in",
    ] {
        let mut round = shell("true");
        let Ok(at) = place.parse() else {
            // The type of such a place refuses it.
            assert!(place == "/" || place.contains(".."), "{place}");
            continue;
        };
        round.setting.roots.source = at;
        let refused = world.run(&round).outcome;
        assert!(matches!(refused, Err(EngineError::Plan { .. })), "{place}: {refused:?}");
    }
}

fn names_with_every_character_but_two_are_names(world: &World) {
    let script = "mkdir -p \"$D\"; echo x > \"$D/$F\"; ls \"$D\"";
    for name in ["a:b", "a,b", "a\\b", "a\nb", "a b", "ä", "a=b", "-rf", "\u{1}", "lowerdir=x,upperdir=y"] {
        let mut round = with_output(shell(script), "out", &format!("/./{name}")[2..]);
        round.plan.env.insert("D".to_owned(), Text::from(name));
        round.plan.env.insert("F".to_owned(), Text::from(name));
        round.plan.argv[2] = Text::from(script.replace("\"$D", "\"./$D"));
        assert_eq!(world.run(&round).taken, ["out/".to_owned(), format!("out/{name} = x\n")], "{name:?}");
    }
}

/// What is no UTF-8 has no place in a tree, whose digest other machines must find as well.
fn outputs_without_a_readable_name_are_refused(world: &World) {
    let script = "mkdir out; echo x > \"out/$(printf 'a\\377b')\"";
    let refused = world.run(&with_output(shell(script), "out", "/out"));
    let text = format!("{:?}", refused.outcome);
    assert!(text.contains("UTF-8") || text.contains("unicode") || text.contains("name"), "{text}");
    assert_eq!(refused.taken, [""; 0]);
}

/// Paths of the host are never options of a mount: a room knows them by descriptors alone.
fn places_of_the_host_with_any_name_will_do(world: &World) {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    for name in ["a:b", "a,b", "a\\b", "a\nb", "lowerdir=x", "a b"]
        .map(str::as_bytes)
        .into_iter()
        .chain([&b"a\xffb"[..]])
    {
        let place = world.place.join("odd").join(OsStr::from_bytes(name));
        fs::create_dir_all(&place).expect("makes");
        let odd = world.another_at(&place);
        let run = odd.run(&with_output(
            shell("cat /build/src/file1 > out; cat /proc/self/mountinfo"),
            "out",
            "/out",
        ));
        assert_eq!(run.taken, ["out = content\n"], "{name:?}");
        assert!(!run.success().contains("odd"), "{name:?}");
    }
    fs::remove_dir_all(world.place.join("odd")).expect("removes");
}

/// Layers above the image's own two; the higher one wins, and what is in one alone shows all the same.
fn image_of(world: &mut World, n_layers: usize) -> Round {
    let mut round = shell("cat /layer /only-in-*");
    for n in 0..n_layers - round.plan.rootfs.len() {
        let layer = world.layer(&format!("layer{n}"), |to| {
            fs::write(to.join("layer"), format!("{n}\n")).expect("writes");
            if n % 25 == 0 {
                fs::write(to.join(format!("only-in-{n}")), format!("only {n}\n")).expect("writes");
            }
        });
        round.plan.rootfs.push(layer);
    }
    round
}

fn an_image_may_have_many_layers(world: &World) {
    let mut world = world.another();
    let many = image_of(&mut world, 130);
    let log = world.run(&many).success();
    assert_eq!(log, "127\nonly 0\nonly 100\nonly 125\nonly 25\nonly 50\nonly 75\n");
    let mut most = image_of(&mut world, 499);
    let log = world.run(&most).success();
    assert!(log.starts_with("496\nonly 0\nonly 100\n") && log.contains("\nonly 475\n"), "{log}");
    assert_eq!(log.lines().count(), 21);
    // The lowest of all is as much there as the highest, in the varied round too.
    most.plan.argv = vec!["/bin/true".into()];
    drop(world.run(&varied(most.clone())).success());
    for n_layers in [500, 501] {
        most.plan.rootfs.resize(n_layers, digest("libraries"));
        let what = format!("{n_layers} layers (at most 499)");
        assert!(matches!(world.run(&most).outcome, Err(EngineError::Plan { what: said }) if said == what));
    }
}

fn limits_are_the_same_everywhere(world: &World) {
    assert_eq!(world.sh("ulimit -c; ulimit -s; ulimit -p; ulimit -n"), "0\n8192\n65536\n8192\n");
    let log = world.sh("cat /proc/self/mounts");
    assert!(log.contains(" /tmp tmpfs rw,nosuid,nodev,relatime,size=4194304k,nr_inodes=1000000,"), "{log}");
}

fn a_log_that_is_too_long_is_cut(world: &World) {
    let mut round = attempt(&["loud", "3000000"]);
    round.plan.limits.log_bytes = 1_000_000;
    let run = world.run(&round);
    assert_eq!((run.log.len(), &run.outcome().ending), (1_000_000, &Ending::Exceeded(Limit::Log, 1_000_000)));
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
    assert_eq!(world.run(&round).outcome().ending, Ending::Exceeded(Limit::Output, 999_999));
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
    assert_eq!(run.outcome().ending, Ending::Exceeded(Limit::Wall, 1));
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
    assert_eq!(run.outcome().ending, Ending::Exceeded(Limit::Wall, 2));
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

/// In a row, and in each of eight rows; `ci/proof rooms` asks for a thousand.
fn n_rooms() -> usize {
    env::var("EADEM_TEST_ROOMS").map_or(100, |n| n.parse().expect("a number of rooms"))
}

fn many_rooms_leave_nothing(world: &World) {
    leaves_nothing(world, || {
        for _ in 0..n_rooms() {
            world.sh("true");
        }
    });
}

fn eight_rooms_at_once_leave_nothing(world: &World) {
    leaves_nothing(world, || {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..n_rooms() / 10).for_each(|_| drop(world.sh("echo > x; sleep 0.01"))));
            }
        });
    });
}

/// Counts before and after.
pub(crate) fn leaves_nothing(world: &World, work: impl FnOnce()) {
    // The first room may open what stays open for the next ones.
    world.sh("true");
    let count = || {
        world.engine.settle().expect("rooms are removed");
        leak::Count::of(&world.place)
    };
    let (before, groups, namespaces) = (count(), leak::groups(), leak::network_namespaces());
    work();
    assert_eq!(count(), before);
    // Those of other programs end as well.
    let new: Vec<_> = leak::groups().difference(&groups).cloned().collect();
    soon("control groups are removed", || !new.iter().any(|group| group.exists()));
    // The kernel frees them a little later, and other programs have theirs.
    let most = namespaces.map_or(u64::MAX, |n| n + n_rooms() as u64 / 4);
    soon("namespaces are given back", || leak::network_namespaces().is_none_or(|n| n <= most));
}

fn a_death_at_any_step_leaves_nothing(world: &World) {
    killing::everywhere(world);
}

/// What dies in the next tests: an eadem with one room.
fn victim(world: &World) -> ExitCode {
    let mut round = attempt(&["stubborn", "98765"]);
    // So few that the room has a control group.
    round.plan.limits.processes = 100;
    let run = world.run(&round);
    println!("{:?}", run.outcome);
    ExitCode::SUCCESS
}

/// The same, with a room that gives files away.
fn generous(place: &Path, rooms_dir: &Path) -> ExitCode {
    let mut round = attempt(&["generous", "98765"]);
    round.plan.users = Users::Range;
    println!("{:?}", World::beside(place, rooms_dir).run(&round).outcome);
    ExitCode::SUCCESS
}

struct Victim {
    rooms: tempfile::TempDir,
    process: Child,
}

/// Starts a victim and waits until its room lives.
fn start_victim(world: &World, word: &str) -> Victim {
    let rooms = tempfile::tempdir().expect("a temporary directory");
    let mut victim = Command::new(env::current_exe().expect("has a path"));
    let process = victim.arg(word).args(world.words(rooms.path())).process_group(0).spawn().expect("starts");
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
    let mut victim = start_victim(world, "__victim");
    assert_eq!(victim.n_rooms(), 1);
    victim.kill();
    assert_eq!(sweep(victim.rooms.path()).expect("sweeps"), 0, "the living are left alone");
    soon("the room is removed", || victim.n_rooms() == 0);
    victim.nothing_lives();
}

/// What dies in the next test: an eadem that makes one room after the other.
fn restless(world: &World) -> ExitCode {
    let mut round = with_output(shell("mkdir -p out/a/b; echo > out/a/b/c"), "out", "/out");
    round.plan.limits.processes = 100;
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
        restless.args(world.words(rooms.path())).stdout(Stdio::piped());
        let mut process = restless.spawn().expect("starts");
        let mut out = process.stdout.take().expect("is piped");
        out.read_exact(&mut [0; 6]).expect("gets ready");
        // The moments are spread over the life of a room, which takes some tens of milliseconds.
        std::thread::sleep(Duration::from_micros(turn * 7_919 % 50_000));
        process.kill().expect("is killed");
        process.wait().expect("is waited for");
        soon("its keepers are dead", || session(process.id()).is_empty());
        assert_eq!(fs::read_dir(rooms.path()).expect("readable").count(), 0, "turn {turn}");
        soon("its groups are removed", || limits::groups_of_the_dead().is_empty());
        assert_eq!(mounts(rooms.path()), 0);
    }
}

fn the_death_of_a_keeper_is_told_and_leaves_nothing(world: &World) {
    let error = std::thread::scope(|scope| {
        let mut round = attempt(&["stubborn", "98766"]);
        round.plan.limits.processes = 100;
        let run = scope.spawn(move || world.run(&round));
        soon("the room lives", || processes("sleep\u{0}98766").len() == 4);
        signal(keepers().keepers[0], Signal::KILL);
        run.join().expect("no panic").outcome.expect_err("broke")
    });
    assert!(matches!(error, EngineError::Killed), "{error:?}");
    soon("every process is dead", || processes("sleep\u{0}98766").is_empty());
    soon("its groups are removed", || limits::groups_of_the_dead().is_empty());
}

fn the_death_of_both_leaves_what_a_sweep_removes(world: &World) {
    let mut victim = start_victim(world, "__victim");
    let keepers = keepers_below(victim.process.id());
    assert_eq!(sweep(victim.rooms.path()).expect("sweeps"), 0, "the living are left alone");
    // Stopped, neither can clean up after the other. A stopped keeper would not outlast eadem: the kernel lets
    // whoever is stopped go on when its group loses the last tie to its session.
    let eadem = victim.process.id().cast_signed();
    [keepers[0], eadem].into_iter().for_each(|pid| signal(pid, Signal::STOP));
    assert_eq!(sweep(victim.rooms.path()).expect("sweeps"), 0, "the living are left alone");
    signal(keepers[0], Signal::KILL);
    victim.kill();
    victim.nothing_lives();
    assert_eq!(limits::groups_of(keepers[0]).is_empty(), !limits::has_groups("pids"));
    soon("the lock is free", || sweep(victim.rooms.path()).expect("sweeps") == 1);
    assert_eq!((victim.n_rooms(), limits::groups_of(keepers[0]).len()), (0, 0));
}

fn the_death_of_a_launcher_is_told_and_rooms_go_on(world: &World) {
    let rooms = tempfile::tempdir().expect("a temporary directory");
    let other = World::beside(&world.place, rooms.path());
    let before = launchers();
    assert_eq!(other.run(&shell("echo 1")).events, []);
    let launcher = *launchers().difference(&before).next().expect("a launcher stands ready");
    signal(launcher, Signal::KILL);
    // It may have forked the next keeper already, so the loss shows with the next room or the one after.
    let said: Vec<Event> = (0..4)
        .flat_map(|n| {
            let run = other.run(&shell(&format!("echo {n}")));
            let events = run.events.clone();
            assert_eq!(run.success(), format!("{n}\n"));
            events
        })
        .collect();
    assert!(matches!(&said[..], [Event::Warning { message }] if message.contains("launcher")), "{said:?}");
    assert_eq!(launchers(), before);
    assert_eq!(other.leftovers(), [""; 0]);
}

fn a_launcher_ends_with_its_engine_and_without_one_rooms_are_the_same(world: &World) {
    let rooms = tempfile::tempdir().expect("a temporary directory");
    let before = launchers();
    let script = "cat /proc/1/cmdline /proc/1/comm /proc/self/mountinfo /proc/1/status";
    let seen = |mut other: World, n_launchers: usize| {
        other.engine = NativeEngine::new(rooms.path().to_owned());
        if n_launchers == 0 {
            other.engine = other.engine.without_launcher();
        }
        let run = other.run(&shell(script));
        assert_eq!((run.events.len(), launchers().len()), (0, before.len() + n_launchers));
        steady(&run.success())
    };
    let beside = || World::beside(&world.place, rooms.path());
    assert_eq!(seen(beside(), 1), seen(beside(), 0));
    assert_eq!(launchers(), before);
    assert_eq!(
        fs::read_dir(rooms.path()).expect("readable").count(),
        0,
        "dropping an engine waits for rooms"
    );
}

/// What does not count how much happened before: numbers of mounts and devices, and sizes.
fn steady(text: &str) -> Vec<String> {
    let tells = |line: &&str| !line.contains("ctxt_switches") && !line.contains(" kB");
    let words = |line: &str| {
        line.split(' ').skip(if line.contains(" - ") { 3 } else { 0 }).collect::<Vec<_>>().join(" ")
    };
    text.lines().filter(tells).map(words).collect()
}

/// Says what a probe says.
fn probe(dir: &Path) -> ExitCode {
    match NativeEngine::new(dir.to_owned()).probe() {
        Ok(_) => println!("can"),
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
