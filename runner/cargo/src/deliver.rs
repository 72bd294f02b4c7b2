//! What the proxy gets: a unit's outputs as far as cargo looks at them.

use std::{
    collections::BTreeSet,
    io::{self, Read},
    sync::{Mutex, PoisonError},
};

use eadem_model::{Digest, Ending, Entry, UnitKind, UnitRecord};
use eadem_store::{Store, StoreError};

use crate::{DriveError, Graph, unit::Unit, wire};

/// A piece of a file or a log on the wire.
const PIECE: usize = 256 << 10;

/// The proxy, which may be gone: cargo stops those who wait when another one fails.
pub(crate) struct Client<'a> {
    wire: &'a mut dyn eadem_model::Wire,
    gone: bool,
}

impl<'a> Client<'a> {
    pub(crate) fn new(wire: &'a mut dyn eadem_model::Wire) -> Self {
        Self { wire, gone: false }
    }

    fn send(&mut self, kind: u8, payload: &[u8]) {
        self.gone = self.gone || wire::send(&mut self.wire, kind, payload).is_err();
    }

    pub(crate) fn stream(&mut self, kind: u8, bytes: &[u8]) {
        bytes.chunks(PIECE).for_each(|piece| self.send(kind, piece));
    }

    /// Says in words why there is no unit.
    pub(crate) fn refuse(&mut self, why: &str) {
        self.stream(wire::STDERR, format!("eadem: {why}\n").as_bytes());
        self.send(wire::EXIT, &[101]);
    }

    /// Ends the proxy as the unit ended.
    pub(crate) fn end(&mut self, ending: &Ending) {
        match ending {
            Ending::Success => self.send(wire::EXIT, &[0]),
            Ending::Failed(status) => self.send(wire::EXIT, &[u8::try_from(*status).unwrap_or(101)]),
            Ending::Signalled(signal) => self.send(wire::SIGNAL, &[u8::try_from(*signal).unwrap_or(9)]),
            Ending::MissingOutput(path) => {
                self.refuse(&format!("the unit left something at `{path}` that is no file"));
            }
            Ending::Exceeded(limit, value) => {
                self.refuse(&format!("the unit took more than {}, its limit", limit.worded(*value)));
            }
            Ending::Cancelled => self.refuse("the unit was interrupted"),
        }
    }

    /// Passes on what a unit said that did not end well, and ends as it did.
    pub(crate) fn told(&mut self, stdout: &[u8], stderr: &[u8], ending: &Ending) {
        self.stream(wire::STDOUT, stdout);
        self.stream(wire::STDERR, stderr);
        self.end(ending);
    }

    /// Lays a crate's files down where cargo looks for them; gives those that are there as they are.
    pub(crate) fn lay_down(&mut self, unit: &Unit, store: &Store) -> Result<BTreeSet<Digest>, DriveError> {
        let mut whole = BTreeSet::new();
        for (path, entry) in &unit.built.files {
            let Entry::File { digest, executable, .. } = entry else { continue };
            match shown(unit, path) {
                Shown::Proxy => self.send(wire::PROXY, path.as_bytes()),
                Shown::Empty => self.file(path, false),
                Shown::Whole => {
                    self.file(path, *executable);
                    self.content(store, digest)?;
                    whole.insert(*digest);
                }
            }
        }
        Ok(whole)
    }

    fn file(&mut self, path: &str, executable: bool) {
        let first = if executable { wire::EXECUTABLE } else { 0 };
        self.send(wire::FILE, &[&[first], path.as_bytes()].concat());
    }

    fn content(&mut self, store: &Store, digest: &Digest) -> Result<(), StoreError> {
        let mut file = store.open_blob(digest)?;
        let mut piece = vec![0; PIECE];
        loop {
            let n = match file.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other.map_err(StoreError::Layer)?,
            };
            if n == 0 {
                return Ok(());
            }
            self.send(wire::BYTES, &piece[..n]);
        }
    }
}

/// Hands a unit's outputs on, and only then says that it ended: cargo goes on at once. Gives the files that
/// cargo has as they are.
pub(crate) fn hand_over(
    store: &Store,
    graph: &Mutex<Graph>,
    mut unit: Unit,
    record: &UnitRecord,
    client: &mut Client<'_>,
) -> Result<BTreeSet<Digest>, DriveError> {
    let mut given = BTreeSet::new();
    let graph = || graph.lock().unwrap_or_else(PoisonError::into_inner);
    match &unit.out_dir {
        Some(dir) if unit.kind == UnitKind::RunScript => graph().add_out_dir(dir, record.tree.clone()),
        Some(dir) => {
            let files = record.tree.entries.iter();
            unit.built.files = files.map(|(path, entry)| (format!("{dir}/{path}"), entry.clone())).collect();
            given = client.lay_down(&unit, store)?;
            register(&mut graph(), &unit, dir);
        }
        None => {}
    }
    client.told(&store.read_blob(&record.stdout)?, &store.read_blob(&record.stderr)?, &Ending::Success);
    Ok(given)
}

fn register(graph: &mut Graph, unit: &Unit, dir: &str) {
    let mut files = unit.built.files.iter();
    let program = files.find(|(path, _)| is_program(path.rsplit('/').next().unwrap_or(path)));
    let program = program.map(|(_, entry)| entry.clone()).filter(|_| unit.kind == UnitKind::CompileScript);
    let id = graph.add(unit.built.clone());
    if let Some(program) = program {
        graph.add_script(dir, id, program);
    }
}

/// What cargo sees of a file.
#[derive(Debug, PartialEq, Eq)]
enum Shown {
    Whole,
    /// Its name and its time.
    Empty,
    /// Something that asks for the real one to be run.
    Proxy,
}

fn shown(unit: &Unit, path: &str) -> Shown {
    let name = path.rsplit('/').next().unwrap_or(path);
    match unit.kind {
        UnitKind::CompileScript if is_program(name) => Shown::Proxy,
        _ if is_library(unit, name) && !unit.is_primary => Shown::Empty,
        _ => Shown::Whole,
    }
}

/// Whether only the compiler opens a file. A library that programs find when they start is something that
/// cargo hands on, whoever asked for its package.
fn is_library(unit: &Unit, name: &str) -> bool {
    let of_macro = unit.built.proc_macro && name.ends_with(".so");
    of_macro || name.ends_with(".rlib") || name.ends_with(".rmeta")
}

/// Whether a file that the compiler wrote for a build script is the script itself.
fn is_program(name: &str) -> bool {
    name.starts_with("build_script_") && !name.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Built, Call, Needs};

    fn unit(kind: UnitKind, built: Built) -> Unit {
        Unit {
            kind,
            package: "a 1.0.0".to_owned(),
            call: Call::default(),
            argv: Vec::new(),
            env: [].into(),
            cwd: "/build/src".to_owned(),
            out_dir: None,
            needs: Needs::default(),
            built,
            is_primary: false,
        }
    }

    #[test]
    fn libraries_for_the_compiler_are_names_and_those_that_programs_find_are_whole() {
        let library = unit(UnitKind::Compile, Built::default());
        let names = ["/t/liba-1.rlib", "/t/liba-1.rmeta", "/t/a-1.d", "/t/liba.so"];
        let seen = names.map(|name| shown(&library, name));
        assert_eq!(seen, [Shown::Empty, Shown::Empty, Shown::Whole, Shown::Whole]);
        let mut macros = unit(UnitKind::Compile, Built::default());
        macros.built.proc_macro = true;
        assert_eq!(shown(&macros, "/t/libm-1.so"), Shown::Empty);
        let primary = Unit { is_primary: true, ..library };
        assert_eq!(shown(&primary, "/t/liba-1.rlib"), Shown::Whole);
    }

    #[test]
    fn the_proxy_stands_for_the_program_of_a_build_script_alone() {
        let script = unit(UnitKind::CompileScript, Built::default());
        let names = ["/t/build_script_build-1", "/t/build_script_build-1.d"];
        assert_eq!(names.map(|name| shown(&script, name)), [Shown::Proxy, Shown::Whole]);
    }
}
