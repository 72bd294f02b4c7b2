//! `eadem shell`: a build's room with somebody in it, and what a failed build left.

use std::{
    fs::File,
    io::Write,
    process::{Command, Stdio},
};

use rustix::process::{Signal, kill_process};

use crate::support::{
    disk,
    lane::{Lane, turn},
    process,
    run::Run,
    session::{Session, is_in_foreground},
    world::World,
};

const NATIVE: &str = "native";
const RUNC: &str = "oci:runc";

/// `eadem shell` with some words, and a command after `--` if there are any.
fn shell(world: &World, engine: &str, words: &[&str], command: &[&str]) -> Command {
    let mut eadem = world.command([&["shell", "--engine", engine], words].concat());
    if !command.is_empty() {
        eadem.arg("--").args(command);
    }
    eadem
}

/// Runs a script in a recipe's room.
fn script(lane: &Lane, world: &World, engine: &str, words: &[&str], script: &str) -> Run {
    lane.run(&mut shell(world, engine, words, &["/bin/sh", "-c", script]))
}

fn a_command_runs_in_the_room_of_the_build(lane: &Lane, engine: &str) {
    let world = lane.fixture("steady");
    let look = "pwd; id -un; hostname; echo $CARGO_TARGET_DIR $TERM; ls; echo talk >&2; exit 6";
    let run =
        script(lane, &world, engine, &["steady"], look).exit(6).stderr_has("talk\n").stderr_lacks("error:");
    let seen = "/build/src\nbuilder\neadem\n/build/target dumb\nCargo.lock\nCargo.toml\nsrc\n";
    assert_eq!(run.stdout(), seen, "{run}");
    drop(script(lane, &world, engine, &["steady"], "cargo build --release --offline --locked").exit(0));
    // Pid 1 cannot kill itself.
    let status = if engine == NATIVE { 128 + 9 } else { 0 };
    drop(script(lane, &world, engine, &["steady"], "ls /build/target; kill -9 $$").exit(status));
    drop(lane.run(&mut shell(&world, engine, &["steady"], &["no-such-program"])).exit(127));
    lane.expect_swept();
}

#[test]
fn what_a_full_disk_does_not_take_is_no_success() {
    let (lane, full) = (Lane::root(), File::options().write(true).open("/dev/full").expect("is there"));
    let world = lane.fixture("steady");
    let mut command = shell(&world, NATIVE, &["steady"], &["cat", "Cargo.toml"]);
    let _turn = turn();
    let output = command.stdout(full).stderr(Stdio::piped()).spawn().expect("starts").wait_with_output();
    let run = Run::new(&command, output.expect("eadem is ours")).exit(9).one_error();
    drop(run.stderr_has("passing on what is typed and shown").stderr_has("No space left"));
}

#[test]
fn a_command_of_root_runs_in_the_room_of_the_build() {
    a_command_runs_in_the_room_of_the_build(Lane::root(), NATIVE);
}

#[test]
fn a_command_of_an_ordinary_user_runs_in_the_room_of_the_build() {
    a_command_runs_in_the_room_of_the_build(Lane::user(), NATIVE);
}

#[test]
fn a_command_runs_in_the_room_that_runc_makes() {
    a_command_runs_in_the_room_of_the_build(Lane::root(), RUNC);
    a_command_runs_in_the_room_of_the_build(Lane::user(), RUNC);
}

#[test]
fn what_is_piped_in_goes_to_the_images_own_shell() {
    let lane = Lane::root();
    let world = lane.fixture("steady");
    let _turn = turn();
    let mut eadem = shell(&world, NATIVE, &["steady", "-q"], &[]);
    eadem.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = eadem.spawn().expect("eadem starts");
    let mut stdin = running.stdin.take().expect("is a pipe");
    stdin.write_all(b"echo $0; echo wrong >&2; exit 3\n").expect("eadem reads");
    drop(stdin);
    let run = Run::new(&eadem, running.wait_with_output().expect("eadem is ours")).exit(3);
    assert_eq!((run.stdout().as_str(), run.stderr().as_str()), ("/bin/bash\n", "wrong\n"), "{run}");
}

/// Somebody at a terminal who types `eadem shell`.
fn at_terminal(world: &World, engine: &str, words: &[&str]) -> Session {
    let mut setsid = world.program("/usr/bin/setsid");
    let eadem = shell(world, engine, words, &[]);
    setsid.arg("--ctty").arg(eadem.get_program()).args(eadem.get_args()).env("TERM", "xterm-256color");
    let mut session = Session::start(&mut setsid);
    session.expect("builder@eadem:/build/src$ ");
    session
}

/// Waits until a job runs that gets the keys.
fn await_foreground(words: &str) {
    let job = || process::with_words(words).into_iter().find(|pid| is_in_foreground(pid.cast_signed()));
    crate::support::patience::wait_for("the job in the foreground", job);
}

fn a_prompt_has_a_terminal_of_its_own(lane: &Lane, engine: &str) {
    let world = lane.fixture("steady");
    let _turn = turn();
    let mut session = at_terminal(&world, engine, &["steady"]);
    session.press("tty; echo $TERM; stty size; cat /proc/self/comm > /dev/tty\n");
    for line in ["/dev/pts/0\r\n", "xterm-256color\r\n", "24 80\r\n", "cat\r\n"] {
        session.expect(line);
    }
    session.press("sleep 87654\n");
    await_foreground("sleep 87654");
    session.press("\u{1a}");
    session.expect("Stopped");
    session.expect("$ ");
    session.press("fg\n");
    session.expect("sleep 87654\r\n");
    await_foreground("sleep 87654");
    session.press("\u{3}");
    session.expect("^C");
    session.expect("$ ");
    session.resize(50, 132);
    session.press("until test \"$(stty size)\" = '50 132'; do sleep 0.1; done; echo as-$((1+1))-wide\n");
    session.expect("as-2-wide");
    session.expect("$ ");
    session.press("exit 4\n");
    assert_eq!(session.status(), Some(4));
    assert!(session.is_cooked(), "the terminal has its modes back");
    assert_eq!(process::with_words("sleep 87654"), Vec::<u32>::new());
    disk::expect_swept(lane.store());
}

#[test]
fn a_prompt_of_root_has_a_terminal_of_its_own() {
    a_prompt_has_a_terminal_of_its_own(Lane::root(), NATIVE);
}

#[test]
fn a_prompt_of_an_ordinary_user_has_a_terminal_of_its_own() {
    a_prompt_has_a_terminal_of_its_own(Lane::user(), NATIVE);
}

#[test]
fn a_prompt_in_the_room_that_runc_makes_has_a_terminal_of_its_own() {
    a_prompt_has_a_terminal_of_its_own(Lane::root(), RUNC);
    a_prompt_has_a_terminal_of_its_own(Lane::user(), RUNC);
}

#[test]
fn a_signal_to_eadem_ends_the_room_and_gives_the_terminal_back() {
    let lane = Lane::root();
    let world = lane.fixture("steady");
    let _turn = turn();
    let mut session = at_terminal(&world, NATIVE, &["steady"]);
    assert!(!session.is_cooked());
    kill_process(session.pid(), Signal::TERM).expect("eadem runs");
    assert_eq!(session.status(), Some(130));
    assert!(session.is_cooked(), "the terminal has its modes back");
    disk::expect_swept(lane.store());
}

#[test]
fn a_window_that_is_closed_ends_the_room() {
    let lane = Lane::root();
    let world = lane.fixture("steady");
    let _turn = turn();
    let mut session = at_terminal(&world, NATIVE, &["steady"]);
    session.press("sleep 87653\n");
    await_foreground("sleep 87653");
    session.hang_up();
    assert_eq!(session.status(), Some(130));
    assert_eq!(process::with_words("sleep 87653"), Vec::<u32>::new());
    disk::expect_swept(lane.store());
}

/// A fixture's recipe by a name of the test's own: what one failed build left makes room for the next one's
/// of that name.
fn renamed(lane: &Lane, from: &str, to: &str) -> World {
    let world = lane.fixture(from);
    let recipe = world.read(&format!("recipes/{from}.yaml"));
    let recipe = recipe.replace(&format!("name: {from}\n"), &format!("name: {to}\n"));
    let world = world.with(&format!("recipes/{to}.yaml"), recipe);
    drop(lane.run(&mut world.command(["lock", to])).exit(0));
    world
}

fn a_failed_build_can_be_looked_into(lane: &Lane, engine: &str) {
    let name = &format!("fails-{}", engine.replace(':', "-"));
    let world = renamed(lane, "fails", name);
    let run = lane.run(&mut world.command(["build", name, "--engine", engine])).exit(7).one_error();
    drop(run.stderr_has(&format!("hint: --keep-failed keeps what it left for `eadem shell {name}`")));
    drop(script(lane, &world, engine, &[name], "ls -A /build/target").exit(0).stderr_lacks("left"));
    let run = lane
        .run(&mut world.command(["build", name, "--keep-failed", "--engine", engine]))
        .exit(7)
        .one_error();
    drop(run.stderr_has(&format!("hint: eadem shell {name} shows what it left")));
    let look = "test -d /build/target/release/build && id -un && echo mine > ~/note";
    let run = script(lane, &world, engine, &[name], look).exit(0).stdout_has("builder\n");
    drop(run.stderr_has("this is what round 1 of run "));
    drop(script(lane, &world, engine, &[name], "cat ~/note").exit(0).stdout_has("mine\n"));
    let fresh = script(lane, &world, engine, &[name, "--clean"], "ls -A ~ /build/target").exit(0);
    assert_eq!(fresh.stdout(), "/build/target:\n\n/home/builder:\n", "{fresh}");
    // The build can go on from there, and fails in the same way.
    let run = script(lane, &world, engine, &[name], "cargo build --release --offline --locked").exit(101);
    drop(run.stderr_has("E0308"));
    lane.expect_swept();

    // A plan of its own: an earlier build's record would answer without a room.
    let world = world.with("crate/src/main.rs", format!("// {name}\nfn main() {{}}\n"));
    drop(world.eadem(["lock", name]).exit(0));
    let run = script(lane, &world, engine, &[name], "ls -A ~").exit(0).stderr_has("is not shown");
    assert_eq!(run.stdout(), "", "{run}");
    drop(lane.run(&mut world.command(["build", name, "--engine", engine])).exit(0));
    drop(script(lane, &world, engine, &[name], "true").exit(0).stderr_lacks("left"));
    assert_eq!(disk::list(&lane.store().join("kept").join(name)), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_failed_build_of_root_can_be_looked_into() {
    a_failed_build_can_be_looked_into(Lane::root(), NATIVE);
}

#[test]
fn a_failed_build_of_an_ordinary_user_can_be_looked_into() {
    a_failed_build_can_be_looked_into(Lane::user(), NATIVE);
}

#[test]
fn a_failed_build_of_runc_can_be_looked_into() {
    a_failed_build_can_be_looked_into(Lane::root(), RUNC);
    a_failed_build_can_be_looked_into(Lane::user(), RUNC);
}

/// Leaves a link in the place of its output, which is no output.
const LEADS_OUT: &str = r#"
fn main() {
    let release = std::env::var("CARGO_TARGET_DIR").unwrap() + "/release";
    std::os::unix::fs::symlink("/etc/hostname", release + "/out").unwrap();
}
"#;

#[test]
fn a_build_whose_output_leads_out_can_be_looked_into() {
    let lane = Lane::root();
    let world = renamed(lane, "steady", "leads-out").with("crate/build.rs", LEADS_OUT);
    let recipe = world.read("recipes/leads-out.yaml").replace("[bin/steady]", "[out]");
    let world = world.with("recipes/leads-out.yaml", recipe);
    drop(world.eadem(["lock", "leads-out"]).exit(0));
    let run = lane.run(&mut world.command(["build", "leads-out"])).exit(7).one_error();
    drop(run.stderr_has("left no `out`").stderr_has("hint: --keep-failed keeps what it left"));
    let run = lane.run(&mut world.command(["build", "leads-out", "--keep-failed"])).exit(7).one_error();
    drop(run.stderr_has("left no `out`").stderr_has("hint: eadem shell leads-out shows what it left"));
    let look = "test -L /build/target/release/out && cat /build/target/release/out";
    let run = script(lane, &world, NATIVE, &["leads-out"], look).exit(0).stdout_has("eadem\n");
    drop(run.stderr_has("this is what round 1 of run "));
    drop(lane.run(&mut shell(&world, NATIVE, &["leads-out", "--discard"], &[])).exit(0));
    lane.expect_swept();
}

#[test]
fn a_weak_room_cannot_be_entered_nor_its_state_be_kept() {
    let lane = Lane::root();
    let world = lane.fixture("fails");
    let run = lane.run(&mut shell(&world, NATIVE, &["fails", "--isolation", "weak"], &["true"])).exit(2);
    drop(run.one_error().stderr_has("hint: leave out --isolation weak: weak rooms cannot be entered"));
    let words = ["build", "fails", "--isolation", "weak", "--keep-failed"];
    let run = lane.run(&mut world.command(words)).exit(7).one_error();
    drop(run.stderr_has("the state of this build will not be kept").stderr_lacks("shows what it left"));
    lane.expect_swept();
}

/// Fails in every room whose host has another name than that of the first round.
const PARTICULAR: &str = r#"
fn main() {
    let host = std::fs::read_to_string("/etc/hostname").unwrap();
    std::fs::write(format!("{}/seen", std::env::var("HOME").unwrap()), &host).unwrap();
    if host != "eadem\n" {
        std::process::exit(1);
    }
}
"#;

#[test]
fn a_failed_second_round_is_shown_in_its_own_surroundings() {
    let lane = Lane::root();
    let world = lane.fixture("steady").with("crate/build.rs", PARTICULAR);
    drop(world.eadem(["lock", "steady"]).exit(0));
    let run = lane.run(&mut world.command(["verify", "steady", "--keep-failed"])).exit(7).one_error();
    drop(run.stdout_has("build-failed  steady").stderr_has("in round 2"));
    let look = "cat ~/seen; hostname; ls $CARGO_TARGET_DIR/release/build";
    let run =
        script(lane, &world, NATIVE, &["steady"], look).exit(0).stderr_has("this is what round 2 of run ");
    let stdout = run.stdout();
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines[0], lines[1], "{run}");
    assert_ne!(lines[0], "eadem", "{run}");
    assert!(lines[2].starts_with("steady-"), "{run}");
    drop(
        lane.run(&mut shell(&world, NATIVE, &["steady", "--discard"], &[])).exit(0).stderr_has("is removed"),
    );
    drop(
        lane.run(&mut shell(&world, NATIVE, &["steady", "--discard"], &[]))
            .exit(0)
            .stderr_has("was never kept"),
    );
}

#[test]
fn a_kept_state_has_one_visitor_at_a_time() {
    let lane = Lane::root();
    let world = lane.fixture("fails");
    let _turn = turn();
    drop(world.eadem(["build", "fails", "--keep-failed"]).exit(7));
    let mut session = at_terminal(&world, NATIVE, &["fails"]);
    let run = Run::of(&mut shell(&world, NATIVE, &["fails"], &["true"])).exit(2).one_error();
    drop(run.stderr_has("what a failed build of `fails` left is in use").stderr_has("shell --clean fails"));
    drop(Run::of(&mut shell(&world, NATIVE, &["fails", "--clean"], &["true"])).exit(0));
    let run = world.eadem(["build", "fails", "--keep-failed"]).exit(7);
    drop(run.stderr_has("will not be kept: what a failed build of `fails` left is in use"));
    session.press("exit\n");
    assert_eq!(session.status(), Some(0));
    drop(world.eadem(["shell", "fails", "--discard"]).exit(0));
}

#[test]
fn a_shell_that_cannot_be_had_is_refused() {
    let world = World::new().with_recipes().with_images();
    drop(
        world
            .eadem(["shell", "hexil"])
            .exit(2)
            .one_error()
            .stderr_has("it has: bat, busybox, cargo, dash, fd, gzip, hexyl, netbase, ripgrep, zip, zlib"),
    );
    let run = world.eadem(["shell", "hexyl", "--format", "json"]).exit(2).one_error();
    drop(run.stderr_has("standard output is the program's"));
    drop(world.eadem(["shell"]).exit(2));
    let world = world.with("recipes/hexyl.lock", "eadem-lock: 9\n");
    drop(world.eadem(["shell", "hexyl"]).exit(3).one_error());
}
