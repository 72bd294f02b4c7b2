//! What somebody published: a file, or a list of digests as `sha256sum` writes it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use eadem_flow::Claim;
use eadem_model::Digest;
use eadem_store::Mapped;
use os_display::Quotable;

use crate::{exit::Exit, report::Report, side};

/// Lists are no longer than this; a longer file is one that was published itself.
const LONGEST: u64 = 16 << 20;

/// Reads what a word of the command line names.
pub(crate) fn claims(path: &Path) -> Result<Vec<Claim>, Report> {
    let about = fs::metadata(path).map_err(|error| absent(path, &error))?;
    if !about.is_file() {
        return Err(Report::new(Exit::Usage, format!("{} is no file", path.maybe_quote())).hint(HINT));
    }
    let bytes = side::mapped(path)?;
    match std::str::from_utf8(bytes.as_ref()).ok().filter(|_| about.len() <= LONGEST) {
        Some(text) if is_list(path, text) => list(path, text),
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

/// A list is called one, or begins like one.
fn is_list(path: &Path, text: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let is_called = name.contains("sha256sum") || name.ends_with(".sha256");
    is_called || lines(text).next().is_some_and(|(_, line)| entry(line).is_some())
}

fn list(path: &Path, text: &str) -> Result<Vec<Claim>, Report> {
    let claim = |(n, line)| {
        let (digest, name) = entry(line).ok_or_else(|| malformed(path, n, line))?;
        Ok(Claim { name: name.to_owned(), digest, bytes: beside(path, name, &digest) })
    };
    let claims = lines(text).map(claim).collect::<Result<Vec<_>, Report>>()?;
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

/// Lines that say something, counted from 1.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_end_matches('\r')));
    numbered.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
}

/// `HEX  NAME`, `HEX *NAME`, or `SHA256 (NAME) = HEX`.
fn entry(line: &str) -> Option<(Digest, &str)> {
    let (hex, name) = match line.strip_prefix("SHA256 (") {
        Some(rest) => rest.rsplit_once(") = ").map(|(name, hex)| (hex, name))?,
        None => {
            let (hex, rest) = line.split_once(' ')?;
            (hex, rest.strip_prefix([' ', '*'])?)
        }
    };
    let digest = Digest::from_hex(&hex.to_ascii_lowercase()).ok()?;
    (!name.is_empty()).then_some((digest, name))
}

fn malformed(path: &Path, n: usize, line: &str) -> Report {
    let message = format!("line {n} of {} is no digest and name", path.maybe_quote());
    let shown: String = line.chars().take(80).collect();
    Report::new(Exit::Invalid, message).fact(format!("it says `{shown}`")).hint(HINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn lines_of_several_programs_are_read() {
        let digest = Digest::from_hex(HEX).expect("a digest");
        for line in [
            format!("{HEX}  a b.deb"),
            format!("{HEX} *a b.deb"),
            format!("{}  a b.deb", HEX.to_uppercase()),
            format!("SHA256 (a b.deb) = {HEX}"),
        ] {
            assert_eq!(entry(&line), Some((digest, "a b.deb")), "{line}");
        }
        for line in [HEX.to_owned(), format!("{HEX}  "), format!("{HEX}\ta"), format!("{}  a", &HEX[1..])] {
            assert_eq!(entry(&line), None, "{line}");
        }
    }

    #[test]
    fn a_list_is_known_by_its_name_or_its_first_line() {
        let path = Path::new("SHA256SUMS");
        assert!(is_list(path, "rubbish") && is_list(Path::new("a.sha256"), ""));
        assert!(is_list(Path::new("x"), &format!("# said\n\n{HEX}  a\n")));
        assert!(!is_list(Path::new("x"), "text\n"));
    }

    #[test]
    fn a_malformed_line_is_named() {
        let report = list(Path::new("SHA256SUMS"), &format!("{HEX}  a\nrubbish\n")).expect_err("malformed");
        assert_eq!(report.exit, Exit::Invalid);
        assert!(report.render(false).contains("line 2 of SHA256SUMS"), "{}", report.render(false));
    }
}
