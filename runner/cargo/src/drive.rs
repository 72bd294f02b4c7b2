//! Runs cargo in the driver's room.

use std::{collections::BTreeMap, sync::Mutex};

use eadem_model::{
    Cancel, Entry, Outcome, OutputSink, Plan, Root, Round, Rung, Setting, Text, Tree, UnitsRecord, Watch,
    Workshop,
};
use eadem_store::{Store, StoreError};

use crate::{
    DriveError, Ledger, Places,
    execute::{Bench, StartInputs, add},
    proxy,
    second::{Alone, Following},
    session::Session,
    source::Sources,
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
/// `out` takes what the driver's room leaves: what the units wrote, and nothing that anything else made.
///
/// # Errors
/// What broke, the sources apart.
pub fn drive(
    (store, workshop): (&Store, &dyn Workshop),
    (round, rung, pass): (&Round, Rung, Pass<'_>),
    out: &mut dyn OutputSink,
    watch: &Watch<'_>,
) -> Result<Driven, DriveError> {
    let (plan, start) = driver(&round.plan, store)?;
    let setting = drivers(&round.setting);
    let places = Places::of(&setting);
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
        shown: Mutex::default(),
    };
    let way = pass.way();
    let proxy = format!("{}/{}", setting.place(Root::Home), proxy::NAME);
    let session = Session::new(bench, proxy, &*way);
    let inputs = StartInputs { store, tree: start.digest(), dir: store.lay_start(&start)? };
    let driver = Round { plan, setting };
    let outcome = workshop.serve(&driver, &inputs, out, watch, &session)?;
    let tally = session.finish();
    tally.broken.map_or(Ok(()), Err)?;
    let units = UnitsRecord {
        rung,
        total: tally.total,
        hits: tally.hits,
        cpu_ms: tally.cpu_ms,
        fell: Vec::new(),
        check: None,
    };
    Ok(Driven { outcome, units, trouble: tally.trouble })
}

/// The surroundings of the driver's room.
///
/// Cargo plans at the same places in every round, so that it calls units by the same names; it runs nothing of the
/// sources there. Rooms of units have their roots where the round wants them, and noise of their own.
fn drivers(setting: &Setting) -> Setting {
    let setting = setting.clone().with_roots_of(&Setting::baseline());
    Setting { noise: BTreeMap::new(), ..setting }
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
