//! Takes outputs out of a dead room.
//!
//! What lies there was made by strangers. No link is followed, no name is trusted, nothing but files,
//! directories and links is opened, and nothing is handed over before everything was looked at.

use std::{
    ffi::CStr,
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::PathBuf,
};

use eadem_model::{Ending, Limit, OutputSink, TreePath};
use rustix::{
    fs::{Dir, FileType, Mode, OFlags, ResolveFlags, Stat, chmod, fstat, open, openat2, readlinkat},
    io::Errno,
};

/// Directories within each other; deeper ones have no path that the host could use.
const DEEPEST: usize = 128;

/// An output and where the host finds it.
pub(crate) struct Wanted {
    /// Its place in the tree.
    pub(crate) path: TreePath,
    /// The scratch directory on the host.
    pub(crate) scratch: PathBuf,
    /// The way from there; may be empty.
    pub(crate) way: String,
}

/// One thing to hand over.
struct Found {
    path: TreePath,
    place: Place,
    kind: Kind,
}

/// A scratch directory, by its number among the wanted, and the way from there.
struct Place {
    scratch: usize,
    way: String,
}

enum Kind {
    Directory,
    File { executable: bool },
    Link { target: String },
}

/// Why a survey ended early.
enum Halt {
    /// It is the build's doing.
    Ending(Ending),
    /// It cannot be read or named.
    Error(io::Error),
}

impl From<Errno> for Halt {
    fn from(error: Errno) -> Self {
        Self::Error(error.into())
    }
}

/// Hands all wanted outputs over, at most `limit` bytes of them.
pub(crate) fn take(wanted: &[Wanted], limit: u64, sink: &mut dyn OutputSink) -> io::Result<Ending> {
    let mut survey = Survey { found: Vec::new(), left: limit, limit };
    for (scratch, output) in wanted.iter().enumerate() {
        match survey.output(scratch, output) {
            Ok(()) => {}
            Err(Halt::Ending(ending)) => return Ok(ending),
            Err(Halt::Error(error)) => return Err(error),
        }
    }
    survey.found.sort_by(|left, right| left.path.cmp(&right.path));
    survey.found.iter().try_for_each(|found| hand_over(wanted, found, sink))?;
    Ok(Ending::Success)
}

fn hand_over(wanted: &[Wanted], found: &Found, sink: &mut dyn OutputSink) -> io::Result<()> {
    match &found.kind {
        Kind::Directory => sink.directory(&found.path),
        Kind::Link { target } => sink.symlink(&found.path, target),
        Kind::File { executable } => {
            let scratch = open_scratch(&wanted[found.place.scratch])?;
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = openat2(scratch, &found.place.way, flags, Mode::empty(), inside())?;
            sink.file(&found.path, *executable, &mut File::from(file))
        }
    }
}

fn open_scratch(output: &Wanted) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(open(&output.scratch, flags, Mode::empty())?)
}

fn inside() -> ResolveFlags {
    ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV
}

struct Survey {
    found: Vec<Found>,
    left: u64,
    limit: u64,
}

impl Survey {
    fn output(&mut self, scratch: usize, output: &Wanted) -> Result<(), Halt> {
        let mut at = open_scratch(output).map_err(Halt::Error)?;
        let missing = || Halt::Ending(Ending::MissingOutput(output.path.clone()));
        for name in output.way.split('/').filter(|name| !name.is_empty()) {
            // A link on the way leads who knows where, so there is no output behind it.
            at = step(&at, name).map_err(|error| if is_absence(error) { missing() } else { error.into() })?;
        }
        let place = Place { scratch, way: output.way.clone() };
        self.look(at.as_fd(), output.path.clone(), place, 0)
    }

    /// Notes what `at` is and, if it is a directory, all that is in it.
    fn look(&mut self, at: BorrowedFd<'_>, path: TreePath, place: Place, depth: usize) -> Result<(), Halt> {
        let stat = fstat(at)?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Kind::Directory,
            FileType::RegularFile => self.file(at, &stat)?,
            FileType::Symlink => Kind::Link { target: text(&readlinkat(at, c"", Vec::new())?, &path)? },
            _ => return Err(Halt::Ending(Ending::MissingOutput(path))),
        };
        if let Kind::Directory = kind {
            self.entries(at, &stat, &path, &place, depth)?;
        }
        self.found.push(Found { path, place, kind });
        Ok(())
    }

    fn file(&mut self, at: BorrowedFd<'_>, stat: &Stat) -> Result<Kind, Halt> {
        let size = stat.st_size.cast_unsigned();
        self.left =
            self.left.checked_sub(size).ok_or(Halt::Ending(Ending::Exceeded(Limit::Output, self.limit)))?;
        allow(at, stat, 0o400)?;
        Ok(Kind::File { executable: stat.st_mode & 0o100 != 0 })
    }

    fn entries(
        &mut self,
        at: BorrowedFd<'_>,
        stat: &Stat,
        path: &TreePath,
        place: &Place,
        depth: usize,
    ) -> Result<(), Halt> {
        if depth == DEEPEST {
            return Err(unusable(format!("output `{path}` is more than {DEEPEST} directories deep")));
        }
        allow(at, stat, 0o500)?;
        let dir =
            openat2(at, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty(), inside())?;
        for entry in Dir::new(dir)? {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                let name = text(entry.file_name(), path)?;
                let way = format!("{}/{name}", place.way).trim_start_matches('/').to_owned();
                let inner = path.join(&name).map_err(|error| unusable(error.to_string()))?;
                let place = Place { scratch: place.scratch, way };
                self.look(step(at, name.as_str())?.as_fd(), inner, place, depth + 1)?;
            }
        }
        Ok(())
    }
}

/// Opens one name below a directory, whatever it is, without reading or following it.
fn step(at: impl AsFd, name: &str) -> rustix::io::Result<OwnedFd> {
    let at = at.as_fd();
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat2(at, name, flags, Mode::empty(), inside()) {
        Err(Errno::ACCESS) => {
            allow(at, &fstat(at)?, 0o500)?;
            openat2(at, name, flags, Mode::empty(), inside())
        }
        opened => opened,
    }
}

/// Root may read everything; an ordinary user must allow it first, so that both find the same.
fn allow(at: BorrowedFd<'_>, stat: &Stat, needed: u32) -> rustix::io::Result<()> {
    if stat.st_mode & needed == needed || rustix::process::geteuid().is_root() {
        return Ok(());
    }
    // There is no fchmod for such descriptors; this link leads to what is open and nowhere else.
    chmod(format!("/proc/self/fd/{}", at.as_raw_fd()), Mode::from_raw_mode((stat.st_mode | needed) & 0o7777))
}

fn is_absence(error: Errno) -> bool {
    matches!(error, Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::NAMETOOLONG)
}

fn text(bytes: &CStr, path: &TreePath) -> Result<String, Halt> {
    let unreadable =
        |_| unusable(format!("output `{path}` holds a name or link that is not UTF-8: {bytes:?}"));
    bytes.to_str().map(str::to_owned).map_err(unreadable)
}

fn unusable(what: String) -> Halt {
    Halt::Error(io::Error::new(io::ErrorKind::InvalidData, what))
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::Read,
        os::unix::{ffi::OsStrExt, fs::symlink},
        path::Path,
    };

    use super::*;

    #[derive(Default)]
    struct Lines(Vec<String>);

    impl OutputSink for Lines {
        fn directory(&mut self, path: &TreePath) -> io::Result<()> {
            self.0.push(format!("{path}/"));
            Ok(())
        }

        fn file(&mut self, path: &TreePath, executable: bool, content: &mut dyn Read) -> io::Result<()> {
            let mut text = String::new();
            content.read_to_string(&mut text)?;
            self.0.push(format!("{path}{} = {text}", if executable { "*" } else { "" }));
            Ok(())
        }

        fn symlink(&mut self, path: &TreePath, target: &str) -> io::Result<()> {
            self.0.push(format!("{path} -> {target}"));
            Ok(())
        }
    }

    fn taken(way: &str, limit: u64, fill: impl FnOnce(&Path)) -> (io::Result<Ending>, Vec<String>) {
        let scratch = tempfile::tempdir().expect("a directory");
        fill(scratch.path());
        let path = "out".parse().expect("clean");
        let wanted = Wanted { path, scratch: scratch.path().to_owned(), way: way.to_owned() };
        let mut lines = Lines::default();
        let ending = take(&[wanted], limit, &mut lines);
        (ending, lines.0)
    }

    fn missing(path: &str) -> Ending {
        Ending::MissingOutput(path.parse().expect("clean"))
    }

    #[test]
    fn a_directory_comes_out_in_byte_order_and_its_links_as_links() {
        let (ending, lines) = taken("a", 100, |dir| {
            fs::create_dir_all(dir.join("a/b")).expect("makes");
            fs::write(dir.join("a/b/z"), "z").expect("writes");
            fs::write(dir.join("a/b.txt"), "t").expect("writes");
            symlink("/etc", dir.join("a/link")).expect("links");
        });
        assert_eq!(ending.expect("readable"), Ending::Success);
        assert_eq!(lines, ["out/", "out/b/", "out/b.txt = t", "out/b/z = z", "out/link -> /etc"]);
    }

    #[test]
    fn the_whole_scratch_directory_can_be_an_output() {
        let (ending, lines) = taken("", 100, |dir| fs::write(dir.join("f"), "x").expect("writes"));
        assert_eq!(
            (ending.expect("readable"), lines),
            (Ending::Success, vec!["out/".into(), "out/f = x".into()])
        );
    }

    #[test]
    fn a_link_on_the_way_is_never_followed() {
        let (ending, lines) = taken("a/passwd", 100, |dir| symlink("/etc", dir.join("a")).expect("links"));
        assert_eq!((ending.expect("readable"), lines), (missing("out"), vec![]));
    }

    #[test]
    fn a_link_as_output_is_taken_as_a_link() {
        let (_, lines) = taken("a", 100, |dir| symlink("/etc/passwd", dir.join("a")).expect("links"));
        assert_eq!(lines, ["out -> /etc/passwd"]);
    }

    #[test]
    fn pipes_and_absent_outputs_are_missing_and_nothing_else_is_handed_over() {
        let (ending, lines) = taken("a", 100, |dir| {
            fs::create_dir(dir.join("a")).expect("makes");
            fs::write(dir.join("a/first"), "x").expect("writes");
            rustix::fs::mkfifoat(rustix::fs::CWD, dir.join("a/pipe"), Mode::RWXU).expect("makes");
        });
        assert_eq!((ending.expect("readable"), lines), (missing("out/pipe"), vec![]));
        let (ending, _) = taken("a", 100, |_| ());
        assert_eq!(ending.expect("readable"), missing("out"));
    }

    #[test]
    fn all_files_together_stay_below_the_limit() {
        let fill = |dir: &Path| {
            fs::create_dir(dir.join("a")).expect("makes");
            fs::write(dir.join("a/1"), "123").expect("writes");
            fs::write(dir.join("a/2"), "123").expect("writes");
        };
        assert_eq!(taken("a", 5, fill).0.expect("readable"), Ending::Exceeded(Limit::Output, 5));
        assert_eq!(taken("a", 6, fill).0.expect("readable"), Ending::Success);
    }

    #[test]
    fn a_name_that_is_not_utf8_is_an_error_that_says_so() {
        let (ending, _) = taken("", 5, |dir| {
            fs::write(dir.join(std::ffi::OsStr::from_bytes(b"a\xff")), "x").expect("writes");
        });
        assert!(ending.expect_err("cannot be named").to_string().contains("not UTF-8"));
    }
}
