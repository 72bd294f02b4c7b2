//! A source tree that wants to run something on the host.

use std::fs;

use crate::support::{lane::Lane, run::Run, trace::Trace, world::World};

/// The hostile project, with the place on the host at which its scripts leave a mark.
fn hostile(lane: &Lane) -> World {
    let world = lane.fixture("hostile");
    let mark = world.dir().join("mark");
    let script = world.read("crate/mark.sh").replace("@MARK@", &mark.display().to_string());
    fs::write(world.project().join("crate/mark.sh"), script).expect("the world is ours");
    world
}

#[test]
fn a_hostile_project_runs_in_the_room_and_nowhere_else() {
    let lane = Lane::root();
    let world = hostile(lane);
    for words in [&["lock", "hostile"][..], &["fetch", "hostile"], &["build", "hostile", "-o", "out"]] {
        let (mut strace, file) = Trace::command(&world, &world.command(words), words[0]);
        drop(lane.run(&mut strace).exit(0));
        let trace = Trace::read(&file);
        trace.only_eadem_on_the_host();
        let n_in_rooms = trace.in_rooms().len();
        assert_eq!(
            n_in_rooms > 0,
            words[0] == "build",
            "{} started {n_in_rooms} programs in rooms",
            words[0]
        );
    }
    assert!(!world.dir().join("mark").exists(), "a script of the project ran on the host");
    // The project's configuration is as hostile as it looks: in the room it was obeyed.
    let ran = world.read("out/ran");
    for who in ["wrapper", "rustc", "linker", "build-script"] {
        assert!(ran.lines().any(|line| line == who), "{who} did not even run in the room:\n{ran}");
    }
}

#[test]
fn the_hostile_project_would_run_on_the_host_if_cargo_did() {
    let world = hostile(Lane::root());
    // The cargo that built this test; the rest of the world's surroundings stays as it is.
    let mut cargo = world.program(env!("CARGO"));
    cargo.args(["build", "--offline"]).current_dir(world.project().join("crate"));
    let run = Run::of(&mut cargo);
    assert!(
        world.dir().join("mark").exists(),
        "the fixture does not do what the other test is afraid of\n{run}"
    );
}
