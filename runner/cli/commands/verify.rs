//! `eadem verify`

use eadem_flow::{Proofs, Terms, Verification};
use eadem_model::{Name, Recipe, Verdict};
use serde_json::json;

use crate::{
    Done, against::claims, args::Verify, commands::Desk, exit::Exit, project::RecipeFile, report::Report,
    verdict,
};

/// Builds recipes in two rooms each and says whether the outputs are the same.
pub(crate) fn run(verify: &Verify, desk: &Desk<'_>) -> Done {
    desk.each_recipe(&verify.recipes.recipes, |file| one(verify, desk, file))
}

fn one(verify: &Verify, desk: &Desk<'_>, file: &RecipeFile) -> Done {
    let job = desk.project.job(file)?;
    let terms = terms(verify, &job.recipe)?;
    let name = &file.recipe.name;
    match desk.at_bench(|bench| eadem_flow::verify(bench, &job, &terms)) {
        Ok(verification) => Ok(say(desk, &verification)),
        Err(error) => Err(undecided(desk, name, error.into())),
    }
}

/// The command line changes what the recipe chooses.
fn terms(verify: &Verify, recipe: &Recipe) -> Result<Terms, Report> {
    let proofs = if verify.fresh { Proofs::Ignore } else { Proofs::Use };
    let words = verify.vary.iter().fold(recipe.vary.clone(), |vary, words| vary.then(words));
    let mut against = Vec::new();
    for path in &verify.against {
        against.extend(claims(path)?);
    }
    Ok(Terms { proofs, vary: words.chosen(), strict: verify.strict, trials: verify.trials, against })
}

fn say(desk: &Desk<'_>, verification: &Verification) -> Exit {
    verdict::say(desk.console, verification);
    verdict::exit(verification.verdict())
}

/// The verdict of a verification that did not come to compare.
fn undecided(desk: &Desk<'_>, name: &Name, mut report: Report) -> Report {
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
