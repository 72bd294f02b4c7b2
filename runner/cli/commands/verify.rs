//! `eadem verify`

use std::cell::RefCell;

use eadem_flow::{Job, Proofs, Terms, Verification};
use eadem_model::{Name, Recipe, TreePath, Verdict};
use eadem_report::Case;

use crate::{
    Done,
    against::claims,
    args::Verify,
    case::{self, Found},
    commands::Desk,
    exit::Exit,
    github,
    needs::Ordered,
    project::RecipeFile,
    report::Report,
    reports, summary, verdict,
};

/// Builds recipes in two rooms each and says whether the outputs are the same.
pub(crate) fn run(verify: &Verify, desk: &Desk<'_>) -> Done {
    reports::check(&verify.report)?;
    let ordered = Ordered::new(&desk.project, &desk.project.recipe_words(&verify.recipes.recipes)?);
    // What was published, or said before, is so of what was named.
    let plain = Verify { against: Vec::new(), base: None, ..verify.clone() };
    let cases = RefCell::new(Vec::new());
    let done = desk.each_recipe(&ordered.words, |file| {
        let verify = if ordered.added.contains(&file.recipe.name) { &plain } else { verify };
        let (case, done) = match unmet(&file.recipe, &cases.borrow()) {
            Some(need) => of_unmet(desk, file, need),
            None => one(verify, desk, file),
        };
        cases.borrow_mut().push(case);
        done
    });
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let report = eadem_report::Report { version, cases: cases.into_inner() };
    if verify.all {
        summary::say(desk.console, &report.cases);
    }
    conclude(verify, desk, &report, done)
}

/// What a recipe needs and what was not found to be the same each time.
fn unmet<'a>(recipe: &Recipe, cases: &'a [Case]) -> Option<&'a Case> {
    let is_met = |case: &Case| matches!(case.verdict, Some(Verdict::Reproducible | Verdict::Excepted));
    cases.iter().find(|case| !is_met(case) && recipe.needs.iter().any(|need| need.recipe == case.recipe))
}

/// Whoever builds on bytes that nobody can make again verifies nothing.
fn of_unmet(desk: &Desk<'_>, file: &RecipeFile, need: &Case) -> (Case, Done) {
    let (name, needed) = (&file.recipe.name, &need.recipe);
    let what = need.verdict.map_or("could not be verified".to_owned(), |verdict| format!("is {verdict}"));
    let report =
        Report::new(Exit::Inconclusive, format!("`{name}` was not built: it needs `{needed}`, which {what}"))
            .hint(format!("eadem explain {needed}"));
    verdict::undecided(desk.console, name, Verdict::Inconclusive);
    let case = case::of_fault(file, desk.project.place(file), Some(Verdict::Inconclusive), &report);
    (case, Err(report))
}

/// Reports whatever came of the recipes that were reached, also when one of them ended it all.
fn conclude(verify: &Verify, desk: &Desk<'_>, report: &eadem_report::Report, done: Done) -> Done {
    if report.cases.is_empty() {
        return done;
    }
    github::tell(desk.console, report);
    match (reports::write(&verify.report, report), done) {
        (Ok(()), done) => done,
        (Err(unwritten), Ok(exit)) => Ok(exit.worst(desk.console.fail(unwritten))),
        (Err(unwritten), Err(error)) => {
            desk.console.fail(unwritten);
            Err(error)
        }
    }
}

fn one(verify: &Verify, desk: &Desk<'_>, file: &RecipeFile) -> (Case, Done) {
    let place = desk.project.place(file);
    let job = match desk.project.job(file) {
        Ok(job) => job,
        Err(error) => return (case::of_fault(file, place, None, &error), Err(error)),
    };
    match verified(verify, desk, &job) {
        Ok(verification) => {
            let case = case::of_verification(file, place, &verification);
            let done = Ok(say(desk, &verification))
                .and_then(|exit| claimed(verify, &job.recipe, &verification, exit));
            (with_record(verify, desk, &job, case), done)
        }
        Err(error) => {
            let (verdict, error) = undecided(desk, &file.recipe.name, error);
            let case = case::of_fault(file, place, verdict, &error);
            (with_record(verify, desk, &job, case), Err(error))
        }
    }
}

fn verified(verify: &Verify, desk: &Desk<'_>, job: &Job) -> Result<Verification, Report> {
    let terms = terms(verify, desk, &job.recipe)?;
    Ok(desk.at_bench(|bench| eadem_flow::verify(bench, job, &terms))?)
}

/// What is compared with something has to be named there; the verdict is told all the same.
fn claimed(verify: &Verify, recipe: &Recipe, verification: &Verification, exit: Exit) -> Done {
    if verify.against.is_empty() || !verification.record.published.is_empty() {
        return Ok(exit);
    }
    let outputs: Vec<&str> = recipe.outputs.iter().map(TreePath::as_str).collect();
    let message =
        format!("what `{}` is compared with names none of its outputs, or several by one name", recipe.name);
    let report =
        Report::new(exit.worst(Exit::Usage), message).fact(format!("it leaves {}", outputs.join(", ")));
    Err(report.hint("list them by their paths, as `sha256sum` does from above"))
}

/// The command line changes what the recipe chooses.
fn terms(verify: &Verify, desk: &Desk<'_>, recipe: &Recipe) -> Result<Terms, Report> {
    let proofs = if verify.fresh { Proofs::Ignore } else { Proofs::Use };
    let words = verify.vary.iter().fold(recipe.vary.clone(), |vary, words| vary.then(words));
    let mut against = Vec::new();
    for path in &verify.against {
        against.extend(claims(desk.console, path)?);
    }
    let base = verify.base.as_deref().map(|word| desk.base(&recipe.name, word)).transpose()?.flatten();
    let Verify { strict, trials, .. } = *verify;
    Ok(Terms { proofs, vary: words.chosen(), strict, trials, against, base })
}

/// Adds what the store knows, if anybody wants to read it.
fn with_record(verify: &Verify, desk: &Desk<'_>, job: &Job, case: Case) -> Case {
    if verify.report.is_empty() && !github::is_there() {
        return case;
    }
    desk.at_bench(|bench| match case.record.clone().or_else(|| case::record(bench, job)) {
        Some(record) => Found { bench, job, record: &record }.add(case),
        None => case,
    })
}

fn say(desk: &Desk<'_>, verification: &Verification) -> Exit {
    verdict::say(desk.console, verification);
    verdict::exit(verification.verdict())
}

/// The verdict of a verification that did not come to compare.
fn undecided(desk: &Desk<'_>, name: &Name, mut report: Report) -> (Option<Verdict>, Report) {
    let verdict = match report.exit {
        Exit::Build | Exit::Limit => Verdict::BuildFailed,
        Exit::Interrupted => Verdict::Inconclusive,
        Exit::Fetch | Exit::Machine => {
            report.exit = Exit::Inconclusive;
            Verdict::Inconclusive
        }
        _ => return (None, report),
    };
    verdict::undecided(desk.console, name, verdict);
    (Some(verdict), report)
}
