//! What somebody published: a file, or a list of digests as `sha256sum` writes it.

mod list;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use eadem_flow::Claim;
use eadem_model::Digest;
use eadem_store::Mapped;
use os_display::Quotable;

use crate::{console::Console, exit::Exit, report::Report, side};
use list::{Entry, Fault};

/// Lists are no longer than this; a longer file is one that was published itself.
const LONGEST: u64 = 16 << 20;

/// How a text in UTF-16 begins, which some systems write a list in.
const UTF_16: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];
/// What lists are called at the end, behind the name of the one file that they may be of.
const ENDINGS: [&str; 3] = [".sha256", ".sha256sum", ".sha256.txt"];

/// Reads what a word of the command line names.
pub(crate) fn claims(console: &Console, path: &Path) -> Result<Vec<Claim>, Report> {
    let about = fs::metadata(path).map_err(|error| absent(path, &error))?;
    if !about.is_file() {
        return Err(Report::new(Exit::Usage, format!("{} is no file", path.maybe_quote())).hint(HINT));
    }
    let bytes = side::mapped(path)?;
    if is_called_list(path) && UTF_16.iter().any(|mark| bytes.as_ref().starts_with(mark)) {
        let message = format!("{} is written in UTF-16", path.maybe_quote());
        return Err(Report::new(Exit::Invalid, message).hint("write it in UTF-8"));
    }
    let text = std::str::from_utf8(bytes.as_ref()).ok().filter(|_| about.len() <= LONGEST);
    match text.map(|text| text.strip_prefix('\u{feff}').unwrap_or(text)) {
        Some(text) if is_called_list(path) || list::begins_like_one(text) => of_list(console, path, text),
        _ => Ok(vec![whole(path, bytes)]),
    }
}

const HINT: &str = "name a published file, or a list of digests as `sha256sum` writes it";

fn absent(path: &Path, error: &std::io::Error) -> Report {
    Report::new(Exit::Usage, format!("cannot read {}: {error}", path.maybe_quote())).hint(HINT)
}

fn whole(path: &Path, bytes: Mapped) -> Claim {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Claim { name, digest: Digest::of(bytes.as_ref()), bytes: Some(bytes) }
}

fn is_called_list(path: &Path) -> bool {
    let name = file_name(path).to_ascii_lowercase();
    name.contains("sha256sum") || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn of_list(console: &Console, path: &Path, text: &str) -> Result<Vec<Claim>, Report> {
    let list = list::read(text).map_err(|fault| malformed(path, &fault))?;
    if list.is_signed {
        console.warn(&format!(
            "{} is signed; nobody has looked whether its signature is true",
            path.maybe_quote()
        ));
    }
    claimed(path, list.entries)
}

fn claimed(path: &Path, entries: Vec<Entry>) -> Result<Vec<Claim>, Report> {
    let n_entries = entries.len();
    let claim = |Entry { digest, name }: Entry| {
        let name =
            name.or_else(|| own_name(path).filter(|_| n_entries == 1)).ok_or_else(|| nameless(path))?;
        Ok(Claim { bytes: beside(path, &name, &digest), name, digest })
    };
    let claims = entries.into_iter().map(claim).collect::<Result<Vec<_>, Report>>()?;
    if let Some(name) = contradicted(&claims) {
        let message = format!("{} names `{name}` twice, with different digests", path.maybe_quote());
        return Err(Report::new(Exit::Invalid, message));
    }
    if claims.is_empty() {
        let message = format!("{} lists no digest", path.maybe_quote());
        return Err(Report::new(Exit::Invalid, message).hint(HINT));
    }
    Ok(claims)
}

/// The name of the file that a list of one digest without a name is of: its own without the ending.
fn own_name(path: &Path) -> Option<String> {
    let name = file_name(path);
    let stem = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending))?;
    (!stem.is_empty()).then(|| stem.to_owned())
}

fn nameless(path: &Path) -> Report {
    let message = format!("{} holds a digest without the name of its file", path.maybe_quote());
    Report::new(Exit::Invalid, message)
        .hint("write `DIGEST  NAME`, or call the list NAME.sha256 if it holds one digest")
}

/// A name with two digests.
fn contradicted(claims: &[Claim]) -> Option<&str> {
    let mut digests = BTreeMap::new();
    let mut names = claims.iter().map(|claim| (claim.name.as_str(), claim.digest));
    names.find(|(name, digest)| *digests.entry(*name).or_insert(*digest) != *digest).map(|(name, _)| name)
}

/// The file that a list names, if it lies beside the list and is what the list says.
fn beside(list: &Path, name: &str, digest: &Digest) -> Option<Mapped> {
    let path: PathBuf = list.parent()?.join(name);
    let bytes =
        fs::metadata(&path).ok().filter(fs::Metadata::is_file).and_then(|_| side::mapped(&path).ok())?;
    (Digest::of(bytes.as_ref()) == *digest).then_some(bytes)
}

fn malformed(path: &Path, fault: &Fault) -> Report {
    let message = format!("line {} of {} cannot be read: {}", fault.line, path.maybe_quote(), fault.why);
    let shown: String = fault.said.chars().take(80).collect();
    Report::new(Exit::Invalid, message).fact(format!("it says `{shown}`")).hint(HINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn told(path: &str, text: &str) -> Result<Vec<String>, String> {
        let list = list::read(text).map_err(|fault| malformed(Path::new(path), &fault));
        let claims = list.and_then(|list| claimed(Path::new(path), list.entries));
        claims.map(|claims| claims.into_iter().map(|claim| claim.name).collect()).map_err(|report| {
            assert_eq!(report.exit, Exit::Invalid);
            report.render(false)
        })
    }

    #[test]
    fn a_list_is_known_by_its_name() {
        for name in ["SHA256SUMS", "a.sha256", "a.tar.gz.sha256sum", "a.SHA256.txt"] {
            assert!(is_called_list(Path::new(name)), "{name}");
        }
        assert!(!is_called_list(Path::new("a.txt")));
    }

    #[test]
    fn a_digest_alone_is_of_the_file_that_the_list_is_called_after() {
        assert_eq!(told("dist/a.deb.sha256", HEX), Ok(vec!["a.deb".to_owned()]));
        for (path, text) in [
            ("SHA256SUMS", HEX.to_owned()),
            (".sha256", HEX.to_owned()),
            ("a.sha256", format!("{HEX}\n{HEX}")),
        ] {
            let said = told(path, &text).expect_err("it is nobody's");
            assert!(said.contains("without the name of its file") && said.contains("NAME.sha256"), "{said}");
        }
    }

    #[test]
    fn a_malformed_line_is_named() {
        let said = told("SHA256SUMS", &format!("{HEX}  a\nrubbish\n")).expect_err("malformed");
        assert!(said.contains("line 2 of SHA256SUMS") && said.contains("`rubbish`"), "{said}");
    }
}
