//! What is said of a verification.

use eadem_flow::Verification;
use eadem_model::{Base, Entry, Name, OutputDifference, Record, UnitsCheck, UnitsRecord, Variation, Verdict};
use eadem_report::{blamed, finding, notes, output, stale, worded_blame};
use serde_json::json;

use crate::{console::Console, exit::Exit};

/// Says all that a verification found.
pub(crate) fn say(console: &Console, verification: &Verification) {
    if console.is_json() {
        console.json(&value(verification));
    } else {
        print(console, verification);
    }
}

/// Says the verdict of a verification that did not come to compare.
pub(crate) fn undecided(console: &Console, recipe: &Name, verdict: Verdict) {
    if console.is_json() {
        console.json(&json!({"result": "verdict", "recipe": recipe, "verdict": verdict}));
    } else {
        console.print(&format!("{verdict}  {recipe}"));
    }
}

/// The status that a verdict gives.
pub(crate) fn exit(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Reproducible | Verdict::Excepted => Exit::Done,
        Verdict::Differs | Verdict::Flaky | Verdict::Regressed => Exit::Differs,
        Verdict::BuildFailed => Exit::Build,
        Verdict::Inconclusive => Exit::Inconclusive,
    }
}

fn value(verification: &Verification) -> serde_json::Value {
    let difference = |difference: &OutputDifference| {
        json!({
            "path": difference.entries.path,
            "first": difference.entries.first,
            "second": difference.entries.second,
            "first_offset": difference.first_offset,
        })
    };
    let record = &verification.record;
    json!({
        "result": "verdict",
        "run": record.run,
        "recipe": record.recipe,
        "verdict": verification.verdict(),
        "plan": record.plan,
        "proof": verification.proof,
        "rounds": record.rounds,
        "differences": verification.differences.iter().map(difference).collect::<Vec<_>>(),
        "explanation": record.explanation,
        "trials": record.trials,
        "published": record.published,
        "exceptions": record.exceptions,
        "base": record.base,
    })
}

fn print(console: &Console, verification: &Verification) {
    let record = &verification.record;
    if let Some(run) = &verification.proof {
        console.talk(&format!("run {run} has proved this; --fresh builds again"));
    }
    let units = record.rounds.last().and_then(|round| round.units.as_ref());
    if let Some((units, check)) = units.and_then(|units| Some((units, units.check.as_ref()?))) {
        tell_units(console, verification, units, check);
    }
    for skipped in record.rounds.iter().flat_map(|round| &round.outcome.skipped) {
        console.warn(&format!("variation `{}` was not applied: {}", skipped.variation, skipped.reason));
    }
    if let Some(left) = left_out(record) {
        console.warn(&left);
    }
    let code = if exit(verification.verdict()) == Exit::Done { "32;1" } else { "31;1" };
    console.print_judged(code, verification.verdict().as_str(), record.recipe.as_str());
    for line in verification.differences.iter().flat_map(lines) {
        console.print(&line);
    }
    let check = units.and_then(|units| units.check.as_ref());
    if let Some(check) = check.filter(|_| !verification.differences.is_empty()) {
        blamed(check).iter().for_each(|line| console.print(&format!("  {line}")));
    }
    if let Some(explanation) = &record.explanation {
        finding::lines(explanation).iter().for_each(|line| console.print(line));
        explanation.bounded.iter().chain(&explanation.unread).for_each(|what| console.warn(what));
    }
    if let Some(Base { run, verdict, commit, .. }) = &record.base {
        let at = commit.as_ref().map(|commit| format!(" at commit {commit}")).unwrap_or_default();
        console.talk(&format!("its base{at}, run {run}, was {verdict}"));
    }
    stale(record).iter().for_each(|line| console.warn(line));
    notes(record).iter().for_each(|line| console.print(&format!("  {line}")));
    if verification.verdict() == Verdict::Reproducible {
        outputs(console, verification);
    }
}

/// The variations that nobody wanted.
fn left_out(record: &Record) -> Option<String> {
    let [first, second, ..] = &record.rounds[..] else { return None };
    let varies = first.setting.variations(&second.setting);
    let left = Variation::ALL.into_iter().filter(|one| !varies.contains(one));
    let left: Vec<&str> = left.map(Variation::as_str).collect();
    (!left.is_empty()).then(|| format!("not varied, as it was chosen: {}", left.join(", ")))
}

/// Says what proofs stood for, and which units differ without any effect on the outputs.
fn tell_units(console: &Console, verification: &Verification, units: &UnitsRecord, check: &UnitsCheck) {
    if verification.proof.is_some() {
        return;
    }
    let UnitsCheck { proofs, ran, .. } = check;
    let total = units.total;
    console.talk(&format!("{proofs} of {total} units are proved by earlier runs, {ran} ran twice"));
    if verification.verdict() == Verdict::Reproducible {
        for blame in &check.guilty {
            console.warn(&format!("{}, and no output shows it", worded_blame(blame)));
        }
    }
}

fn outputs(console: &Console, verification: &Verification) {
    let tree = verification.record.rounds.first().and_then(|round| round.tree.as_ref());
    for (path, entry) in tree.iter().flat_map(|tree| &tree.entries) {
        match entry {
            Entry::File { digest, .. } => console.print(&format!("  {digest}  {path}")),
            Entry::Symlink { target } => {
                console.print(&format!("  -> {target}  {path}"));
            }
            Entry::Directory => {}
        }
    }
}

fn lines(difference: &OutputDifference) -> Vec<String> {
    let indented = output::lines(difference).into_iter().map(|line| format!("    {line}"));
    std::iter::once(format!("  {}", difference.entries.path)).chain(indented).collect()
}
