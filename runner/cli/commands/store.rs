//! `eadem store`

mod gc;
mod pin;

pub(crate) use gc::KEEP_DAYS;

use std::path::PathBuf;

use eadem_store::{Checkup, Claims, Kind, Store, StoreError, Usage};
use serde::Serialize;
use serde_json::json;

use crate::{
    Done, args::Store as Words, console::Console, exit::Exit, paint, project::Project, report::Report,
    wiring::Wiring,
};

/// Shows, checks or cleans the store; a project where one stands counts as one that uses it.
pub(crate) fn run(
    words: &Words,
    console: &Console,
    wiring: &Wiring,
    here: impl FnOnce() -> Option<Project>,
) -> Done {
    let store = &wiring.store;
    match words {
        Words::Df => df(console, store),
        Words::Check { repair: true } => check(Damage::Goes, console, store),
        Words::Check { repair: false } => check(Damage::Stays, console, store),
        Words::Gc(words) => {
            here().map_or(Ok(()), |project| store.note_project(project.root()))?;
            gc::run(words, console, store)
        }
        Words::Pin { words } => pin::add(words, console, store),
        Words::Unpin { words } => pin::remove(words, console, store),
    }
}

/// What the locks of all projects name that used this store, the projects that are gone, and why locks
/// cannot be read.
struct Claimed {
    claims: Claims,
    gone: Vec<PathBuf>,
    faults: Vec<Report>,
}

fn claimed(store: &Store) -> Result<Claimed, Report> {
    let mut claimed = Claimed { claims: Claims::default(), gone: Vec::new(), faults: Vec::new() };
    for root in store.projects()? {
        if !root.is_dir() {
            claimed.gone.push(root);
        } else if let Err(report) = Project::claim(&root, &mut claimed.claims) {
            let report = report.fact(format!("in the project {}", root.display()));
            claimed.faults.push(report.hint("mend the lock, or remove it: what it needs is not known"));
        }
    }
    Ok(claimed)
}

fn df(console: &Console, store: &Store) -> Done {
    let Claimed { claims, faults, .. } = claimed(store)?;
    faults.iter().for_each(|fault| console.warn(&fault.line()));
    let usage = store.usage(&claims)?;
    let total: u64 = usage.iter().map(|one| one.bytes).sum();
    let reclaimable = if faults.is_empty() { gc::reclaimable(&claims, store)? } else { 0 };
    if console.is_json() {
        usage.iter().for_each(|Usage { kind, count, bytes }| {
            console.json(&json!({"result": "usage", "kind": kind, "count": count, "bytes": bytes}));
        });
        console.json(&json!({
            "result": "total", "bytes": total, "reclaimable": reclaimable, "store": store.dir(),
        }));
        return Ok(Exit::Done);
    }
    for Usage { kind, count, bytes } in usage {
        console.print(&row(&kind.to_string(), &count.to_string(), bytes));
    }
    console.print(&row("total", "", total));
    console.print(&row("reclaimable", "", reclaimable));
    Ok(Exit::Done)
}

fn row(name: &str, count: &str, bytes: u64) -> String {
    format!("{name:12}  {count:>8}  {:>10}", paint::bytes(bytes))
}

/// What to do with what is damaged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Damage {
    Stays,
    Goes,
}

fn check(damage: Damage, console: &Console, store: &Store) -> Done {
    let mut checkup = store.check()?;
    let faults = std::mem::take(&mut checkup.faults);
    let found: Vec<Found> = faults.into_iter().map(|fault| Found::of(fault, damage, store)).collect();
    found.iter().for_each(|found| found.say(console));
    let n_left = found.iter().filter(|found| found.state != State::Removed).count();
    sum_up(&checkup, [found.len(), n_left], console);
    if n_left > 0 && damage == Damage::Stays {
        console.talk("hint: eadem store check --repair removes them, so that they are made again");
    }
    Ok(if n_left == 0 { Exit::Done } else { Exit::Integrity })
}

/// Something that is damaged, and what became of it.
struct Found {
    state: State,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Damaged,
    Removed,
    Stays,
}

impl Found {
    fn of(fault: StoreError, damage: Damage, store: &Store) -> Self {
        let text = fault.to_string();
        if damage == Damage::Stays {
            return Self { state: State::Damaged, text };
        }
        match store.discard(fault) {
            Ok(_) => Self { state: State::Removed, text },
            Err(error) => Self { state: State::Stays, text: error.to_string() },
        }
    }

    fn say(&self, console: &Console) {
        let Self { state, text } = self;
        let word = match state {
            State::Damaged => "damaged",
            State::Removed => "removed",
            State::Stays => "stays",
        };
        if console.is_json() {
            console.json(&json!({"result": "damage", "state": state, "what": text}));
        } else {
            console.print_judged("31;1", word, text);
        }
    }
}

fn sum_up(checkup: &Checkup, [n_found, n_left]: [usize; 2], console: &Console) {
    let Checkup { n_blobs, n_units, n_runs, n_layers, .. } = checkup;
    if console.is_json() {
        console.json(&json!({
            "result": "check", "blobs": n_blobs, "units": n_units, "records": n_runs, "layers": n_layers,
            "damaged": n_found, "left": n_left,
        }));
        return;
    }
    let state = if n_found == 0 { "all whole".to_owned() } else { format!("{n_found} damaged") };
    console.talk(&format!(
        "{n_blobs} blobs, {n_units} units, {n_runs} records: {state}; {n_layers} layers are laid out"
    ));
}

/// Sums of bytes by kind, in the order of kinds.
fn by_kind(parts: impl Iterator<Item = (Kind, u64)>) -> Vec<(Kind, u64, u64)> {
    let parts: Vec<(Kind, u64)> = parts.collect();
    let sum = |kind: Kind| {
        let of_kind = parts.iter().filter(|(other, _)| *other == kind);
        of_kind.fold((kind, 0, 0), |(kind, n, bytes), (_, more)| (kind, n + 1, bytes + more))
    };
    Kind::ALL.into_iter().map(sum).filter(|(_, n, _)| *n > 0).collect()
}
