//! Rooms of daemons that somebody enters, at a real terminal and without one.

use std::{
    env, fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Output, Stdio},
    thread,
};

use eadem_model::{Cancel, Ending, Engine, Event, Terminal, Watch};
use rustix::process::{Signal, kill_process};

use crate::support::{
    process::{processes, soon},
    service::{Service, patiently},
    session::{Session, is_in_foreground},
    trial::{Taken, round, shell},
    world::{World, engine},
};

/// What a test starts: an eadem that enters a room and ends as the program in it does.
pub(crate) fn enter(words: &[String]) -> ExitCode {
    let [address, place, kept, argv @ ..] = words else { return ExitCode::from(97) };
    let service = Service::stranger(address);
    let world = World::new(&service, Path::new(place));
    let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
    let kept = Some(Path::new(kept)).filter(|kept| !kept.as_os_str().is_empty());
    static CANCEL: Cancel = Cancel::new();
    let events = |event: Event| drop(writeln!(std::io::stderr(), "{event:?}"));
    let watch = Watch { events: &events, log: &|_| (), cancel: &CANCEL, keep: None };
    match world.engine.enter(&round(&argv), &world, kept, &watch) {
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

/// This program as an eadem that enters a room.
fn program(world: &World<'_>, kept: Option<&Path>, argv: &[&str]) -> Vec<PathBuf> {
    let own = env::current_exe().expect("has a path");
    let kept = kept.map(Path::to_owned).unwrap_or_default();
    let fixed = [own, "__enter".into(), world.service.address().into(), world.place().to_owned(), kept];
    fixed.into_iter().chain(argv.iter().map(PathBuf::from)).collect()
}

/// A user at the prompt of a room's shell.
fn at_shell(world: &World<'_>) -> Session {
    let mut setsid = Command::new("setsid");
    setsid.arg("--ctty").args(program(world, None, &["/bin/sh", "-i"]));
    let mut session = Session::start(&mut setsid);
    session.expect("$ ");
    session
}

/// Enters a room without a terminal and gives what came of it.
fn piped(world: &World<'_>, kept: Option<&Path>, input: &[u8], script: &str) -> Output {
    let words = program(world, kept, &["/bin/sh", "-c", script]);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut eadem = command.spawn().expect("starts");
    let mut stdin = eadem.stdin.take().expect("is a pipe");
    thread::scope(|scope| {
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

pub(crate) fn a_prompt_has_a_terminal_of_its_own(world: &World<'_>) {
    let mut session = at_shell(world);
    assert!(!session.is_cooked());
    session.press("tty; echo x > /dev/tty; echo sum-$((40+2)); id -un\n");
    for line in ["/dev/pts/0\r\n", "x\r\n", "sum-42\r\n", "builder\r\n"] {
        session.expect(line);
    }
    session.press("exit 7\n");
    assert_eq!(session.status(), Some(7));
    assert!(session.is_cooked(), "the terminal has its modes back");
}

pub(crate) fn a_prompt_has_the_size_of_the_users_terminal(world: &World<'_>) {
    let mut session = at_shell(world);
    let shows = |size: &str, session: &mut Session| {
        soon(&format!("the room's terminal has the size {size}"), || {
            session.press("stty size\n");
            session.read();
            session.seen.contains(&format!("{size}\r\n"))
        });
    };
    shows("24 80", &mut session);
    session.resize(41, 101);
    shows("41 101", &mut session);
    session.press("exit 0\n");
    assert_eq!(session.status(), Some(0));
}

pub(crate) fn keys_reach_the_job_in_the_foreground(world: &World<'_>) {
    let mut session = at_shell(world);
    let sleepers = || processes("sleep\u{0}98871");
    session.press("sleep 98871\n");
    soon("the job runs", || sleepers().len() == 1);
    session.press("\u{1a}");
    session.expect("Stopped");
    session.press("fg\n");
    session.expect("sleep 98871\r\n");
    soon("the job is in the foreground", || is_in_foreground(sleepers()[0]));
    session.press("\u{3}");
    soon("the job is dead", || sleepers().is_empty());
    session.press("echo status-$?\n");
    session.expect("status-130");
    session.press("\u{4}");
    assert_eq!(session.status(), Some(0));
}

pub(crate) fn a_signal_or_a_closed_window_ends_the_room(world: &World<'_>) {
    for is_closed in [false, true] {
        let mut session = at_shell(world);
        session.press("sleep 98872\n");
        soon("the job runs", || processes("sleep\u{0}98872").len() == 1);
        match is_closed {
            true => session.hang_up(),
            false => kill_process(session.pid(), Signal::TERM).expect("is sent"),
        }
        assert_eq!(session.status(), Some(99));
        assert!(is_closed || session.is_cooked());
        soon("the job is dead", || processes("sleep\u{0}98872").is_empty());
        assert_eq!(world.service.leftovers(), [""; 0]);
    }
}

pub(crate) fn a_killed_eadem_at_a_terminal_is_swept(world: &World<'_>) {
    let mut session = at_shell(world);
    session.press("sleep 98873\n");
    soon("the job runs", || processes("sleep\u{0}98873").len() == 1);
    kill_process(session.pid(), Signal::KILL).expect("is sent");
    assert_eq!(session.status(), None);
    assert!(!world.service.leftovers().is_empty());
    engine(&world.service.address(), world.place()).probe().expect("the daemon answers");
    soon("the job is dead", || processes("sleep\u{0}98873").is_empty());
}

pub(crate) fn a_daemon_that_goes_away_gives_the_terminal_back(world: &World<'_>) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let start = if world.is_docker() { Service::docker } else { Service::podman };
    let service = start(dir.path());
    let lonely = World::new(&service, world.place());
    let marker = if world.is_docker() { "98874" } else { "98875" };
    let sleepers = || processes(&format!("sleep\u{0}{marker}"));
    let mut session = at_shell(&lonely);
    session.press(&format!("sleep {marker}\n"));
    patiently("the job runs", || sleepers().len() == 1);
    service.kill();
    session.expect("went away");
    assert_eq!(session.status(), Some(98));
    assert!(session.is_cooked(), "the terminal has its modes back");
    let again = start(dir.path());
    drop(lonely);
    engine(&again.address(), world.place()).probe().expect("the daemon answers");
    assert_eq!(again.leftovers(), [""; 0]);
    drop(again);
    assert_eq!(sleepers(), [0; 0]);
}

pub(crate) fn without_a_terminal_streams_stay_apart(world: &World<'_>) {
    let script = "tty; head -c 3; echo; echo wrong >&2; cat /dev/stdin; echo again > /dev/stderr; exit 5";
    let output = piped(world, None, b"onetwo\n", script);
    assert_eq!(text(&output.stdout), "not a tty\none\ntwo\n", "{output:?}");
    assert_eq!(text(&output.stderr), "wrong\nagain\n");
    assert_eq!(output.status.code(), Some(5));
    assert_eq!(piped(world, None, b"", "kill -9 $$").status.code(), Some(128 + 9));
}

pub(crate) fn much_is_carried_both_ways_without_loss(world: &World<'_>) {
    let input: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let output = piped(world, None, &input, "cat");
    assert!(output.stdout == input, "{} of {} bytes came back", output.stdout.len(), input.len());
    assert_eq!(output.status.code(), Some(0));
}

pub(crate) fn a_reader_that_goes_away_ends_the_writer(world: &World<'_>) {
    let words = program(world, None, &["/bin/sh", "-c", "while :; do echo line; done"]);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut eadem = command.spawn().expect("starts");
    let mut line = [0; 5];
    eadem.stdout.take().expect("is a pipe").read_exact(&mut line).expect("shows");
    assert_eq!(&line, b"line\n");
    assert_eq!(eadem.wait().expect("is ours").code(), Some(128 + 13));
}

/// Runs a build that is to be kept if it fails.
fn build(world: &World<'_>, script: &str, kept: &Path) -> Ending {
    let cancel = Cancel::default();
    let warn = |event| panic!("{event:?}");
    let watch = Watch { events: &warn, log: &|_| (), cancel: &cancel, keep: Some(kept) };
    world.engine.run(&shell(script), world, &mut Taken::default(), &watch).expect("a room is made").ending
}

pub(crate) fn what_a_failed_build_left_is_kept_and_shown(world: &World<'_>) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let kept = dir.path().join("kept");
    let script = "echo half > half-done; echo mine > ~/.rc; mkdir -p a/b; ln -s a link; ln half-done twin; \
                  chmod 0 a/b; exit 3";
    assert_eq!(build(world, script, &kept), Ending::Failed(3));
    let look = "cat half-done ~/.rc; test -d link/b && id -un; test twin -ef half-done && echo twins; \
                ls -ld a/b | head -c 10; echo more > more; rm half-done; exit 9";
    let output = piped(world, Some(&kept), b"", look);
    assert_eq!(text(&output.stdout), "half\nmine\nbuilder\ntwins\nd---------", "{output:?}");
    assert_eq!(output.status.code(), Some(9));
    let output = piped(world, Some(&kept), b"", "cat more; test ! -e half-done; ls -A");
    assert_eq!(text(&output.stdout), "more\na\nlink\nmore\ntwin\n", "{output:?}");
    assert_eq!(build(world, "echo new > new; exit 4", &kept), Ending::Failed(4));
    let output = piped(world, Some(&kept), b"", "ls -A");
    assert_eq!(text(&output.stdout), "new\n", "{output:?}");
    let names: Vec<_> = fs::read_dir(&kept).expect("is there").collect();
    assert_eq!(names.len(), 2, "one archive for each directory: {names:?}");
    world.engine.discard(&kept).expect("is removed");
    world.engine.discard(&kept).expect("nothing to do");
    assert!(!kept.exists());
}

pub(crate) fn whether_a_build_did_well_is_for_the_caller_to_judge(world: &World<'_>) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let kept = dir.path().join("kept");
    assert_eq!(build(world, "echo x > x; exit 3", &kept), Ending::Failed(3));
    assert!(kept.join("0.tar").exists());
    assert_eq!(build(world, "echo well > well", &kept), Ending::Success);
    assert_eq!(text(&piped(world, Some(&kept), b"", "cat well; ls").stdout), "well\nwell\n");
}
