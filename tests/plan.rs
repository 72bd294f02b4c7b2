//! `eadem plan`: what a build would have to do, without running anything of the sources.

use std::{collections::BTreeSet, fs};

use crate::support::{lane::Lane, run::Run, world::World};

/// A fixture whose recipe says this of cargo; a variable of the test's own keeps its units apart.
fn world(lane: &Lane, fixture: &str, name: &str, cargo: &str, outputs: &str) -> World {
    let world = World::new().with_fixture(fixture).with_images().with_store(lane.store());
    let recipe = format!(
        "eadem: 1\nname: {name}\nimage: rust-trixie\nsource: {{dir: crate}}\ncargo: {{{cargo}}}\n\
         outputs: [{outputs}]\nenv: {{PLAN_TEST: {name}}}\n"
    );
    let world = world.with(&format!("recipes/{name}.yaml"), recipe);
    drop(lane.run(&mut world.command(["lock", name])).exit(0));
    world
}

fn plan(lane: &Lane, world: &World, name: &str) -> Run {
    lane.run(&mut world.command(["plan", name])).exit(0)
}

/// The second words of the lines that begin with a word.
fn keys(run: &Run, standing: &str) -> BTreeSet<String> {
    let stdout = run.stdout();
    let lines = stdout.lines().filter(|line| line.split_whitespace().next() == Some(standing));
    lines.map(|line| line.split_whitespace().nth(1).expect("a key").to_owned()).collect()
}

#[test]
fn a_plan_says_before_the_build_what_will_be_in_the_store_after_it() {
    let lane = Lane::root();
    let world = world(lane, "units", "planned", "units: per-package, inputs: {app: [README]}", "bin/app");
    let before = plan(lane, &world, "planned").stderr_has("0 in the store");
    let missing = keys(&before, "miss");
    assert!(keys(&before, "hit").is_empty() && missing.len() > 2, "{before}");
    assert_eq!(keys(&before, "unknown"), BTreeSet::from(["-".to_owned()]), "{before}");
    drop(lane.run(&mut world.command(["build", "planned"])).exit(0));
    let after = plan(lane, &world, "planned").stderr_has("whose record answers `eadem build`");
    let known = keys(&after, "hit");
    assert!(missing.is_subset(&known), "{before}{after}");
    assert_eq!(after.stdout().lines().count(), known.len(), "{after}");
    assert_eq!(before.stdout().lines().count(), known.len(), "{before}{after}");
    for key in known {
        let hex = key.strip_prefix("sha256:").expect("a digest");
        let record = lane.store().join("units").join(format!("{hex}.json"));
        assert!(fs::exists(&record).expect("can be seen"), "{} is missing", record.display());
    }
}

#[test]
fn a_build_that_would_fail_has_a_plan() {
    let lane = Lane::root();
    let world = world(lane, "fails", "would-fail", "units: per-package", "bin/fails");
    let run = plan(lane, &world, "would-fail").stderr_has("1 units: 0 in the store, 1 not, 0 unknown");
    assert!(run.stdout().ends_with("  compilation of fails 1.0.0\n"), "{run}");
    drop(lane.run(&mut world.command(["build", "would-fail"])).exit(7));
}

#[test]
fn a_build_in_one_room_is_one_line() {
    let lane = Lane::root();
    let world = world(lane, "units", "uncut-plan", "units: \"off\"", "bin/app");
    let run = plan(lane, &world, "uncut-plan");
    assert!(run.stdout().starts_with("miss     sha256:"), "{run}");
    assert_eq!(run.stdout().lines().count(), 1, "{run}");
    let other = lane.run(&mut world.command(["plan", "uncut-plan", "--format", "json"])).exit(0);
    drop(other.stdout_has(r#""recorded":null"#).stdout_has(r#""units":null"#));
}

#[test]
fn an_engine_without_units_plans_one_room_and_says_so() {
    let lane = Lane::root();
    let world = world(lane, "units", "runc-plan", "units: auto", "bin/app");
    let run = lane.run(&mut world.command(["plan", "runc-plan", "--engine", "oci:runc"])).exit(0);
    drop(run.stdout_has("in one room").stderr_has("gives its rooms no service"));
}

#[test]
fn what_cargo_cannot_plan_is_told_in_its_words() {
    let lane = Lane::root();
    let world = world(lane, "units", "unplanned", "units: per-package, bins: [nobody]", "bin/nobody");
    let run = lane.run(&mut world.command(["plan", "unplanned"])).exit(7).one_error();
    drop(run.stderr_has("cannot be planned: cargo failed with status 101").stderr_has("`nobody`"));
}
