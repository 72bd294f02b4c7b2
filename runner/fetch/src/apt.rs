//! The mirrors that this machine's own package manager is configured with.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use eadem_model::{At, AtError};

/// Roots of the mirrors that apt would ask, in its order, each once; `etc_apt` is `/etc/apt`.
///
/// Only `http` and `https` are taken. Disabled entries, entries for source packages alone, flat
/// repositories (which have no pool) and addresses with variables are passed over. A machine
/// without apt has none.
///
/// # Errors
/// A file that is there and cannot be read; the error names it.
pub fn apt_mirrors(etc_apt: &Path) -> io::Result<Vec<String>> {
    let mut mirrors = Vec::new();
    for path in files(etc_apt).map_err(named)? {
        let text = read(&path).map_err(named)?;
        match path.extension() {
            Some(extension) if extension == "sources" => mirrors.extend(of_stanzas(&text)),
            _ => mirrors.extend(text.lines().filter_map(of_line)),
        }
    }
    Ok(once(mirrors))
}

/// The files that apt reads: the main list, then the parts of both kinds by name.
fn files(etc_apt: &Path) -> Result<Vec<PathBuf>, AtError> {
    let parts = etc_apt.join("sources.list.d");
    let mut files = BTreeSet::new();
    match fs::read_dir(&parts) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        entries => {
            for entry in entries.at(&parts)? {
                files.insert(entry.at(&parts)?.path());
            }
        }
    }
    files.retain(|path| is_part(path));
    Ok([etc_apt.join("sources.list")].into_iter().chain(files).collect())
}

fn is_part(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "list" || extension == "sources")
}

/// A file's text, empty if there is no such file.
fn read(path: &Path) -> Result<String, AtError> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        bytes => Ok(String::from_utf8_lossy(&bytes.at(path)?).into_owned()),
    }
}

/// Keeps the kind of an I/O error and adds its path.
fn named(error: AtError) -> io::Error {
    io::Error::new(error.source.kind(), error)
}

/// The mirror of a line `deb [options] URI SUITE COMPONENT..`.
fn of_line(line: &str) -> Option<String> {
    let line = line.split('#').next().unwrap_or_default().trim();
    let rest = line.strip_prefix("deb")?.strip_prefix([' ', '\t'])?.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(options) => options.split_once(']')?.1,
        None => rest,
    };
    let mut words = rest.split_whitespace();
    let (uri, suite) = (words.next()?, words.next()?);
    if suite.ends_with('/') { None } else { mirror(uri) }
}

/// The mirrors of stanzas of fields, one stanza for each group of mirrors.
fn of_stanzas(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let (mut mirrors, mut stanza) = (Vec::new(), Vec::new());
    // An empty line at the end closes the last stanza.
    for line in lines.chain([""]) {
        if line.trim().is_empty() {
            mirrors.extend(of_stanza(&stanza));
            stanza.clear();
        } else {
            stanza.push(line);
        }
    }
    mirrors
}

fn of_stanza(stanza: &[&str]) -> Vec<String> {
    let is_off = field(stanza, "Enabled").first().is_some_and(|word| {
        ["no", "false", "without", "off", "disable", "0"].contains(&&*word.to_lowercase())
    });
    let is_binary = field(stanza, "Types").contains(&"deb");
    let is_flat = field(stanza, "Suites").iter().any(|suite| suite.ends_with('/'));
    if is_off || !is_binary || is_flat {
        return Vec::new();
    }
    field(stanza, "URIs").into_iter().filter_map(mirror).collect()
}

/// The words of a field and its continuation lines; names of fields have no case.
fn field<'a>(stanza: &[&'a str], name: &str) -> Vec<&'a str> {
    let is_it = |line: &&&str| line.split(':').next().is_some_and(|found| found.eq_ignore_ascii_case(name));
    let Some(start) = stanza.iter().position(|line| is_it(&line)) else { return Vec::new() };
    let first = &stanza[start][name.len() + 1..];
    let more = stanza[start + 1..].iter().take_while(|line| line.starts_with([' ', '\t']));
    std::iter::once(first).chain(more.copied()).flat_map(str::split_whitespace).collect()
}

fn mirror(uri: &str) -> Option<String> {
    let is_web = uri.starts_with("http://") || uri.starts_with("https://");
    (is_web && !uri.contains("$(")).then(|| uri.trim_end_matches('/').to_owned())
}

fn once(mirrors: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    mirrors.into_iter().filter(|mirror| seen.insert(mirror.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_entries_give_their_mirror() {
        let table = [
            ("deb http://a.invalid/debian trixie main", Some("http://a.invalid/debian")),
            (
                "deb\t[ arch=amd64 signed-by=/k ] https://a.invalid/debian/ trixie main",
                Some("https://a.invalid/debian"),
            ),
            ("  deb [trusted=yes]http://a.invalid/d trixie main # note", Some("http://a.invalid/d")),
            ("# deb http://a.invalid/debian trixie main", None),
            ("deb-src http://a.invalid/debian trixie main", None),
            ("deb cdrom:[Debian]/ trixie main", None),
            ("deb file:/srv/mirror trixie main", None),
            ("deb mirror+http://a.invalid/list trixie main", None),
            ("deb http://a.invalid/flat ./", None),
            ("deb http://a.invalid/$(ARCH) trixie main", None),
            ("deb [arch=amd64 http://a.invalid/debian trixie main", None),
            ("debian http://a.invalid/debian trixie main", None),
            ("deb http://a.invalid/debian", None),
            ("", None),
        ];
        for (line, wanted) in table {
            assert_eq!(of_line(line).as_deref(), wanted, "{line:?}");
        }
    }

    #[test]
    fn stanzas_give_their_mirrors() {
        let table: [(&str, &[&str]); 8] = [
            (
                "Types: deb\nURIs: http://a.invalid/d/ https://b.invalid\nSuites: x",
                &["http://a.invalid/d", "https://b.invalid"],
            ),
            (
                "types: deb deb-src\nuris:\n http://a.invalid\n# http://no.invalid\n\thttp://b.invalid\nSuites: x",
                &["http://a.invalid", "http://b.invalid"],
            ),
            ("Enabled: no\nTypes: deb\nURIs: http://a.invalid\nSuites: x", &[]),
            ("Enabled: yes\nTypes: deb\nURIs: http://a.invalid\nSuites: x", &["http://a.invalid"]),
            ("Types: deb-src\nURIs: http://a.invalid\nSuites: x", &[]),
            ("Types: deb\nURIs: cdrom: ftp://a.invalid file:/srv\nSuites: x", &[]),
            ("Types: deb\nURIs: http://a.invalid\nSuites: ./", &[]),
            (
                "\n\nTypes: deb\nURIs: http://a.invalid\n \n\nTypes: deb\nURIs: http://b.invalid\n",
                &["http://a.invalid", "http://b.invalid"],
            ),
        ];
        for (text, wanted) in table {
            assert_eq!(of_stanzas(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn files_are_read_in_the_order_of_apt_and_each_mirror_is_named_once() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let parts = dir.path().join("sources.list.d");
        fs::create_dir(&parts).expect("made");
        let write = |path: &Path, text: &str| fs::write(path, text).expect("written");
        write(&parts.join("b.sources"), "Types: deb\nURIs: http://b.invalid http://main.invalid/\n");
        write(&parts.join("a.list"), "deb http://a.invalid x main\n");
        write(&parts.join("c.list.disabled"), "deb http://c.invalid x main\n");
        write(&dir.path().join("sources.list"), "deb http://main.invalid x main\n");
        let wanted = ["http://main.invalid", "http://a.invalid", "http://b.invalid"];
        assert_eq!(apt_mirrors(dir.path()).expect("read"), wanted);
    }

    #[test]
    fn a_machine_without_apt_has_no_mirrors() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        assert_eq!(apt_mirrors(&dir.path().join("none")).expect("read"), Vec::<String>::new());
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(dir.path().join("sources.list")).expect("made");
        let error = apt_mirrors(dir.path()).expect_err("a directory is no list");
        assert!(error.to_string().contains("sources.list"), "{error}");
    }
}
