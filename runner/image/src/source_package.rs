//! Source packages, as a suite's signed index names them.

use eadem_model::{Digest, LockedFile, LockedSource, TreePath};

use crate::{
    ImageError, IndexError, Suite,
    control::{ControlError, Stanza, stanzas},
    release::Release,
};

/// Pins the files of a source package of an image's distribution: by digest, from the index that the suite's
/// release signs.
pub fn find_source(suite: &Suite<'_>, (name, version): (&str, &str)) -> Result<LockedSource, ImageError> {
    let of = &suite.image.debian.suite;
    let (release, indices) = suite.indices(&|release: &Release, component| release.sources(of, component))?;
    let mut versions = Vec::new();
    for stanza in indices.iter().flat_map(|text| stanzas(text)) {
        let stanza = stanza.map_err(IndexError::from)?;
        if stanza.field("Package") != Some(name) {
            continue;
        }
        let found = stanza.need(name, "Version").map_err(IndexError::from)?;
        if found == version {
            return Ok(pinned(name, version, &stanza, &release.stamp).map_err(IndexError::from)?);
        }
        versions.push(found.to_owned());
    }
    let (name, version, suite) = (name.to_owned(), version.to_owned(), of.clone());
    Err(ImageError::NoSource { name, version, suite, versions })
}

fn pinned(
    name: &str,
    version: &str,
    stanza: &Stanza<'_>,
    snapshot: &str,
) -> Result<LockedSource, ControlError> {
    let directory = stanza.need(name, "Directory")?;
    let lines = stanza.need(name, "Checksums-Sha256")?.lines().filter(|line| !line.trim().is_empty());
    let file = |line| file(directory, line).ok_or_else(|| bad(name, line));
    let mut files = lines.map(file).collect::<Result<Vec<_>, _>>()?;
    files.retain(|file| !is_description(file));
    files.sort();
    Ok(LockedSource::Dsc {
        name: name.to_owned(),
        version: version.to_owned(),
        format: stanza.need(name, "Format")?.to_owned(),
        snapshot: snapshot.to_owned(),
        files,
    })
}

/// Reads a line of `SHA256 SIZE NAME`; the path becomes part of an address.
fn file(directory: &str, line: &str) -> Option<LockedFile> {
    let [hex, size, name] = line.split_ascii_whitespace().collect::<Vec<_>>()[..] else { return None };
    let path: TreePath = format!("{directory}/{name}").parse().ok()?;
    (!name.contains('/')).then_some(())?;
    Some(LockedFile { path, sha256: Digest::from_hex(hex).ok()?, size: size.parse().ok()? })
}

/// The package's own description and signatures become no part of a source, and the signed index says the same.
fn is_description(file: &LockedFile) -> bool {
    [".dsc", ".asc"].iter().any(|ending| file.path.as_str().ends_with(ending))
}

fn bad(name: &str, line: &str) -> ControlError {
    ControlError::Value { subject: name.to_owned(), field: "Checksums-Sha256", value: line.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "a28d833e3fd8a713f1e3ffd9625b3d202918e23e2fa9f0544afa2241ffc462e6";

    fn of(text: &str) -> Result<LockedSource, ControlError> {
        pinned("a", "1", &Stanza::parse(text).expect("a stanza"), "20260912T075541Z")
    }

    fn stanza(name: &str) -> String {
        format!(
            "Package: a\nVersion: 1\nFormat: 3.0 (quilt)\nDirectory: pool/a\nChecksums-Sha256:\n {HEX} 7 {name}\n"
        )
    }

    #[test]
    fn a_stanza_of_the_index_gives_places_digests_and_sizes() {
        let text = format!("{} {HEX} 9 a_1.dsc\n", stanza("a_1.tar.xz"));
        let LockedSource::Dsc { format, files, .. } = of(&text).expect("a good stanza") else {
            unreachable!("a source package is pinned as one")
        };
        assert_eq!(format, "3.0 (quilt)");
        let path = "pool/a/a_1.tar.xz".parse().expect("clean");
        assert_eq!(files, [LockedFile { path, sha256: Digest::from_hex(HEX).expect("hex"), size: 7 }]);
    }

    #[test]
    fn files_that_leave_their_directory_and_broken_lines_are_refused() {
        for name in ["../a_1.dsc", "b/a_1.dsc", "/a", "", "a b"] {
            assert!(matches!(of(&stanza(name)), Err(ControlError::Value { .. })), "{name}");
        }
        let short = stanza("a_1.dsc").replace(HEX, "a28d");
        assert!(matches!(of(&short), Err(ControlError::Value { .. })));
    }
}
