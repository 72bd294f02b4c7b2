//! The smallest room, to see whether there can be rooms.

use std::{collections::BTreeMap, env::consts::ARCH, error::Error, io, path::PathBuf};

use eadem_model::{
    Ability, Architecture, Digest, DirectoryOrder, Ending, EngineError, Inputs, Kernel, Level, Limits,
    Outcome, OutputSink, Processors, Room, Skipped, TreePath, User, Users,
};
use rustix::process::geteuid;

/// The architecture that this program runs on; the plan's must be the same.
pub(crate) fn native(wanted: Architecture) -> Result<(), EngineError> {
    let machine = match ARCH {
        "x86_64" => Some(Architecture::Amd64),
        "aarch64" => Some(Architecture::Arm64),
        _ => None,
    };
    if machine == Some(wanted) {
        return Ok(());
    }
    Err(EngineError::Architecture { wanted: wanted.as_str(), machine: ARCH.to_owned() })
}

/// What is known once an empty room was made, or why none could be.
pub(crate) fn abilities(made: &Result<Outcome, EngineError>) -> Vec<Ability> {
    let whole = |outcome: &&Outcome| outcome.ending == Ending::Success;
    match made {
        Ok(outcome) if whole(&outcome) => {
            vec![
                Ability::good("namespaces", "a room was made"),
                overlay(&outcome.lacks),
                clock(&outcome.skipped),
            ]
        }
        Ok(outcome) => {
            vec![missing("namespaces", format!("an empty room ended with {:?}", outcome.ending), None)]
        }
        Err(EngineError::Forbidden { step, errno, facts, remedy }) => {
            let facts: String = facts.iter().map(|fact| format!("; {fact}")).collect();
            refused(step, format!("{step} failed: {errno}{facts}"), remedy)
        }
        Err(error) => vec![missing("namespaces", in_full(error), None)],
    }
}

/// A step that the machine forbids: the namespaces are there if it comes after them.
fn refused(step: &str, found: String, remedy: &str) -> Vec<Ability> {
    let remedy = Some(remedy.to_owned());
    if step.contains("overlay") {
        return vec![Ability::good("namespaces", "the kernel gives them"), missing("overlay", found, remedy)];
    }
    let untried = missing("overlay", "not tried, since no room could be made".to_owned(), None);
    vec![missing("namespaces", found, remedy), untried]
}

/// The room has shown that layers can be laid upon each other; the notes tell of what can be written.
fn overlay(lacks: &[String]) -> Ability {
    let who = if geteuid().is_root() { "root" } else { "an ordinary user" };
    match lacks.first() {
        None => Ability::good("overlay", format!("mounted as {who}, with a writable layer in the store")),
        Some(lack) => {
            let remedy = Some("name a store on ext4, xfs or btrfs by --store DIR".to_owned());
            Ability::flawed("overlay", Level::Partly, lack.as_str(), remedy)
        }
    }
}

/// The room was to have a clock of its own.
fn clock(skipped: &[Skipped]) -> Ability {
    match skipped.iter().find(|one| one.variation == "clock") {
        None => Ability::good("wall clock", "a room had another one"),
        Some(Skipped { reason, .. }) => {
            let found = format!("every room has the machine's: {reason}");
            Ability::flawed("wall clock", Level::Partly, found, None)
        }
    }
}

fn missing(name: &str, found: String, remedy: Option<String>) -> Ability {
    Ability::flawed(name, Level::Missing, found, remedy)
}

/// An error and its causes in one line.
fn in_full(error: &EngineError) -> String {
    let causes = std::iter::successors(error.source(), |cause: &&(dyn Error + 'static)| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// A room without layers and without a program, which still has every mount of a real one.
pub(crate) fn bare_room() -> Room {
    let path = |text: &str| text.parse().expect("written clean here");
    Room {
        rootfs: Vec::new(),
        architecture: Architecture::Amd64,
        inputs: Vec::new(),
        order: DirectoryOrder::AsStored,
        scratch: vec![path("/build")],
        argv: Vec::new(),
        env: BTreeMap::new(),
        cwd: path("/build"),
        user: User { name: "builder".to_owned(), uid: 1000, gid: 1000, home: path("/build") },
        hostname: "eadem".to_owned(),
        umask: 0o022,
        processors: Processors::All,
        users: Users::One,
        limits: Limits { wall_seconds: 60, log_bytes: 0, output_bytes: 0, ..Limits::default() },
        outputs: Vec::new(),
        start: None,
        veils: Vec::new(),
        clock_offset: 0,
        kernel: Kernel::Own,
    }
}

/// There are none.
pub(crate) struct NoInputs;

impl Inputs for NoInputs {
    fn layer_dir(&self, _: &Digest) -> io::Result<PathBuf> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// There are none.
pub(crate) struct NoOutputs;

impl OutputSink for NoOutputs {
    fn directory(&mut self, _: &TreePath) -> io::Result<()> {
        Ok(())
    }

    fn file(&mut self, _: &TreePath, _: bool, _: &mut dyn io::Read) -> io::Result<()> {
        Ok(())
    }

    fn symlink(&mut self, _: &TreePath, _: &str) -> io::Result<()> {
        Ok(())
    }
}
