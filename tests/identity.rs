//! However a build is cut into units, and wherever its roots lie: the bytes of plain cargo.

use std::{collections::BTreeMap, fs, path::Path};

use eadem_model::{Architecture, Digest, Plan, Rung, Setting, document};

use crate::{
    support::{lane::Lane, plain::Plain, world::World},
    units::{build, forget, with_recipe, world},
};

/// A recipe's outputs by their names.
type Outputs = BTreeMap<String, Digest>;

/// How builds are cut, the last one not at all.
const CUTS: [(&str, Option<Rung>); 3] =
    [("per-package", Some(Rung::PerPackage)), ("whole", Some(Rung::Whole)), ("off", None)];

/// Builds a recipe on every rung and by plain cargo, and expects the same bytes.
fn expect_one_tree(world: World, recipe: &str, test: &str) {
    let lane = Lane::root();
    let name = |cut: &str| format!("{test}-{cut}");
    let world = CUTS.iter().fold(world, |world, (cut, _)| with_recipe(world, recipe, &name(cut), cut, test));
    let mut built = Vec::new();
    for (cut, rung) in CUTS {
        let (run, units) = build(lane, &world, &name(cut), &name(cut));
        assert_eq!(units.as_ref().map(|units| units.rung), rung, "{run}");
        assert!(units.is_none_or(|units| units.fell.is_empty() && units.hits < units.total), "{run}");
        let plan = plan(&world, &name(cut));
        built.push((cut, outputs(&plan, |output| world.project().join(name(cut)).join(output))));
        forget(&world, &name(cut));
    }
    let plain = by_cargo(&world, &plan(&world, &name("off")));
    for (cut, outputs) in &built {
        assert_eq!(outputs, &plain, "{recipe} with units {cut}, and by plain cargo");
    }
}

/// The plan of a recipe that is locked.
fn plan(world: &World, recipe: &str) -> Plan {
    let recipe_text = world.read(&format!("recipes/{recipe}.yaml"));
    let lock_text = world.read(&format!("recipes/{recipe}.lock"));
    let spec = document::parse(recipe, &recipe_text).unwrap_or_else(|error| panic!("{error}"));
    let lock = document::parse(recipe, &lock_text).unwrap_or_else(|error| panic!("{error}"));
    eadem_flow::plan(&spec, &lock, Architecture::Amd64)
}

fn outputs(plan: &Plan, place: impl Fn(&str) -> std::path::PathBuf) -> Outputs {
    let names = plan.outputs.iter().map(|output| output.path.to_string());
    names.map(|name| (name.clone(), digest(&place(&name)))).collect()
}

fn digest(path: &Path) -> Digest {
    Digest::of(&fs::read(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display())))
}

/// What plain cargo gives, from an empty directory.
fn by_cargo(world: &World, plan: &Plan) -> Outputs {
    let plain = run_cargo(world, plan);
    outputs(plan, |name| plain.output(name))
}

/// Runs plain cargo; the store has what the plan names.
fn run_cargo(world: &World, plan: &Plan) -> Plain {
    let dir = world.dir().join(format!("plain-{}", plan.digest().hex()));
    let plain = Plain::new(world.store(), plan.clone(), Setting::baseline(), &dir);
    drop(Lane::root().run(&mut plain.command()).exit(0));
    plain
}

/// The fixture, in an image.
fn workspace(image: &str) -> World {
    let world = world(Lane::root(), "units");
    let text = world.read("recipes/units.yaml").replace("image: rust-trixie", &format!("image: {image}"));
    world.with("recipes/units.yaml", text)
}

#[test]
fn a_workspace_of_all_shapes_is_one_tree_on_every_rung_and_by_plain_cargo() {
    expect_one_tree(workspace("rust-trixie"), "units", "shapes");
}

#[test]
fn a_workspace_of_all_shapes_is_one_tree_with_a_newer_cargo() {
    expect_one_tree(workspace("rust-web-trixie"), "units", "newer");
}

/// Cargo calls a test program by a digest that nobody knows before it is built.
#[test]
fn an_example_and_a_test_program_are_those_of_plain_cargo() {
    let lane = Lane::root();
    let recipe = |outputs: &str| {
        format!(
            "eadem: 1\nname: checks\nimage: rust-trixie\nsource: {{dir: crate}}\noutputs: [{outputs}]\n\
             cargo: {{profile: tested, examples: [ex], tests: [it]}}\n"
        )
    };
    let world = world(lane, "units").with("recipes/checks.yaml", recipe("examples/ex"));
    drop(lane.run(&mut world.command(["lock", "checks"])).exit(0));
    drop(lane.run(&mut world.command(["fetch", "checks"])).exit(0));
    let plain = run_cargo(&world, &plan(&world, "checks"));
    let test = test_program(&plain.target().join("tested/deps"), "it");
    let world = world.with("recipes/checks.yaml", recipe(&format!("examples/ex, deps/{test}")));
    expect_one_tree(world, "checks", "checks");
}

/// The program of this name in a directory of cargo's.
fn test_program(dir: &Path, name: &str) -> String {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("cannot list {}: {error}", dir.display()));
    let names = entries.map(|entry| entry.expect("it is listed").file_name().into_string().expect("text"));
    let is_it = |file: &String| file.starts_with(&format!("{name}-")) && !file.contains('.');
    names.into_iter().find(is_it).unwrap_or_else(|| panic!("no {name} in {}", dir.display()))
}

#[test]
fn a_library_that_programs_find_is_whole_also_if_nobody_asked_for_its_package() {
    let text = "eadem: 1\nname: linked\nimage: rust-trixie\nsource: {dir: crate}\n\
                cargo: {package: linked}\noutputs: [liblinked.rlib, libshared.so]\n";
    expect_one_tree(world(Lane::root(), "units").with("recipes/linked.yaml", text), "linked", "linked");
}
