//! Why a unit failed: by itself, or for want of something that its room does not show.

use std::collections::BTreeSet;

use eadem_model::{Entry, Root, Rung, SourceDir, UnitKind, UnitRecord};

use crate::{
    DriveError, Fall,
    execute::{Bench, Ran},
    graph::lies_in,
    unit::Unit,
};

/// What the compiler says of a crate that it does not find, whoever should have shown it, and of a linker or a
/// proc macro that ended badly: these may look for what other units have written.
const OF_OTHERS: [&str; 5] = ["E0460", "E0461", "E0463", "linking with `", " panicked"];

/// Runs a unit that failed once more with all sources in its room, and says where it may do better.
pub(crate) fn of(bench: &Bench<'_>, unit: &Unit, ran: &Ran) -> Result<Fall, DriveError> {
    if bench.rung != Rung::PerPackage {
        return Ok(alone(unit, ran));
    }
    let work = bench.work_on(Rung::Whole, unit)?;
    let key = work.key;
    let wide = bench.run(unit, work)?;
    let Some(record) = &wide.record else { return Ok(alone(unit, ran)) };
    bench.store.put_unit(&key, record)?;
    Ok(Fall { why: undeclared(bench, unit, ran, record)?, to: Some(Rung::Whole) })
}

/// A unit that fails with all sources in its room.
///
/// A build script may look for what others have written, which is there in one room alone. Of the compiler's
/// own errors another room mends none.
fn alone(unit: &Unit, ran: &Ran) -> Fall {
    let said = String::from_utf8_lossy(&ran.stderr);
    let may_bear = unit.kind == UnitKind::RunScript || OF_OTHERS.iter().any(|words| said.contains(words));
    Fall { why: failed(unit), to: may_bear.then_some(Rung::OneRoom) }
}

/// That a unit failed, in words.
pub(crate) fn failed(unit: &Unit) -> String {
    format!("the {} of {} failed in its room", unit.kind, unit.package)
}

/// What to declare so that a unit does well that needs other sources than its package's.
fn undeclared(bench: &Bench<'_>, unit: &Unit, ran: &Ran, wide: &UnitRecord) -> Result<String, DriveError> {
    let read = read_elsewhere(bench, unit, ran, wide)?;
    let Unit { kind, package, .. } = unit;
    let needs = format!("the {kind} of {package} needs sources that are not of its package");
    let mut dirs: BTreeSet<&str> = BTreeSet::new();
    for path in &read {
        if let Some((Root::Source, below)) = bench.places.locate(path) {
            let dir = below.as_ref().and_then(|_| path.rsplit_once('/')).map_or("", |(dir, _)| dir);
            dirs.insert(below_source(bench, dir));
        }
    }
    let name = package.split(' ').next().unwrap_or_default();
    Ok(match (read.first(), dirs.is_empty()) {
        (None, _) => needs,
        (Some(first), true) => format!("{needs}: `{first}`"),
        (Some(first), false) => {
            let dirs: Vec<&str> = dirs.into_iter().collect();
            let line = format!("cargo: {{inputs: {{{name}: [{}]}}}}", dirs.join(", "));
            format!("{needs}: `{first}`; `{line}` in the recipe shows it to it")
        }
    })
}

/// What lies between the recipe's sources and a directory; `.` if that is all of them.
fn below_source<'a>(bench: &Bench<'_>, dir: &'a str) -> &'a str {
    let below = dir.strip_prefix(bench.places.of_source(&SourceDir(None)).as_str()).unwrap_or_default();
    if below.is_empty() { "." } else { &below[1..] }
}

/// The sources that a unit names and that its own room does not show.
fn read_elsewhere(
    bench: &Bench<'_>,
    unit: &Unit,
    ran: &Ran,
    wide: &UnitRecord,
) -> Result<BTreeSet<String>, DriveError> {
    let mut said = String::from_utf8_lossy(&ran.stderr).into_owned();
    said += &String::from_utf8_lossy(&bench.store.read_blob(&wide.stdout)?);
    // What the compiler read, in the words of make.
    for entry in wide.tree.entries.iter().filter(|(path, _)| path.as_str().ends_with(".d")) {
        if let Entry::File { digest, .. } = entry.1 {
            said += &String::from_utf8_lossy(&bench.store.read_blob(digest)?);
        }
    }
    let roots = bench.roots(unit);
    let is_elsewhere = |path: &String| {
        !roots.iter().any(|root| lies_in(path, root)) && bench.sources.has(bench.places, path)
    };
    Ok(paths_in(&said).map(|path| absolute(&unit.cwd, path)).filter(is_elsewhere).collect())
}

/// The words of a text that may be paths.
fn paths_in(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| c.is_whitespace() || "\"'`:=;,()[]<>\\".contains(c));
    words.filter(|word| word.contains('/'))
}

/// A path from the root, without what leads back.
fn absolute(cwd: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{cwd}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.iter().fold(String::new(), |path, part| format!("{path}/{part}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_may_be_paths_are_found_in_what_is_said() {
        let said = "cannot read \"/build/src/a.txt\": (os error 2)\ncargo:rerun-if-changed=../../x/y\n";
        assert_eq!(paths_in(said).collect::<Vec<_>>(), ["/build/src/a.txt", "../../x/y"]);
    }

    #[test]
    fn a_path_is_told_from_the_root_whatever_leads_back() {
        assert_eq!(absolute("/build/cargo/vendor/a-1.0.0", "../b/./x//y"), "/build/cargo/vendor/b/x/y");
        assert_eq!(absolute("/build", "/../../etc/x"), "/etc/x");
    }
}
