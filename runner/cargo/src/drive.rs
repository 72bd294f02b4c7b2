//! Runs cargo in the driver's room.

use eadem_model::{
    Cancel, Entry, Outcome, OutputSink, Plan, Root, Round, Rung, Text, Tree, UnitsRecord, Watch, Workshop,
};
use eadem_store::{Store, StoreError};

use crate::{
    DriveError, Places,
    execute::{Bench, StartInputs, add},
    proxy,
    session::Session,
    source::Sources,
    way::Once,
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
    let (plan, start) = driver(&round.plan, store)?;
    let places = Places::of(&round.setting);
    let bench = Bench {
        store,
        workshop,
        plan: &round.plan,
        setting: &round.setting,
        places: &places,
        sources: Sources::new(store, &round.plan),
        rung,
        events: watch.events,
        cancel: Cancel::new(),
    };
    let session = Session::new(bench, format!("{}/{}", round.setting.place(Root::Home), proxy::NAME), &Once);
    let inputs = StartInputs { store, tree: start.digest(), dir: store.lay_start(&start)? };
    let driver = Round { plan, setting: round.setting.clone() };
    let outcome = workshop.serve(&driver, &inputs, out, watch, &session)?;
    let tally = session.finish();
    tally.broken.map_or(Ok(()), Err)?;
    let units =
        UnitsRecord { rung, total: tally.total, hits: tally.hits, cpu_ms: tally.cpu_ms, fell: Vec::new() };
    Ok(Driven { outcome, units, trouble: tally.trouble })
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
