//! Runs a round unit by unit, and what to do where that does not bear.

use std::{cell::RefCell, collections::BTreeSet};

use eadem_cargo::{Fall, Pass, Site};
use eadem_model::{
    Digest, Ending, Entry, Event, Forecast, Round, RoundRecord, Rung, Tree, Units, UnitsRecord, Watch,
    Workshop,
};
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
#[derive(Clone, Copy)]
pub(crate) struct Stand<'a> {
    workshop: &'a dyn Workshop,
    rung: Rung,
}

/// How it went on a rung.
pub(crate) enum Climbed<T> {
    Bore(T),
    /// Why not, and the highest rung below that may bear.
    Fell(String, Rung),
}

/// Tries the rungs that a recipe allows from the highest one down; nothing if only one room is left, and why
/// each rung above did not bear.
pub(crate) fn climb<'a, T>(
    bench: &Bench<'a>,
    job: &Job,
    build: impl Fn(&Stand<'a>) -> Result<Climbed<T>, FlowError>,
) -> Result<(Option<T>, Vec<String>), FlowError> {
    let (mut fell, mut highest) = (Vec::new(), Rung::PerPackage);
    for rung in rungs(bench, job).iter().filter(|rung| **rung != Rung::OneRoom) {
        if *rung < highest {
            continue;
        }
        let (why, next) = match bench.engine.workshop() {
            None => (no_service(bench), Rung::OneRoom),
            Some(workshop) => match build(&Stand { workshop, rung: *rung })? {
                Climbed::Bore(what) => return Ok((Some(what), fell)),
                Climbed::Fell(why, next) => (why, next),
            },
        };
        if job.recipe.cargo.units != Units::Auto {
            return Err(FlowError::Rung { recipe: job.recipe.name.clone(), rung: *rung, why });
        }
        tell(bench, job, *rung, next, &why);
        fell.push(format!("{rung}: {why}"));
        highest = next;
    }
    Ok((None, fell))
}

/// The rungs to be tried: what a build leaves that fails is of use in one room alone.
pub(crate) fn rungs(bench: &Bench<'_>, job: &Job) -> &'static [Rung] {
    match job.recipe.cargo.units {
        _ if job.recipe.build.is_some() => Units::Off.rungs(),
        Units::Auto if bench.keep_failed => Units::Off.rungs(),
        units => units.rungs(),
    }
}

/// Why an engine builds in one room.
pub(crate) fn no_service(bench: &Bench<'_>) -> String {
    let whose =
        if bench.weak { "weak isolation".to_owned() } else { format!("engine `{}`", bench.engine.name()) };
    format!("{whose} gives its rooms no service")
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
            return Ok(Climbed::Fell(shape.to_string(), Rung::OneRoom));
        }
        let seen = RefCell::new(None);
        let site = site(bench, job, self.workshop, (round, self.rung));
        let last = forecast(bench, job, site)?;
        let course = Course { n_round, total: last.total, counts: Counts::Nothing };
        let progress = Progress::new(round::subject(job, n_round), bench.events, last);
        let way = |sink: &mut TreeWriter<'_>, watch: &Watch<'_>| {
            let news = |news| progress.take(news);
            let driven = eadem_cargo::drive(site, pass, sink, watch, &news)?;
            *seen.borrow_mut() = Some((driven.units, driven.given, driven.fall));
            Ok(driven.outcome)
        };
        let mut ran = round::run_by(&way, bench, job, round, &course)?;
        let next = progress.finish(ran.record.outcome.usage.wall_ms);
        if ran.failure.is_none() {
            bench.store.put_forecast(&job.recipe.name, &next)?;
        }
        let (units, given, fall) = seen.into_inner().expect("what ran was seen");
        // Only what units could be guilty of is tried without them.
        let fall = match &ran.record.outcome.ending {
            Ending::Failed(_) | Ending::Signalled(_) => fall.and_then(|Fall { why, to }| Some((why, to?))),
            Ending::MissingOutput(path) => Some((format!("no unit left `{path}`"), Rung::OneRoom)),
            _ => stranger(ran.record.tree.as_ref(), &given),
        };
        if let Some((why, rung)) = fall {
            return Ok(Climbed::Fell(why, rung));
        }
        if n_round == 1 {
            units.fell.iter().for_each(|why| tell_unseen(bench, job, why));
        }
        ran.record.units = Some(units);
        Ok(Climbed::Bore(ran))
    }
}

/// Whether what a round gave answers for a job: on a rung that its recipe does not allow, a build script that is
/// content without a file may not have seen it. In one room everything is seen.
pub(crate) fn fits(job: &Job, round: &RoundRecord) -> bool {
    let Some(units) = &round.units else { return true };
    let may_widen = job.recipe.cargo.units == Units::Auto;
    let is_allowed = job.recipe.cargo.units.rungs().contains(&units.rung);
    units.rung == Rung::OneRoom || is_allowed && (units.also.is_empty() || may_widen)
}

/// An output that is not as a unit gave it: cargo wrote it by itself, in a room that no pass of a verification
/// varies, or has only its name.
fn stranger(tree: Option<&Tree>, given: &BTreeSet<Digest>) -> Option<(String, Rung)> {
    let is_strange = |entry: &Entry| matches!(entry, Entry::File { digest, .. } if !given.contains(digest));
    let (path, _) = tree?.entries.iter().find(|(_, entry)| is_strange(entry))?;
    Some((format!("the output `{path}` is not what a unit gave"), Rung::OneRoom))
}

/// A job's build on a rung.
pub(crate) fn site<'a>(
    bench: &'a Bench<'_>,
    job: &'a Job,
    workshop: &'a dyn Workshop,
    (round, rung): (&'a Round, Rung),
) -> Site<'a> {
    let may_widen = job.recipe.cargo.units == Units::Auto;
    Site { store: bench.store, workshop, round, rung, may_widen, declared: &job.recipe.cargo.inputs }
}

/// What the last build told; before the first one, how many units there will be.
fn forecast(bench: &Bench<'_>, job: &Job, site: Site<'_>) -> Result<Forecast, FlowError> {
    if let Some(last) = bench.store.forecast(&job.recipe.name) {
        return Ok(last);
    }
    let watch = Watch { events: bench.events, log: &|_| (), cancel: bench.cancel, keep: None };
    let seen = eadem_cargo::walk(site, &watch)?;
    Ok(Forecast { total: seen.planned.len() as u64, ..Forecast::default() })
}

pub(crate) fn with_falls(mut ran: Ran, fell: Vec<String>) -> Ran {
    if let Some(units) = &mut ran.record.units {
        units.fell.splice(..0, fell);
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
        also: Vec::new(),
        keys: BTreeSet::new(),
        check: None,
    });
    ran
}

fn tell_unseen(bench: &Bench<'_>, job: &Job, why: &str) {
    let message =
        format!("`{}` is built with all sources where one of its units wants them: {why}", job.recipe.name);
    bench.tell(Event::Warning { message });
}

fn tell(bench: &Bench<'_>, job: &Job, rung: Rung, next: Rung, why: &str) {
    let name = &job.recipe.name;
    let message = format!("`{name}` cannot be built {rung}, so it is built {next}: {why}");
    bench.tell(Event::Warning { message });
}
