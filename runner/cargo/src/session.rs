//! What answers behind the door of the driver's room.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use eadem_model::{Digest, Door, Ending, Rung, Tree, UnitKind, UnitRecord, Unseen, View, Wire};

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
    /// What units looked for that their own rooms do not show, in words, and were shown with all sources.
    pub(crate) fell: BTreeSet<String>,
    /// The same, of what they were shown alone.
    pub(crate) also: BTreeSet<String>,
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
        let root = |path: &str| self.bench.sources.package_root(self.bench.places, path);
        let unit = Unit::read(request, &self.proxy, &self.graph(), &root)?;
        let work = self.bench.work(&unit)?;
        if let Some((narrow, unseen)) = &work.unseen
            && !self.may_widen(*narrow, unseen, client)
        {
            return Ok(());
        }
        let (key, view) = (work.key, work.view.clone());
        let given = self.way.obtain(&self.bench, &unit, work)?;
        match given {
            Given::Sought(ran) => self.widen(unit, (key, view), ran, client),
            given => self.settle(unit, key, given, client),
        }
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
            // With all sources in its room there is nothing else to look for.
            Given::Failed(ran) | Given::Sought(ran) => {
                self.fail(&unit, &ran, client);
                Ok(())
            }
        }
    }

    /// Runs a unit again that looked for sources which its own room does not show, with these in its room, until it
    /// looks for no more.
    fn widen(
        &self,
        unit: Unit,
        (narrow, mut view): (Digest, View),
        mut ran: Ran,
        client: &mut Client<'_>,
    ) -> Result<(), DriveError> {
        let (mut sought, first) = (BTreeSet::new(), std::mem::take(&mut ran.stderr));
        let (key, given) = loop {
            view = self.bench.wider(&view, &ran.sought);
            sought.append(&mut ran.sought);
            let work = self.bench.work_with(view.clone(), &unit)?;
            let key = work.key;
            match self.way.obtain(&self.bench, &unit, work)? {
                Given::Sought(again) if view != View::All => ran = again,
                given => break (key, given),
            }
        };
        if let Given::Known(record) | Given::Made(record) = &given {
            let why = diagnosis::unseen(&self.bench, &unit, (&sought, &first), record)?;
            let unseen = Unseen { why, view };
            self.bench.store.put_unit(&narrow, &self.signpost(record, unseen.clone())?)?;
            if !self.may_widen(narrow, &unseen, client) {
                return Ok(());
            }
        }
        self.settle(unit, key, given, client)
    }

    /// Whether a unit may see more, as it wants to; if not, this rung does not bear the build.
    fn may_widen(&self, narrow: Digest, unseen: &Unseen, client: &mut Client<'_>) -> bool {
        if self.bench.may_widen {
            self.tally().widen(narrow, unseen);
        } else {
            client.refuse(&unseen.why);
            self.tally().trouble.note(Fall { why: unseen.why.clone(), to: Some(Rung::Whole) });
        }
        self.bench.may_widen
    }

    /// What is kept in the place of what a unit gave that looked for more than it saw.
    fn signpost(&self, record: &UnitRecord, unseen: Unseen) -> Result<UnitRecord, DriveError> {
        let nothing = self.bench.store.put_blob(b"")?;
        let (tree, unseen) = (Tree::default(), Some(unseen));
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
    /// Notes that a unit sees more than its package, and under which key that is kept.
    fn widen(&mut self, narrow: Digest, Unseen { why, view }: &Unseen) {
        self.keys.insert(narrow);
        let words = if *view == View::All { &mut self.fell } else { &mut self.also };
        words.insert(why.clone());
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
