//! `eadem verify`

use std::cell::RefCell;

use eadem_flow::{Job, Proofs, Verification};
use eadem_model::{Name, Verdict};
use eadem_report::Case;
use serde_json::json;

use crate::{
    Done,
    args::Verify,
    case::{self, Found},
    commands::Desk,
    exit::Exit,
    github,
    project::RecipeFile,
    report::Report,
    reports, verdict,
};

/// Builds recipes in two rooms each and says whether the outputs are the same.
pub(crate) fn run(verify: &Verify, desk: &Desk<'_>) -> Done {
    reports::check(&verify.report)?;
    let cases = RefCell::new(Vec::new());
    let done = desk.each_recipe(&verify.recipes.recipes, |file| {
        let (case, done) = one(verify, desk, file);
        cases.borrow_mut().push(case);
        done
    });
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let report = eadem_report::Report { version, cases: cases.into_inner() };
    conclude(verify, desk, &report, done)
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
    let proofs = if verify.fresh { Proofs::Ignore } else { Proofs::Use };
    match desk.at_bench(|bench| eadem_flow::verify(bench, &job, proofs)) {
        Ok(verification) => {
            let case = case::of_verification(file, place, &verification);
            (with_record(verify, desk, &job, case), Ok(say(desk, &verification)))
        }
        Err(error) => {
            let (verdict, error) = undecided(desk, &file.recipe.name, error.into());
            let case = case::of_fault(file, place, verdict, &error);
            (with_record(verify, desk, &job, case), Err(error))
        }
    }
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
    if desk.console.is_json() {
        desk.console.json(&json!({"result": "verdict", "recipe": name, "verdict": verdict}));
    } else {
        desk.console.print(&format!("{verdict}  {name}"));
    }
    (Some(verdict), report)
}
