//! Runs cargo in the driver's room.

use eadem_model::{
    Cancel, Door, Entry, Outcome, OutputSink, Plan, Root, Round, Rung, Text, Tree, UnitsRecord, Watch,
    Workshop,
};
use eadem_store::{Store, StoreError};

use crate::{
    DriveError, Places, Planned,
    execute::{Bench, StartInputs, add},
    proxy,
    session::Session,
    source::Sources,
    walk::Walk,
};

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
/// `out` takes what the driver's room leaves: what the units wrote, and nothing that anything else made.
///
/// # Errors
/// What broke, the sources apart.
pub fn drive(
    (store, workshop): (&Store, &dyn Workshop),
    (round, rung): (&Round, Rung),
    out: &mut dyn OutputSink,
    watch: &Watch<'_>,
) -> Result<Driven, DriveError> {
    let places = Places::of(&round.setting);
    let session =
        Session::new(bench((store, workshop), (round, rung), &places, watch), proxy::path(&round.setting));
    let outcome = serve((store, workshop), round, out, watch, &session)?;
    let tally = session.finish();
    let trouble = tally.trouble.unless_broken()?;
    let units =
        UnitsRecord { rung, total: tally.total, hits: tally.hits, cpu_ms: tally.cpu_ms, fell: Vec::new() };
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
    let places = Places::of(&round.setting);
    let walk =
        Walk::new(bench((store, workshop), (round, rung), &places, watch), proxy::path(&round.setting));
    // What would be left are names.
    let mut round = round.clone();
    round.plan.outputs.clear();
    let outcome = serve((store, workshop), &round, &mut store.tree_writer(), watch, &walk)?;
    let walked = walk.finish();
    Ok(Seen { outcome, planned: walked.planned, trouble: walked.trouble.unless_broken()? })
}

fn bench<'a>(
    (store, workshop): (&'a Store, &'a dyn Workshop),
    (round, rung): (&'a Round, Rung),
    places: &'a Places,
    watch: &'a Watch<'_>,
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
    }
}

/// Runs cargo in the driver's room, with somebody behind the door.
fn serve(
    (store, workshop): (&Store, &dyn Workshop),
    round: &Round,
    out: &mut dyn OutputSink,
    watch: &Watch<'_>,
    door: &dyn Door,
) -> Result<Outcome, DriveError> {
    let (plan, start) = driver(&round.plan, store)?;
    let inputs = StartInputs { store, tree: start.digest(), dir: store.lay_start(&start)? };
    let driver = Round { plan, setting: round.setting.clone() };
    Ok(workshop.serve(&driver, &inputs, out, watch, door)?)
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
