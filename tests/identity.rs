//! However a build is cut into units, and wherever its roots lie: the bytes of plain cargo.

use std::{collections::BTreeMap, fs, path::Path};

use eadem_model::{Architecture, Digest, Entry, Plan, Rung, Setting, Tree, document};

use crate::{
    support::{lane::Lane, plain::Plain, world::World},
    units::{build, forget, records, with_recipe, world},
};

/// A recipe's outputs by their names.
type Outputs = BTreeMap<String, Digest>;

/// A way to cut builds, as a recipe says it, and the rung that it must bear.
type Cut = (&'static str, Option<Rung>);

const PER_PACKAGE: Cut = ("per-package", Some(Rung::PerPackage));
const CUTS: [Cut; 3] = [PER_PACKAGE, ("whole", Some(Rung::Whole)), ("off", None)];

/// Builds a recipe on every rung and by plain cargo, and expects the same bytes.
fn expect_one_tree(world: World, recipe: &str, test: &str) {
    drop(expect_one_tree_of(&CUTS, world, recipe, test));
}

/// Builds a recipe cut in some ways and by plain cargo, and expects the same bytes.
fn expect_one_tree_of(cuts: &[Cut], world: World, recipe: &str, test: &str) -> World {
    let lane = Lane::root();
    let name = |cut: &str| format!("{test}-{cut}");
    let world = cuts.iter().fold(world, |world, (cut, _)| with_recipe(world, recipe, &name(cut), cut, test));
    let mut built = Vec::new();
    for (cut, rung) in cuts.iter().copied() {
        let (run, units) = build(lane, &world, &name(cut), &name(cut));
        assert_eq!(units.as_ref().map(|units| units.rung), rung, "{run}");
        assert!(units.is_none_or(|units| units.fell.is_empty() && units.hits < units.total), "{run}");
        let plan = plan(&world, &name(cut));
        built.push((cut, outputs(&plan, |output| world.project().join(name(cut)).join(output))));
        forget(&world, &name(cut));
    }
    let plain = by_cargo(&world, &plan(&world, &name(cuts[0].0)), &Setting::baseline());
    for (cut, outputs) in &built {
        assert_eq!(outputs, &plain, "{recipe} with units {cut}, and by plain cargo");
    }
    world
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
fn by_cargo(world: &World, plan: &Plan, setting: &Setting) -> Outputs {
    let plain = run_cargo(world, plan, setting);
    outputs(plan, |name| plain.output(name))
}

/// Runs plain cargo; the store has what the plan names.
fn run_cargo(world: &World, plan: &Plan, setting: &Setting) -> Plain {
    let dir = world.dir().join(format!("plain-{}-{}", setting.hostname, plan.digest().hex()));
    let plain = Plain::new(world.store(), plan.clone(), setting.clone(), &dir);
    drop(Lane::root().run(&mut plain.command()).exit(0));
    plain
}

/// A recipe in Rust 1.96.
fn newer(world: World, recipe: &str) -> World {
    let path = format!("recipes/{recipe}.yaml");
    let text = world.read(&path).replace("image: rust-trixie", "image: rust-web-trixie");
    world.with(&path, text)
}

#[test]
fn a_workspace_of_all_shapes_is_one_tree_on_every_rung_and_by_plain_cargo() {
    expect_one_tree(world(Lane::root(), "units"), "units", "shapes");
}

#[test]
fn a_workspace_of_all_shapes_is_one_tree_from_two_different_places() {
    let lane = Lane::root();
    let mut world = world(lane, "units");
    for (cut, _) in CUTS {
        world = with_recipe(world, "units", &format!("places-{cut}"), cut, "places");
        let name = format!("places-{cut}");
        drop(lane.run(&mut world.command(["lock", &name])).exit(0));
        drop(lane.run(&mut world.command(["verify", "--fresh", &name])).exit(0).stdout_has("reproducible"));
    }
    let plan = plan(&world, "places-off");
    let settings = [Setting::baseline(), Setting::varied(&plan.digest())];
    let [here, there] = settings.each_ref().map(|setting| by_cargo(&world, &plan, setting));
    assert_eq!(here, there, "plain cargo gives something else at another place");
    for (cut, _) in CUTS {
        let rounds = records(&world, &format!("places-{cut}")).remove(0).rounds;
        assert_eq!(rounds.iter().map(|round| &round.setting).collect::<Vec<_>>(), settings.each_ref());
        let trees = rounds.into_iter().map(|round| round.tree.expect("it ended well"));
        trees.for_each(|tree| assert_eq!(files(&tree), here, "with units {cut}"));
    }
}

fn files(tree: &Tree) -> Outputs {
    let digest = |entry: &Entry| match entry {
        Entry::File { digest, .. } => Some(*digest),
        _ => None,
    };
    tree.entries.iter().filter_map(|(path, entry)| Some((path.to_string(), digest(entry)?))).collect()
}

#[test]
fn a_workspace_of_all_shapes_is_one_tree_with_a_newer_cargo() {
    expect_one_tree(newer(world(Lane::root(), "units"), "units"), "units", "newer");
}

/// Cargo calls a test program by a digest that nobody knows before it is built.
#[test]
fn an_example_and_a_test_program_are_those_of_plain_cargo() {
    let lane = Lane::root();
    let recipe = |outputs: &str| {
        format!(
            "eadem: 1\nname: checks\nimage: rust-trixie\nsource: {{dir: crate}}\noutputs: [{outputs}]\n\
             cargo: {{profile: tested, examples: [ex], tests: [it], inputs: {{app: [README]}}}}\n"
        )
    };
    let world = world(lane, "units").with("recipes/checks.yaml", recipe("examples/ex"));
    drop(lane.run(&mut world.command(["lock", "checks"])).exit(0));
    drop(lane.run(&mut world.command(["fetch", "checks"])).exit(0));
    let plain = run_cargo(&world, &plan(&world, "checks"), &Setting::baseline());
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

#[test]
fn hexyl_in_units_is_that_of_plain_cargo_and_comes_whole_from_the_store() {
    let lane = Lane::root();
    let world = expect_one_tree_of(&[PER_PACKAGE], lane.recipes(), "hexyl", "hexyl");
    let again = build(lane, &world, "hexyl-per-package", "again").1.expect("units");
    assert!(again.total > 40 && again.hits == again.total, "{again:?}");
}

#[test]
#[ignore = "a quarter of an hour: ci/proof units"]
fn hexyl_is_one_tree_on_every_rung_with_both_cargos() {
    expect_one_tree(Lane::root().recipes(), "hexyl", "older-hexyl");
    expect_one_tree(newer(Lane::root().recipes(), "hexyl"), "hexyl", "newer-hexyl");
}

#[test]
#[ignore = "a quarter of an hour: ci/proof units"]
fn fd_and_ripgrep_are_one_tree_on_every_rung_and_by_plain_cargo() {
    expect_one_tree(Lane::root().recipes(), "fd", "fd");
    expect_one_tree(Lane::root().recipes(), "ripgrep", "ripgrep");
}

#[test]
#[ignore = "half an hour: ci/proof units"]
fn bat_is_one_tree_on_every_rung_and_by_plain_cargo() {
    expect_one_tree(Lane::root().recipes(), "bat", "bat");
}

#[test]
#[ignore = "three quarters of an hour: ci/proof units"]
fn cargo_in_units_is_that_of_plain_cargo() {
    drop(expect_one_tree_of(&[PER_PACKAGE], Lane::root().recipes(), "cargo", "cargo"));
}
