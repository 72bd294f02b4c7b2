//! `eadem diff`

use std::{
    fs,
    path::{Path, PathBuf},
};

use eadem_explain::{Bounds, Knowledge, Known};
use eadem_model::{Digest, Explanation};
use eadem_report::finding;
use serde_json::json;

use crate::{
    Done,
    args::{Diff, Global},
    console::Console,
    exit::Exit,
    report::Report,
    side::{self, Side, mapped, unreadable},
    wiring,
};

/// Compares two files, two directories, or two trees of the store.
pub(crate) fn run(diff: &Diff, global: &Global, console: &Console) -> Done {
    let explanation = explained(diff, global, console)?;
    say(diff, console, &explanation);
    match (explanation.unread.first(), explanation.findings.is_empty()) {
        (Some(unread), _) => Err(Report::new(Exit::Machine, unread.clone())),
        (None, true) => Ok(Exit::Done),
        (None, false) => Ok(Exit::Differs),
    }
}

fn explained(diff: &Diff, global: &Global, console: &Console) -> Result<Explanation, Report> {
    let known = known(&diff.known).into();
    match [Meant::of(&diff.first)?, Meant::of(&diff.second)?] {
        [Meant::File(first), Meant::File(second)] => {
            let (first, second) = (mapped(&first)?, mapped(&second)?);
            Ok(eadem_explain::files(first.as_ref(), second.as_ref(), &known, Bounds::default()))
        }
        [Meant::Directory(first), Meant::Directory(second)] => {
            Ok(trees(&Side::of_directory(&first)?, &Side::of_directory(&second)?, &known))
        }
        [Meant::Tree(first), Meant::Tree(second)] => {
            let store = wiring::store(global, console)?;
            let (first, second) = (side::tree(&store, &first)?, side::tree(&store, &second)?);
            Ok(eadem_flow::explain_trees(&store, &first, &second, &known))
        }
        _ => Err(Report::new(Exit::Usage, format!("{} and {} are of two kinds", diff.first, diff.second))
            .hint("compare two files, two directories, or two trees of the store")),
    }
}

fn trees(first: &Side, second: &Side, known: &Knowledge) -> Explanation {
    let sides = [first, second].map(|side| (&side.nodes, &*side.blobs));
    eadem_explain::trees(sides[0], sides[1], known, Bounds::default())
}

/// What a word means: what there is of that name, or the digest of a tree.
enum Meant {
    File(PathBuf),
    Directory(PathBuf),
    Tree(Digest),
}

impl Meant {
    fn of(word: &str) -> Result<Self, Report> {
        let path = Path::new(word);
        match (fs::metadata(path), word.parse()) {
            (Ok(about), _) if about.is_dir() => Ok(Self::Directory(path.to_owned())),
            (Ok(_), _) => Ok(Self::File(path.to_owned())),
            (Err(_), Ok(digest)) => Ok(Self::Tree(digest)),
            (Err(error), Err(_)) => Err(unreadable(path, error)),
        }
    }
}

/// Names and values come by threes.
fn known(words: &[String]) -> Vec<Known> {
    let known = |three: &[String]| match three {
        [name, first, second] => Some(Known { name: name.clone(), values: [first.clone(), second.clone()] }),
        _ => None,
    };
    words.chunks(3).filter_map(known).collect()
}

fn say(diff: &Diff, console: &Console, explanation: &Explanation) {
    let Explanation { findings, bounded, unread, normalised } = explanation;
    let names = format!("{}  {}", diff.first, diff.second);
    let verdict = if !findings.is_empty() {
        "differs"
    } else if unread.is_empty() {
        "equal"
    } else {
        "unread"
    };
    if console.is_json() {
        console.json(&json!({
            "result": "diff",
            "first": diff.first,
            "second": diff.second,
            "verdict": verdict,
            "findings": findings,
            "bounded": bounded,
            "unread": unread,
            "normalised": normalised,
        }));
        return;
    }
    console.print_judged(if verdict == "equal" { "32;1" } else { "31;1" }, verdict, &names);
    finding::lines(explanation).iter().for_each(|line| console.print(line));
    bounded.iter().chain(unread).for_each(|what| console.warn(what));
}
