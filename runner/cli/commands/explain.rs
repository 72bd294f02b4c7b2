//! `eadem explain`

use eadem_flow::Verification;
use eadem_store::Store;

use crate::{Done, args::Runs, console::Console, exit::Exit, history, report::Report, verdict};

/// Says what a verification of the past found.
pub(crate) fn run(runs: &Runs, console: &Console, store: &Store) -> Done {
    let mut records = history::records(console, store)?;
    records.retain(|record| record.verdict.is_some());
    if records.is_empty() {
        return Err(Report::new(Exit::Usage, "this store has no verification").hint("eadem verify RECIPE"));
    }
    for record in history::choose(&records, &runs.words)? {
        let differences = eadem_flow::differences(store, record)?;
        let verification = Verification { record: record.clone(), differences, proof: None };
        console.talk(&format!("run {} said of {}", record.run, record.recipe));
        verdict::say(console, &verification);
    }
    Ok(Exit::Done)
}
