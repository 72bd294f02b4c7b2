//! What a unit did for want of something that its room does not show.

use std::collections::BTreeSet;

use eadem_model::{Entry, Root, Rung, UnitKind, UnitRecord};
use serde::Deserialize;

use crate::{
    DriveError, Fall,
    execute::{Bench, Ran},
    graph::lies_in,
    unit::Unit,
};

/// Where a unit may do better that failed with all sources that it asked for in its room.
///
/// What others have written is there in one room alone, so another room mends all but what the compiler says of
/// the sources themselves.
pub(crate) fn of(unit: &Unit, ran: &Ran) -> Fall {
    let is_own = unit.kind != UnitKind::RunScript && only_tells_of_sources(&ran.stderr);
    Fall { why: failed(unit), to: (!is_own).then_some(Rung::OneRoom) }
}

/// An error as the compiler tells it.
#[derive(Deserialize)]
struct Told {
    level: String,
    message: String,
    code: Option<Code>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

/// Crates and modules that are not found, or of another compiler.
const OF_FILES: [&str; 8] = ["E0460", "E0461", "E0462", "E0463", "E0464", "E0514", "E0583", "E0786"];

/// How the parser's errors begin, which have no code.
const OF_SYNTAX: [&str; 6] = [
    "cannot find macro",
    "expected ",
    "mismatched closing delimiter",
    "this file contains an unclosed delimiter",
    "unexpected closing delimiter",
    "unknown start of token",
];

/// Whether all errors are such as depend on nothing but the sources: anything else falls to one room.
fn only_tells_of_sources(stderr: &[u8]) -> bool {
    let lines = stderr.split(|byte| *byte == b'\n');
    let errors = lines.filter_map(|line| serde_json::from_slice::<Told>(line).ok());
    let mut errors = errors
        .filter(|told| told.level.starts_with("error") && !told.message.starts_with("aborting due to"))
        .peekable();
    let of_sources = |Told { message, code, .. }: Told| match code {
        Some(Code { code }) => !OF_FILES.contains(&code.as_str()),
        None => OF_SYNTAX.iter().any(|start| message.starts_with(start)),
    };
    errors.peek().is_some() && errors.all(of_sources)
}

/// That a unit failed, in words.
pub(crate) fn failed(unit: &Unit) -> String {
    format!("the {} of {} failed in its room", unit.kind, unit.package)
}

/// What a unit looked for that its own room does not show, and what to declare so that it does.
///
/// `ran` is what it looked for and what it said where it was shown nothing besides, `wide` what it gave then.
pub(crate) fn unseen(
    bench: &Bench<'_>,
    unit: &Unit,
    ran: (&BTreeSet<String>, &[u8]),
    wide: &UnitRecord,
) -> Result<String, DriveError> {
    let mut read = read_elsewhere(bench, unit, ran, wide)?;
    let is_covered = |sought: &&String| read.iter().any(|read| lies_in(read, sought));
    let rest: Vec<_> = ran.0.iter().filter(|sought| !is_covered(sought)).cloned().collect();
    read.extend(rest);
    let Unit { kind, package, .. } = unit;
    let named = read.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
    let needs = format!("the {kind} of {package} looks for sources that are not of its package: {named}");
    let name = package.split(' ').next().unwrap_or_default();
    Ok(match directories(bench, &read) {
        Some(dirs) => {
            format!(
                "{needs}; `inputs: {{{name}: [{dirs}]}}` below `cargo:` in the recipe shows it these alone"
            )
        }
        None => needs,
    })
}

/// The directories that hold files, or the files, as a recipe names them; nothing if it cannot name one of them.
fn directories(bench: &Bench<'_>, read: &BTreeSet<String>) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let mut dirs = BTreeSet::new();
    for path in read {
        let dir = below_source(bench, bench.sources.directory(bench.places, path)?)?;
        dirs.insert(Some(dir).filter(|dir| dir.chars().all(is_plain))?);
    }
    Some(dirs.into_iter().collect::<Vec<_>>().join(", "))
}

/// What lies between the recipe's sources and a directory of them; `.` if that is all of them.
fn below_source<'a>(bench: &Bench<'_>, dir: &'a str) -> Option<&'a str> {
    match dir.strip_prefix(bench.places.at(Root::Source))? {
        "" => Some("."),
        below => below.strip_prefix('/'),
    }
}

/// The sources that a unit names, not those of its package, and that lie where it looked for some.
fn read_elsewhere(
    bench: &Bench<'_>,
    unit: &Unit,
    (sought, stderr): (&BTreeSet<String>, &[u8]),
    wide: &UnitRecord,
) -> Result<BTreeSet<String>, DriveError> {
    let mut said = String::from_utf8_lossy(stderr).into_owned();
    said += &String::from_utf8_lossy(&bench.store.read_blob(&wide.stdout)?);
    // What the compiler read, in the words of make.
    for entry in wide.tree.entries.iter().filter(|(path, _)| path.as_str().ends_with(".d")) {
        if let Entry::File { digest, .. } = entry.1 {
            said += &String::from_utf8_lossy(&bench.store.read_blob(digest)?);
        }
    }
    let is_sought = |path: &String| {
        sought.iter().any(|sought| lies_in(path, sought)) && bench.sources.has(bench.places, path)
    };
    let roots = bench.roots(unit, &BTreeSet::new());
    let is_elsewhere = |path: &String| !roots.iter().any(|root| lies_in(path, root)) && is_sought(path);
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

    fn is_own(errors: &[&str]) -> bool {
        let told =
            errors.iter().map(|error| format!("{{\"level\":\"error\",{error}}}\n")).collect::<String>();
        only_tells_of_sources((told + "{\"level\":\"warning\",\"message\":\"x\",\"code\":null}\n").as_bytes())
    }

    #[test]
    fn only_errors_that_no_other_room_mends_are_the_sources_own() {
        let mismatch = r#""message":"mismatched types: thread panicked","code":{"code":"E0308"}"#;
        let syntax = r#""message":"expected one of `!` or `::`, found `fn`","code":null"#;
        let last = r#""message":"aborting due to 1 previous error","code":null"#;
        assert!(is_own(&[mismatch, last]) && is_own(&[syntax, mismatch]));
        for other in [
            r#""message":"couldn't read `/build/target/x.rs`","code":null"#,
            r#""message":"could not find native static library `f`","code":null"#,
            r#""message":"can't find crate for `x`","code":{"code":"E0463"}"#,
            r#""message":"linking with `cc` failed: exit status: 1","code":null"#,
        ] {
            assert!(!is_own(&[mismatch, other]), "{other}");
        }
        assert!(!is_own(&[]), "whoever says nothing may have been killed");
    }

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
