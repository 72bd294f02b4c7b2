//! Takes outputs out of a container that has ended.
//!
//! What a daemon sends was made by strangers. It is put down in a file without a name, looked at as a whole,
//! and handed over only then. No link is followed, neither there nor here.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use bollard::{container::PathStatResponse, query_parameters::ContainerArchiveInfoOptionsBuilder};
use eadem_model::{Ending, EngineError, Limit, OutputSink, Room, RoomOutput, TreePath};
use tar::EntryType;

use crate::{
    daemon::{Daemon, Make, is_absence},
    download::{Source, put_down},
    halt::Stop,
};

/// Directories within each other, as in the native engine.
const DEEPEST: usize = 128;

/// Bits of a mode as Go, in which daemons are written, counts them.
const GO_DIRECTORY: u32 = 1 << 31;
const GO_SYMLINK: u32 = 1 << 27;

/// An archive with outputs in it.
pub(crate) struct Download {
    spool: File,
    wanted: Vec<Wanted>,
}

/// An output, and the way to it from what was asked for.
struct Wanted {
    path: TreePath,
    way: String,
}

/// One thing to hand over.
struct Found {
    kind: Kind,
    /// Which download it is in.
    download: usize,
}

enum Kind {
    Directory,
    File(Content),
    Link { target: String },
}

/// A file's bytes in an archive.
#[derive(Debug, Clone, Copy)]
struct Content {
    executable: bool,
    at: u64,
    size: u64,
}

/// Why a survey ended early.
enum Halt {
    /// It is the build's doing.
    Ending(Ending),
    /// It cannot be read or named.
    Error(io::Error),
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::Error(error)
    }
}

/// Downloads all outputs of a room, or says which is missing or too large.
pub(crate) async fn fetch(
    source: &Source<'_>,
    room: &Room,
    spool_dir: &Path,
) -> Result<Result<Vec<Download>, Ending>, Stop> {
    let fetcher = Fetcher { source, room, spool_dir };
    match source.daemon.make {
        Make::Docker => fetcher.each().await,
        Make::Podman => fetcher.directories().await,
    }
}

struct Fetcher<'a> {
    source: &'a Source<'a>,
    room: &'a Room,
    spool_dir: &'a Path,
}

impl Fetcher<'_> {
    /// Asks for each output by itself.
    async fn each(&self) -> Result<Result<Vec<Download>, Ending>, Stop> {
        let mut downloads = Vec::new();
        let limit = self.room.limits.output_bytes;
        for output in &self.room.outputs {
            if !self.has(output).await? {
                return Ok(Err(Ending::MissingOutput(output.path.clone())));
            }
            let Some(spool) = self.fetch(output.from.as_str(), limit).await? else {
                return Ok(Err(Ending::Exceeded(Limit::Output, limit)));
            };
            let wanted = vec![Wanted { path: output.path.clone(), way: String::new() }];
            downloads.push(Download { spool, wanted });
        }
        Ok(Ok(downloads))
    }

    /// Asks for the directories that hold outputs. Podman follows links and does not say so, so that of
    /// a path alone nobody knows where it leads; in a whole directory links are links.
    async fn directories(&self) -> Result<Result<Vec<Download>, Ending>, Stop> {
        let mut downloads = Vec::new();
        let limit = self.room.limits.disk_bytes;
        for (directory, wanted) in self.by_directory()? {
            let Some(spool) = self.fetch(self.room.scratch[directory].as_str(), limit).await? else {
                return Ok(Err(Ending::Exceeded(Limit::Disk, limit)));
            };
            downloads.push(Download { spool, wanted });
        }
        Ok(Ok(downloads))
    }

    fn by_directory(&self) -> Result<BTreeMap<usize, Vec<Wanted>>, EngineError> {
        let mut all = BTreeMap::<_, Vec<_>>::new();
        for output in &self.room.outputs {
            let (directory, way) = self.room.locate(output)?;
            all.entry(directory).or_default().push(Wanted { path: output.path.clone(), way: way.to_owned() });
        }
        Ok(all)
    }

    /// A link on the way leads who knows where, so there is no output behind it.
    async fn has(&self, output: &RoomOutput) -> Result<bool, EngineError> {
        let (index, way) = self.room.locate(output)?;
        let mut at = self.room.scratch[index].as_str().to_owned();
        for name in way.split('/').filter(|name| !name.is_empty()) {
            let parent = stat(self.source.daemon, self.source.container, &at).await?;
            if parent.is_none_or(|stat| stat.file_mode & GO_DIRECTORY == 0) {
                return Ok(false);
            }
            at = format!("{at}/{name}");
        }
        Ok(stat(self.source.daemon, self.source.container, &at).await?.is_some())
    }

    /// Puts an archive down; nothing if it holds more than `limit` bytes can need.
    async fn fetch(&self, path: &str, limit: u64) -> Result<Option<File>, Stop> {
        let spool = tempfile::tempfile_in(self.spool_dir);
        let mut spool = spool.map_err(|source| put_down(self.spool_dir, source))?;
        let is_whole = self.source.download(path, limit, (&mut spool, self.spool_dir)).await?;
        Ok(is_whole.then_some(spool))
    }
}

/// What is at a path of a container, if something is.
pub(crate) async fn stat(
    daemon: &Daemon,
    container: &str,
    path: &str,
) -> Result<Option<PathStatResponse>, EngineError> {
    let options = ContainerArchiveInfoOptionsBuilder::default().path(path).build();
    match daemon.docker.get_container_archive_info(container, Some(options)).await {
        Ok(stat) => Ok(Some(stat)),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(daemon.failed(&format!("to look at `{path}`"))(error)),
    }
}

/// Whether a path is a directory, or a link that may lead to one.
pub(crate) fn may_be_entered(stat: &PathStatResponse) -> bool {
    stat.file_mode & (GO_DIRECTORY | GO_SYMLINK) != 0
}

/// Hands over what was downloaded, at most `limit` bytes of it.
pub(crate) fn take(
    mut downloads: Vec<Download>,
    limit: u64,
    sink: &mut dyn OutputSink,
) -> io::Result<Ending> {
    let mut survey = Survey { found: BTreeMap::new(), left: limit, limit };
    for (index, download) in downloads.iter_mut().enumerate() {
        match survey.read(index, download) {
            Ok(()) => {}
            Err(Halt::Ending(ending)) => return Ok(ending),
            Err(Halt::Error(error)) => return Err(error),
        }
    }
    for (path, found) in &survey.found {
        hand_over(&mut downloads[found.download].spool, path, &found.kind, sink)?;
    }
    Ok(Ending::Success)
}

fn hand_over(spool: &mut File, path: &TreePath, kind: &Kind, sink: &mut dyn OutputSink) -> io::Result<()> {
    match kind {
        Kind::Directory => sink.directory(path),
        Kind::Link { target } => sink.symlink(path, target),
        Kind::File(Content { executable, at, size }) => {
            spool.seek(SeekFrom::Start(*at))?;
            sink.file(path, *executable, &mut spool.take(*size))
        }
    }
}

struct Survey {
    /// By path: whatever the order of the archive is.
    found: BTreeMap<TreePath, Found>,
    left: u64,
    limit: u64,
}

impl Survey {
    fn read(&mut self, download: usize, from: &mut Download) -> Result<(), Halt> {
        from.spool.rewind()?;
        let mut archive = tar::Archive::new(&from.spool);
        // All of it: what is wanted may be another name of what is not.
        let mut files = BTreeMap::new();
        for entry in archive.entries()? {
            let entry = entry?;
            let name = entry.path_bytes().into_owned();
            let rest = below(&name);
            if entry.header().entry_type().is_file() {
                let executable = entry.header().mode()? & 0o100 != 0;
                let content = Content { executable, at: entry.raw_file_position(), size: entry.size() };
                files.insert(rest.to_owned(), content);
            }
            for wanted in &from.wanted {
                if let Some(path) = wanted.path_of(rest)? {
                    self.note(&entry, &files, path, download)?;
                }
            }
        }
        // Daemons leave sockets out without a word.
        match from.wanted.iter().find(|wanted| !self.found.contains_key(&wanted.path)) {
            Some(missing) => Err(Halt::Ending(Ending::MissingOutput(missing.path.clone()))),
            None => Ok(()),
        }
    }

    fn note(
        &mut self,
        entry: &tar::Entry<'_, &File>,
        files: &BTreeMap<Vec<u8>, Content>,
        path: TreePath,
        download: usize,
    ) -> Result<(), Halt> {
        let target = || entry.link_name_bytes().unwrap_or_default().into_owned();
        let kind = match entry.header().entry_type() {
            EntryType::Directory => Kind::Directory,
            EntryType::Symlink => Kind::Link { target: text(&target(), &path)? },
            EntryType::Link => self.file(files.get(below(&target())), &path)?,
            kind if kind.is_file() => self.file(files.get(below(&entry.path_bytes())), &path)?,
            _ => return Err(Halt::Ending(Ending::MissingOutput(path))),
        };
        match self.found.insert(path.clone(), Found { kind, download }) {
            None => Ok(()),
            Some(_) => Err(unusable(format!("output `{path}` was sent twice"))),
        }
    }

    /// A second name of a file is a file of its own in a tree.
    fn file(&mut self, content: Option<&Content>, path: &TreePath) -> Result<Kind, Halt> {
        let Some(content) = content else {
            return Err(unusable(format!("output `{path}` is another name of a file that was not sent")));
        };
        let exceeded = Halt::Ending(Ending::Exceeded(Limit::Output, self.limit));
        self.left = self.left.checked_sub(content.size).ok_or(exceeded)?;
        Ok(Kind::File(*content))
    }
}

impl Wanted {
    /// The path in the tree of something in the archive, if it is the output or lies in it.
    fn path_of(&self, rest: &[u8]) -> Result<Option<TreePath>, Halt> {
        let Some(inner) = rest.strip_prefix(self.way.as_bytes()) else { return Ok(None) };
        let inner = match (inner, self.way.as_str()) {
            ([], _) => return Ok(Some(self.path.clone())),
            (_, "") => inner,
            ([b'/', inner @ ..], _) => inner,
            _ => return Ok(None),
        };
        let inner = text(inner, &self.path)?;
        if inner.split('/').count() > DEEPEST {
            let path = &self.path;
            return Err(unusable(format!("output `{path}` is more than {DEEPEST} directories deep")));
        }
        self.path.join(&inner).map(Some).map_err(|error| unusable(error.to_string()))
    }
}

/// What follows the first part of a name, which stands for what was asked for and may be empty.
pub(crate) fn below(name: &[u8]) -> &[u8] {
    let name = name.strip_suffix(b"/").unwrap_or(name);
    let name = name.strip_prefix(b"./").unwrap_or(name);
    name.iter().position(|byte| *byte == b'/').map_or(&[], |at| &name[at + 1..])
}

fn text(bytes: &[u8], path: &TreePath) -> Result<String, Halt> {
    let unreadable = |_| {
        let shown = bytes.escape_ascii();
        unusable(format!("output `{path}` holds a name or link that is not UTF-8: {shown}"))
    };
    std::str::from_utf8(bytes).map(str::to_owned).map_err(unreadable)
}

fn unusable(what: String) -> Halt {
    Halt::Error(io::Error::new(io::ErrorKind::InvalidData, what))
}
