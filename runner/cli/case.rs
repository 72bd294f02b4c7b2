//! What a report is told of one verification.

use std::{collections::VecDeque, ops::ControlFlow};

use eadem_flow::{Bench, Job, Verification};
use eadem_model::{Record, RoundRecord, UnitsCheck, Verdict};
use eadem_report::{Case, Crate, Log, State};
use eadem_store::Store;

use crate::{project::RecipeFile, report::Report};

/// Lines of a log that reports show.
const LINES: usize = 200;
/// Bytes of a line that reports show.
const BYTES: usize = 4 << 10;

/// A case that says no more than what went wrong.
pub(crate) fn of_fault(file: &RecipeFile, place: String, verdict: Option<Verdict>, report: &Report) -> Case {
    Case {
        recipe: file.recipe.name.clone(),
        file: place,
        verdict,
        fault: Some(report.fault()),
        record: None,
        is_proof: false,
        differences: Vec::new(),
        crates: Vec::new(),
        logs: Vec::new(),
    }
}

/// What a verification left.
pub(crate) struct Found<'a> {
    pub(crate) bench: &'a Bench<'a>,
    pub(crate) job: &'a Job,
    pub(crate) record: &'a Record,
}

impl Found<'_> {
    /// All that is known of a verification.
    pub(crate) fn add(self, case: Case) -> Case {
        let Self { bench, job, record } = self;
        let logs = record.rounds.iter().filter_map(|round| log(bench.store, record, round)).collect();
        Case { crates: crates(bench.store, job, record), logs, record: Some(record.clone()), ..case }
    }
}

/// A case of a verification that came to compare.
pub(crate) fn of_verification(file: &RecipeFile, place: String, verification: &Verification) -> Case {
    Case {
        recipe: file.recipe.name.clone(),
        file: place,
        verdict: Some(verification.verdict()),
        fault: None,
        record: Some(verification.record.clone()),
        is_proof: verification.proof.is_some(),
        differences: verification.differences.clone(),
        crates: Vec::new(),
        logs: Vec::new(),
    }
}

/// The record of this run's verification, if it came so far as to keep one.
pub(crate) fn record(bench: &Bench<'_>, job: &Job) -> Option<Record> {
    let (records, _) = bench.store.all_records().ok()?;
    records.into_iter().find(|record| record.run == *bench.run && record.recipe == job.recipe.name)
}

/// The crates of a build in units, and how each stands.
fn crates(store: &Store, job: &Job, record: &Record) -> Vec<Crate> {
    let built = eadem_flow::built_packages(store, record);
    if built.is_empty() {
        return Vec::new();
    }
    let mut needs = eadem_flow::dependencies(store, job);
    for name in &built {
        needs.entry(name.clone()).or_default();
    }
    let check = record.rounds.iter().rev().find_map(|round| round.units.as_ref()?.check.as_ref());
    let state = |name: &String| if built.contains(name) { state(name, check) } else { State::Absent };
    let krate = |(name, needs)| Crate { state: state(&name), needs: Vec::from_iter(needs), name };
    needs.into_iter().map(krate).collect()
}

fn state(name: &String, check: Option<&UnitsCheck>) -> State {
    let Some(check) = check else { return State::Unchecked };
    if check.guilty.iter().any(|blame| blame.package == *name) {
        State::Guilty
    } else if check.followers.iter().any(|blame| blame.package == *name) {
        State::Follower
    } else {
        State::Same
    }
}

/// The end of a round's log, if the store still has it.
fn log(store: &Store, record: &Record, round: &RoundRecord) -> Option<Log> {
    let mut tail = Tail::default();
    let take = &mut |piece: &[u8]| {
        tail.take(piece);
        ControlFlow::Continue(())
    };
    store.read_log(&round.log, take).ok()?;
    // A third pass gives the second round's outputs, and its log has a name of its own.
    let (_, n_pass) = round.log.strip_suffix(".zst")?.rsplit_once('-')?;
    // A proof of another run brings the logs of that one, which may be of another recipe.
    let (run, recipe) = of_log(&round.log)?;
    let command = format!("eadem log {run} {recipe} --round {n_pass}");
    let (n_before, lines) = tail.finish();
    let n_round = 1 + record.rounds.iter().position(|other| other.log == round.log)?;
    Some(Log { n_round, command, n_before, lines })
}

/// The run and the recipe of a log, by its name: `SECONDS-NONCE-RECIPE-ROUND.zst`.
fn of_log(name: &str) -> Option<(String, &str)> {
    let (rest, _) = name.rsplit_once('-')?;
    let mut parts = rest.splitn(3, '-');
    let (seconds, nonce, recipe) = (parts.next()?, parts.next()?, parts.next()?);
    Some((format!("{seconds}-{nonce}"), recipe))
}

/// The last lines of a log, none of them longer than anybody reads.
#[derive(Default)]
struct Tail {
    n_before: usize,
    lines: VecDeque<String>,
    line: Vec<u8>,
    is_open: bool,
}

impl Tail {
    fn take(&mut self, piece: &[u8]) {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            self.line.extend_from_slice(&text[..text.len().min(BYTES - self.line.len())]);
            self.is_open = true;
            if text.len() < part.len() {
                self.end();
            }
        }
    }

    fn end(&mut self) {
        if self.lines.len() == LINES {
            self.lines.pop_front();
            self.n_before += 1;
        }
        self.lines.push_back(String::from_utf8_lossy(&self.line).into_owned());
        self.line.clear();
        self.is_open = false;
    }

    /// How many lines came before, and the last ones.
    fn finish(mut self) -> (usize, Vec<String>) {
        if self.is_open {
            self.end();
        }
        (self.n_before, self.lines.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(pieces: &[&str]) -> (usize, Vec<String>) {
        let mut tail = Tail::default();
        pieces.iter().for_each(|piece| tail.take(piece.as_bytes()));
        tail.finish()
    }

    #[test]
    fn lines_are_put_together_from_pieces_and_cut_where_nobody_reads_on() {
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        assert_eq!(tail(&["a", "b\n\nc"]), (0, lines(&["ab", "", "c"])));
        assert_eq!(tail(&[]), (0, vec![]));
        let (before, last) = tail(&["x\n".repeat(LINES + 3).as_str(), "y".repeat(2 * BYTES).as_str()]);
        assert_eq!((before, last.len(), last[LINES - 1].len()), (4, LINES, BYTES));
    }
}
