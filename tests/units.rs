//! `cargo.units`: every crate and build script in a room of its own, from and into the store.

use std::{
    fs,
    sync::{Mutex, PoisonError},
};

use eadem_model::{Blame, Duty, Record, Rung, UnitsCheck, UnitsRecord, Verdict};
use eadem_store::Store;

use crate::support::{lane::Lane, run::Run, world::World};

/// A recipe of this name beside a fixture's, which says this of units; a variable of the test's own keeps
/// its units apart from those of other tests.
pub(crate) fn with_recipe(world: World, from: &str, name: &str, units: &str, test: &str) -> World {
    let text = world.read(&format!("recipes/{from}.yaml"));
    let text = text.replace(&format!("name: {from}\n"), &format!("name: {name}\n"));
    let text = text.replace("cargo: {units: per-package", "cargo: {").replace("cargo: {, ", "cargo: {");
    let text = text.replace("cargo: {", &format!("cargo: {{units: {units}, ")).replace(", }", "}");
    world.with(&format!("recipes/{name}.yaml"), format!("{text}env: {{UNITS_TEST: {test}}}\n"))
}

/// Locks a recipe and builds it, whatever was built before; gives what it printed and how it was cut.
pub(crate) fn build(lane: &Lane, world: &World, recipe: &str, out: &str) -> (Run, Option<UnitsRecord>) {
    static RECORDS: Mutex<()> = Mutex::new(());
    drop(lane.run(&mut world.command(["lock", recipe])).exit(0));
    let _alone = RECORDS.lock().unwrap_or_else(PoisonError::into_inner);
    forget(world, recipe);
    let run = lane.run(&mut world.command(["build", recipe, "-o", out])).exit(0);
    let units = records(world, recipe)[0].rounds[0].units.clone();
    (run, units)
}

/// The records of a recipe, the newest first.
pub(crate) fn records(world: &World, recipe: &str) -> Vec<Record> {
    let (mut records, _) = Store::open(world.store()).expect("a store").all_records().expect("readable");
    records.retain(|record| record.recipe.as_str() == recipe);
    records
}

/// Else a build of an equal plan would be answered without a look at units.
pub(crate) fn forget(world: &World, recipe: &str) {
    for record in records(world, recipe) {
        let dir = world.store().join("records").join(record.plan.hex());
        let _ = fs::remove_dir_all(&dir);
        assert!(!dir.exists(), "{} stays", dir.display());
    }
}

pub(crate) fn world(lane: &Lane, fixture: &str) -> World {
    World::new().with_fixture(fixture).with_images().with_store(lane.store())
}

#[track_caller]
fn same(world: &World, output: &str, dirs: [&str; 2]) -> bool {
    let [one, two] = dirs.map(|dir| fs::read(world.project().join(dir).join(output)).expect("exported"));
    one == two
}

#[test]
fn what_is_unchanged_comes_from_the_store_and_an_edit_of_a_program_builds_that_alone() {
    let lane = Lane::root();
    let world = with_recipe(world(lane, "units"), "units", "again", "per-package", "again");
    let first = build(lane, &world, "again", "one").1.expect("units");
    let second = build(lane, &world, "again", "two").1.expect("units");
    assert!(first.total > 8 && first.hits == 0, "{first:?}");
    assert_eq!((second.total, second.hits, second.cpu_ms), (first.total, first.total, 0));
    let main = world.read("crate/app/src/main.rs").replace("{} {} {} {} {}", "{} {} {} {} {} edited");
    let world = world.with("crate/app/src/main.rs", main);
    let third = build(lane, &world, "again", "three").1.expect("units");
    assert_eq!((third.total, third.rung), (first.total, Rung::PerPackage));
    // The packages of a workspace are shown one by one: what did not change is not built again.
    assert_eq!(third.total - third.hits, 5, "three programs, a build script and its run: {third:?}");
    assert!(same(&world, "bin/app", ["one", "two"]) && !same(&world, "bin/app", ["one", "three"]));
}

#[test]
fn a_unit_that_looks_for_one_file_is_shown_that_file_and_an_edit_of_another_builds_nothing() {
    let lane = Lane::root();
    let world = with_recipe(world(lane, "units"), "units", "finding", "auto", "finding");
    let recipe = world.read("recipes/finding.yaml").replace(", inputs: {app: [README]}", "");
    let world = world.with("recipes/finding.yaml", recipe).with("crate/NEWS", "nothing");
    let (run, units) = build(lane, &world, "finding", "one");
    let first = units.expect("units");
    let [also] = &first.also[..] else { panic!("{first:?}") };
    assert!(also.ends_with("`inputs: {app: [README]}` below `cargo:` in the recipe shows it these alone"));
    assert_eq!((first.rung, first.fell.len()), (Rung::PerPackage, 0), "{run}");
    assert!(!run.stderr().contains("README"), "{run}");

    let world = world.with("crate/NEWS", "news");
    let second = build(lane, &world, "finding", "two").1.expect("units");
    assert_eq!((second.total - second.hits, &second.also), (0, &first.also));
    let world = world.with("crate/README", "another\n");
    let third = build(lane, &world, "finding", "three").1.expect("units");
    assert_eq!(third.total - third.hits, 1, "{third:?}");
    assert!(same(&world, "bin/app", ["one", "two"]) && !same(&world, "bin/app", ["one", "three"]));
}

/// The events of a build in units, and what the bar would have said last while something ran.
fn progress(lane: &Lane, world: &World, recipe: &str) -> (u64, Vec<String>, String) {
    let run = lane.run(&mut world.command(["build", recipe, "--format", "json"])).exit(0);
    let stdout = run.stdout();
    let events: Vec<serde_json::Value> =
        stdout.lines().map(|line| serde_json::from_str(line).expect("a line is an object")).collect();
    let of = |name: &'static str| {
        events.iter().filter(move |event| event["event"] == name && event["phase"] != "unpack")
    };
    let subject = format!("{recipe} (round 1)");
    let start = of("start").find(|event| event["subject"] == *subject).expect("a round begins");
    let steps = of("unit").map(|event| event["step"].as_str().expect("a step").to_owned()).collect();
    let at = of("advance")
        .rfind(|event| event["by"] == 0)
        .map(|event| event["at"].as_str().expect("a text").to_owned());
    (start["total"].as_u64().expect("a number"), steps, at.unwrap_or_default())
}

#[test]
fn a_build_tells_how_many_units_there_are_which_run_and_how_long_the_rest_may_take() {
    let lane = Lane::root();
    let world = with_recipe(world(lane, "units"), "units", "telling", "per-package", "telling");
    drop(lane.run(&mut world.command(["lock", "telling"])).exit(0));
    let (total, steps, at) = progress(lane, &world, "telling");
    let count = |steps: &[String], wanted: &str| steps.iter().filter(|step| *step == wanted).count() as u64;
    assert_eq!((total, count(&steps, "ran")), (count(&steps, "began"), total), "{steps:?}");
    assert!(at.starts_with("app 0.3.0") && !at.contains("left"), "{at}");

    let recipe =
        world.read("recipes/telling.yaml").replace("UNITS_TEST: telling", "UNITS_TEST: telling-more");
    let world = world.with("recipes/telling.yaml", recipe);
    drop(lane.run(&mut world.command(["lock", "telling"])).exit(0));
    let (again, steps, at) = progress(lane, &world, "telling");
    assert_eq!((again, count(&steps, "ran"), count(&steps, "taken")), (total, total, 0), "{steps:?}");
    assert!(at.contains("; about ") && at.ends_with(" s left"), "{at}");

    forget(&world, "telling");
    let (again, steps, _) = progress(lane, &world, "telling");
    assert_eq!((again, count(&steps, "taken"), count(&steps, "began")), (total, total, 0), "{steps:?}");
}

#[test]
fn a_hostile_build_script_reaches_nothing_of_others() {
    let lane = Lane::root();
    let world = world(lane, "units-hostile");
    let (run, units) = build(lane, &world, "units-hostile", "out");
    assert_eq!(units.expect("units").fell, Vec::<String>::new(), "{run}");
    drop(Run::of(&mut world.program(world.project().join("out/bin/app"))).exit(0).stdout_has("good failed"));
}

#[test]
fn an_engine_without_a_workshop_builds_in_one_room_and_says_so() {
    let lane = Lane::root();
    let world = with_recipe(world(lane, "units"), "units", "ordered", "per-package", "engine");
    drop(lane.run(&mut world.command(["lock", "ordered"])).exit(0));
    let build_oci =
        |world: &World, recipe: &str| lane.run(&mut world.command(["build", recipe, "--engine", "oci:runc"]));
    drop(build_oci(&world, "ordered").exit(7).stderr_has("gives its rooms no service"));
    let world = with_recipe(world, "units", "falling", "auto", "engine");
    drop(lane.run(&mut world.command(["lock", "falling"])).exit(0));
    drop(build_oci(&world, "falling").exit(0).stderr_has("so it is built in one room"));
    let units = records(&world, "falling")[0].rounds[0].units.clone().expect("the fall is recorded");
    assert_eq!((units.rung, units.fell.len()), (Rung::OneRoom, 1));
}

/// Locks a recipe and verifies it, whatever was verified before; gives what it printed and its record.
fn verify(lane: &Lane, world: &World, recipe: &str, words: &[&str]) -> (Run, Record) {
    static RECORDS: Mutex<()> = Mutex::new(());
    drop(lane.run(&mut world.command(["lock", recipe])).exit(0));
    let _alone = RECORDS.lock().unwrap_or_else(PoisonError::into_inner);
    forget(world, recipe);
    let run = lane.run(&mut world.command([&["verify", recipe], words].concat()));
    let record = records(world, recipe).into_iter().next().unwrap_or_else(|| panic!("no record\n{run}"));
    (run, record)
}

/// How the second round was cut, and what came of each unit.
fn checked(record: &Record) -> (UnitsRecord, UnitsCheck) {
    let units = record.rounds[1].units.clone().expect("the second round has units");
    let check = units.check.clone().expect("units were checked");
    (units, check)
}

fn told(blames: &[Blame]) -> Vec<(Duty, &str)> {
    let mut told: Vec<_> = blames.iter().map(|blame| (blame.duty, blame.package.as_str())).collect();
    told.sort();
    told
}

#[test]
fn of_twelve_units_with_three_faults_exactly_these_three_are_blamed() {
    let lane = Lane::root();
    let world = with_recipe(world(lane, "units-faults"), "units-faults", "faults", "per-package", "faults");
    let (run, record) = verify(lane, &world, "faults", &[]);
    let run = run.exit(1);
    let (units, check) = checked(&record);
    assert_eq!((record.verdict, units.total), (Some(Verdict::Flaky), 12), "a macro shuffles: {run}");
    let guilty =
        [(Duty::Compile, "table 0.1.0"), (Duty::RunScript, "clock 0.1.0"), (Duty::RunScript, "stamp 0.1.0")];
    assert_eq!(told(&check.guilty), guilty, "{run}");
    let followers =
        [(Duty::Compile, "app 0.1.0"), (Duty::Compile, "clock 0.1.0"), (Duty::Compile, "stamp 0.1.0")];
    assert_eq!(told(&check.followers), followers, "{run}");
    assert_eq!((check.ran, check.proofs), (12, 0), "{run}");
    let run = run.stdout_has("  blamed: the build script of stamp 0.1.0: `gen.rs` differs\n");
    let run = run.stdout_has("  blamed: the compilation of table 0.1.0, which may run macros of shuffle: ");
    drop(run.stdout_has("  follows: the compilation of app 0.1.0\n"));
    drop(world.eadem(["show", "faults"]).exit(0).stdout_has("blamed: the build script of clock 0.1.0"));

    // What was found equal is proved; what differs is tried again.
    let (run, record) = verify(lane, &world, "faults", &[]);
    let (_, check) = checked(&record);
    assert_eq!((told(&check.guilty), check.proofs, check.ran), (guilty.to_vec(), 9, 3), "{run}");
}

#[test]
fn a_path_that_a_build_script_tells_differs_only_if_it_reaches_the_program() {
    let lane = Lane::root();
    let world = with_recipe(world(lane, "units-path"), "units-path", "quiet", "per-package", "quiet");
    let world = with_recipe(world, "units-path", "path-teller", "per-package", "path-teller");
    let recipe = world.read("recipes/path-teller.yaml").replace("env: {", "env: {TELL_PATH: yes, ");
    let world = world.with("recipes/path-teller.yaml", recipe);
    let (run, record) = verify(lane, &world, "quiet", &[]);
    drop(run.exit(0));
    let (_, check) = checked(&record);
    assert_eq!((check.guilty, check.followers, check.ran), (vec![], vec![], 4));

    let (run, record) = verify(lane, &world, "path-teller", &[]);
    let run = run.exit(1);
    assert_eq!(told(&checked(&record).1.guilty), [(Duty::Compile, "app 0.1.0")], "{run}");
    forget(&world, "quiet");
    forget(&world, "path-teller");
}

#[test]
fn a_verification_after_an_edit_runs_only_what_changed_and_a_fresh_one_runs_all() {
    let lane = Lane::root();
    let world = with_recipe(world(lane, "units-path"), "units-path", "edited", "per-package", "edited");
    let hits = |record: &Record| record.rounds[0].units.as_ref().expect("the first round has units").hits;
    let (run, record) = verify(lane, &world, "edited", &[]);
    drop(run.exit(0));
    assert_eq!((checked(&record).0.total, checked(&record).1.ran), (4, 4));
    let (run, record) = verify(lane, &world, "edited", &[]);
    drop(run.exit(0).stderr_has("4 of 4 units are proved by earlier runs, 0 ran twice"));
    assert_eq!((hits(&record), checked(&record).1.proofs), (4, 4));

    let main = world.read("crate/src/main.rs").replace("told ", "told again ");
    let world = world.with("crate/src/main.rs", main);
    let (run, record) = verify(lane, &world, "edited", &[]);
    drop(run.exit(0));
    assert_eq!((hits(&record), checked(&record).1.proofs, checked(&record).1.ran), (1, 1, 3));

    let (run, record) = verify(lane, &world, "edited", &["--fresh"]);
    drop(run.exit(0));
    assert_eq!((hits(&record), checked(&record).1.proofs, checked(&record).1.ran), (0, 0, 4));
    forget(&world, "edited");
}
