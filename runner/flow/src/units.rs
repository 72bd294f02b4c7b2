//! Runs a round unit by unit, and what to do where that does not bear.

use std::{cell::RefCell, collections::BTreeSet};

use eadem_cargo::Pass;
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
    let (ran, fell) = climb(bench, job, |stand| stand.drive(bench, job, (round, 1), Pass::Build))?;
    match ran {
        Some(ran) => Ok(with_falls(ran, fell)),
        None => one_room(bench, job, (round, 1), fell),
    }
}

/// Runs a round in one room, and records why it was not cut.
pub(crate) fn one_room(
    bench: &Bench<'_>,
    job: &Job,
    (round, n_round): (&Round, usize),
    fell: Vec<String>,
) -> Result<Ran, FlowError> {
    let ran = round::run(bench, job, round, n_round)?;
    Ok(if fell.is_empty() { ran } else { in_one_room(ran, fell) })
}

/// Where units are built, and how.
pub(crate) struct Stand<'a> {
    workshop: &'a dyn Workshop,
    rung: Rung,
}

/// How it went on a rung.
pub(crate) enum Climbed<T> {
    Bore(T),
    Fell(String),
}

/// Tries the rungs that a recipe allows from the highest one down; nothing if only one room is left, and why
/// each rung above did not bear.
pub(crate) fn climb<T>(
    bench: &Bench<'_>,
    job: &Job,
    build: impl Fn(&Stand<'_>) -> Result<Climbed<T>, FlowError>,
) -> Result<(Option<T>, Vec<String>), FlowError> {
    let rungs = job.recipe.cargo.units.rungs();
    let mut fell = Vec::new();
    for (index, rung) in rungs.iter().enumerate().filter(|(_, rung)| **rung != Rung::OneRoom) {
        let why = match bench.engine.workshop() {
            None => format!("engine `{}` gives its rooms no service", bench.engine.name()),
            Some(workshop) => match build(&Stand { workshop, rung: *rung })? {
                Climbed::Bore(what) => return Ok((Some(what), fell)),
                Climbed::Fell(why) => why,
            },
        };
        let Some(next) = rungs.get(index + 1) else {
            return Err(FlowError::Rung { recipe: job.recipe.name.clone(), rung: *rung, why });
        };
        tell(bench, job, *rung, *next, &why);
        fell.push(format!("{rung}: {why}"));
    }
    Ok((None, fell))
}

impl Stand<'_> {
    /// Drives cargo through one pass.
    pub(crate) fn drive(
        &self,
        bench: &Bench<'_>,
        job: &Job,
        (round, n_round): (&Round, usize),
        pass: Pass<'_>,
    ) -> Result<Climbed<Ran>, FlowError> {
        if let Err(shape) = eadem_cargo::fits_units(bench.store, &round.plan) {
            return Ok(Climbed::Fell(shape.to_string()));
        }
        let seen = RefCell::new(None);
        let last = forecast(bench, job, self.workshop, (round, self.rung))?;
        let course = Course { n_round, total: last.total, counts: Counts::Nothing };
        let progress = Progress::new(round::subject(job, n_round), bench.events, last);
        let way = |sink: &mut TreeWriter<'_>, watch: &Watch<'_>| {
            let news = |news| progress.take(news);
            let floors = (bench.store, self.workshop);
            let driven = eadem_cargo::drive(floors, (round, self.rung, pass), sink, watch, &news)?;
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
        Ok(Climbed::Bore(ran))
    }
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

pub(crate) fn with_falls(mut ran: Ran, fell: Vec<String>) -> Ran {
    if let Some(units) = &mut ran.record.units {
        units.fell = fell;
    }
    ran
}

fn in_one_room(mut ran: Ran, fell: Vec<String>) -> Ran {
    ran.record.units = Some(UnitsRecord {
        rung: Rung::OneRoom,
        total: 0,
        hits: 0,
        cpu_ms: 0,
        fell,
        keys: BTreeSet::new(),
        check: None,
    });
    ran
}

fn tell(bench: &Bench<'_>, job: &Job, rung: Rung, next: Rung, why: &str) {
    let name = &job.recipe.name;
    let message = format!("`{name}` cannot be built {rung}, so it is built {next}: {why}");
    bench.tell(Event::Warning { message });
}
