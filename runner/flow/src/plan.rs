//! From a recipe and its lock to a plan.

use std::collections::BTreeMap;

use eadem_model::{Architecture, BuildSpec, Input, Output, Plan, Recipe, RecipeLock, Root, Text, TreePath};

use crate::step;

/// The roots and where programs are told that they lie, wherever a round puts them.
const CANONICAL: [(Root, &str); 3] =
    [(Root::Source, "/build/src"), (Root::Cargo, "/build/cargo"), (Root::Target, "/build/target")];

/// The plan of building a recipe, as a pure function of its lock.
pub fn plan(recipe: &Recipe, lock: &RecipeLock, architecture: Architecture) -> Plan {
    Plan {
        eadem_plan: Plan::FORMAT,
        rootfs: lock.image.diff_ids.clone(),
        architecture,
        inputs: inputs(lock),
        argv: recipe.build.as_ref().map_or_else(|| argv(recipe), step::argv),
        env: env(recipe),
        cwd: Text::root(Root::Source),
        epoch: recipe.epoch,
        users: recipe.users,
        limits: recipe.limits.limits(),
        outputs: recipe.outputs.iter().map(|path| output(recipe, path)).collect(),
        start: None,
        needs: Vec::new(),
        veils: Vec::new(),
    }
}

fn inputs(lock: &RecipeLock) -> Vec<Input> {
    let input = |subpath: &str, at| Input {
        layer: lock.layer,
        subpath: subpath.parse().expect("a clean path"),
        at,
        below: None,
        file: false,
    };
    vec![input("src", Root::Source), input("cargo", Root::Cargo)]
}

fn argv(recipe: &Recipe) -> Vec<Text> {
    let cargo = &recipe.cargo;
    let mut words = vec!["cargo".to_owned(), "build".to_owned()];
    match cargo.profile.as_str() {
        "release" => words.push("--release".to_owned()),
        profile => words.extend(["--profile".to_owned(), profile.to_owned()]),
    }
    words.extend(["--locked", "--offline", "--frozen"].map(str::to_owned));
    words.extend(cargo.package.iter().flat_map(|package| ["--package".to_owned(), package.clone()]));
    for (option, names) in [("--bin", &cargo.bins), ("--example", &cargo.examples), ("--test", &cargo.tests)]
    {
        words.extend(names.iter().flat_map(|name| [option.to_owned(), name.clone()]));
    }
    if !cargo.features.is_empty() {
        words.extend(["--features".to_owned(), cargo.features.join(",")]);
    }
    if !cargo.default_features {
        words.push("--no-default-features".to_owned());
    }
    words.into_iter().map(Text::from).collect()
}

/// The recipe's own variables win over ours.
fn env(recipe: &Recipe) -> BTreeMap<String, Text> {
    let mut env = recipe.build.as_ref().map_or_else(of_cargo, of_steps);
    env.extend(recipe.env.iter().map(|(name, value)| (name.to_string(), Text::from(value.as_str()))));
    env
}

/// What configure scripts would take for flags by themselves is spelled out before the mapping.
fn of_steps(_: &BuildSpec) -> BTreeMap<String, Text> {
    let mut env = of_cargo();
    // Makefiles that call cargo look for its outputs where it leaves them by itself.
    env.remove("CARGO_TARGET_DIR");
    let mapping = Text::from("-g -O2 -ffile-prefix-map=").then_root(Root::Target);
    let c_flags = mapping.then(step::COPY).then("=/build/src");
    for name in ["CFLAGS", "CXXFLAGS"] {
        env.insert(name.to_owned(), c_flags.clone());
    }
    env.insert("OUT".to_owned(), Text::root(Root::Target).then(step::OUT));
    env
}

fn of_cargo() -> BTreeMap<String, Text> {
    let c_flags = flags("-ffile-prefix-map=", " ");
    let ours = [
        ("CARGO_ENCODED_RUSTFLAGS", flags("--remap-path-prefix=", "\u{1f}")),
        ("CARGO_HOME", Text::root(Root::Cargo)),
        ("CARGO_INCREMENTAL", "0".into()),
        ("CARGO_TARGET_DIR", Text::root(Root::Target)),
        ("CARGO_TERM_COLOR", "never".into()),
        ("CARGO_TERM_PROGRESS_WHEN", "never".into()),
        ("CFLAGS", c_flags.clone()),
        ("CXXFLAGS", c_flags),
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into()),
        ("TERM", "dumb".into()),
    ];
    ours.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

/// One path mapping for each root, so that no place of a round reaches the outputs.
fn flags(option: &str, separator: &str) -> Text {
    let mut text = Text::default();
    for (index, (root, place)) in CANONICAL.into_iter().enumerate() {
        let separator = if index == 0 { "" } else { separator };
        text = text.then(&format!("{separator}{option}")).then_root(root).then(&format!("={place}"));
    }
    text
}

/// Of cargo, `bin/NAME` is the program NAME, and any other output lies at its own path below the profile's
/// directory; steps leave all in a directory of its own.
fn output(recipe: &Recipe, path: &TreePath) -> Output {
    if recipe.build.is_some() {
        let from = Text::root(Root::Target).then(&format!("{}/{path}", step::OUT));
        return Output { path: path.clone(), from };
    }
    let directory = match recipe.cargo.profile.as_str() {
        "dev" | "test" => "debug",
        "bench" => "release",
        profile => profile,
    };
    let below = path.as_str().strip_prefix("bin/").unwrap_or(path.as_str());
    Output { path: path.clone(), from: Text::root(Root::Target).then(&format!("/{directory}/{below}")) }
}
