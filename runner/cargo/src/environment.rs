//! Which variables a unit has.

use std::collections::BTreeMap;

use eadem_model::Text;

/// What belongs to the driver alone: its proxy, its tokens, its shell's memory.
const DRIVERS: [&str; 8] =
    ["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS", "OLDPWD", "PWD", "RUSTC_WRAPPER", "SHLVL", "_"];

/// What every round sets by itself.
const ROUNDS: [&str; 7] = ["HOME", "LANG", "LC_ALL", "LOGNAME", "SOURCE_DATE_EPOCH", "TZ", "USER"];

/// How many jobs a build script is told to start: what varies, and so a constant in every key.
const JOBS: (&str, &str) = ("NUM_JOBS", "2");

/// Where libraries are looked for when a program starts.
const LIBRARIES: &str = "LD_LIBRARY_PATH";

/// Keeps of cargo's environment what may decide a unit's bytes.
///
/// Cargo lists in `LD_LIBRARY_PATH` the directories of all build scripts that have run so far, which depends
/// on chance; `is_script_output` tells them.
pub fn cleaned(
    env: BTreeMap<String, String>,
    is_script_output: impl Fn(&str) -> bool,
) -> BTreeMap<String, String> {
    let mut env = env;
    env.retain(|name, _| !DRIVERS.contains(&name.as_str()) && !ROUNDS.contains(&name.as_str()));
    if let Some(dirs) = env.get_mut(LIBRARIES) {
        let kept: Vec<&str> = dirs.split(':').filter(|dir| !is_script_output(dir)).collect();
        *dirs = kept.join(":");
    }
    env
}

/// The variables as they stand in a unit's key.
pub fn keyed(env: &BTreeMap<String, Text>) -> BTreeMap<String, Text> {
    let mut env = env.clone();
    env.entry(JOBS.0.to_owned()).and_modify(|jobs| *jobs = Text::from(JOBS.1));
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_chance_decides_and_what_is_the_drivers_is_dropped() {
        let of_cargo = env(&[
            ("CARGO_MAKEFLAGS", "-j --jobserver-fds=8,9"),
            ("CARGO_PKG_NAME", "libc"),
            ("HOME", "/home/builder"),
            ("LD_LIBRARY_PATH", "/build/target/release/build/z-1/out:/build/target/release/deps:/usr/lib"),
            ("NUM_JOBS", "64"),
            ("RUSTC_WRAPPER", "/home/builder/eadem-proxy"),
        ]);
        let wanted = env(&[
            ("CARGO_PKG_NAME", "libc"),
            ("LD_LIBRARY_PATH", "/build/target/release/deps:/usr/lib"),
            ("NUM_JOBS", "64"),
        ]);
        assert_eq!(cleaned(of_cargo, |dir| dir.contains("/build/z-1/")), wanted);
    }

    #[test]
    fn the_number_of_jobs_decides_no_key() {
        let with = |jobs: &str| [("NUM_JOBS".to_owned(), Text::from(jobs))].into();
        assert_eq!(keyed(&with("64")), keyed(&with("1")));
        assert_eq!(keyed(&BTreeMap::new()), BTreeMap::new());
    }
}
