//! Recipes that are built step by step: make, scripts, whatever the image holds.

use std::path::Path;

use crate::support::{lane::Lane, run::Run, service::Service, world::World};

/// A recipe of this name as the fixture has one, with another `build:`, locked. What failed builds left is kept by
/// the recipe's name, and tests share a store.
fn with_build(name: &str, build: &str) -> World {
    let world = Lane::root().fixture("steps");
    let recipe = world.read("recipes/steps.yaml").replace("name: steps\n", &format!("name: {name}\n"));
    let (before, rest) = recipe.split_once("build:").expect("it has steps");
    let (_, outputs) = rest.split_once("outputs:").expect("it has outputs");
    let recipe = format!("{before}build: {build}\noutputs:{outputs}");
    let world = world.with(&format!("recipes/{name}.yaml"), recipe);
    drop(world.eadem(["lock", name]).exit(0));
    world
}

#[test]
fn steps_build_the_same_bytes_in_two_rooms_and_in_those_of_a_daemon() {
    let lane = Lane::root();
    let world = lane.fixture("steps");
    let run = lane.run(&mut world.command(["verify", "steps"])).exit(0);
    let native = run.stdout_has("reproducible  steps\n").stdout_has("  usr/share/hello/words\n").stdout();
    let place = tempfile::tempdir().expect("a temporary directory");
    let service = Service::docker(&place.path().join("d"));
    let mut command = world.command(["--engine", "docker", "verify", "--fresh", "steps"]);
    let run = lane.run(command.env("DOCKER_HOST", service.address())).exit(0);
    assert_eq!(run.stdout(), native, "{run}");
}

#[test]
fn a_step_that_fails_is_named_and_the_next_one_does_not_run() {
    let world =
        with_build("failing-step", "{steps: [make clean, 'make nothing', 'echo never; touch $OUT/never']}");
    let run = Lane::root().run(&mut world.command(["build", "failing-step"])).exit(7).one_error();
    let run = run.stderr_has("error: the build of `failing-step` failed with status 2");
    drop(run.stderr_has("step 2 of 3 failed with status 2: make nothing\n").stderr_lacks("never"));
}

#[test]
fn a_build_that_wrote_its_surroundings_down_differs() {
    let world = with_build(
        "telling-steps",
        "{steps: ['make && make install PREFIX=/usr', 'pwd > $OUT/usr/share/where']}",
    );
    let run = Lane::root().run(&mut world.command(["verify", "telling-steps"])).exit(1);
    drop(run.stdout_has("differs  telling-steps\n").stdout_has("usr/share/where"));
}

#[test]
fn a_shell_opens_where_the_steps_run_and_sees_what_a_failed_one_left() {
    let (lane, world) =
        (Lane::root(), with_build("kept-steps", "{at: sub, steps: ['echo left > left', 'false']}"));
    let at = "/build/target/src/sub\n";
    let look = || {
        let mut shell = world.command(["shell", "kept-steps"]);
        lane.run(shell.args(["--", "/bin/sh", "-c", "pwd; ls; ls -d $OUT"])).exit(0)
    };
    let has =
        |run: Run, files: &str| assert_eq!(run.stdout(), format!("{at}{files}/build/target/out\n"), "{run}");
    has(look(), "word.c\nwords\n");
    drop(lane.run(&mut world.command(["--keep-failed", "build", "kept-steps"])).exit(7));
    has(look(), "left\nword.c\nwords\n");
    drop(world.eadem(["shell", "kept-steps", "--discard"]).exit(0));
    assert!(!Path::new(&world.store().join("kept/kept-steps/state")).exists());
}

#[test]
fn a_recipe_that_cargo_and_steps_build_is_refused() {
    let world = Lane::root().fixture("steps");
    let recipe = format!("{}cargo: {{profile: dev}}\n", world.read("recipes/steps.yaml"));
    let world = world.with("recipes/steps.yaml", recipe);
    drop(world.eadem(["lock", "steps"]).exit(3).stderr_has("recipes/steps.yaml contradicts itself"));
}
