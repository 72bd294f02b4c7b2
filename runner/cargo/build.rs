//! Compiles the proxy, which must run in images that have no libraries for it: hence static.
//!
//! Cargo cannot embed one program of a workspace in another, and its way of linking statically wants a
//! target that is named, which changes how proc macros are built. So the compiler is called here.

use std::{env, path::PathBuf, process::Command};

/// Everything that decides the proxy's bytes.
const SOURCES: [&str; 2] = ["proxy/main.rs", "src/wire.rs"];

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("proxy");
    let rustc = env::var_os("RUSTC").expect("cargo sets it");
    let target = env::var("TARGET").expect("cargo sets it");
    let mut command = Command::new(rustc);
    command.args([SOURCES[0], "--crate-name=eadem_proxy", "--edition=2024", "--target", &target]);
    command.args(["-Copt-level=s", "-Cpanic=abort", "-Cstrip=symbols", "-Ctarget-feature=+crt-static"]);
    let status = command.arg("-o").arg(&out).status().expect("the compiler can be started");
    assert!(status.success(), "the proxy cannot be compiled ({status}); it needs a static libc");
    SOURCES.iter().for_each(|path| println!("cargo::rerun-if-changed={path}"));
}
