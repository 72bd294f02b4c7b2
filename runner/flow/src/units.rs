//! Runs a round unit by unit, and what to do where that does not bear.

use std::{cell::RefCell, collections::BTreeSet};

use eadem_model::{Ending, Event, Forecast, Round, Rung, UnitsRecord, Watch, Workshop};
use eadem_store::TreeWriter;

use crate::{
    Bench, FlowError, Job,
    log::Counts,
    progress::Progress,
    round::{self, Course, Ran},
};

/// Runs a build's round on the highest rung that the recipe allows and that bears.
pub(crate) fn run(bench: &Bench<'_>, job: &Job, round: &Round) -> Result<Ran, FlowError> {
    let rungs = job.recipe.cargo.units.rungs();
    let mut fell = Vec::new();
    for (index, rung) in rungs.iter().enumerate() {
        if *rung == Rung::OneRoom {
            break;
        }
        let why = match bench.engine.workshop() {
            None => format!("engine `{}` gives its rooms no service", bench.engine.name()),
            Some(workshop) => match climb(bench, job, round, workshop, *rung)? {
                Climbed::Bore(ran) => return Ok(with_falls(ran, fell)),
                Climbed::Fell(why) => why,
            },
        };
        let Some(next) = rungs.get(index + 1) else {
            return Err(FlowError::Rung { recipe: job.recipe.name.clone(), rung: *rung, why });
        };
        tell(bench, job, *rung, *next, &why);
        fell.push(format!("{rung}: {why}"));
    }
    let ran = round::run(bench, job, round, 1)?;
    Ok(if fell.is_empty() { ran } else { in_one_room(ran, fell) })
}

enum Climbed {
    Bore(Box<Ran>),
    Fell(String),
}

fn climb(
    bench: &Bench<'_>,
    job: &Job,
    round: &Round,
    workshop: &dyn Workshop,
    rung: Rung,
) -> Result<Climbed, FlowError> {
    let seen = RefCell::new(None);
    let last = forecast(bench, job, workshop, (round, rung))?;
    let course = Course { n_round: 1, total: last.total, counts: Counts::Nothing };
    let progress = Progress::new(round::subject(job, 1), bench.events, last);
    let way = |sink: &mut TreeWriter<'_>, watch: &Watch<'_>| {
        let news = |news| progress.take(news);
        let driven = eadem_cargo::drive((bench.store, workshop), (round, rung), sink, watch, &news)?;
        *seen.borrow_mut() = Some((driven.units, driven.trouble));
        Ok(driven.outcome)
    };
    let mut ran = round::run_by(&way, bench, job, round, &course)?;
    let next = progress.finish(ran.record.outcome.usage.wall_ms);
    if ran.failure.is_none() {
        bench.store.put_forecast(&job.recipe.name, &next)?;
    }
    let (units, trouble) = seen.into_inner().expect("what ran was seen");
    // Only what units could be guilty of is tried without them.
    let failed = matches!(ran.record.outcome.ending, Ending::Failed(_) | Ending::Signalled(_));
    if let Some(why) = trouble.filter(|_| failed) {
        return Ok(Climbed::Fell(why));
    }
    ran.record.units = Some(units);
    Ok(Climbed::Bore(Box::new(ran)))
}

/// What the last build told; before the first one, how many units there will be.
fn forecast(
    bench: &Bench<'_>,
    job: &Job,
    workshop: &dyn Workshop,
    (round, rung): (&Round, Rung),
) -> Result<Forecast, FlowError> {
    if let Some(last) = bench.store.forecast(&job.recipe.name) {
        return Ok(last);
    }
    let watch = Watch { events: bench.events, log: &|_| (), cancel: bench.cancel, keep: None };
    let seen = eadem_cargo::walk((bench.store, workshop), (round, rung), &watch)?;
    Ok(Forecast { total: seen.planned.len() as u64, ..Forecast::default() })
}

fn with_falls(mut ran: Box<Ran>, fell: Vec<String>) -> Ran {
    if let Some(units) = &mut ran.record.units {
        units.fell = fell;
    }
    *ran
}

fn in_one_room(mut ran: Ran, fell: Vec<String>) -> Ran {
    ran.record.units =
        Some(UnitsRecord { rung: Rung::OneRoom, total: 0, hits: 0, cpu_ms: 0, fell, keys: BTreeSet::new() });
    ran
}

fn tell(bench: &Bench<'_>, job: &Job, rung: Rung, next: Rung, why: &str) {
    let name = &job.recipe.name;
    let message = format!("`{name}` cannot be built {rung}, so it is built {next}: {why}");
    bench.tell(Event::Warning { message });
}
