//! `eadem verify`

use std::cell::RefCell;

use eadem_flow::{Proofs, Terms, Verification};
use eadem_model::{Base, Name, Recipe, Verdict};

use crate::{
    Done,
    against::claims,
    args::Verify,
    commands::Desk,
    exit::Exit,
    history,
    project::RecipeFile,
    report::Report,
    summary::{self, Row},
    verdict,
};

/// Builds recipes in two rooms each and says whether the outputs are the same.
pub(crate) fn run(verify: &Verify, desk: &Desk<'_>) -> Done {
    let rows = RefCell::default();
    let done = desk.each_recipe(&verify.recipes.recipes, |file| one(verify, desk, file, &rows));
    if verify.all {
        summary::say(desk.console, &rows.borrow());
    }
    done
}

/// Verifies a recipe, and notes what came of it.
fn one(verify: &Verify, desk: &Desk<'_>, file: &RecipeFile, rows: &RefCell<Vec<Row>>) -> Done {
    let name = &file.recipe.name;
    let (row, done) = match verified(verify, desk, file) {
        Ok(verification) => {
            let exit = verdict::exit(verification.verdict());
            verdict::say(desk.console, &verification);
            (Row::of(&verification.record, exit), Ok(exit))
        }
        Err(report) => {
            let verdict = undecided(&report);
            verdict.iter().for_each(|verdict| verdict::undecided(desk.console, name, *verdict));
            let report = report.of_verification();
            (Row::failed(name, verdict, report.exit, &report.line()), Err(report))
        }
    };
    rows.borrow_mut().push(row);
    done
}

fn verified(verify: &Verify, desk: &Desk<'_>, file: &RecipeFile) -> Result<Verification, Report> {
    let job = desk.project.job(file)?;
    let terms = terms(verify, desk, &job.recipe)?;
    Ok(desk.at_bench(|bench| eadem_flow::verify(bench, &job, &terms))?)
}

/// The command line changes what the recipe chooses.
fn terms(verify: &Verify, desk: &Desk<'_>, recipe: &Recipe) -> Result<Terms, Report> {
    let proofs = if verify.fresh { Proofs::Ignore } else { Proofs::Use };
    let words = verify.vary.iter().fold(recipe.vary.clone(), |vary, words| vary.then(words));
    let mut against = Vec::new();
    for path in &verify.against {
        against.extend(claims(path)?);
    }
    let base = verify.base.as_deref().map(|word| base(desk, &recipe.name, word)).transpose()?.flatten();
    let Verify { strict, trials, .. } = *verify;
    Ok(Terms { proofs, vary: words.chosen(), strict, trials, against, base })
}

/// What the run that a word names said of a recipe; nothing if it did not verify that one.
fn base(desk: &Desk<'_>, recipe: &Name, word: &str) -> Result<Option<Base>, Report> {
    let mut records = history::records(desk.console, &desk.wiring.store)?;
    records.retain(|record| record.verdict.is_some());
    let chosen = history::choose(&records, &[word.to_owned()])?;
    let found = chosen.into_iter().find(|record| record.recipe == *recipe);
    if found.is_none() {
        desk.console.warn(&format!("run `{word}` has not verified `{recipe}`, so it has no base"));
    }
    Ok(found.and_then(|record| Some(Base { run: record.run.clone(), verdict: record.verdict? })))
}

/// The verdict of a verification that did not come to compare; none if it was not begun.
fn undecided(report: &Report) -> Option<Verdict> {
    match report.exit {
        Exit::Build | Exit::Limit => Some(Verdict::BuildFailed),
        Exit::Interrupted | Exit::Fetch | Exit::Machine => Some(Verdict::Inconclusive),
        _ => None,
    }
}
