//! `eadem ls`

use std::collections::BTreeSet;

use eadem_image::rfc3339;
use eadem_model::{Ending, Name, Record, RunId};
use eadem_store::Store;
use serde_json::json;

use crate::{Done, console::Console, exit::Exit, history, report::Report};

/// Lists what was built, and what was begun and has no record: it was killed, or still runs.
pub(crate) fn run(console: &Console, store: &Store) -> Done {
    let records = history::records(console, store)?;
    let unfinished = unfinished(&records, store)?;
    let finished = records.iter().map(Line::of);
    let begun = unfinished.iter().map(|(run, recipe)| Line { run, recipe, record: None });
    let mut lines: Vec<Line<'_>> = finished.chain(begun).collect();
    // Records have their order already.
    lines.sort_by(|left, right| right.run.cmp(left.run));
    let widest = lines.iter().map(|line| line.recipe.as_str().len()).max().unwrap_or_default();
    for line in &lines {
        if console.is_json() {
            console.json(&line.value());
        } else {
            console.print(&line.text(widest));
        }
    }
    Ok(Exit::Done)
}

/// Runs that have a log of a recipe and no record of it.
fn unfinished(records: &[Record], store: &Store) -> Result<BTreeSet<(RunId, Name)>, Report> {
    let known: BTreeSet<(&RunId, &Name)> =
        records.iter().map(|record| (&record.run, &record.recipe)).collect();
    let logs = store.logs()?.into_iter().filter(|log| !known.contains(&(&log.run, &log.recipe)));
    Ok(logs.map(|log| (log.run, log.recipe)).collect())
}

struct Line<'a> {
    run: &'a RunId,
    recipe: &'a Name,
    record: Option<&'a Record>,
}

impl<'a> Line<'a> {
    fn of(record: &'a Record) -> Self {
        Self { run: &record.run, recipe: &record.recipe, record: Some(record) }
    }

    fn started(&self) -> String {
        let round = self.record.and_then(|record| record.rounds.first());
        rfc3339(round.map_or_else(|| self.run.seconds(), |round| round.started))
    }

    fn value(&self) -> serde_json::Value {
        let last = self.record.and_then(|record| record.rounds.last());
        json!({
            "result": "run",
            "run": self.run,
            "started": self.started(),
            "recipe": self.recipe,
            "finished": self.record.is_some(),
            "plan": self.record.map(|record| record.plan),
            "engine": last.map(|round| &round.engine),
            "verdict": self.record.and_then(|record| record.verdict),
            "ending": last.map(|round| &round.outcome.ending),
        })
    }

    /// `RUN  TIME  RECIPE  ENGINE  WHAT CAME OF IT`
    fn text(&self, widest: usize) -> String {
        let last = self.record.and_then(|record| record.rounds.last());
        let engine = last.map_or("-", |round| &round.engine);
        let outcome = self.record.map_or_else(|| "unfinished".to_owned(), outcome);
        let (run, started, recipe) = (self.run, self.started(), self.recipe.as_str());
        format!("{run}  {started}  {recipe:widest$}  {engine}  {outcome}")
    }
}

/// The verdict; without one, or if it is that of a build that did not end well, the ending.
fn outcome(record: &Record) -> String {
    let ending = record.rounds.last().map(|round| &round.outcome.ending);
    let ending = ending.filter(|ending| **ending != Ending::Success);
    match (record.verdict, ending) {
        (Some(verdict), None) => verdict.to_string(),
        (Some(verdict), Some(ending)) => format!("{verdict} ({})", worded(ending)),
        (None, Some(ending)) => worded(ending),
        (None, None) => "built".to_owned(),
    }
}

/// How a round ended, in few words.
pub(crate) fn worded(ending: &Ending) -> String {
    match ending {
        Ending::Success => "ended well".to_owned(),
        Ending::Failed(status) => format!("failed with status {status}"),
        Ending::Signalled(signal) => format!("ended by signal {signal}"),
        Ending::MissingOutput(path) => format!("left no `{path}`"),
        Ending::Exceeded(limit, value) => format!("took more than {}", limit.worded(*value)),
        Ending::Cancelled => "interrupted".to_owned(),
    }
}
