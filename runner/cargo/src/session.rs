//! What answers behind the door of the driver's room.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use eadem_model::{Digest, Door, Ending, Rung, Tree, UnitKind, UnitRecord, Wire};

use crate::{
    DriveError, Fall, Graph,
    deliver::{Client, hand_over},
    diagnosis,
    execute::{Bench, Ran},
    trouble::Trouble,
    unit::Unit,
    way::{Given, Way},
    wire::Request,
};

/// One drive of cargo.
pub(crate) struct Session<'a> {
    pub(crate) bench: Bench<'a>,
    /// The path that the proxy has when it stands for the compiler.
    pub(crate) proxy: String,
    way: &'a dyn Way,
    graph: Mutex<Graph>,
    tally: Mutex<Tally>,
}

/// What came of a session.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) total: u64,
    pub(crate) hits: u64,
    pub(crate) cpu_ms: u64,
    /// Every unit that came from the store or ran well, questions too.
    pub(crate) keys: BTreeSet<Digest>,
    pub(crate) trouble: Trouble,
    /// Every file that was given to cargo as it is.
    pub(crate) given: BTreeSet<Digest>,
    /// What units looked for that their own rooms do not show, in words.
    pub(crate) unseen: BTreeSet<String>,
    /// How the first unit ended that took more than it may.
    pub(crate) exceeded: Option<Ending>,
}

impl Door for Session<'_> {
    fn answer(&self, wire: &mut dyn Wire) {
        let request = match Request::receive(wire) {
            Ok(request) => request,
            // Nobody but the proxy is there to speak; what it cannot say, nobody waits for.
            Err(error) => {
                return self.tally().trouble.note(Fall::strange(&error));
            }
        };
        let mut client = Client::new(wire);
        if let Err(error) = self.serve(request, &mut client) {
            client.refuse(&error.to_string());
            self.tally().trouble.fail(error);
        }
    }

    fn close(&self) {
        self.bench.cancel.cancel();
    }
}

impl<'a> Session<'a> {
    pub(crate) fn new(bench: Bench<'a>, proxy: String, way: &'a dyn Way) -> Self {
        Self { bench, proxy, way, graph: Mutex::default(), tally: Mutex::default() }
    }

    pub(crate) fn finish(self) -> Tally {
        self.tally.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn graph(&self) -> MutexGuard<'_, Graph> {
        self.graph.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, request: Request, client: &mut Client<'_>) -> Result<(), DriveError> {
        let unit = Unit::read(request, &self.proxy, self.bench.places, &self.graph())?;
        let work = self.bench.work(&unit)?;
        if let Some((narrow, why)) = work.unseen.clone()
            && !self.may_widen(narrow, why, client)
        {
            return Ok(());
        }
        let key = work.key;
        let given = self.way.obtain(&self.bench, &unit, work)?;
        self.settle(unit, key, given, client)
    }

    fn settle(
        &self,
        unit: Unit,
        key: Digest,
        given: Given,
        client: &mut Client<'_>,
    ) -> Result<(), DriveError> {
        self.bench.tell(&unit, given.step());
        match given {
            Given::Known(record) => {
                self.tally().count(&key, &unit, None);
                self.deliver(unit, &record, client)
            }
            Given::Made(record) => {
                self.tally().count(&key, &unit, Some(&record));
                self.deliver(unit, &record, client)
            }
            Given::Cancelled => {
                client.end(&Ending::Cancelled);
                Ok(())
            }
            Given::Failed(ran) => {
                self.fail(&unit, &ran, client);
                Ok(())
            }
            Given::Sought(ran) => self.widen(unit, key, &ran, client),
        }
    }

    /// Runs a unit again, with all sources, that looked for some which its own room does not show.
    fn widen(
        &self,
        unit: Unit,
        narrow: Digest,
        ran: &Ran,
        client: &mut Client<'_>,
    ) -> Result<(), DriveError> {
        let work = self.bench.work_on(Rung::Whole, &unit)?;
        let key = work.key;
        let given = self.way.obtain(&self.bench, &unit, work)?;
        if let Given::Known(record) | Given::Made(record) = &given {
            let why = diagnosis::unseen(&self.bench, &unit, ran, record)?;
            self.bench.store.put_unit(&narrow, &self.signpost(record, &why)?)?;
            if !self.may_widen(narrow, why, client) {
                return Ok(());
            }
        }
        self.settle(unit, key, given, client)
    }

    /// Whether a unit may see all sources, as it wants to; if not, this rung does not bear the build.
    fn may_widen(&self, narrow: Digest, why: String, client: &mut Client<'_>) -> bool {
        if self.bench.may_widen {
            self.tally().widen(narrow, why);
        } else {
            client.refuse(&why);
            self.tally().trouble.note(Fall { why, to: Some(Rung::Whole) });
        }
        self.bench.may_widen
    }

    /// What is kept in the place of what a unit gave that looked for more than it saw.
    fn signpost(&self, record: &UnitRecord, why: &str) -> Result<UnitRecord, DriveError> {
        let nothing = self.bench.store.put_blob(b"")?;
        let (tree, unseen) = (Tree::default(), Some(why.to_owned()));
        Ok(UnitRecord { tree, stdout: nothing, stderr: nothing, checked: None, unseen, ..record.clone() })
    }

    fn deliver(&self, unit: Unit, record: &UnitRecord, client: &mut Client<'_>) -> Result<(), DriveError> {
        let given = hand_over(self.bench.store, &self.graph, unit, record, client)?;
        self.tally().given.extend(given);
        Ok(())
    }

    /// Says why before cargo hears of it: then cargo ends, and with it everything that waits for it.
    fn fail(&self, unit: &Unit, ran: &Ran, client: &mut Client<'_>) {
        match ran.ending {
            // A question may be answered with no: cargo asks what it need not have.
            _ if unit.kind == UnitKind::Query => {}
            Ending::Cancelled => {}
            Ending::Exceeded(..) => drop(self.tally().exceeded.get_or_insert(ran.ending.clone())),
            _ => self.tally().trouble.note(self.way.judge(unit, ran)),
        }
        client.told(&ran.stdout, &ran.stderr, &ran.ending);
    }
}

impl Tally {
    /// Notes that a unit sees all sources, and under which key that is kept.
    fn widen(&mut self, narrow: Digest, why: String) {
        self.keys.insert(narrow);
        self.unseen.insert(why);
    }

    /// Counts a unit that came from the store, or ran.
    fn count(&mut self, key: &Digest, unit: &Unit, ran: Option<&UnitRecord>) {
        self.keys.insert(*key);
        self.cpu_ms += ran.map_or(0, |record| record.usage.cpu_ms);
        if unit.kind != UnitKind::Query {
            self.total += 1;
            self.hits += u64::from(ran.is_none());
        }
    }
}
