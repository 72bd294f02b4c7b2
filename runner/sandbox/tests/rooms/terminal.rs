//! Rooms that somebody enters, at a real terminal and without one.

use std::{
    env, fs,
    io::{Read, Write},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Output, Stdio},
};

use eadem_model::{Cancel, Ending, Round, Terminal, Users, Watch};
use rustix::{
    process::Signal,
    termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr},
};

use crate::support::{
    harness::{Test, tests},
    process::{keepers_below, mounts, processes, signal, soon},
    session::{Session, is_in_foreground},
    world::{World, attempt, round, shell, with_output},
};

pub(crate) const TESTS: &[Test] = tests![
    a_terminal_is_the_rooms_own,
    keys_reach_the_job_in_the_foreground,
    a_room_follows_the_size_of_the_terminal,
    the_end_of_input_ends_the_shell,
    a_terminal_is_given_back_after_every_end,
    a_closed_terminal_ends_the_room,
    a_killed_eadem_at_a_terminal_leaves_no_process,
    a_killed_eadem_leaves_the_terminal_as_it_was,
    modes_that_somebody_else_gave_the_terminal_stay,
    without_a_terminal_streams_stay_apart,
    a_reader_that_goes_away_ends_the_writer,
    much_is_carried_both_ways_without_loss,
    the_ending_is_the_programs,
    a_program_that_is_missing_is_told_at_the_terminal,
    a_room_that_cannot_be_made_says_so,
    what_a_failed_build_left_is_kept_and_shown,
    what_a_build_left_that_ends_well_is_kept_for_who_judges_it,
    a_kept_state_that_cannot_be_read_can_be_entered_and_removed,
    what_a_room_of_many_users_left_is_kept_too,
];

/// What a test starts: an eadem that enters a room and ends as the program in it does.
pub(crate) fn enter(words: &[String]) -> ExitCode {
    let [users, kept, n_words, words @ ..] = words else { return ExitCode::from(97) };
    let (world, argv) = words.split_at(n_words.parse().expect("a number"));
    let world = World::of_words(world);
    let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
    let cancel = Cancel::default();
    let watch = Watch { events: &|_| (), log: &|_| (), cancel: &cancel, keep: None };
    let kept = Some(Path::new(kept)).filter(|kept| !kept.as_os_str().is_empty());
    let mut round = round(&argv);
    round.plan.users = if users == "range" { Users::Range } else { Users::One };
    match terminal(&world).enter(&round, &world, kept, &watch) {
        Ok(Ending::Success) => ExitCode::SUCCESS,
        Ok(Ending::Failed(status)) => ExitCode::from(u8::try_from(status).expect("a status")),
        Ok(Ending::Signalled(signal)) => ExitCode::from(128 + u8::try_from(signal).expect("a signal")),
        Ok(Ending::Cancelled) => ExitCode::from(99),
        other => {
            let _ = writeln!(std::io::stderr(), "{other:?}");
            ExitCode::from(98)
        }
    }
}

/// The way into the world's rooms.
fn terminal(world: &World) -> &dyn Terminal {
    world.engine().terminal().expect("these rooms can be entered")
}

/// A user at a terminal who lets a program run in a room.
pub(crate) fn at_terminal(world: &World, argv: &[&str]) -> Session {
    let mut setsid = Command::new("setsid");
    setsid.arg("--ctty").args(program(world, Users::One, None, argv));
    Session::start(&mut setsid)
}

/// A user at the prompt of a room's shell.
fn at_shell(world: &World) -> Session {
    let mut session = at_terminal(world, &["/bin/sh", "-i"]);
    session.expect("$ ");
    session
}

/// This program as an eadem that enters a room.
fn program(world: &World, users: Users, kept: Option<&Path>, argv: &[&str]) -> Vec<PathBuf> {
    let own = env::current_exe().expect("has a path");
    let kept = kept.map(Path::to_owned).unwrap_or_default();
    let users = if users == Users::Range { "range" } else { "one" };
    let words = world.words(&world.rooms_dir());
    let fixed = [own, "__enter".into(), users.into(), kept, words.len().to_string().into()];
    let words = words.into_iter().map(PathBuf::from).chain(argv.iter().map(PathBuf::from));
    fixed.into_iter().chain(words).collect()
}

/// Enters a room without a terminal and gives what came of it.
fn piped(world: &World, kept: Option<&Path>, input: &[u8], script: &str) -> Output {
    piped_as(Users::One, world, kept, input, script)
}

fn piped_as(users: Users, world: &World, kept: Option<&Path>, input: &[u8], script: &str) -> Output {
    let words = program(world, users, kept, &["/bin/sh", "-c", script]);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut eadem = command.spawn().expect("starts");
    let mut stdin = eadem.stdin.take().expect("is a pipe");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A program may end before it has read everything.
            let _ = stdin.write_all(input);
        });
        eadem.wait_with_output().expect("is ours")
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn a_terminal_is_the_rooms_own(world: &World) {
    let mut session = at_shell(world);
    session.press("tty; ls /dev/pts; stty size; echo x > /dev/tty; echo sum-$((40+2))\n");
    for line in ["/dev/pts/0\r\n", "0  ptmx\r\n", "24 80\r\n", "x\r\n", "sum-42\r\n"] {
        session.expect(line);
    }
    session.press("exit 7\n");
    assert_eq!(session.status(), Some(7));
}

fn keys_reach_the_job_in_the_foreground(world: &World) {
    let mut session = at_shell(world);
    let sleepers = || processes("sleep\u{0}98764");
    session.press("sleep 98764\n");
    soon("the job runs", || sleepers().len() == 1);
    session.press("\u{1a}");
    session.expect("Stopped");
    session.press("bg; jobs; echo back-$((1+1))\n");
    session.expect("Running");
    session.expect("back-2");
    session.press("fg\n");
    session.expect("sleep 98764\r\n");
    soon("the job is in the foreground", || is_in_foreground(sleepers()[0]));
    session.press("\u{3}");
    soon("the job is dead", || sleepers().is_empty());
    session.press("echo status-$?\n");
    session.expect("status-130");
    session.press("exit\n");
    assert_eq!(session.status(), Some(0));
}

fn a_room_follows_the_size_of_the_terminal(world: &World) {
    let mut session = at_shell(world);
    session.press("trap 'echo size-of-$(stty size)' WINCH; echo ready-$((1+1))\n");
    session.expect("ready-2");
    session.resize(41, 101);
    // A shell runs its traps between two commands.
    soon("the room's terminal has the new size", || {
        session.press("\n");
        session.read();
        session.seen.contains("size-of-41 101")
    });
    session.press("exit 0\n");
    assert_eq!(session.status(), Some(0));
}

fn the_end_of_input_ends_the_shell(world: &World) {
    let mut session = at_shell(world);
    session.press("\u{4}");
    assert_eq!(session.status(), Some(0));
}

fn a_terminal_is_given_back_after_every_end(world: &World) {
    for (sent, wanted) in [(None, Some(0)), (Some(Signal::TERM), Some(99)), (Some(Signal::INT), Some(99))] {
        let mut session = at_shell(world);
        soon("keys go to the room", || !session.is_cooked());
        match sent {
            None => session.press("exit\n"),
            Some(sent) => signal(session.pid().as_raw_pid(), sent),
        }
        assert_eq!(session.status(), wanted);
        assert!(session.is_cooked(), "after {sent:?}");
    }
}

fn a_closed_terminal_ends_the_room(world: &World) {
    let mut session = at_shell(world);
    session.press("sleep 98763\n");
    soon("the job runs", || processes("sleep\u{0}98763").len() == 1);
    session.hang_up();
    assert_eq!(session.status(), Some(99));
    soon("the job is dead", || processes("sleep\u{0}98763").is_empty());
}

fn a_killed_eadem_at_a_terminal_leaves_no_process(world: &World) {
    let mut session = at_shell(world);
    session.press("sleep 98762\n");
    soon("the job runs", || processes("sleep\u{0}98762").len() == 1);
    let keepers = keepers_below(session.pid().as_raw_pid().cast_unsigned());
    assert_eq!(keepers.len(), 1);
    signal(session.pid().as_raw_pid(), Signal::KILL);
    assert_eq!(session.status(), None);
    soon("the job is dead", || processes("sleep\u{0}98762").is_empty());
    soon("the keeper is dead", || !Path::new(&format!("/proc/{}", keepers[0])).exists());
    soon("the room is removed", || world.leftovers().is_empty());
    assert_eq!(mounts(&world.rooms_dir()), 0);
}

fn a_killed_eadem_leaves_the_terminal_as_it_was(world: &World) {
    let mut session = at_shell(world);
    assert!(!session.is_cooked());
    signal(session.pid().as_raw_pid(), Signal::KILL);
    assert_eq!(session.status(), None);
    soon("the terminal has its modes back", || session.is_cooked());
    soon("the room is removed", || world.leftovers().is_empty());
}

/// Shells set modes as soon as what they started is dead, and that may be sooner.
fn modes_that_somebody_else_gave_the_terminal_stay(world: &World) {
    let mut session = at_shell(world);
    let keepers = keepers_below(session.pid().as_raw_pid().cast_unsigned());
    signal(keepers[0], Signal::STOP);
    signal(session.pid().as_raw_pid(), Signal::KILL);
    assert_eq!(session.status(), None);
    let mut modes = tcgetattr(&session.terminal).expect("is a terminal");
    modes.local_modes |= LocalModes::ECHO;
    tcsetattr(&session.terminal, OptionalActions::Now, &modes).expect("takes modes");
    signal(keepers[0], Signal::CONT);
    soon("the keeper is dead", || !Path::new(&format!("/proc/{}", keepers[0])).exists());
    let left = tcgetattr(&session.terminal).expect("is a terminal").local_modes;
    assert_eq!(left, modes.local_modes);
}

fn without_a_terminal_streams_stay_apart(world: &World) {
    let script = "tty; head -c 3; echo; echo wrong >&2; cat /dev/stdin; echo again > /dev/stderr; exit 5";
    let output = piped(world, None, b"onetwo\n", script);
    assert_eq!(text(&output.stdout), "not a tty\none\ntwo\n", "{output:?}");
    assert_eq!(text(&output.stderr), "wrong\nagain\n");
    assert_eq!(output.status.code(), Some(5));
}

fn a_reader_that_goes_away_ends_the_writer(world: &World) {
    let script = "while echo line; do :; done; exit 9";
    let words = program(world, Users::One, None, &["/bin/sh", "-c", script]);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut eadem = command.spawn().expect("starts");
    let mut line = [0; 5];
    eadem.stdout.take().expect("is a pipe").read_exact(&mut line).expect("shows");
    assert_eq!(&line, b"line\n");
    // No signal that it does not handle ends pid 1, who is told that nobody reads all the same.
    let status = if world.is_native() { 128 + 13 } else { 9 };
    assert_eq!(eadem.wait().expect("is ours").code(), Some(status));
}

fn much_is_carried_both_ways_without_loss(world: &World) {
    let input: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let output = piped(world, None, &input, "cat");
    assert!(output.stdout == input, "{} of {} bytes came back", output.stdout.len(), input.len());
    assert_eq!(output.status.code(), Some(0));
}

fn the_ending_is_the_programs(world: &World) {
    // Pid 1 cannot kill itself.
    let status = if world.is_native() { 128 + 9 } else { 0 };
    assert_eq!(piped(world, None, b"", "kill -9 $$").status.code(), Some(status));
    assert_eq!(piped(world, None, b"", "exit 42").status.code(), Some(42));
    assert_eq!(piped(world, None, b"", "no-such-program").status.code(), Some(127));
    // What the program leaves running ends with it.
    let output = piped(world, None, b"", "sleep 98761 & echo started");
    assert_eq!((text(&output.stdout).as_str(), output.status.code()), ("started\n", Some(0)));
    soon("the rest is dead", || processes("sleep\u{0}98761").is_empty());
}

fn a_program_that_is_missing_is_told_at_the_terminal(world: &World) {
    let mut session = at_terminal(world, &["no-such-program"]);
    session.expect("cannot start `no-such-program`");
    assert_eq!(session.status(), Some(127));
    assert!(session.is_cooked());
}

fn a_room_that_cannot_be_made_says_so(world: &World) {
    let mut round = shell("true");
    round.plan.cwd = "/nowhere".into();
    let cancel = Cancel::default();
    let watch = Watch { events: &|_| (), log: &|_| (), cancel: &cancel, keep: None };
    let entered = terminal(world).enter(&round, world, None, &watch);
    let error = entered.expect_err("there is no such directory");
    assert!(error.to_string().contains("/nowhere"), "{error}");
}

/// Runs a build that is to be kept if it fails.
fn build(world: &World, script: &str, kept: &Path) -> Ending {
    build_round(world, &shell(script), kept)
}

fn build_round(world: &World, round: &Round, kept: &Path) -> Ending {
    let cancel = Cancel::default();
    let warn = |event| panic!("{event:?}");
    let watch = Watch { events: &warn, log: &|_| (), cancel: &cancel, keep: Some(kept) };
    let mut out = crate::support::world::Taken::default();
    world.engine().run(round, world, &mut out, &watch).expect("a room is made").ending
}

fn what_a_failed_build_left_is_kept_and_shown(world: &World) {
    let kept = world.place.join("kept");
    let script = "echo half > half-done; echo mine > ~/.rc; mkdir -p a/b; ln -s a link; exit 3";
    assert_eq!(build(world, script, &kept), Ending::Failed(3));
    let look = "cat half-done ~/.rc; test -d link/b && id -un; echo more > more; rm half-done; \
                cat /proc/self/mountinfo";
    let output = piped(world, Some(&kept), b"", look);
    let shown = text(&output.stdout);
    assert!(shown.starts_with("half\nmine\nbuilder\n"), "{output:?}");
    assert!(!shown.contains(kept.to_str().expect("is UTF-8")), "{shown}");
    let output = piped(world, Some(&kept), b"", "cat more; test ! -e half-done; ls -A");
    assert_eq!(text(&output.stdout), "more\na\nlink\nmore\n", "{output:?}");
    assert_eq!(mounts(&kept), 0);
    assert_eq!(build(world, "echo new > new; exit 4", &kept), Ending::Failed(4));
    let output = piped(world, Some(&kept), b"", "ls -A");
    assert_eq!(text(&output.stdout), "new\n", "{output:?}");
    terminal(world).discard(&kept).expect("is removed");
    assert!(!kept.exists());
}

fn what_a_build_left_that_ends_well_is_kept_for_who_judges_it(world: &World) {
    let kept = world.place.join("kept-well");
    assert_eq!(build(world, "echo x > x; exit 3", &kept), Ending::Failed(3));
    assert!(kept.join("0/x").exists());
    assert_eq!(build(world, "echo y > y", &kept), Ending::Success);
    assert!(kept.join("0/y").exists() && !kept.join("0/x").exists());
    terminal(world).discard(&kept).expect("is removed");
}

fn a_kept_state_that_cannot_be_read_can_be_entered_and_removed(world: &World) {
    let kept = world.place.join("kept-shut");
    let script = "mkdir -p a/b; echo x > a/b/c; chmod 0 a/b a; chmod 0555 .; exit 1";
    assert_eq!(build(world, script, &kept), Ending::Failed(1));
    let target = fs::metadata(kept.join("0")).expect("is there");
    assert_eq!(target.permissions().mode() & 0o777, 0o555);
    assert_eq!(target.uid(), eadem_sandbox::outer_ids().0);
    let output = piped(world, Some(&kept), b"", "chmod 755 . a a/b; cat a/b/c; chmod 0 a/b a .");
    assert_eq!(text(&output.stdout), "x\n", "{output:?}");
    terminal(world).discard(&kept).expect("is removed");
    assert!(!kept.exists());
}

fn what_a_room_of_many_users_left_is_kept_too(world: &World) {
    let kept = world.place.join("kept-many");
    let round = attempt(&["give", "out"]);
    // What the build left is looked at, so it must fail.
    let mut round = with_output(round, "missing", "/missing");
    round.plan.users = Users::Range;
    assert!(matches!(build_round(world, &round, &kept), Ending::MissingOutput(_)));
    let script = "cat out/own; : > given; /bin/*rooms* __attempt give more; ls out more";
    let output = piped_as(Users::Range, world, Some(&kept), b"", script);
    assert_eq!(text(&output.stdout), "own\nmore:\n0\n33\nown\nrun\n\nout:\n0\n33\nown\nrun\n", "{output:?}");
    terminal(world).discard(&kept).expect("is removed");
    assert!(!kept.exists());
}
