//! eadem is killed in the middle of a build: nothing stays behind.

use std::{path::Path, process::Stdio};

use crate::support::{
    disk,
    lane::{Lane, turn},
    patience::wait_for,
    process,
};

/// A word that stands in the command line of the fixture's build script alone.
const SLEEPER: &str = "release/build/sleeper-";

fn killed_in_mid_build(lane: &Lane) {
    let world = lane.fixture("sleeper");
    let _turn = turn();
    let mounts = process::mounts();
    let mut command = world.command(["build", "sleeper"]);
    let mut eadem = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("eadem starts");
    wait_for("the build script", || process::with_words(SLEEPER).pop());
    assert!(!disk::leftovers(lane.store()).is_empty(), "a build has a room");
    let keepers = keepers(eadem.id());
    assert!(!keepers.is_empty(), "a room has a keeper");
    eadem.kill().expect("eadem runs");
    eadem.wait().expect("eadem is ours");
    wait_for("the end of the room's processes", || process::with_words(SLEEPER).is_empty().then_some(()));
    let lives = || process::with_words(KEEPER).iter().any(|pid| keepers.contains(pid));
    wait_for("the end of the room's keeper", || (!lives()).then_some(()));
    let rooms = || disk::leftovers(lane.store()).into_iter().filter(|path| is_room(path)).collect::<Vec<_>>();
    wait_for("the end of the rooms' directories", || rooms().is_empty().then_some(()));
    assert_eq!(process::mounts(), mounts);
    // What a room was to start with is removed by the next start.
    drop(world.eadem(["image", "ls"]).exit(0));
    disk::expect_swept(lane.store());
}

fn is_room(path: &Path) -> bool {
    path.parent().is_some_and(|parent| parent.ends_with("rooms"))
}

/// The keepers of an eadem, and its launcher: its children, whatever else the machine runs.
fn keepers(eadem: u32) -> Vec<u32> {
    process::with_words(KEEPER).into_iter().filter(|pid| process::parent(*pid) == Some(eadem)).collect()
}

const KEEPER: &str = "eadem __room";

#[test]
fn a_killed_eadem_of_root_leaves_no_process_mount_or_directory() {
    killed_in_mid_build(Lane::root());
}

#[test]
fn a_killed_eadem_of_a_user_leaves_no_process_mount_or_directory() {
    killed_in_mid_build(Lane::user());
}

#[test]
fn what_a_killed_keeper_leaves_is_swept_by_the_next_start() {
    let lane = Lane::root();
    let world = lane.fixture("sleeper");
    let _turn = turn();
    let mut command = world.command(["build", "sleeper"]);
    let mut eadem = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("eadem starts");
    wait_for("the build script", || process::with_words(SLEEPER).pop());
    for keeper in keepers(eadem.id()) {
        let pid = rustix::process::Pid::from_raw(keeper.cast_signed()).expect("a process is not 0");
        // The room's pid 1 has the keeper's words too; it may die before it is this one's turn.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
    let _ = eadem.kill();
    eadem.wait().expect("eadem is ours");
    wait_for("the end of the room's processes", || process::with_words(SLEEPER).is_empty().then_some(()));
    drop(world.eadem(["image", "ls"]).exit(0));
    disk::expect_swept(lane.store());
}

#[test]
fn an_interrupt_from_the_terminal_ends_the_build_in_order() {
    let lane = Lane::root();
    let world = lane.fixture("sleeper");
    let _turn = turn();
    let mut command = world.command(["build", "sleeper"]);
    let eadem = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("eadem starts");
    wait_for("the build script", || process::with_words(SLEEPER).pop());
    let pid = rustix::process::Pid::from_child(&eadem);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("eadem runs");
    let output = eadem.wait_with_output().expect("eadem is ours");
    let run = crate::support::run::Run::new(&command, output).exit(130);
    drop(run.stderr_has("was interrupted"));
    assert_eq!(process::with_words(SLEEPER), Vec::<u32>::new());
    disk::expect_swept(lane.store());
}
