//! Images made of the host's own programs.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

/// Copies programs and the libraries that they name.
pub(crate) fn install(to: &Path, programs: &[PathBuf]) {
    for program in programs {
        let bin = to.join("usr/bin");
        fs::create_dir_all(&bin).expect("makes");
        fs::copy(program, bin.join(program.file_name().expect("has a name"))).expect("copies");
        libraries(program).iter().for_each(|library| copy_library(library, to));
    }
    for link in ["bin", "lib", "lib64"] {
        if !to.join(link).exists() {
            fs::create_dir_all(to.join("usr").join(link)).expect("makes");
            symlink(format!("usr/{link}"), to.join(link)).expect("links");
        }
    }
}

fn libraries(program: &Path) -> Vec<PathBuf> {
    let listed = Command::new("ldd").arg(program).output().expect("ldd runs");
    let text = String::from_utf8(listed.stdout).expect("is UTF-8");
    text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

fn copy_library(library: &Path, to: &Path) {
    let below = library.strip_prefix("/").expect("is absolute");
    let below = below.strip_prefix("usr").unwrap_or(below);
    let target = to.join("usr").join(below);
    fs::create_dir_all(target.parent().expect("has one")).expect("makes");
    if !target.exists() {
        fs::copy(library, target).expect("copies");
    }
}
