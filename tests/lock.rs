//! `eadem lock`: pins that depend on the inputs alone, and what becomes of them.

use crate::support::{
    lane::Lane,
    world::{Who, World},
};

/// The text of a recipe's lock, made afresh.
fn lock(world: &World, name: &str) -> String {
    drop(world.eadem(["lock", name]).exit(0).stdout_has(&format!("recipes/{name}.lock")));
    world.read(&format!("recipes/{name}.lock"))
}

#[test]
fn the_locks_of_the_repository_come_out_the_same_from_an_empty_store_of_another_user() {
    let world = World::of(Who::ordinary()).with_recipes().with_images();
    for name in ["hexyl", "ripgrep", "fd"] {
        let committed = world.read(&format!("recipes/{name}.lock"));
        assert_eq!(lock(&world, name), committed, "the lock of {name} is not what is committed");
    }
    world.store_is_clean();
}

#[test]
fn the_source_layer_of_a_directory_is_the_known_one_for_root_and_for_a_user() {
    let layer = "layer: sha256:7f82f1e9b0cdcf2922af648647853db356392ca17339c5dc8aff57770b424751\n";
    for who in [Who::Tester, Who::ordinary()] {
        let world = World::of(who).with_fixture("steady").with_images();
        assert!(lock(&world, "steady").ends_with(layer), "{}", world.read("recipes/steady.lock"));
        world.store_is_clean();
    }
}

#[test]
fn modes_and_times_of_a_directory_do_not_reach_the_lock() {
    use std::{fs, os::unix::fs::PermissionsExt, time::SystemTime};
    let world = World::new().with_fixture("steady").with_images();
    let before = lock(&world, "steady");
    let path = world.project().join("crate/src/main.rs");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("the file is ours");
    let file = fs::File::options().write(true).open(&path).expect("the file is ours");
    file.set_modified(SystemTime::UNIX_EPOCH).expect("the file is ours");
    assert_eq!(lock(&world, "steady"), before);
}

#[test]
fn a_directory_that_changed_since_is_not_built() {
    let lane = Lane::root();
    let world = lane.fixture("steady").with("crate/src/main.rs", "fn main() { println!(\"changed\"); }\n");
    let run = lane.run(&mut world.command(["build", "steady"])).exit(4).one_error();
    drop(run.stderr_has("hint: eadem lock steady"));
}

#[test]
fn a_missing_lock_is_an_error_that_says_how_to_make_it() {
    let world = World::new().with_fixture("steady").with_images();
    for command in ["build", "verify", "fetch"] {
        let run = world.eadem([command, "steady"]).exit(4).one_error();
        drop(run.stderr_has("error: recipes/steady.lock is missing").stderr_has("hint: eadem lock steady"));
    }
    world.store_is_clean();
}

#[test]
fn a_stale_lock_is_an_error_that_says_what_changed() {
    let world = World::new().with_fixture("steady").with_images();
    let _ = lock(&world, "steady");
    let recipe = world.read("recipes/steady.yaml") + "env: {NEW: value}\n";
    let world = world.with("recipes/steady.yaml", recipe);
    for command in ["build", "verify", "fetch"] {
        let run = world.eadem([command, "steady"]).exit(4).one_error();
        let run = run.stderr_has("recipes/steady.lock is stale: the recipe has changed since");
        drop(run.stderr_has("hint: eadem lock steady"));
    }
    world.store_is_clean();
}

#[test]
fn a_stale_image_lock_is_an_error_that_says_how_to_renew_it() {
    let world = World::new().with_fixture("steady").with_images();
    let _ = lock(&world, "steady");
    let image = world.read("images/rust-trixie.yaml") + "links: {usr/bin/other: gcc}\n";
    let world = world.with("images/rust-trixie.yaml", image);
    let run = world.eadem(["build", "steady"]).exit(4).one_error();
    let run = run.stderr_has("images/rust-trixie.lock is stale: the image's definition has changed since");
    drop(run.stderr_has("hint: eadem lock --image rust-trixie"));
    world.store_is_clean();
}

#[test]
fn a_lock_made_for_another_image_is_stale() {
    let world = World::new().with_fixture("steady").with_images();
    let text = lock(&world, "steady");
    let at = text.find("config: sha256:").expect("the image is pinned") + "config: sha256:".len();
    let other = format!("{}{}{}", &text[..at], "0".repeat(64), &text[at + 64..]);
    let world = world.with("recipes/steady.lock", other);
    let run = world.eadem(["build", "steady"]).exit(4).one_error();
    drop(run.stderr_has("the image was locked anew since"));
}

#[test]
fn a_lock_that_was_edited_is_refused_with_both_digests() {
    let world = World::new().with_fixture("steady").with_images();
    let text = lock(&world, "steady");
    let at = text.find("layer: sha256:").expect("the layer is pinned") + "layer: sha256:".len();
    let world = world.with("recipes/steady.lock", format!("{}{}\n", &text[..at], "0".repeat(64)));
    let layer = text[at..].trim().to_owned();
    let world = world.with_store(Lane::root().store());
    let run = Lane::root().run(&mut world.command(["build", "steady"])).exit(6).one_error();
    drop(run.stderr_has(&"0".repeat(64)).stderr_has(&layer));
}
