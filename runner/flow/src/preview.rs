//! `plan`: what a build would have to do, without doing it.

use std::sync::Mutex;

use eadem_cargo::Planned;
use eadem_model::{Digest, Ending, Round, RunId, Rung, Watch, Workshop};

use crate::{Bench, FlowError, Job, build, log::Lines, prepare};

/// What a build would be.
#[derive(Debug)]
pub struct Preview {
    /// The plan's digest.
    pub plan: Digest,
    /// The run whose record would answer.
    pub recorded: Option<RunId>,
    /// Its units; none if it would be built in one room.
    pub units: Option<Vec<Planned>>,
    /// Why it would be built in one room though the recipe says otherwise.
    pub fell: Vec<String>,
}

/// Finds out what a build would have to do; runs nothing of the sources.
pub fn preview(bench: &Bench<'_>, job: &Job) -> Result<Preview, FlowError> {
    // First, since a local directory may have changed since it was locked.
    prepare(bench, job)?;
    let plan = job.plan();
    let digest = plan.digest();
    let recorded = build::recorded(bench, &digest)?.map(|(run, _)| run);
    let round = Round::baseline(plan);
    let mut fell = Vec::new();
    for rung in job.recipe.cargo.units.rungs().iter().filter(|rung| **rung != Rung::OneRoom) {
        match bench.engine.workshop() {
            None => fell.push(format!("engine `{}` gives its rooms no service", bench.engine.name())),
            Some(workshop) => match walk(bench, job, workshop, (&round, *rung))? {
                Ok(units) => return Ok(Preview { plan: digest, recorded, units: Some(units), fell }),
                Err(why) => fell.push(format!("{rung}: {why}")),
            },
        }
    }
    Ok(Preview { plan: digest, recorded, units: None, fell })
}

/// The units on one rung, or why it does not bear.
fn walk(
    bench: &Bench<'_>,
    job: &Job,
    workshop: &dyn Workshop,
    (round, rung): (&Round, Rung),
) -> Result<Result<Vec<Planned>, String>, FlowError> {
    if let Err(shape) = eadem_cargo::fits_units(bench.store, &round.plan) {
        return Ok(Err(shape.to_string()));
    }
    let lines = Mutex::new(Lines::default());
    let take = |bytes: &[u8]| drop(lines.lock().expect("no holder panics").take(bytes));
    let watch = Watch { events: bench.events, log: &take, cancel: bench.cancel, keep: None };
    let seen = eadem_cargo::walk((bench.store, workshop), (round, rung), &watch)?;
    match (seen.outcome.ending, seen.trouble) {
        (Ending::Success, _) => Ok(Ok(seen.planned)),
        (Ending::Failed(_) | Ending::Signalled(_), Some(why)) => Ok(Err(why)),
        (ending, _) => {
            let tail = lines.into_inner().expect("no holder panics").finish();
            Err(FlowError::Unplanned { recipe: job.recipe.name.clone(), ending, tail })
        }
    }
}
