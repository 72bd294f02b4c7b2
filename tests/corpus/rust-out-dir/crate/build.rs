//! Writes a part of the program.

use std::{env, fs, path::Path};

fn main() {
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&out).join("words.rs"), "const PLACE: &str = concat!(env!(\"OUT_DIR\"), \"/words.rs\");\n")
        .expect("written");
}
