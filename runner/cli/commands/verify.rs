//! `eadem verify`

use eadem_explain::{Bounds, Explanation, Known};
use eadem_flow::{OutputDifference, Verification};
use eadem_model::{Blame, Entry, Name, Setting, UnitsCheck, UnitsRecord, Verdict};
use serde_json::json;

use crate::{Done, args::Verify, commands::Desk, exit::Exit, explanation, project::RecipeFile, side::Side};

/// Builds recipes in two rooms each and says whether the outputs are the same.
pub(crate) fn run(verify: &Verify, desk: &Desk<'_>) -> Done {
    desk.each_recipe(&verify.recipes.recipes, |file| one(verify, desk, file))
}

fn one(verify: &Verify, desk: &Desk<'_>, file: &RecipeFile) -> Done {
    let job = desk.project.job(file)?;
    let proofs = if verify.fresh { eadem_flow::Proofs::Ignore } else { eadem_flow::Proofs::Use };
    let name = &file.recipe.name;
    match desk.at_bench(|bench| eadem_flow::verify(bench, &job, proofs)) {
        Ok(verification) => Ok(say(desk, name, &verification)),
        Err(error) => Err(undecided(desk, name, error.into())),
    }
}

fn say(desk: &Desk<'_>, name: &Name, verification: &Verification) -> Exit {
    if desk.console.is_json() {
        desk.console.json(&value(desk, name, verification));
    } else {
        print(desk, name, verification);
    }
    match verification.verdict {
        Verdict::Reproducible => Exit::Done,
        Verdict::Differs => Exit::Differs,
        Verdict::BuildFailed => Exit::Build,
        Verdict::Inconclusive => Exit::Inconclusive,
    }
}

/// The verdict of a verification that did not come to compare.
fn undecided(desk: &Desk<'_>, name: &Name, mut report: crate::report::Report) -> crate::report::Report {
    let verdict = match report.exit {
        Exit::Build | Exit::Limit => Verdict::BuildFailed,
        Exit::Interrupted => Verdict::Inconclusive,
        Exit::Fetch | Exit::Machine => {
            report.exit = Exit::Inconclusive;
            Verdict::Inconclusive
        }
        _ => return report,
    };
    if desk.console.is_json() {
        desk.console.json(&json!({"result": "verdict", "recipe": name, "verdict": verdict}));
    } else {
        desk.console.print(&format!("{verdict}  {name}"));
    }
    report
}

fn value(desk: &Desk<'_>, name: &Name, verification: &Verification) -> serde_json::Value {
    let difference = |difference: &OutputDifference| {
        json!({
            "path": difference.entries.path,
            "first": difference.entries.first,
            "second": difference.entries.second,
            "first_offset": difference.first_offset,
        })
    };
    json!({
        "result": "verdict",
        "recipe": name,
        "verdict": verification.verdict,
        "plan": verification.plan,
        "proof": verification.proof,
        "rounds": verification.rounds,
        "differences": verification.differences.iter().map(difference).collect::<Vec<_>>(),
        "explanation": explained(desk, verification),
    })
}

/// Why the outputs differ: what differed between the rounds on purpose is known.
fn explained(desk: &Desk<'_>, verification: &Verification) -> Option<Explanation> {
    let [first, second] = &verification.rounds[..] else { return None };
    if verification.verdict != Verdict::Differs {
        return None;
    }
    let sides =
        [first.tree.as_ref()?, second.tree.as_ref()?].map(|tree| Side::of_tree(tree, &desk.wiring.store));
    let [first_side, second_side] = sides.each_ref().map(|side| (&side.nodes, &*side.blobs));
    let known = known(&first.setting, &second.setting);
    Some(eadem_explain::trees(first_side, second_side, &known, Bounds::default()))
}

/// The values of both rounds that can be searched for.
fn known(first: &Setting, second: &Setting) -> Vec<Known> {
    let value = |name: &str, of: &dyn Fn(&Setting) -> String| Known {
        name: name.to_owned(),
        values: [of(first), of(second)],
    };
    vec![
        value("source", &|setting| setting.roots.source.to_string()),
        value("cargo", &|setting| setting.roots.cargo.to_string()),
        value("target", &|setting| setting.roots.target.to_string()),
        value("hostname", &|setting| setting.hostname.clone()),
        value("user", &|setting| setting.user.name.clone()),
        value("home", &|setting| setting.user.home.to_string()),
        value("locale", &|setting| setting.locale.clone()),
        value("timezone", &|setting| setting.timezone.clone()),
    ]
}

fn print(desk: &Desk<'_>, name: &Name, verification: &Verification) {
    let console = desk.console;
    if let Some(run) = &verification.proof {
        console.talk(&format!("run {run} has proved this; --fresh builds again"));
    }
    let units = verification.rounds.last().and_then(|round| round.units.as_ref());
    if let Some((units, check)) = units.and_then(|units| Some((units, units.check.as_ref()?))) {
        tell_units(desk, verification, units, check);
    }
    for skipped in verification.rounds.iter().flat_map(|round| &round.outcome.skipped) {
        console.warn(&format!("variation `{}` was not applied: {}", skipped.variation, skipped.reason));
    }
    let code = if verification.verdict == Verdict::Reproducible { "32;1" } else { "31;1" };
    console.print_judged(code, verification.verdict.as_str(), name.as_str());
    for line in verification.differences.iter().flat_map(lines) {
        console.print(&line);
    }
    let check = units.and_then(|units| units.check.as_ref());
    if let Some(check) = check.filter(|_| verification.verdict == Verdict::Differs) {
        blamed(check).iter().for_each(|line| console.print(&format!("  {line}")));
    }
    if let Some(explanation) = explained(desk, verification) {
        explanation::lines(&explanation).iter().for_each(|line| console.print(line));
        explanation.bounded.iter().chain(&explanation.unread).for_each(|what| console.warn(what));
    }
    if verification.verdict == Verdict::Reproducible {
        outputs(desk, verification);
    }
}

/// Says what proofs stood for, and which units differ without any effect on the outputs.
fn tell_units(desk: &Desk<'_>, verification: &Verification, units: &UnitsRecord, check: &UnitsCheck) {
    if verification.proof.is_some() {
        return;
    }
    let UnitsCheck { proofs, ran, .. } = check;
    let total = units.total;
    desk.console.talk(&format!("{proofs} of {total} units are proved by earlier runs, {ran} ran twice"));
    if verification.verdict == Verdict::Reproducible {
        for blame in &check.guilty {
            desk.console.warn(&format!("{}, and no output shows it", worded(blame)));
        }
    }
}

/// What is said of the units that differ, a line each.
pub(crate) fn blamed(check: &UnitsCheck) -> Vec<String> {
    let guilty = check.guilty.iter().map(|blame| format!("blamed: {}", worded(blame)));
    let followers = check.followers.iter().map(|blame| format!("follows: {}", named(blame)));
    guilty.chain(followers).collect()
}

fn worded(blame: &Blame) -> String {
    let macros = match blame.macros.as_slice() {
        [] => String::new(),
        macros => format!(", which runs macros of {}", macros.join(", ")),
    };
    let outputs = blame.outputs.iter().map(|output| format!("`{output}`")).collect::<Vec<_>>().join(", ");
    let verb = if blame.outputs.len() == 1 { "differs" } else { "differ" };
    format!("{}{macros}: {outputs} {verb}", named(blame))
}

fn named(Blame { package, duty, .. }: &Blame) -> String {
    format!("the {duty} of {package}")
}

fn outputs(desk: &Desk<'_>, verification: &Verification) {
    let tree = verification.rounds.first().and_then(|round| round.tree.as_ref());
    for (path, entry) in tree.iter().flat_map(|tree| &tree.entries) {
        match entry {
            Entry::File { digest, .. } => desk.console.print(&format!("  {digest}  {path}")),
            Entry::Symlink { target } => {
                desk.console.print(&format!("  -> {target}  {path}"));
            }
            Entry::Directory => {}
        }
    }
}

fn lines(difference: &OutputDifference) -> Vec<String> {
    let side = |n: u8, entry: &Option<Entry>| match entry {
        None => format!("    round {n}: absent"),
        Some(Entry::Directory) => format!("    round {n}: a directory"),
        Some(Entry::Symlink { target }) => {
            format!("    round {n}: a link to {target}")
        }
        Some(Entry::File { digest, size, executable }) => {
            let kind = if *executable { "an executable" } else { "a file" };
            format!("    round {n}: {kind} of {size} bytes, {digest}")
        }
    };
    let mut lines = vec![format!("  {}", difference.entries.path)];
    lines.push(side(1, &difference.entries.first));
    lines.push(side(2, &difference.entries.second));
    lines.extend(difference.first_offset.map(|offset| format!("    first difference at byte {offset}")));
    lines
}
