//! Reads the crates that a `Cargo.lock` names.

use std::collections::{BTreeMap, BTreeSet};

use cargo_lock::{Lockfile, Package, SourceId};
use eadem_model::Digest;
use semver::Version;

/// A crate of the public registry, pinned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LockedCrate {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: Version,
    /// The digest of its `.crate` file.
    pub(crate) sha256: Digest,
}

/// Why a `Cargo.lock` cannot be built from.
#[derive(Debug, thiserror::Error)]
pub enum LockfileError {
    /// It is no lock file.
    #[error("{file} cannot be read: {why}")]
    Unreadable {
        /// Which `Cargo.lock`.
        file: String,
        /// What the parser says.
        why: String,
    },
    /// Its format is newer than this program.
    #[error("{file} has format version {version}, and this eadem reads versions 1 to 4")]
    Version {
        /// Which `Cargo.lock`.
        file: String,
        /// The version that it says.
        version: String,
    },
    /// A package comes from a repository.
    #[error(
        "{file}: package `{package}` comes from a git repository, and git dependencies are not supported \
         yet by this eadem"
    )]
    Git {
        /// Which `Cargo.lock`.
        file: String,
        /// The package and its version.
        package: String,
    },
    /// A package comes from another registry than the public one.
    #[error(
        "{file}: package `{package}` comes from the registry {registry}, and other registries than the \
         public one are not supported yet by this eadem"
    )]
    Registry {
        /// Which `Cargo.lock`.
        file: String,
        /// The package and its version.
        package: String,
        /// The registry's address.
        registry: String,
    },
    /// A package of the registry has no checksum.
    #[error("{file}: package `{package}` has no checksum, so its content is not pinned")]
    NoChecksum {
        /// Which `Cargo.lock`.
        file: String,
        /// The package and its version.
        package: String,
    },
    /// A checksum is not 64 hex digits.
    #[error("{file}: `{checksum}` is not a checksum")]
    BadChecksum {
        /// Which `Cargo.lock`.
        file: String,
        /// What stands there.
        checksum: String,
    },
    /// A name that could not be a directory's.
    #[error("{file}: `{package}` is not the name of a crate")]
    BadName {
        /// Which `Cargo.lock`.
        file: String,
        /// What stands there.
        package: String,
    },
    /// The same package stands twice with other content.
    #[error("{file}: package `{package}` stands twice with different checksums")]
    Contradiction {
        /// Which `Cargo.lock`.
        file: String,
        /// The package and its version.
        package: String,
    },
}

impl LockfileError {
    /// What to do about it, if anything can be done.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Git { .. } => Some("depend on a published version of the package"),
            Self::NoChecksum { .. } => Some("run `cargo update --workspace` with a current cargo"),
            Self::Unreadable { .. } | Self::BadChecksum { .. } | Self::Contradiction { .. } => {
                Some("run `cargo generate-lockfile`")
            }
            _ => None,
        }
    }
}

/// The highest format version that is known.
const NEWEST: i64 = 4;

/// Reads the registry's crates from a `Cargo.lock`, in order of name and version.
///
/// `file` is what messages call it. Members of the workspace and path dependencies are left out:
/// they come with the source itself.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<LockedCrate>, LockfileError> {
    let lockfile = read(file, text)?;
    let mut crates = Vec::new();
    for package in &lockfile.packages {
        crates.extend(locked_crate(file, package)?);
    }
    crates.sort();
    crates.dedup();
    refuse_contradictions(file, &crates)?;
    Ok(crates)
}

/// The packages that a `Cargo.lock` names, and what each depends on, all as `NAME VERSION`.
///
/// # Errors
/// Of those of [`parse`], the ones of a file that cannot be read at all.
pub(crate) fn edges(file: &str, text: &str) -> Result<BTreeMap<String, BTreeSet<String>>, LockfileError> {
    let lockfile = read(file, text)?;
    let needs = |package: &Package| {
        package.dependencies.iter().map(|need| format!("{} {}", need.name, need.version)).collect()
    };
    Ok(lockfile.packages.iter().map(|one| (format!("{} {}", one.name, one.version), needs(one))).collect())
}

/// Reads a file that the library can be given.
fn read(file: &str, text: &str) -> Result<Lockfile, LockfileError> {
    let unreadable = |why: &dyn ToString| LockfileError::Unreadable {
        file: file.to_owned(),
        why: plain(&why.to_string()),
    };
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| unreadable(&error.message()))?;
    check_version(file, &table)?;
    check_checksums(file, &table)?;
    text.parse().map_err(|error: cargo_lock::Error| unreadable(&error))
}

/// The parser's words without the prefixes that it repeats.
fn plain(why: &str) -> String {
    why.trim().trim_start_matches("parse error: ").to_owned()
}

fn check_version(file: &str, table: &toml::Table) -> Result<(), LockfileError> {
    match table.get("version") {
        None => Ok(()),
        Some(toml::Value::Integer(1..=NEWEST)) => Ok(()),
        Some(other) => Err(LockfileError::Version { file: file.to_owned(), version: other.to_string() }),
    }
}

/// Looks at every checksum first: the library that reads lock files panics on some that are not ASCII.
fn check_checksums(file: &str, table: &toml::Table) -> Result<(), LockfileError> {
    let packages = table.get("package").and_then(toml::Value::as_array).into_iter().flatten();
    let modern = packages.filter_map(|package| package.get("checksum"));
    let metadata = table.get("metadata").and_then(toml::Value::as_table).into_iter().flatten();
    let old = metadata.filter(|(key, _)| key.starts_with("checksum ")).map(|(_, value)| value);
    for checksum in modern.chain(old).filter_map(toml::Value::as_str) {
        // Format 1 wrote `<none>` where there was none.
        if checksum != "<none>" && Digest::from_hex(checksum).is_err() {
            return Err(LockfileError::BadChecksum { file: file.to_owned(), checksum: checksum.to_owned() });
        }
    }
    Ok(())
}

/// The package if it is the registry's, or nothing if it comes with the source.
fn locked_crate(file: &str, package: &Package) -> Result<Option<LockedCrate>, LockfileError> {
    let Some(origin) = &package.source else { return Ok(None) };
    if origin.is_path() || package.replace.is_some() {
        return Ok(None);
    }
    let title = format!("{} {}", package.name, package.version);
    check_origin(file, &title, origin)?;
    check_name(file, package.name.as_str())?;
    let checksum = package.checksum.as_ref().and_then(cargo_lock::Checksum::as_sha256);
    let Some(bytes) = checksum else {
        return Err(LockfileError::NoChecksum { file: file.to_owned(), package: title });
    };
    Ok(Some(LockedCrate {
        name: package.name.to_string(),
        version: package.version.clone(),
        sha256: Digest::from_bytes(bytes),
    }))
}

fn check_origin(file: &str, package: &str, origin: &SourceId) -> Result<(), LockfileError> {
    let (file, package) = (file.to_owned(), package.to_owned());
    if origin.is_git() {
        return Err(LockfileError::Git { file, package });
    }
    if !origin.is_default_registry() {
        return Err(LockfileError::Registry { file, package, registry: origin.url().to_string() });
    }
    Ok(())
}

fn check_name(file: &str, name: &str) -> Result<(), LockfileError> {
    if is_name(name) {
        return Ok(());
    }
    Err(LockfileError::BadName { file: file.to_owned(), package: name.to_owned() })
}

/// Whether a crate may have this name; it becomes a directory of the vendored tree and part of addresses.
pub(crate) fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !name.is_empty() && name.len() <= 64 && name.bytes().all(plain)
}

fn refuse_contradictions(file: &str, crates: &[LockedCrate]) -> Result<(), LockfileError> {
    for pair in crates.windows(2) {
        if (&pair[0].name, &pair[0].version) == (&pair[1].name, &pair[1].version) {
            let package = format!("{} {}", pair[0].name, pair[0].version);
            return Err(LockfileError::Contradiction { file: file.to_owned(), package });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// A lock file with the program itself and one dependency.
    fn lockfile(version: &str, origin: &str, checksum: &str) -> String {
        format!(
            "{version}\n[[package]]\nname = \"own\"\nversion = \"1.0.0\"\ndependencies = [\"dep\"]\n\n\
             [[package]]\nname = \"dep\"\nversion = \"2.0.0+meta\"\nsource = \"{origin}\"\n{checksum}\n"
        )
    }

    fn registry() -> String {
        SourceId::default().to_string()
    }

    fn checksum() -> String {
        format!("checksum = \"{SUM}\"")
    }

    fn refusal(text: &str) -> String {
        parse("Cargo.lock", text).expect_err("the lock file is bad").to_string()
    }

    #[test]
    fn edges_lead_from_each_package_to_what_it_depends_on() {
        let edges = edges("Cargo.lock", &lockfile("version = 4", &registry(), &checksum())).expect("is read");
        let needs = |name: &str| edges[name].iter().cloned().collect::<Vec<_>>();
        assert_eq!(edges.keys().collect::<Vec<_>>(), ["dep 2.0.0+meta", "own 1.0.0"]);
        assert_eq!(
            (needs("own 1.0.0"), needs("dep 2.0.0+meta")),
            (vec!["dep 2.0.0+meta".to_owned()], vec![])
        );
    }

    #[test]
    fn every_format_gives_the_crates_of_the_registry() {
        let (registry, sum) = (registry(), checksum());
        let metadata = format!("[metadata]\n\"checksum dep 2.0.0+meta ({registry})\" = \"{SUM}\"\n");
        let old = format!("{}{metadata}", lockfile("", &registry, ""));
        let dependency = old.replace("[\"dep\"]", &format!("[\"dep 2.0.0+meta ({registry})\"]"));
        let texts = [
            dependency,
            lockfile("", &registry, &sum),
            lockfile("version = 3", &registry, &sum),
            lockfile("version = 4", &registry, &sum),
        ];
        for text in texts {
            let crates = parse("Cargo.lock", &text).expect("a good lock file");
            assert_eq!(crates.len(), 1, "{text}");
            assert_eq!(
                (crates[0].name.as_str(), crates[0].version.to_string()),
                ("dep", "2.0.0+meta".into())
            );
            assert_eq!(crates[0].sha256.hex(), SUM);
        }
    }

    #[test]
    fn packages_from_elsewhere_are_refused_by_name() {
        let git = lockfile("version = 4", "git+https://example.invalid/dep?rev=1#0123456789", "");
        assert_eq!(
            refusal(&git),
            "Cargo.lock: package `dep 2.0.0+meta` comes from a git repository, and git dependencies are not \
             supported yet by this eadem"
        );
        let other = lockfile("version = 4", "registry+https://example.invalid/index", &checksum());
        assert_eq!(
            refusal(&other),
            "Cargo.lock: package `dep 2.0.0+meta` comes from the registry https://example.invalid/index, and \
             other registries than the public one are not supported yet by this eadem"
        );
    }

    #[test]
    fn missing_and_odd_checksums_are_refused() {
        assert_eq!(
            refusal(&lockfile("version = 4", &registry(), "")),
            "Cargo.lock: package `dep 2.0.0+meta` has no checksum, so its content is not pinned"
        );
        for sum in ["00", &"é".repeat(32), &SUM.to_uppercase()] {
            let text = lockfile("version = 4", &registry(), &format!("checksum = \"{sum}\""));
            assert_eq!(refusal(&text), format!("Cargo.lock: `{sum}` is not a checksum"));
        }
    }

    #[test]
    fn unknown_versions_are_refused() {
        for version in ["5", "0", "\"4\""] {
            let text = lockfile(&format!("version = {version}"), &registry(), &checksum());
            assert_eq!(
                refusal(&text),
                format!("Cargo.lock has format version {version}, and this eadem reads versions 1 to 4")
            );
        }
    }

    #[test]
    fn names_that_are_paths_are_refused() {
        let good = lockfile("version = 4", &registry(), &checksum());
        let text = good.replace("\"dep\"", "\"../dep\"");
        assert_eq!(refusal(&text), "Cargo.lock: `../dep` is not the name of a crate");
    }

    #[test]
    fn a_package_with_two_checksums_is_refused() {
        let text = lockfile("version = 4", &registry(), &checksum());
        let other = SUM.replace('e', "f");
        let twice = format!(
            "{text}\n[[package]]\nname = \"dep\"\nversion = \"2.0.0+meta\"\nsource = \"{}\"\nchecksum = \"{other}\"\n",
            registry()
        );
        assert_eq!(
            refusal(&twice),
            "Cargo.lock: package `dep 2.0.0+meta` stands twice with different checksums"
        );
    }

    #[test]
    fn text_that_is_no_lock_file_is_refused() {
        assert!(matches!(parse("Cargo.lock", "["), Err(LockfileError::Unreadable { .. })));
        assert!(matches!(parse("Cargo.lock", "package = 3"), Err(LockfileError::Unreadable { .. })));
        assert_eq!(parse("Cargo.lock", "version = 4").expect("an empty lock file"), []);
    }
}
