//! Where people run CI: in containers, with and without the flags that eadem asks for.

use std::path::Path;

use crate::support::{docker::Docker, lane::Lane, run::Run, world::World};

/// The options in a hint `docker run OPTIONS …`.
fn options_of_hint(run: &Run) -> Vec<String> {
    let text = run.stderr();
    let hint = text.lines().find_map(|line| line.strip_prefix("hint: docker run ")).expect("a hint");
    let words = hint.split_whitespace().take_while(|word| *word != "…");
    words.map(str::to_owned).collect()
}

#[test]
fn a_default_container_is_told_the_flags_that_help_and_they_are_all_needed() {
    let world = Lane::root().unbuilt("container");
    let docker = Docker::start(&world);
    let run = Lane::root().run(&mut docker.eadem(&world, &[], &["build", "steady"])).exit(9).one_error();
    let run = run.stderr_has("this machine cannot make rooms: cloning into new namespaces (clone3) failed");
    let options = options_of_hint(&run.stderr_has("Seccomp: 2"));
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    for at in (0..options.len()).step_by(2) {
        let fewer = [&options[..at], &options[at + 2..]].concat();
        let run = Run::of(&mut docker.eadem(&world, &fewer, &["doctor"])).exit(9).one_error();
        assert_eq!(options_of_hint(&run), options, "{run}");
    }
    drop(Run::of(&mut docker.eadem(&world, &options, &["doctor"])).exit(0).stdout_has("good     namespaces"));
    let run = Lane::root().run(&mut docker.eadem(&world, &options, &["build", "steady"])).exit(0);
    drop(run.stdout_has("bin/steady").stderr_lacks("was built before"));
    Lane::root().expect_swept();
}

#[test]
fn an_ordinary_user_in_a_container_is_told_the_same_flags_and_they_help() {
    // A store of the container's own: nothing of the host is this user's.
    let world = World::new().with_store(Path::new("/tmp/eadem-store"));
    let docker = Docker::start(&world);
    let doctor = |options: &[&str]| {
        let as_user = [&["--user=1000:1000", "--volume=/tmp"], options].concat();
        Run::of(&mut docker.eadem(&world, &as_user, &["doctor"]))
    };
    let run = doctor(&[]).exit(9).one_error().stdout_has("missing  namespaces");
    let options = options_of_hint(&run);
    drop(
        doctor(&options.iter().map(String::as_str).collect::<Vec<_>>())
            .exit(0)
            .stdout_has("good     namespaces"),
    );
}

#[test]
fn weak_rooms_build_in_a_default_container_and_verify_nothing() {
    let world = Lane::root().unbuilt("weak-container");
    let docker = Docker::start(&world);
    let weak = |words: &[&str]| {
        let words = [words, &["--isolation", "weak"]].concat();
        Lane::root().run(&mut docker.eadem(&world, &[], &words))
    };
    let run = weak(&["build", "steady"]).exit(0).stdout_has("bin/steady");
    drop(run.stderr_has("warning: with --isolation weak, rooms have no namespaces"));
    drop(weak(&["verify", "steady", "--fresh"]).exit(11).stdout_has("inconclusive  steady"));
    // Neither record answers for a strict build.
    let strict = docker.eadem(&world, &[], &["build", "steady"]);
    drop(Lane::root().run(&mut { strict }).exit(9).one_error());
    drop(Lane::root().run(&mut world.command(["verify", "steady"])).exit(0).stderr_lacks("has proved this"));
    Lane::root().expect_swept();
}

#[test]
fn an_ordinary_user_cannot_have_weak_rooms() {
    let world = World::of(crate::support::world::Who::ordinary());
    let run = world.eadem(["doctor", "--offline", "--isolation", "weak"]).exit(9).one_error();
    drop(run.stderr_has("making a weak room, which wants root").stderr_has("hint: run eadem as root"));
    let run = world.eadem(["doctor", "--offline", "--engine", "docker", "--isolation", "weak"]).exit(9);
    drop(run.one_error().stderr_has("weak isolation is for the native engine alone"));
}
