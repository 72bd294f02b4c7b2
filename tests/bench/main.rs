//! Benchmarks: eadem beside what people use today, in one run, in turns; ratios of medians.
//!
//! `cargo bench --bench compare [-- PART..]`; the parts are `image`, `build`, `crates`,
//! `units` (also `units hexyl`), `pull-request` and `diff`. How a room
//! starts beside bubblewrap is measured by the sandbox's own benchmark. Nothing here is a test: the
//! aims are printed beside the figures.
#![allow(clippy::print_stdout, reason = "figures are for people")]

mod build;
mod cost;
mod crates;
mod diff;
mod ground;
mod image;
#[path = "../support/mirror.rs"]
mod mirror;
#[path = "../support/plain.rs"]
#[allow(dead_code, reason = "tests look at what it leaves")]
mod plain;
mod pull_request;
mod units;

use ground::Ground;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    let ground = Ground::new();
    if wanted("image") {
        image::measure(&ground);
    }
    if wanted("build") {
        build::measure(&ground);
    }
    if wanted("crates") {
        crates::measure(&ground);
    }
    if wanted("units") {
        units::measure(&ground, &words);
    }
    if wanted("pull-request") {
        pull_request::measure(&ground);
    }
    if wanted("diff") {
        diff::measure(&ground);
    }
}
