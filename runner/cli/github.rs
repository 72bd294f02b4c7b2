//! What GitHub's runner is told when eadem runs there, and what nobody else may tell it through eadem.

use std::{
    env,
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use eadem_report::{Format, Report};
use rustix::{fs::OFlags, io::Errno};

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
    let text = Format::Markdown.render(report);
    if let Err(error) = open(path.as_ref()).and_then(|mut file| file.write_all(text.as_bytes())) {
        console.warn(&format!("the summary of the job does not take the report: {error}"));
    }
}

/// Opens the summary, which has to be a file: a pipe without a reader would be waited for.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().append(true).create(true).custom_flags(flags).open(path);
    let file = file.map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::NXIO) => io::Error::other("it is there, and is no file"),
        _ => error,
    })?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is there, and is no file")) }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn a_summary_that_is_no_file_is_refused_and_not_waited_for() {
        let dir = tempfile::tempdir().expect("a directory");
        let pipe = dir.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("the directory is ours");
        for path in [pipe.as_path(), Path::new("/dev/null")] {
            assert_eq!(open(path).expect_err("it is no file").to_string(), "it is there, and is no file");
        }
        let file = dir.path().join("summary");
        for text in ["one\n", "two\n"] {
            open(&file).and_then(|mut file| file.write_all(text.as_bytes())).expect("it is a file");
        }
        assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "one\ntwo\n");
    }
}
