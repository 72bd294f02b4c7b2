//! What answers behind the door of the driver's room.

use std::sync::{Mutex, MutexGuard, PoisonError};

use eadem_model::{Door, Ending, UnitKind, UnitRecord, Wire};

use crate::{
    DriveError, Graph,
    deliver::{Client, is_program},
    execute::{Bench, Ran},
    unit::Unit,
    way::{Given, Way},
    wire::{self, Request},
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
    /// The first unit that was not to be had, in words.
    pub(crate) trouble: Option<String>,
    /// What broke, if it was eadem, its store or this machine.
    pub(crate) broken: Option<DriveError>,
}

impl Door for Session<'_> {
    fn answer(&self, wire: &mut dyn Wire) {
        let request = match Request::receive(wire) {
            Ok(request) => request,
            // Nobody but the proxy is there to speak; what it cannot say, nobody waits for.
            Err(error) => return self.tally().note(format!("the driver spoke another tongue: {error}")),
        };
        let mut client = Client::new(wire);
        if let Err(error) = self.serve(request, &mut client) {
            client.refuse(&error.to_string());
            self.tally().fail(error);
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
        match self.way.obtain(&self.bench, &unit, work)? {
            Given::Known(record) => {
                self.tally().count(&unit, None);
                self.deliver(unit, &record, client)
            }
            Given::Made(record) => {
                self.tally().count(&unit, Some(&record));
                self.deliver(unit, &record, client)
            }
            Given::Failed(ran) => {
                self.fail(&unit, &ran, client);
                Ok(())
            }
        }
    }

    /// Hands a unit's outputs on, and only then says that it ended: cargo goes on at once.
    fn deliver(
        &self,
        mut unit: Unit,
        record: &UnitRecord,
        client: &mut Client<'_>,
    ) -> Result<(), DriveError> {
        let store = self.bench.store;
        if let Some(dir) = &unit.out_dir {
            match unit.kind {
                UnitKind::RunScript => self.graph().add_out_dir(dir, record.tree.clone()),
                _ => {
                    let files = record.tree.entries.iter();
                    unit.built.files =
                        files.map(|(path, entry)| (format!("{dir}/{path}"), entry.clone())).collect();
                    client.lay_down(&unit, store)?;
                    self.register(&unit, dir);
                }
            }
        }
        client.stream(wire::STDOUT, &store.read_blob(&record.stdout)?);
        client.stream(wire::STDERR, &store.read_blob(&record.stderr)?);
        client.end(&Ending::Success);
        Ok(())
    }

    fn register(&self, unit: &Unit, dir: &str) {
        let program =
            unit.built.files.iter().find(|(path, _)| is_program(path.rsplit('/').next().unwrap_or(path)));
        let program =
            program.map(|(_, entry)| entry.clone()).filter(|_| unit.kind == UnitKind::CompileScript);
        let mut graph = self.graph();
        let id = graph.add(unit.built.clone());
        if let Some(program) = program {
            graph.add_script(dir, id, program);
        }
    }

    fn fail(&self, unit: &Unit, ran: &Ran, client: &mut Client<'_>) {
        client.stream(wire::STDOUT, &ran.stdout);
        client.stream(wire::STDERR, &ran.stderr);
        client.end(&ran.ending);
        // A question may be answered with no: cargo asks what it need not have.
        if unit.kind != UnitKind::Query && ran.ending != Ending::Cancelled {
            self.tally().note(format!("the {} of {} failed in its room", unit.kind, unit.package));
        }
    }
}

impl Tally {
    /// Counts a unit that came from the store, or ran.
    fn count(&mut self, unit: &Unit, ran: Option<&UnitRecord>) {
        self.cpu_ms += ran.map_or(0, |record| record.usage.cpu_ms);
        if unit.kind != UnitKind::Query {
            self.total += 1;
            self.hits += u64::from(ran.is_none());
        }
    }

    fn note(&mut self, what: String) {
        self.trouble.get_or_insert(what);
    }

    fn fail(&mut self, error: DriveError) {
        match error {
            DriveError::Shape(shape) => self.note(shape.to_string()),
            error => {
                self.broken.get_or_insert(error);
            }
        }
    }
}
