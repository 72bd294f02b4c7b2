//! `plan`: what a build would have to do, without doing it.

use std::sync::Mutex;

use eadem_cargo::{Planned, Site};
use eadem_model::{Digest, Ending, Round, RunId, Rung, Watch};

use crate::{Bench, FlowError, Job, build, log::Lines, needs::planned, prepare::bring, units};

/// What a build would be.
#[derive(Debug, Default)]
pub struct Preview {
    /// The plan's digest; unknown if it needs something of another recipe that was not built yet.
    pub plan: Option<Digest>,
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
    bring(bench, job)?;
    let Some(plan) = planned(bench, job)? else { return Ok(Preview::default()) };
    let digest = plan.digest();
    let recorded = build::recorded(bench, job, &digest)?.map(|(recorded, _)| recorded.run);
    let round = Round::baseline(plan);
    let mut fell = Vec::new();
    for rung in units::rungs(bench, job).iter().filter(|rung| **rung != Rung::OneRoom) {
        let Some(workshop) = bench.engine.workshop() else {
            fell.push(units::no_service(bench));
            break;
        };
        match walk(bench, job, units::site(bench, job, workshop, (&round, *rung)))? {
            Ok(units) => return Ok(Preview { plan: Some(digest), recorded, units: Some(units), fell }),
            Err(why) => fell.push(format!("{rung}: {why}")),
        }
    }
    Ok(Preview { plan: Some(digest), recorded, units: None, fell })
}

/// The units on one rung, or why it does not bear.
fn walk(bench: &Bench<'_>, job: &Job, site: Site<'_>) -> Result<Result<Vec<Planned>, String>, FlowError> {
    if let Err(shape) = eadem_cargo::fits_units(bench.store, &site.round.plan) {
        return Ok(Err(shape.to_string()));
    }
    let lines = Mutex::new(Lines::default());
    let take = |bytes: &[u8]| drop(lines.lock().expect("no holder panics").take(bytes));
    let watch = Watch { events: bench.events, log: &take, cancel: bench.cancel, keep: None };
    let seen = eadem_cargo::walk(site, &watch)?;
    match (seen.outcome.ending, seen.fall) {
        (Ending::Success, _) => Ok(Ok(seen.planned)),
        (Ending::Failed(_) | Ending::Signalled(_), Some(fall)) => Ok(Err(fall.why)),
        (ending, _) => {
            let tail = lines.into_inner().expect("no holder panics").finish();
            Err(FlowError::Unplanned { recipe: job.recipe.name.clone(), ending, tail })
        }
    }
}
