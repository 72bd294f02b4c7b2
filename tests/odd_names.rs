//! Names that need care elsewhere: in options of mounts, in lists of paths, in lines.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
};

use crate::support::{disk, lane::Lane, run::Run, world::World};

/// Separators of mount options and of paths, what escapes them, an option itself, and no text at all.
const ODD: [&[u8]; 8] =
    [b"a:b", b"a,b", b"a\\b", b"a\nb", b"a b", b"lowerdir=x,upperdir=y", b"-x", b"no\xfftext"];

/// Builds the fixture `steady` in the directory `name`, with a store of the same name.
fn build_at(lane: &Lane, name: &OsStr) -> Run {
    let world = lane.fixture("steady");
    // Another plan each time, so that no record answers.
    let turn = name.as_bytes().iter().map(u8::to_string).collect::<Vec<_>>().join("-");
    let recipe = format!("{}env: {{ODD: \"{turn}\"}}\n", world.read("recipes/steady.yaml"));
    let world = world.with("recipes/steady.yaml", recipe);
    let (store, project) = (world.dir().join("stores").join(name), world.dir().join(name));
    fs::create_dir(world.dir().join("stores")).expect("the world is ours");
    symlink(lane.store(), &store).expect("the world is ours");
    disk::copy(&world.project(), &project, &|_| ());
    let world = world.with_store(&store);
    drop(Run::of(world.command(["lock", "steady"]).current_dir(&project)).exit(0));
    let mut build = world.command(["build", "steady", "-o", "out"]);
    let run = lane.run(build.current_dir(&project)).exit(0);
    assert!(project.join("out/bin/steady").is_file(), "{run}");
    run
}

#[test]
fn a_store_and_a_project_may_have_any_name() {
    for name in ODD {
        drop(build_at(Lane::root(), OsStr::from_bytes(name)).stdout_has("bin/steady"));
    }
    Lane::root().expect_swept();
}

#[test]
fn outputs_and_variables_may_hold_any_text() {
    const BUILD: &str = r#"
fn main() {
    let dir = std::env::var("CARGO_TARGET_DIR").expect("the plan sets it") + "/release";
    std::fs::write(dir + "/a:b,c\nd\\e ä", std::env::var("TEXT").expect("the recipe sets it")).expect("can be written");
}
"#;
    let lane = Lane::root();
    let world = lane.fixture("steady");
    let recipe = world.read("recipes/steady.yaml").replace("[bin/steady]", r#"["a:b,c\nd\\e ä"]"#);
    let recipe = format!("{recipe}env: {{TEXT: \"x=y:z,\\n\\\\ ü\"}}\n");
    let world = world.with("recipes/steady.yaml", recipe).with("crate/build.rs", BUILD);
    drop(world.eadem(["lock", "steady"]).exit(0));
    let run = lane.run(&mut world.command(["build", "steady", "-o", "out"])).exit(0);
    let run = run.stdout_has("  a:b,c\\nd\\e ä");
    assert_eq!(run.stdout().lines().count(), 1, "{run}");
    assert_eq!(world.read("out/a:b,c\nd\\e ä"), "x=y:z,\n\\ ü");
}

#[test]
fn an_odd_name_does_not_break_what_is_said_of_it() {
    let world = World::new().with_fixture("steady");
    let store = world.dir().join("a\nb\u{1b}[2J");
    fs::create_dir(&store).expect("the world is ours");
    fs::write(store.join("file"), "").expect("the world is ours");
    let world = world.with_store(&store);
    let run = world.eadem(["ls"]).exit(2).one_error().stderr_has("/a\\nb\\u{1b}[2J is no store of eadem");
    assert_eq!(run.stderr().lines().count(), 2, "{run}");
    drop(world.eadem(["ls", "--format", "a\nb"]).exit(2).one_error().stderr_has("'a\\nb'"));
    let world = World::new().with_fixture("steady").with_images();
    drop(world.eadem(["build", "a\nb"]).exit(2).one_error().stderr_has("`a\\nb`"));
}

#[test]
fn a_variable_with_a_nul_is_refused_before_anything_is_built() {
    let lane = Lane::root();
    let world = lane.fixture("steady");
    let recipe = format!("{}env: {{TEXT: \"a\\0b\"}}\n", world.read("recipes/steady.yaml"));
    let world = world.with("recipes/steady.yaml", recipe);
    drop(world.eadem(["lock", "steady"]));
    let run = lane.run(&mut world.command(["build", "steady"])).exit(3).one_error();
    drop(run.stderr_has("NUL"));
}

#[test]
fn a_program_that_is_nowhere_fails_the_build_and_is_named() {
    let lane = Lane::root();
    let world = lane.fixture("steady");
    let recipe = format!("{}env: {{PATH: \"/nowhere:/tmp\"}}\n", world.read("recipes/steady.yaml"));
    let world = world.with("recipes/steady.yaml", recipe);
    drop(world.eadem(["lock", "steady"]).exit(0));
    let run = lane.run(&mut world.command(["build", "steady"])).exit(7).one_error();
    drop(run.stderr_has("status 127").stderr_has("cannot start `cargo`"));
}

#[test]
fn what_is_no_name_of_a_recipe_is_refused_as_a_word() {
    let world = World::new().with_fixture("steady").with_images();
    let words = ["a:b", "a,b", "a\nb", "../steady", "", ".", "..", "-x", "A"];
    let words = words.iter().map(|word| OsStr::new(*word)).chain([OsStr::from_bytes(b"no\xfftext")]);
    for word in words {
        let mut command = world.command(["build"]);
        drop(Run::of(command.arg("--").arg(word)).exit(2).one_error());
    }
    world.store_is_clean();
}

#[test]
fn outputs_outside_of_the_tree_are_refused_with_their_place() {
    for path in ["../../etc/passwd", "/etc/passwd", ".", "", "a/../b", "a//b", "a\\0b"] {
        let recipe = World::new().with_fixture("steady").read("recipes/steady.yaml");
        let recipe = recipe.replace("[bin/steady]", &format!("[\"{path}\"]"));
        let world = World::new().with_fixture("steady").with_images().with("recipes/steady.yaml", recipe);
        drop(world.eadem(["lock", "steady"]).exit(3).one_error().stderr_has("recipes/steady.yaml:6:"));
    }
}
