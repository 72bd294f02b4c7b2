//! Runs cargo in the driver's room.

use std::{collections::BTreeMap, sync::Mutex};

use eadem_model::{
    Cancel, Door, Entry, Event, Outcome, OutputSink, Plan, Root, Round, Rung, Setting, Text, Tree, UnitNews,
    UnitsRecord, Watch, Workshop,
};
use eadem_store::{Store, StoreError};

use crate::{
    DriveError, Ledger, Places, Planned,
    execute::{Bench, StartInputs, add},
    proxy,
    second::{Alone, Following},
    session::{Session, Tally},
    source::Sources,
    walk::Walk,
    way::{Once, Reuse, Way},
};

/// Which of a verification's passes over the units a drive is; a build is a first one that nobody notes.
#[derive(Debug, Clone, Copy)]
pub enum Pass<'a> {
    /// Builds, from the store or anew.
    Build,
    /// Builds, and notes what each unit gave.
    First(Reuse, &'a Ledger),
    /// Checks each unit in the round's setting, with what the first pass gave as its inputs.
    Alone(&'a Ledger),
    /// Builds with what differed then, in the same setting.
    Following(&'a Ledger),
}

impl<'a> Pass<'a> {
    fn way(self) -> Box<dyn Way + 'a> {
        match self {
            Self::Build => Box::new(Once::quietly(Reuse::Stored)),
            Self::First(reuse, ledger) => Box::new(Once::noted(reuse, ledger)),
            Self::Alone(ledger) => Box::new(Alone(ledger)),
            Self::Following(ledger) => Box::new(Following(ledger)),
        }
    }
}

/// What came of a build that was cut into units.
#[derive(Debug)]
pub struct Driven {
    /// How the driver's room ended.
    pub outcome: Outcome,
    /// How many units there were.
    pub units: UnitsRecord,
    /// Why a unit was not to be had, if that is why the build failed.
    pub trouble: Option<String>,
}

/// Runs a build of cargo's unit by unit, on a rung that has units.
///
/// `out` takes what the driver's room leaves: what the units wrote, and nothing that anything else made;
/// `news` takes what happens to units.
///
/// What a unit gave may be lost or damaged before another one needs it: then cargo starts again, and that
/// unit is made again.
///
/// # Errors
/// What broke, the sources apart.
pub fn drive(
    (store, workshop): (&Store, &dyn Workshop),
    (round, rung, pass): (&Round, Rung, Pass<'_>),
    out: &mut dyn OutputSink,
    watch: &Watch<'_>,
    news: &(dyn Fn(UnitNews) + Sync),
) -> Result<Driven, DriveError> {
    for _ in 0..RESTARTS {
        let lost = match drive_once((store, workshop), (round, rung, pass), out, watch, news) {
            Err(DriveError::Store(error @ (StoreError::Missing(_) | StoreError::Damaged { .. }))) => error,
            driven => return driven,
        };
        let message = match lost {
            StoreError::Missing(_) => format!("{lost} any more; it is made again"),
            damaged => store.discard(damaged)?,
        };
        (watch.events)(Event::Warning { message });
    }
    drive_once((store, workshop), (round, rung, pass), out, watch, news)
}

/// Whoever loses more than this does so all the time.
const RESTARTS: u32 = 3;

fn drive_once(
    (store, workshop): (&Store, &dyn Workshop),
    (round, rung, pass): (&Round, Rung, Pass<'_>),
    out: &mut dyn OutputSink,
    watch: &Watch<'_>,
    news: &(dyn Fn(UnitNews) + Sync),
) -> Result<Driven, DriveError> {
    let driver = of_driver(round);
    let places = Places::of(&driver.setting);
    let bench = bench((store, workshop), (round, rung), &places, watch, news);
    let way = pass.way();
    let session = Session::new(bench, proxy::path(&driver.setting), &*way);
    let outcome = serve((store, workshop), driver, out, watch, &session)?;
    let Tally { total, hits, cpu_ms, keys, trouble } = session.finish();
    let trouble = trouble.unless_broken()?;
    let units = UnitsRecord { rung, total, hits, cpu_ms, fell: Vec::new(), keys, check: None };
    Ok(Driven { outcome, units, trouble })
}

/// What a walk through a build found.
#[derive(Debug)]
pub struct Seen {
    /// How the driver's room ended.
    pub outcome: Outcome,
    /// The units, in an order that is always the same.
    pub planned: Vec<Planned>,
    /// Why a unit was not understood, if that is why the walk failed.
    pub trouble: Option<String>,
}

/// Finds the units of a build, and which of them are in the store; runs nothing of the sources.
///
/// # Errors
/// What broke, the sources apart.
pub fn walk(
    (store, workshop): (&Store, &dyn Workshop),
    (round, rung): (&Round, Rung),
    watch: &Watch<'_>,
) -> Result<Seen, DriveError> {
    let mut driver = of_driver(round);
    // What would be left are names.
    driver.plan.outputs.clear();
    let places = Places::of(&driver.setting);
    let bench = bench((store, workshop), (round, rung), &places, watch, &|_| ());
    let walk = Walk::new(bench, proxy::path(&driver.setting));
    let outcome = serve((store, workshop), driver, &mut store.tree_writer(), watch, &walk)?;
    let walked = walk.finish();
    Ok(Seen { outcome, planned: walked.planned, trouble: walked.trouble.unless_broken()? })
}

fn bench<'a>(
    (store, workshop): (&'a Store, &'a dyn Workshop),
    (round, rung): (&'a Round, Rung),
    places: &'a Places,
    watch: &'a Watch<'_>,
    news: &'a (dyn Fn(UnitNews) + Sync),
) -> Bench<'a> {
    Bench {
        store,
        workshop,
        plan: &round.plan,
        setting: &round.setting,
        places,
        sources: Sources::new(store, &round.plan),
        rung,
        events: watch.events,
        cancel: Cancel::new(),
        shown: Mutex::default(),
        news,
    }
}

/// Runs cargo in the driver's room of a round, with somebody behind the door.
fn serve(
    (store, workshop): (&Store, &dyn Workshop),
    round: Round,
    out: &mut dyn OutputSink,
    watch: &Watch<'_>,
    door: &dyn Door,
) -> Result<Outcome, DriveError> {
    let (plan, start) = driver(&round.plan, store)?;
    let inputs = StartInputs { store, tree: start.digest(), dir: store.lay_start(&start)? };
    Ok(workshop.serve(&Round { plan, ..round }, &inputs, out, watch, door)?)
}

/// The round of the driver's room.
///
/// Cargo plans at the same places in every round, so that it calls units by the same names; it runs nothing of the
/// sources there. Rooms of units have their roots where the round wants them, and noise of their own.
fn of_driver(round: &Round) -> Round {
    let setting = round.setting.clone().with_roots_of(&Setting::baseline());
    Round { plan: round.plan.clone(), setting: Setting { noise: BTreeMap::new(), ..setting } }
}

/// The build's own plan, with the proxy for the compiler.
fn driver(plan: &Plan, store: &Store) -> Result<(Plan, Tree), StoreError> {
    let size = proxy::PROGRAM.len() as u64;
    let program = Entry::File { digest: store.put_blob(proxy::PROGRAM)?, size, executable: true };
    let mut start = Tree::default();
    add(&mut start, format!("1/{}", proxy::NAME).parse().expect("a clean path"), program);
    let mut plan = plan.clone();
    let proxy = Text::root(Root::Home).then(&format!("/{}", proxy::NAME));
    plan.env.insert("RUSTC_WRAPPER".to_owned(), proxy);
    plan.start = Some(start.digest());
    Ok((plan, start))
}
