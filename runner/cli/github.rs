//! What GitHub's runner is told when eadem runs there, and what nobody else may tell it through eadem.

use std::{env, ffi::OsString, fs::OpenOptions, io::Write};

use eadem_report::{Format, Report};

use crate::console::Console;

/// Whether GitHub's runner reads what this program says.
pub(crate) fn is_runner() -> bool {
    env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// Whether anybody is told anything here.
pub(crate) fn is_there() -> bool {
    is_runner() || summary().is_some()
}

/// Where the summary of the job is written.
fn summary() -> Option<OsString> {
    env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty())
}

/// Tells the runner of each recipe that is not reproducible, and the job's summary of all.
pub(crate) fn tell(console: &Console, report: &Report) {
    eadem_report::annotations(report).iter().for_each(|line| console.command(line));
    summarize(console, report);
}

/// Appends a report to the summary of the job, if there is one; nobody asked for it, so a fault stops nothing.
fn summarize(console: &Console, report: &Report) {
    let Some(path) = summary() else { return };
    let file = OpenOptions::new().append(true).create(true).open(path);
    let text = Format::Markdown.render(report);
    if let Err(error) = file.and_then(|mut file| file.write_all(text.as_bytes())) {
        console.warn(&format!("the summary of the job does not take the report: {error}"));
    }
}
