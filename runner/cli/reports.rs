//! The files that `--report` asks for.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use eadem_report::Format;
use os_display::Quotable;

use crate::{exit::Exit, project, report::Report};

/// One report, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    format: Format,
    path: PathBuf,
}

impl Wanted {
    /// Reads `FORMAT=FILE`.
    pub(crate) fn read(word: &OsStr) -> Result<Self, String> {
        let bytes = word.as_bytes();
        let Some(at) = bytes.iter().position(|byte| *byte == b'=') else {
            return Err("a report is asked for by FORMAT=FILE: html=report.html".to_owned());
        };
        let format: Format = String::from_utf8_lossy(&bytes[..at])
            .parse()
            .map_err(|error: eadem_report::FormatError| error.to_string())?;
        match &bytes[at + 1..] {
            b"" | b"-" => Err("a report goes to a file, not to standard output".to_owned()),
            path => Ok(Self { format, path: OsStr::from_bytes(path).into() }),
        }
    }
}

/// Finds out whether all reports can be written, before anything is built.
pub(crate) fn check(wanted: &[Wanted]) -> Result<(), Report> {
    let mut seen = BTreeSet::new();
    for Wanted { path, .. } in wanted {
        let place = check_place(path).map_err(|error| unwritable(path, error))?;
        if !seen.insert(place) {
            let message = format!("two reports cannot both be {}", path.maybe_quote());
            return Err(Report::new(Exit::Usage, message).hint("give each a file of its own"));
        }
    }
    Ok(())
}

/// Writes all reports; each file is the old one or the new one.
pub(crate) fn write(wanted: &[Wanted], report: &eadem_report::Report) -> Result<(), Report> {
    for Wanted { format, path } in wanted {
        let place = check_place(path).map_err(|error| unwritable(path, error))?;
        project::write(&place, &format.render(report))?;
    }
    Ok(())
}

/// Where a file will be: links are followed, so that the file behind one is replaced and not the link.
fn check_place(path: &Path) -> io::Result<PathBuf> {
    if let Ok(place) = fs::canonicalize(path) {
        if !fs::metadata(&place)?.is_file() {
            return Err(io::Error::other("it is there, and is no file"));
        }
        return writable(place);
    }
    let name = path.file_name().ok_or_else(|| io::Error::other("it names no file"))?;
    writable(directory(path).canonicalize()?.join(name))
}

/// Tries with a file that has no name, so nothing is left whatever happens.
fn writable(place: PathBuf) -> io::Result<PathBuf> {
    tempfile::tempfile_in(directory(&place))?;
    Ok(place)
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn unwritable(path: &Path, error: io::Error) -> Report {
    Report::io(&format!("cannot write the report {}", path.maybe_quote()), error)
        .hint("name a file in a directory that can be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(word: &str) -> String {
        Wanted::read(word.as_ref()).expect_err("it is none")
    }

    #[test]
    fn a_report_is_asked_for_by_its_format_and_a_file() {
        let wanted = Wanted::read("html=a=b.html".as_ref());
        assert_eq!(wanted, Ok(Wanted { format: Format::Html, path: "a=b.html".into() }));
        assert!(fault("html").contains("FORMAT=FILE"));
        assert!(fault("md=-").contains("not to standard output") && fault("md=").contains("to a file"));
        assert!(fault("htlm=x").contains("did you mean `html`?"));
    }

    #[test]
    fn what_cannot_be_written_is_found_out_before() {
        let dir = tempfile::tempdir().expect("a directory");
        let wanted = |name: &str| Wanted { format: Format::Html, path: dir.path().join(name) };
        assert!(check(&[wanted("a"), wanted("b")]).is_ok());
        let exits = [
            check(&[wanted("a"), wanted("a")]),
            check(&[wanted("")]),
            check(&[wanted("no/a")]),
            check(&[Wanted { format: Format::Html, path: "/dev/null".into() }]),
        ];
        let exits = exits.map(|done| done.expect_err("it cannot be written").exit);
        assert_eq!(exits, [Exit::Usage, Exit::Machine, Exit::Machine, Exit::Machine]);
        assert_eq!(fs::read_dir(dir.path()).expect("it is there").count(), 0, "a file is left");
    }
}
