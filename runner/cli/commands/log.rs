//! `eadem log`

use std::{
    io::{IsTerminal, stdout},
    ops::ControlFlow,
};

use eadem_store::{LogEnd, LogEntry, Store};
use rustix::fs::{FileType, fstat};
use serde_json::json;

use crate::{Done, args::Log, console::Console, exit::Exit, github, history, paint, report::Report};

/// Prints a log.
pub(crate) fn run(log: &Log, console: &Console, store: &Store) -> Done {
    let logs = store.logs()?;
    let entry = one(&history::choose(&logs, &log.runs.words)?, log.round)?.clone();
    let mut printer = Printer { console, entry: &entry, cooked: is_cooked(console), line: Vec::new() };
    let end = store.read_log(&entry.name, &mut |piece| printer.take(piece))?;
    printer.end();
    if end == LogEnd::CutOff {
        console.warn(&format!(
            "the log of {} in run {} breaks off here: the build was killed, or still runs",
            entry.recipe, entry.run
        ));
    }
    Ok(Exit::Done)
}

/// The one log among those of a run that is meant.
fn one<'a>(logs: &[&'a LogEntry], n_round: Option<usize>) -> Result<&'a LogEntry, Report> {
    let (first, run) = (logs[0], &logs[0].run);
    if let Some(other) = logs.iter().find(|log| log.recipe != first.recipe) {
        let report = Report::new(Exit::Usage, format!("run {run} built several recipes"));
        let hint = |log: &LogEntry| format!("eadem log {run} {}", log.recipe);
        return Err(report.hint(hint(first)).hint(hint(other)));
    }
    let wanted = n_round.unwrap_or(first.n_round);
    logs.iter().copied().find(|log| log.n_round == wanted).ok_or_else(|| {
        let message = format!("run {run} has no round {wanted} of {}", first.recipe);
        Report::new(Exit::Usage, message).fact(format!("its last round is {}", first.n_round))
    })
}

/// A log goes through as it is, unless it could drive a terminal or a runner, or must be JSON.
fn is_cooked(console: &Console) -> bool {
    let is_file = || fstat(stdout()).is_ok_and(|about| FileType::from_raw_mode(about.st_mode).is_file());
    console.is_json() || stdout().is_terminal() || (github::is_runner() && !is_file())
}

struct Printer<'a> {
    console: &'a Console,
    entry: &'a LogEntry,
    cooked: bool,
    line: Vec<u8>,
}

impl Printer<'_> {
    fn take(&mut self, piece: &[u8]) -> ControlFlow<()> {
        if !self.cooked {
            return if self.console.write(piece) {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            };
        }
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.line.pop();
                self.print();
            }
        }
        ControlFlow::Continue(())
    }

    /// Prints the last line, which may have no end.
    fn end(&mut self) {
        if !self.line.is_empty() {
            self.print();
        }
    }

    fn print(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let LogEntry { run, recipe, n_round, .. } = self.entry;
        if self.console.is_json() {
            self.console.json(
                &json!({"result": "log", "run": run, "recipe": recipe, "round": n_round, "line": line}),
            );
        } else {
            self.console.print(&paint::plain(&line));
        }
    }
}
