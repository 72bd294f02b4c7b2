//! Runs cargo in the driver's room.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use eadem_model::{
    Cancel, Digest, Door, Ending, Entry, Event, Kernel, Limit, Limits, Outcome, OutputSink, Plan, Root,
    Round, Rung, Setting, Skipped, SourceDir, Text, Tree, UnitNews, UnitsRecord, Watch, Workshop,
};
use eadem_store::{Store, StoreError};

use crate::{
    DriveError, Fall, Ledger, Places, Planned,
    execute::{Bench, StartInputs, add},
    proxy,
    second::{Alone, Following},
    session::{Session, Tally},
    source::Sources,
    trial::Trial,
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
    /// Runs again what differed by itself, in the round's setting, and compares it with the first pass.
    Trial(&'a Ledger),
}

impl<'a> Pass<'a> {
    fn way(self) -> Box<dyn Way + 'a> {
        match self {
            Self::Build => Box::new(Once::quietly(Reuse::Stored)),
            Self::First(reuse, ledger) => Box::new(Once::noted(reuse, ledger)),
            Self::Alone(ledger) => Box::new(Alone(ledger)),
            Self::Following(ledger) => Box::new(Following(ledger)),
            Self::Trial(ledger) => Box::new(Trial(ledger)),
        }
    }
}

/// Which build is driven, where, and how far it is cut.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// Where outputs of units are kept.
    pub store: &'a Store,
    /// What makes the rooms.
    pub workshop: &'a dyn Workshop,
    /// The build.
    pub round: &'a Round,
    /// What units see of the sources.
    pub rung: Rung,
    /// Whether a unit that looks for more than that is shown it; else the rung does not bear the build.
    pub may_widen: bool,
    /// What units of a package see besides, by the package's name.
    pub declared: &'a Declared,
}

/// Directories of the recipe's own sources, by the name of the package that they were declared for.
pub type Declared = BTreeMap<String, Vec<SourceDir>>;

/// What came of a build that was cut into units.
#[derive(Debug)]
pub struct Driven {
    /// How the driver's room ended, or the unit that took more than its limit.
    pub outcome: Outcome,
    /// How many units there were.
    pub units: UnitsRecord,
    /// Every file that units have given to cargo as it is.
    pub given: BTreeSet<Digest>,
    /// Why a unit was not to be had, if that is why the build failed.
    pub fall: Option<Fall>,
}

/// Runs a build of cargo's unit by unit, on a rung that has units.
///
/// `out` takes what the driver's room leaves: what the units wrote, and nothing that anything else made;
/// `news` takes what happens to units.
///
/// What a unit gave may be lost or damaged before another one needs it: then cargo starts again, and that
/// unit is made again. It starts again as well in a larger room if what the recipe asks for filled the usual one.
///
/// # Errors
/// What broke, the sources apart.
pub fn drive(
    site: Site<'_>,
    pass: Pass<'_>,
    out: &mut dyn OutputSink,
    watch: &Watch<'_>,
    news: &(dyn Fn(UnitNews) + Sync),
) -> Result<Driven, DriveError> {
    let mut n_lost = 0;
    let mut disk_bytes = USUAL.min(site.round.plan.limits.disk_bytes);
    loop {
        match site.drive_once(pass, disk_bytes, out, watch, news) {
            Err(DriveError::Store(lost @ (StoreError::Missing(_) | StoreError::Damaged { .. })))
                if n_lost < RESTARTS =>
            {
                n_lost += 1;
                site.give_up(lost, watch)?;
            }
            Ok(driven) if is_too_small(disk_bytes, &driven.outcome.ending, site.round) => {
                disk_bytes = site.round.plan.limits.disk_bytes;
            }
            driven => return driven,
        }
    }
}

/// Whoever loses more than this does so all the time.
const RESTARTS: u32 = 3;

/// What the driver's room may hold at first: names, and what the recipe asks for. So little lies in memory, where
/// the machine has that much, and several hundred files are made and removed at no cost.
const USUAL: u64 = 1 << 30;

/// Whether a build ended for want of room in the driver's, and not by the recipe's limit.
fn is_too_small(disk_bytes: u64, ending: &Ending, round: &Round) -> bool {
    *ending == Ending::Exceeded(Limit::Disk, disk_bytes) && disk_bytes < round.plan.limits.disk_bytes
}

/// What a walk through a build found.
#[derive(Debug)]
pub struct Seen {
    /// How the driver's room ended.
    pub outcome: Outcome,
    /// The units, in an order that is always the same.
    pub planned: Vec<Planned>,
    /// Why a unit was not understood, if that is why the walk failed.
    pub fall: Option<Fall>,
}

/// Finds the units of a build, and which of them are in the store; runs nothing of the sources.
///
/// # Errors
/// What broke, the sources apart.
pub fn walk(site: Site<'_>, watch: &Watch<'_>) -> Result<Seen, DriveError> {
    let mut driver = of_driver(site.round, USUAL);
    // What would be left are names.
    driver.plan.outputs.clear();
    let places = Places::of(&driver.setting);
    let skipped = Mutex::default();
    let walk = Walk::new(site.bench(&places, &skipped, watch, &|_| ()), proxy::path(&driver.setting));
    let outcome = site.serve(driver, &mut site.store.tree_writer(), watch, &walk)?;
    let walked = walk.finish();
    Ok(Seen { outcome, planned: walked.planned, fall: walked.trouble.unless_broken()? })
}

impl Site<'_> {
    fn drive_once(
        &self,
        pass: Pass<'_>,
        disk_bytes: u64,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
        news: &(dyn Fn(UnitNews) + Sync),
    ) -> Result<Driven, DriveError> {
        let driver = of_driver(self.round, disk_bytes);
        let places = Places::of(&driver.setting);
        let way = pass.way();
        let skipped = Mutex::default();
        let bench = self.bench(&places, &skipped, watch, news);
        let session = Session::new(bench, proxy::path(&driver.setting), &*way);
        let mut outcome = self.serve(driver, out, watch, &session)?;
        session.bench.sources.note()?;
        let Tally { total, hits, cpu_ms, keys, given, trouble, exceeded, fell, also } = session.finish();
        add_skipped(&mut outcome.skipped, skipped.into_inner().unwrap_or_else(PoisonError::into_inner));
        // Cargo only knows that something failed.
        if let (Ending::Failed(_), Some(ending)) = (&outcome.ending, exceeded) {
            outcome.ending = ending;
        }
        let fall = trouble.unless_broken()?;
        let rung = if fell.is_empty() { self.rung } else { Rung::Whole };
        let [fell, also] = [fell, also].map(|words| words.into_iter().collect());
        let units = UnitsRecord { rung, total, hits, cpu_ms, fell, also, keys, check: None };
        Ok(Driven { outcome, units, given, fall })
    }

    /// Removes what is damaged, and says that it will be made again.
    fn give_up(&self, lost: StoreError, watch: &Watch<'_>) -> Result<(), DriveError> {
        let message = match lost {
            StoreError::Missing(_) => format!("{lost} any more; it is made again"),
            damaged => self.store.discard(damaged)?,
        };
        (watch.events)(Event::Warning { message });
        Ok(())
    }

    fn bench<'b>(
        &'b self,
        places: &'b Places,
        skipped: &'b Mutex<BTreeMap<String, String>>,
        watch: &'b Watch<'_>,
        news: &'b (dyn Fn(UnitNews) + Sync),
    ) -> Bench<'b> {
        Bench {
            store: self.store,
            workshop: self.workshop,
            plan: &self.round.plan,
            setting: &self.round.setting,
            places,
            sources: Sources::new(self.store, &self.round.plan.inputs),
            declared: self.declared,
            rung: self.rung,
            may_widen: self.may_widen,
            events: watch.events,
            cancel: Cancel::new(),
            shown: Mutex::default(),
            skipped,
            news,
        }
    }

    /// Runs cargo in the driver's room of a round, with somebody behind the door.
    fn serve(
        &self,
        round: Round,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
        door: &dyn Door,
    ) -> Result<Outcome, DriveError> {
        let (plan, start) = with_proxy(&round.plan, self.store)?;
        let inputs =
            StartInputs { store: self.store, tree: start.digest(), dir: self.store.lay_start(&start)? };
        Ok(self.workshop.serve(&Round { plan, ..round }, &inputs, out, watch, door)?)
    }
}

/// Adds what rooms of units went without; the driver's room is the one that is told of.
fn add_skipped(to: &mut Vec<Skipped>, of_units: BTreeMap<String, String>) {
    for (variation, reason) in of_units {
        if to.iter().all(|known| known.variation != variation) {
            to.push(Skipped { variation, reason });
        }
    }
}

/// The round of the driver's room.
///
/// Cargo plans at the same places in every round, so that it calls units by the same names; it runs nothing of the
/// sources there, and whoever waits for units must not see times jump. Rooms of units have their roots where the round wants them, and noise of their own.
fn of_driver(round: &Round, disk_bytes: u64) -> Round {
    let setting = round.setting.clone().with_roots_of(&Setting::baseline());
    let limits = &round.plan.limits;
    let limits = Limits { disk_bytes: limits.disk_bytes.min(disk_bytes), ..limits.clone() };
    Round {
        plan: Plan { limits, ..round.plan.clone() },
        setting: Setting { noise: BTreeMap::new(), clock_offset: 0, kernel: Kernel::Own, ..setting },
    }
}

/// The build's own plan, with the proxy for the compiler.
fn with_proxy(plan: &Plan, store: &Store) -> Result<(Plan, Tree), StoreError> {
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

#[cfg(test)]
mod tests {
    use eadem_model::{Architecture, Users};

    use super::*;

    #[test]
    fn a_driver_that_fills_its_usual_room_gets_as_much_as_the_recipe_allows() {
        let plan = |disk_bytes| Plan {
            eadem_plan: Plan::FORMAT,
            rootfs: Vec::new(),
            architecture: Architecture::Amd64,
            inputs: Vec::new(),
            argv: Vec::new(),
            env: BTreeMap::new(),
            cwd: "/".into(),
            epoch: 0,
            users: Users::One,
            limits: Limits { disk_bytes, ..Limits::default() },
            outputs: Vec::new(),
            start: None,
            needs: Vec::new(),
            veils: Vec::new(),
        };
        let (large, small) = (Round::baseline(plan(USUAL + 1)), Round::baseline(plan(5)));
        assert_eq!(of_driver(&large, USUAL).plan.limits.disk_bytes, USUAL);
        assert_eq!(of_driver(&small, USUAL).plan.limits.disk_bytes, 5);
        let full = |bytes| Ending::Exceeded(Limit::Disk, bytes);
        assert!(is_too_small(USUAL, &full(USUAL), &large));
        assert!(!is_too_small(USUAL, &full(USUAL + 1), &large), "that was a unit");
        assert!(!is_too_small(5, &full(5), &small), "that is the recipe's limit");
        assert!(!is_too_small(USUAL, &Ending::Failed(1), &large));
    }

    #[test]
    fn what_only_rooms_of_units_went_without_is_told_of_the_round() {
        let skip = |variation: &str, reason: &str| Skipped {
            variation: variation.to_owned(),
            reason: reason.to_owned(),
        };
        let of_units = [("clock", "refused"), ("order", "of a unit")];
        let mut skipped = vec![skip("order", "of the driver")];
        add_skipped(&mut skipped, of_units.map(|(name, why)| (name.to_owned(), why.to_owned())).into());
        assert_eq!(skipped, [skip("order", "of the driver"), skip("clock", "refused")]);
    }
}
