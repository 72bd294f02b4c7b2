//! Sources that want something of their own to run in cargo's room, where only cargo and the proxy may.

use crate::support::{lane::Lane, run::Run, world::World};

/// What the program says that a recipe builds.
fn said(lane: &Lane, world: &World, recipe: &str) -> String {
    drop(lane.run(&mut world.command(["lock", recipe])).exit(0));
    drop(lane.run(&mut world.command(["build", recipe, "-o", recipe])).exit(0));
    Run::of(&mut world.program(world.project().join(recipe).join("bin/app"))).exit(0).stdout()
}

#[test]
fn a_wrapper_that_the_sources_name_does_not_run_in_the_room_of_cargo() {
    let lane = Lane::root();
    let mut world = World::new().with_fixture("units-config").with_images().with_store(lane.store());
    let recipe = world.read("recipes/units-config.yaml");
    drop(lane.run(&mut world.command(["lock", "units-config"])).exit(0));
    let run = lane.run(&mut world.command(["build", "units-config"])).exit(7).one_error();
    drop(run.stderr_has("the sources' .cargo/config.toml sets `build.rustc-wrapper`"));
    // In one room it runs, and all bytes are those of one room.
    for (name, units) in [("uncut", "off"), ("falling", "auto")] {
        let other = recipe.replace("name: units-config", &format!("name: {name}"));
        world = world.with(&format!("recipes/{name}.yaml"), other.replace("per-package", units));
        assert_eq!(said(lane, &world, name), "marked\n");
    }
    // The rest of what the file names never runs.
    let config = world.read("crate/.cargo/config.toml").replace("rustc-wrapper", "#rustc-wrapper");
    let world = world.with("crate/.cargo/config.toml", config);
    assert_eq!(said(lane, &world, "units-config"), "plain\n");
}

#[test]
fn a_compiler_gets_more_arguments_than_a_program_can_be_started_with() {
    let lane = Lane::root();
    let world = World::new().with_fixture("units-config").with_images().with_store(lane.store());
    // Cargo names them all in one argument, and Linux takes 128 KiB.
    let features: String =
        (0..6000).map(|n| format!("a-feature-with-a-rather-long-name-{n} = []\n")).collect();
    let manifest = format!("{}\n[features]\n{features}", world.read("crate/Cargo.toml"));
    let recipe = world.read("recipes/units-config.yaml").replace("name: units-config", "name: long");
    let world = world.with("crate/Cargo.toml", manifest).with("recipes/long.yaml", recipe);
    let world = world.with("crate/.cargo/config.toml", "");
    assert_eq!(said(lane, &world, "long"), "plain\n");
}
