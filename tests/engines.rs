//! One tree, whoever makes the room: every engine, as root and as an ordinary user, with one user id and many.

use std::path::Path;

use crate::support::{lane::Lane, run::Run, service::Service, world::World};

/// Lets the rooms of a recipe see many user ids.
fn with_many_users(lane: &Lane, world: World, name: &str) -> World {
    let path = format!("recipes/{name}.yaml");
    let recipe = world.read(&path);
    let world = world.with(&path, format!("{recipe}users: range\n"));
    drop(lane.run(&mut world.command(["lock", name])).exit(0));
    world
}

/// Verifies a recipe with new rooms, in a world of the lane.
fn verify(lane: &Lane, world: &World, options: &[&str], name: &str) -> Run {
    let words = options.iter().copied().chain(["verify", "--fresh", name]);
    lane.run(&mut world.command(words)).exit(0)
}

/// Verifies a recipe in rooms of a daemon.
fn verify_by(start: fn(&Path) -> Service, name: &str) -> Run {
    let lane = Lane::root();
    let world = lane.recipes();
    // Podman wants its directory to have a short name.
    let place = tempfile::tempdir().expect("a temporary directory");
    let service = start(&place.path().join("d"));
    let mut command = world.command(["--engine", "docker", "verify", "--fresh", name]);
    let run = lane.run(command.env("DOCKER_HOST", service.address())).exit(0);
    assert_eq!(service.leftovers(), [""; 0], "{run}");
    run
}

fn expect_one_tree(name: &str) {
    let (root, user) = (Lane::root(), Lane::user());
    let native = root.eadem(["verify", "--fresh", name]).exit(0).stdout();
    assert!(native.starts_with(&format!("reproducible  {name}\n  sha256:")), "{native}");
    for lane in [root, user] {
        let range = with_many_users(lane, lane.recipes(), name);
        let runs = [
            verify(lane, &lane.recipes(), &[], name),
            verify(lane, &range, &[], name),
            verify(lane, &lane.recipes(), &["--engine", "oci:runc"], name),
        ];
        runs.iter().for_each(|run| assert_eq!(run.stdout(), native, "{run}"));
    }
    for start in [Service::docker, Service::podman] {
        let run = verify_by(start, name);
        assert_eq!(run.stdout(), native, "{run}");
    }
}

#[test]
#[ignore = "a quarter of an hour: ci/proof engines"]
fn hexyl_is_one_tree_in_rooms_of_every_engine() {
    expect_one_tree("hexyl");
}

#[test]
#[ignore = "half an hour: ci/proof engines"]
fn ripgrep_is_one_tree_in_rooms_of_every_engine() {
    expect_one_tree("ripgrep");
}

#[test]
fn rooms_with_many_user_ids_give_the_tree_of_rooms_with_one() {
    for lane in [Lane::root(), Lane::user()] {
        let world = lane.fixture("steady");
        let one = verify(lane, &world, &[], "steady").stdout();
        let world = with_many_users(lane, world, "steady");
        assert_eq!(verify(lane, &world, &[], "steady").stdout(), one);
    }
}
