//! Runs tests of a program that has its own main function.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use rustix::process::geteuid;

use super::world::World;

/// A test and its name.
pub(crate) type Test = (&'static str, fn(&World));

/// Names tests by their functions.
macro_rules! tests {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), $name as fn(&World))),*] };
}
pub(crate) use tests;

/// Runs the tests whose names hold the first word that is no flag, and says whether all of them passed.
pub(crate) fn run(tests: &[Test], words: &[String], world: &World) -> bool {
    let filter = words.iter().find(|word| !word.starts_with('-')).map_or("", String::as_str);
    let chosen: Vec<&Test> = tests.iter().filter(|(name, _)| name.contains(filter)).collect();
    let n_passed = chosen.iter().filter(|test| passes(test, world)).count();
    let who = if is_root() { "root" } else { "an ordinary user" };
    println!("{n_passed} passed; {} failed (by {} as {who})", chosen.len() - n_passed, world.engine().name());
    n_passed == chosen.len()
}

fn passes((name, test): &Test, world: &World) -> bool {
    let since = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| {
        test(world);
        assert_eq!(world.leftovers(), [""; 0], "directories of rooms stay");
    }));
    println!(
        "test {name} ... {} ({} ms)",
        if result.is_ok() { "ok" } else { "FAILED" },
        since.elapsed().as_millis()
    );
    result.is_ok()
}

pub(crate) fn is_root() -> bool {
    geteuid().is_root()
}
