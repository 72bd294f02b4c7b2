//! The crates of a lock of some hundred packages, beside `cargo fetch` from an empty CARGO_HOME.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    cost::{Cost, compare},
    ground::{Ground, REPOSITORY},
    mirror::Mirror,
};

const TURNS: usize = 3;

/// The time that the mirror on the loopback takes for each answer.
const LATENCY: Duration = Duration::from_millis(20);

/// Fetches the crates of eadem's own lock again and again.
pub(crate) fn measure(ground: &Ground) {
    let project = project(ground);
    let n = fs::read_to_string(project.join("own/Cargo.lock"))
        .expect("there is a lock")
        .matches("\nchecksum = ")
        .count();
    compare(
        &format!("{n} crates of the public registry"),
        TURNS,
        ("eadem lock", || eadem(ground, &project, None)),
        ("cargo fetch", || cargo(ground, &project, None)),
        "reported",
    );
    let cache = ground.path("cargo-home/registry");
    let crates = only_child(&cache.join("cache"));
    let index = only_child(&cache.join("index")).join(".cache");
    let mirror = Mirror::start(&crates, &index, LATENCY).expect("the loopback has a free port");
    compare(
        &format!("{n} crates of a mirror on the loopback, {} ms an answer", LATENCY.as_millis()),
        TURNS,
        ("eadem lock", || eadem(ground, &project, Some(&mirror))),
        ("cargo fetch", || cargo(ground, &project, Some(&mirror))),
        "at least 2 times faster",
    );
    println!("  the mirror answered {} requests", mirror.n_requests());
}

/// A project whose one source is this repository.
fn project(ground: &Ground) -> PathBuf {
    let project = ground.empty("project");
    let own = project.join("own");
    fs::create_dir_all(project.join("recipes")).expect("the directory is ours");
    fs::create_dir(&own).expect("the directory is ours");
    for name in ["Cargo.toml", "Cargo.lock", "runner", "tests"] {
        copy(ground, &Path::new(REPOSITORY).join(name), &own);
    }
    copy(ground, &Path::new(REPOSITORY).join("images"), &project);
    let recipe = "eadem: 1\nname: own\nimage: rust-trixie\nsource: {dir: own}\noutputs: [bin/eadem]\n";
    fs::write(project.join("recipes/own.yaml"), recipe).expect("the directory is ours");
    project
}

fn copy(ground: &Ground, from: &Path, to: &Path) {
    crate::ground::run(ground.command("cp").arg("--recursive").arg(from).arg(to));
}

/// eadem with an empty store: downloads, checks, unpacks and lays the source layer out.
fn eadem(ground: &Ground, project: &Path, mirror: Option<&Mirror>) -> Cost {
    let config = ground.path("home/.config/eadem");
    fs::create_dir_all(&config).expect("the directory is ours");
    let mirrors = mirror.map(|mirror| format!("mirrors: {{crate-index: \"{}\"}}\n", mirror.index()));
    fs::write(config.join("config.yaml"), format!("eadem: 1\n{}", mirrors.unwrap_or_default()))
        .expect("it is ours");
    let mut command = ground.command(env!("CARGO_BIN_EXE_eadem"));
    command
        .args(["--quiet", "lock", "own", "--store"])
        .arg(ground.empty("crates-store"))
        .current_dir(project);
    Cost::of(&command, &ground.path("home"))
}

/// cargo with an empty CARGO_HOME: downloads, checks and unpacks.
fn cargo(ground: &Ground, project: &Path, mirror: Option<&Mirror>) -> Cost {
    // The registry's own files stay for the mirror; those of the mirror lie elsewhere.
    let home = ground.empty(if mirror.is_some() { "cargo-home-of-mirror" } else { "cargo-home" });
    fs::create_dir(&home).expect("the directory is ours");
    let config = mirror.map(Mirror::cargo_config).unwrap_or_default();
    fs::write(home.join("config.toml"), config).expect("the directory is ours");
    let mut command: Command = ground.command(env!("CARGO"));
    command.args(["fetch", "--quiet", "--locked"]).env("CARGO_HOME", &home).current_dir(project.join("own"));
    // cargo asks the compiler for its target, and finds it beside itself.
    command.env("RUSTC", Path::new(env!("CARGO")).with_file_name("rustc"));
    Cost::of(&command, &ground.path("home"))
}

fn only_child(dir: &Path) -> PathBuf {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("cannot list {}: {error}", dir.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it is listed").path()).collect();
    assert_eq!(paths.len(), 1, "{paths:?}");
    paths.remove(0)
}
