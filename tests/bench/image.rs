//! An image from cached packages, beside mmdebstrap with the same packages.

use std::{fs, path::Path};

use eadem_model::Digest;

use crate::{
    cost::{Cost, compare},
    ground::{Ground, run},
};

const TURNS: usize = 5;

/// Assembles the image again and again.
pub(crate) fn measure(ground: &Ground) {
    let archive = archive(ground);
    let mmdebstrap = mmdebstrap(ground, &archive);
    compare(
        "an image from cached packages",
        TURNS,
        ("eadem image build", || eadem(ground)),
        ("mmdebstrap --variant=essential", || Cost::of(&mmdebstrap, &ground.path("home"))),
        "at least 3.5 times faster, at most 512 MB at the peak",
    );
}

fn eadem(ground: &Ground) -> Cost {
    let (full, store) = (ground.store(), ground.empty("empty"));
    drop(eadem_store::Store::open(&store).expect("an empty directory becomes a store"));
    link(ground, &full.join("blobs/sha256"), &store.join("blobs/sha256"), str::to_owned);
    let mut command = ground.eadem(&store);
    command.args(["image", "build", "rust-trixie", "--offline"]);
    Cost::of(&command, &ground.path("home"))
}

/// Links every package of the image from one directory to another, under the name that `name` gives.
fn link(ground: &Ground, from: &Path, to: &Path, name: impl Fn(&str) -> String) {
    fs::create_dir_all(to).expect("the directory is ours");
    for package in &ground.image_lock().packages {
        let hex = package.sha256.hex();
        fs::hard_link(from.join(&hex), to.join(name(&hex))).expect("the package is in the store");
    }
}

/// A directory of the same packages that apt can install from.
fn archive(ground: &Ground) -> std::path::PathBuf {
    let archive = ground.empty("archive");
    link(ground, &ground.store().join("blobs/sha256"), &archive.join("pool"), |hex| format!("{hex}.deb"));
    let mut scan = ground.command("dpkg-scanpackages");
    let packages = run(scan.args(["--multiversion", "pool"]).current_dir(&archive));
    fs::write(archive.join("Release"), release(ground, packages.as_bytes())).expect("the directory is ours");
    fs::write(archive.join("Packages"), packages).expect("the directory is ours");
    archive
}

/// mmdebstrap finds essential packages by the suite that their archive says it is.
fn release(ground: &Ground, packages: &[u8]) -> String {
    let (suite, digest) = (ground.image_lock().suite, Digest::of(packages));
    format!("Suite: {suite}\nCodename: {suite}\nSHA256:\n {} {} Packages\n", digest.hex(), packages.len())
}

fn mmdebstrap(ground: &Ground, archive: &Path) -> std::process::Command {
    let lock = ground.image_lock();
    let names: Vec<&str> = lock.packages.iter().map(|package| package.name.as_str()).collect();
    let mut command = ground.command("mmdebstrap");
    command.args([
        "--quiet",
        "--variant=essential",
        "--format=tar",
        &format!("--include={}", names.join(",")),
    ]);
    command.arg(lock.suite.as_str()).arg(ground.path("root.tar"));
    // mmdebstrap offers `copy` to mirrors that its own root cannot reach.
    command.arg(format!("deb [trusted=yes] copy://{} ./", archive.display()));
    command
}
