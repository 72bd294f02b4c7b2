//! Two eadems at once.

use std::process::{Child, Command, Stdio};

use crate::support::{
    disk,
    lane::{Lane, turn},
    run::Run,
    seed,
    world::World,
};

fn start(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("eadem starts")
}

/// Runs the same command twice at the same time.
fn twice(world: &World, words: &[&str]) -> [Run; 2] {
    let mut commands = [world.command(words), world.command(words)];
    let children = commands.each_mut().map(start);
    let outputs = children.map(|child| child.wait_with_output().expect("eadem is ours"));
    let [one, two] = outputs;
    [Run::new(&commands[0], one), Run::new(&commands[1], two)]
}

#[test]
fn two_that_start_at_once_on_one_empty_store_both_succeed() {
    let root = Lane::root();
    let world = World::new().with_fixture("steady").with_images();
    drop(world.eadem(["lock", "steady"]).exit(0));
    std::fs::remove_dir_all(world.store()).expect("the store is ours");
    // The packages alone are there, so that nothing is downloaded a third time.
    seed::packages(&seed::image_lock("rust-trixie"), root.store(), world.store());
    let _turn = turn();
    for run in twice(&world, &["verify", "steady"]) {
        drop(run.exit(0).stdout_has("reproducible  steady\n"));
    }
    disk::expect_swept(world.store());
}

#[test]
fn two_that_lock_the_same_crates_at_once_both_succeed() {
    let world = World::new().with_recipes().with_images();
    let committed = world.read("recipes/hexyl.lock");
    let _turn = turn();
    for run in twice(&world, &["lock", "hexyl"]) {
        drop(run.exit(0));
    }
    assert_eq!(world.read("recipes/hexyl.lock"), committed);
    world.store_is_clean();
}
