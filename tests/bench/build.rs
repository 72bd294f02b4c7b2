//! A cold build in a room, beside plain cargo of the same toolchain on the same sources.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    cost::{Cost, compare},
    ground::{Ground, run},
};

const TURNS: usize = 3;

/// Builds hexyl again and again.
pub(crate) fn measure(ground: &Ground) {
    let root = merged_root(ground);
    compare(
        "a cold build of hexyl",
        TURNS,
        ("eadem build", || eadem(ground)),
        ("plain cargo", || plain(ground, &root)),
        "at most 1.03 of plain cargo's CPU",
    );
}

fn eadem(ground: &Ground) -> Cost {
    let store = ground.store();
    let records = store.join("records");
    // Without its record a build must be done again.
    fs::remove_dir_all(&records).expect("the store is ours");
    let mut command = ground.eadem(&store);
    command.args(["build", "hexyl", "--offline"]);
    Cost::of(&command, &ground.path("home"))
}

/// The image's layers in one directory, with places for the sources and the target.
fn merged_root(ground: &Ground) -> PathBuf {
    let root = ground.empty("root");
    fs::create_dir(&root).expect("the directory is ours");
    for diff_id in &ground.image_lock().result.diff_ids {
        let layer = ground.store().join("unpacked").join(diff_id.hex());
        run(ground
            .command("cp")
            .args(["--archive", "--link", "--no-target-directory"])
            .arg(layer)
            .arg(&root));
    }
    for name in ["build/src", "build/cargo", "build/target", "dev", "proc", "tmp"] {
        fs::create_dir_all(root.join(name)).expect("the directory is ours");
    }
    root
}

/// cargo in the image's root, without a room: bubblewrap is only there to change the root.
fn plain(ground: &Ground, root: &Path) -> Cost {
    let target = ground.empty("target");
    fs::create_dir(&target).expect("the directory is ours");
    let layer = ground.store().join("unpacked").join(ground.recipe_lock("hexyl").layer.hex());
    let mut command = ground.command("bwrap");
    bind(&mut command, "--bind", root, "/");
    bind(&mut command, "--ro-bind", &layer.join("src"), "/build/src");
    bind(&mut command, "--ro-bind", &layer.join("cargo"), "/build/cargo");
    bind(&mut command, "--bind", &target, "/build/target");
    command.args([
        "--dev",
        "/dev",
        "--proc",
        "/proc",
        "--tmpfs",
        "/tmp",
        "--chdir",
        "/build/src",
        "--clearenv",
    ]);
    for (name, value) in environment() {
        command.args(["--setenv", name, &value]);
    }
    command.args([
        "--",
        "cargo",
        "build",
        "--release",
        "--locked",
        "--offline",
        "--frozen",
        "--bin",
        "hexyl",
    ]);
    Cost::of(&command, &ground.path("home"))
}

fn bind(command: &mut Command, how: &str, from: &Path, to: &str) {
    command.arg(how).arg(from).arg(to);
}

/// What decides the compiler's work, as in a room.
fn environment() -> [(&'static str, String); 6] {
    let places =
        ["src", "cargo", "target"].map(|name| format!("--remap-path-prefix=/build/{name}=/build/{name}"));
    [
        ("CARGO_ENCODED_RUSTFLAGS", places.join("\u{1f}")),
        ("CARGO_HOME", "/build/cargo".to_owned()),
        ("CARGO_INCREMENTAL", "0".to_owned()),
        ("CARGO_TARGET_DIR", "/build/target".to_owned()),
        ("HOME", "/tmp".to_owned()),
        ("PATH", "/usr/bin:/bin".to_owned()),
    ]
}
