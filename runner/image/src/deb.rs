//! One package file: what it says about itself, and what it brings.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, Read},
};

use eadem_model::{LockedPackage, TreePath};
use eadem_store::{Content, Spool};

use crate::{
    ar::{ArError, Member, Members},
    archive::{self, ArchiveError, Entries, EntryFault, LIMITS},
    control::{ControlError, Stanza},
    decode::decode,
};

/// A package, unpacked: contents of its files lie in a spool.
#[derive(Debug)]
pub(crate) struct Deb {
    /// Its control stanza, as text.
    pub(crate) control: String,
    /// Its maintainer scripts and lists, by name.
    pub(crate) members: BTreeMap<String, Vec<u8>>,
    /// What it brings.
    pub(crate) entries: Entries,
}

/// Why a package file is refused; all of it is a matter of integrity except [`DebError::Io`].
#[derive(Debug, thiserror::Error)]
pub enum DebError {
    /// It is no package file.
    #[error("package `{package}` is no package file: {why}")]
    Form {
        /// The package.
        package: String,
        /// What is wrong with it.
        why: String,
    },
    /// An entry is not what it may be.
    #[error("package `{package}` has the entry `{entry}`, which {why}")]
    Entry {
        /// The package.
        package: String,
        /// The entry.
        entry: String,
        /// What is wrong with it.
        why: EntryFault,
    },
    /// Its control file cannot be read.
    #[error("package `{package}` has a broken control file")]
    Control {
        /// The package.
        package: String,
        /// Why.
        source: ControlError,
    },
    /// It is another package than the lock says.
    #[error("package `{package}` says that it is `{found}`")]
    Identity {
        /// The package, as the lock has it.
        package: String,
        /// What it says.
        found: String,
    },
    /// Reading it, or keeping its contents, failed.
    #[error("package `{package}` cannot be unpacked")]
    Io {
        /// The package.
        package: String,
        /// Why.
        source: io::Error,
    },
}

impl DebError {
    /// Whether the package file is at fault, and not the machine.
    pub fn is_integrity(&self) -> bool {
        // Broken streams are I/O errors of these kinds; a full disk is not.
        let broken = [
            io::ErrorKind::InvalidData,
            io::ErrorKind::InvalidInput,
            io::ErrorKind::UnexpectedEof,
            io::ErrorKind::Other,
        ];
        match self {
            Self::Io { source, .. } => {
                broken.contains(&source.kind()) || source.kind() == io::ErrorKind::Unsupported
            }
            _ => true,
        }
    }
}

/// A control archive is small; so many bytes are far beyond any.
const CONTROL_LIMIT: u64 = 64 << 20;

/// So many bytes may come out of any data archive, however small it is.
const DATA_LIMIT: u64 = if cfg!(test) { 1 << 20 } else { 256 << 20 };

/// What a data archive of some length may unpack to: dense text shrinks forty times, bombs more.
fn data_limit(size: u64) -> u64 {
    DATA_LIMIT.saturating_add(size.saturating_mul(100))
}

impl Deb {
    /// Unpacks the package file that `package` pins; its bytes were verified when they came.
    pub(crate) fn read(package: &LockedPackage, file: File, spool: &Spool) -> Result<Self, DebError> {
        let size = file.metadata().map_err(|source| DebError::Io { package: title(package), source })?.len();
        let deb = read(BufReader::with_capacity(256 << 10, file), size, spool);
        let deb = deb.map_err(|fault| fault.of(title(package)))?;
        deb.check_identity(package)?;
        Ok(deb)
    }

    fn check_identity(&self, package: &LockedPackage) -> Result<(), DebError> {
        let broken = |source| DebError::Control { package: title(package), source };
        let control = Stanza::parse(&self.control).map_err(broken)?;
        let field = |name| control.need("the package", name).map_err(broken);
        let found = [field("Package")?, field("Version")?, field("Architecture")?];
        if found == [&package.name[..], &package.version, &package.architecture] {
            return Ok(());
        }
        Err(DebError::Identity { package: title(package), found: found.join(" ") })
    }

    /// A maintainer script or list, if it is there and is text.
    pub(crate) fn member(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.members.get(name)?).ok()
    }
}

/// What messages call a package.
pub(crate) fn title(package: &LockedPackage) -> String {
    format!("{} {}", package.name, package.version)
}

/// A fault that does not know its package yet.
enum Fault {
    Form(String),
    Archive(ArchiveError),
    Io(io::Error),
}

impl Fault {
    fn of(self, package: String) -> DebError {
        match self {
            Self::Form(why) => DebError::Form { package, why },
            Self::Archive(ArchiveError::Entry { entry, why }) => DebError::Entry { package, entry, why },
            Self::Archive(ArchiveError::Io(source)) | Self::Io(source) => DebError::Io { package, source },
            Self::Archive(error) => DebError::Form { package, why: format!("it {error}") },
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ArchiveError> for Fault {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(error)
    }
}

impl From<ArError> for Fault {
    fn from(error: ArError) -> Self {
        match error {
            ArError::Io(error) => Self::Io(error),
            other => Self::Form(other.to_string()),
        }
    }
}

fn read(reader: impl BufRead, size: u64, spool: &Spool) -> Result<Deb, Fault> {
    let mut members = Members::open(reader, size)?;
    let version = expect_member(&mut members, "debian-binary")?;
    members.content(&version, |content| check_format(content))?;
    let control = expect_member(&mut members, "control.tar")?;
    let control = members.content(&control, |content| read_control(&control.name, content))?;
    let data = expect_member(&mut members, "data.tar")?;
    let entries = members.content(&data, |content| read_data(&data, content, spool))?;
    if members.next_member()?.is_some() {
        return Err(Fault::Form("it goes on after its data".to_owned()));
    }
    let (control, members) = control;
    Ok(Deb { control, members, entries })
}

/// The next member, which must be called `name` or `name.…`; members with `_` are other tools' notes.
fn expect_member<R: Read>(members: &mut Members<R>, name: &str) -> Result<Member, Fault> {
    loop {
        let missing = || Fault::Form(format!("it has no member `{name}` where it must be"));
        let member = members.next_member()?.ok_or_else(missing)?;
        if member.name.starts_with('_') {
            members.content(&member, |_| Ok::<_, Fault>(()))?;
        } else if member.name == name
            || member.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
        {
            return Ok(member);
        } else {
            return Err(missing());
        }
    }
}

fn check_format(content: &mut dyn Read) -> Result<(), Fault> {
    let mut version = Vec::new();
    content.take(16).read_to_end(&mut version)?;
    if version.starts_with(b"2.") { Ok(()) } else { Err(Fault::Form("its format is not 2.x".to_owned())) }
}

/// The control file, and the other members of the control archive.
fn read_control(name: &str, content: impl BufRead) -> Result<(String, BTreeMap<String, Vec<u8>>), Fault> {
    let mut tar = decode(name, content, CONTROL_LIMIT)?;
    let mut members = BTreeMap::new();
    archive::read(&mut tar, LIMITS, |path, content, size| {
        let mut bytes = Vec::new();
        content.take(size).read_to_end(&mut bytes)?;
        members.insert(path.to_string(), bytes);
        Ok(Content::Bytes(Vec::new()))
    })?;
    let control =
        members.remove("control").ok_or_else(|| Fault::Form("it has no control file".to_owned()))?;
    let control =
        String::from_utf8(control).map_err(|_| Fault::Form("its control file is no text".to_owned()))?;
    Ok((control, members))
}

fn read_data(member: &Member, content: impl BufRead, spool: &Spool) -> Result<Entries, Fault> {
    let mut tar = decode(&member.name, content, data_limit(member.size))?;
    let keep = |_: &TreePath, content: &mut dyn Read, size| Ok(spool.keep(content, size)?);
    Ok(archive::read(&mut tar, LIMITS, keep)?)
}

#[cfg(test)]
mod tests {
    use std::{error::Error, io::Write};

    use tar::EntryType;

    use super::*;
    use crate::fixture::{Item, World, ar, deb, dir, file, hardlink, item, package, symlink, tar, xz};

    fn read_bytes(bytes: &[u8]) -> Result<Deb, DebError> {
        let world = World::new(Vec::new());
        let spool = Spool::new(&world.store).expect("a spool");
        let mut from = world.store.scratch_file().expect("a file");
        from.write_all(bytes).expect("written");
        io::Seek::rewind(&mut from).expect("a file");
        Deb::read(&package("a", bytes), from, &spool)
    }

    fn fault(bytes: &[u8]) -> String {
        let error = read_bytes(bytes).expect_err("it is hostile");
        assert!(error.is_integrity(), "{error}");
        error.source().map_or(error.to_string(), |cause| format!("{error}: {cause}"))
    }

    #[test]
    fn a_package_is_read_with_its_scripts_and_entries() {
        let data = [
            dir("./"),
            dir("./usr/"),
            dir("./usr/bin/"),
            dir("./bin/"),
            file("./usr/bin/a", "A"),
            hardlink("./usr/bin/b", "./usr/bin/a"),
            symlink("./bin", "usr/bin"),
            file("./lib/x", "X"),
        ];
        let control = tar(&[
            file("./control", "Package: a\nVersion: 1\nArchitecture: amd64\n"),
            file("./postinst", "#!/bin/sh\n"),
        ]);
        let zst = zstd::encode_all(&tar(&data)[..], 1).expect("memory");
        let bytes = ar(&[
            ("debian-binary", b"2.0\n"),
            ("_note", b"odd"),
            ("control.tar.xz", &xz(&control)),
            ("data.tar.zst", &zst),
        ]);
        let deb = read_bytes(&bytes).expect("a package");
        assert_eq!(deb.member("postinst"), Some("#!/bin/sh\n"));
        let paths: Vec<&str> = deb.entries.keys().map(TreePath::as_str).collect();
        assert_eq!(paths, ["bin", "usr", "usr/bin", "usr/bin/a", "usr/bin/b", "usr/lib/x"]);
    }

    #[test]
    fn hostile_entries_are_refused_by_name() {
        let long =
            Item { content: vec![b'x'; 5000], ..item("././@LongLink", EntryType::GNULongName, "", "") };
        for (data, expected) in [
            (
                vec![file("./../x", "")],
                "has the entry `./../x`, which has a bad name: `../x` has the part `..`, which is not allowed",
            ),
            (
                vec![file("/etc/x", "")],
                "has the entry `/etc/x`, which has a bad name: `/etc/x` must be relative",
            ),
            (
                vec![symlink("./d", "/etc"), file("./d/x", "")],
                "has the entry `d/x`, which lies below `d`, which is no directory",
            ),
            (
                vec![file("./d/x", ""), symlink("./d", "/etc")],
                "has the entry `d/x`, which lies below `d`, which is no directory",
            ),
            (
                vec![hardlink("./x", "../../etc/passwd")],
                "has the entry `./x`, which has a bad name: `../../etc/passwd` has the part `..`, which is not allowed",
            ),
            (
                vec![hardlink("./x", "./y")],
                "has the entry `./x`, which is a hard link to `./y`, which is no file before it",
            ),
            (
                vec![symlink("./y", "/etc/passwd"), hardlink("./x", "./y")],
                "has the entry `./x`, which is a hard link to `./y`, which is no file before it",
            ),
            (
                vec![item("./null", EntryType::Char, "", "")],
                "has the entry `./null`, which is of the kind '3', which has no place in an image",
            ),
            (
                vec![item("./pipe", EntryType::Fifo, "", "")],
                "has the entry `./pipe`, which is of the kind '6', which has no place in an image",
            ),
            (
                vec![item("./p", EntryType::XHeader, "", "")],
                "has the entry `./p`, which is of the kind 'x', which has no place in an image",
            ),
            (vec![file("./x", ""), file("./x", "")], "has the entry `./x`, which stands twice"),
            (vec![dir("./x"), file("./x", "")], "has the entry `./x`, which stands twice"),
            (
                vec![file("./usr/.wh.bin", "")],
                "has the entry `./usr/.wh.bin`, which would remove a file of another layer",
            ),
            (
                vec![item("./l", EntryType::Symlink, "", "")],
                "has the entry `./l`, which has the target of no sane file",
            ),
            (
                vec![Item { name: b"./\xff".to_vec(), ..file("", "") }],
                "has the entry `./\u{fffd}`, which has a name that is not UTF-8",
            ),
        ] {
            assert_eq!(fault(&deb("a", "", &[], &data)), format!("package `a 1` {expected}"));
        }
        let found = fault(&deb("a", "", &[], &[long, file("./x", "")]));
        assert!(found.ends_with("which has a name longer than 4096 bytes"), "{found}");
    }

    #[test]
    fn a_broken_tar_header_is_refused() {
        let mut data = tar(&[file("./x", "X")]);
        data[0] ^= 1;
        let bytes = ar(&[
            ("debian-binary", b"2.0\n"),
            ("control.tar", &tar(&[file("control", "Package: a\n")])),
            ("data.tar", &data),
        ]);
        assert_eq!(fault(&bytes), "package `a 1` cannot be unpacked: archive header checksum mismatch");
    }

    #[test]
    fn a_bomb_is_refused() {
        let zeros = Item { content: vec![0; 2 << 20], ..file("./zeros", "") };
        let control = xz(&tar(&[file("./control", "Package: a\n")]));
        let found = fault(&ar(&[
            ("debian-binary", b"2.0\n"),
            ("control.tar.xz", &control),
            ("data.tar.xz", &xz(&tar(&[zeros]))),
        ]));
        assert!(found.starts_with("package `a 1` cannot be unpacked: it unpacks to more than 1"), "{found}");
    }

    #[test]
    fn a_broken_outer_archive_is_refused() {
        let good = deb("a", "", &[], &[file("./x", "X")]);
        let control = xz(&tar(&[file("./control", "Package: a\n")]));
        let mut overflow = good.clone();
        overflow[8 + 48..8 + 58].copy_from_slice(b"9999999999");
        let mut header = good.clone();
        header[8 + 58] = b'x';
        for (bytes, expected) in [
            (b"nothing".to_vec(), "it does not begin as an archive"),
            (overflow, "its member `debian-binary` is longer than the file"),
            (header, "the header of its member 1 is broken"),
            (good[..good.len() - 8].to_vec(), "its member `data.tar` is longer than the file"),
            (ar(&[("debian-binary", b"3.0\n"), ("control.tar", b"")]), "its format is not 2.x"),
            (
                ar(&[("debian-binary", b"2.0\n"), ("data.tar", b"")]),
                "it has no member `control.tar` where it must be",
            ),
            (
                ar(&[("debian-binary", b"2.0\n"), ("control.tar.xz", &control)]),
                "it has no member `data.tar` where it must be",
            ),
            ([good.clone(), ar(&[("data.tar", b"")])[8..].to_vec()].concat(), "it goes on after its data"),
        ] {
            assert_eq!(fault(&bytes), format!("package `a 1` is no package file: {expected}"));
        }
    }

    #[test]
    fn a_package_that_is_another_is_refused() {
        assert_eq!(fault(&deb("b", "", &[], &[])), "package `a 1` says that it is `b 1 amd64`");
    }
}
