//! Reads a directory of the project as a source.

use std::{
    fs::{self, File, FileType, Metadata},
    io::{self, Read},
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use eadem_model::{At, AtError, TreePath};
use eadem_store::{Layer, LayerError, Spool, SpoolError};
use ignore::{DirEntry, WalkBuilder};

use crate::{entry, link};

/// Why a directory cannot be a source.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] AtError),
    /// The directory is not inside the project.
    #[error("directory `{path}` is not inside the project")]
    Outside {
        /// The directory as the recipe says it.
        path: String,
    },
    /// The directory cannot be walked, or an ignore file in it cannot be read.
    #[error("directory `{path}` cannot be read: {why}")]
    Walk {
        /// The directory as the recipe says it.
        path: String,
        /// The place and the reason.
        why: String,
    },
    /// A name or a link's target is not UTF-8.
    #[error("{} has a name or a target that is not UTF-8", path.display())]
    NotText {
        /// The entry.
        path: PathBuf,
    },
    /// A socket, a pipe or a device.
    #[error("{} is {kind}, which sources cannot hold", path.display())]
    Kind {
        /// The entry.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// A symbolic link leaves the directory.
    #[error("`{entry}` in directory `{path}` is a link to `{target}`, which leaves the directory")]
    Leaving {
        /// The directory as the recipe says it.
        path: String,
        /// The link.
        entry: TreePath,
        /// Its target.
        target: String,
    },
    /// A file changed while it was read.
    #[error("{} changed while it was read", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The disk did not take the content.
    #[error("the content of {} cannot be put aside in the store", path.display())]
    Spool {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Two entries are one.
    #[error(transparent)]
    Entries(#[from] LayerError),
}

/// Reads `path` of the project: files and links in byte order, without what git ignores.
///
/// Left out are `.git`, cargo's own target directories, what the `.gitignore` files below the
/// directory name, empty directories (git does not know them either), and, if the directory is the
/// project's root, the definitions and locks that eadem itself keeps there. The user's own ignore
/// files do not count: two machines must see the same.
pub(crate) fn read(project_root: &Path, path: &str, spool: &Spool) -> Result<Layer, DirectoryError> {
    let dir = locate(project_root, path)?;
    let is_root = dir == fs::canonicalize(project_root).at(project_root)?;
    let mut layer = Layer::new();
    for entry in walk(&dir, is_root) {
        let entry = entry.map_err(|error| walk_fault(path, &error))?;
        if let Some(error) = entry.error() {
            return Err(walk_fault(path, error));
        }
        add(&mut layer, &dir, &entry, spool)?;
    }
    match link::find_leaving(&layer) {
        Some((entry, target)) => Err(DirectoryError::Leaving { path: path.to_owned(), entry, target }),
        None => Ok(layer),
    }
}

fn walk_fault(path: &str, error: &ignore::Error) -> DirectoryError {
    DirectoryError::Walk { path: path.to_owned(), why: error.to_string() }
}

/// The directory itself; a recipe of a stranger must not reach out of the project.
fn locate(project_root: &Path, path: &str) -> Result<PathBuf, DirectoryError> {
    let outside = || DirectoryError::Outside { path: path.to_owned() };
    if path != "." && path.parse::<TreePath>().is_err() {
        return Err(outside());
    }
    let wanted = project_root.join(path);
    let dir = fs::canonicalize(&wanted).at(&wanted)?;
    let root = fs::canonicalize(project_root).at(project_root)?;
    if dir.starts_with(&root) { Ok(dir) } else { Err(outside()) }
}

fn walk(dir: &Path, is_root: bool) -> ignore::Walk {
    let top = dir.to_owned();
    WalkBuilder::new(dir)
        .standard_filters(false)
        .git_ignore(true)
        .require_git(false)
        .follow_links(false)
        .sort_by_file_name(std::ffi::OsStr::cmp)
        .filter_entry(move |entry| !is_left_out(entry, &top, is_root))
        .build()
}

fn is_left_out(entry: &DirEntry, top: &Path, is_root: bool) -> bool {
    let is_target = || entry.file_name() == "target" && entry.path().join("CACHEDIR.TAG").is_file();
    let inside = entry.path().strip_prefix(top).unwrap_or(entry.path());
    entry.file_name() == ".git" || is_target() || (is_root && is_of_eadem(inside))
}

/// Whether a path is one of the project's recipes, images or locks, which say themselves what they are.
fn is_of_eadem(path: &Path) -> bool {
    let is_in = |dir: &str| path.parent() == Some(Path::new(dir));
    let is_kind = path.extension().is_some_and(|kind| kind == "yaml" || kind == "lock");
    is_kind && (is_in("recipes") || is_in("images"))
}

fn add(layer: &mut Layer, dir: &Path, entry: &DirEntry, spool: &Spool) -> Result<(), DirectoryError> {
    let full = entry.path();
    let found = fs::symlink_metadata(full).at(full)?;
    if found.is_dir() {
        return Ok(());
    }
    let inside = full.strip_prefix(dir).unwrap_or(full);
    let path: TreePath = text(full, inside)?.parse().expect("a walk gives clean paths below its root");
    let node = match found.file_type() {
        kind if kind.is_symlink() => {
            let target = fs::read_link(full).at(full)?;
            entry::symlink(text(full, &target)?.to_owned())
        }
        kind if kind.is_file() => file(full, spool)?,
        kind => return Err(DirectoryError::Kind { path: full.to_owned(), kind: word(kind) }),
    };
    Ok(layer.add(path, node)?)
}

fn text<'a>(entry: &Path, text: &'a Path) -> Result<&'a str, DirectoryError> {
    text.to_str().ok_or_else(|| DirectoryError::NotText { path: entry.to_owned() })
}

fn file(path: &Path, spool: &Spool) -> Result<eadem_store::Node, DirectoryError> {
    let mut file = File::open(path).at(path)?;
    let found: Metadata = file.metadata().at(path)?;
    let (content, _) = spool.keep_hashed(&mut file, found.len()).map_err(|error| put_fault(path, error))?;
    if file.read(&mut [0]).at(path)? != 0 {
        return Err(DirectoryError::Changed { path: path.to_owned() });
    }
    Ok(entry::file(found.mode(), content))
}

fn put_fault(path: &Path, error: SpoolError) -> DirectoryError {
    let path = path.to_owned();
    match error {
        SpoolError::Read(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            DirectoryError::Changed { path }
        }
        SpoolError::Read(source) => AtError { path, source }.into(),
        SpoolError::Write(source) => DirectoryError::Spool { path, source },
    }
}

fn word(kind: FileType) -> &'static str {
    if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use eadem_store::Store;

    use super::*;

    struct World {
        dir: tempfile::TempDir,
        spool: Spool,
    }

    impl World {
        fn new() -> Self {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let store = Store::open(&dir.path().join("store")).expect("a store");
            fs::create_dir(dir.path().join("project")).expect("made");
            Self { spool: Spool::new(&store).expect("a spool"), dir }
        }

        fn root(&self) -> PathBuf {
            self.dir.path().join("project")
        }

        fn file(self, path: &str, content: &str) -> Self {
            let path = self.root().join(path);
            fs::create_dir_all(path.parent().expect("it has one")).expect("made");
            fs::write(path, content).expect("written");
            self
        }

        fn read(&self, path: &str) -> Result<Layer, DirectoryError> {
            read(&self.root(), path, &self.spool)
        }

        fn paths(&self, path: &str) -> Vec<String> {
            let layer = self.read(path).expect("a good directory");
            layer.entries().map(|(path, _)| path.to_string()).collect()
        }
    }

    #[test]
    fn what_git_ignores_and_what_tools_write_is_left_out() {
        let world = World::new()
            .file("a/.gitignore", "*.log\n/only-here\n")
            .file("a/.git/HEAD", "x")
            .file("a/src/main.rs", "x")
            .file("a/src/x.log", "x")
            .file("a/only-here", "x")
            .file("a/sub/only-here", "x")
            .file("a/.hidden", "x")
            .file("a/target/CACHEDIR.TAG", "x")
            .file("a/target/debug/x", "x")
            .file("a/src/target/mod.rs", "x");
        fs::create_dir(world.root().join("a/empty")).expect("made");
        assert_eq!(
            world.paths("a"),
            [".gitignore", ".hidden", "src/main.rs", "src/target/mod.rs", "sub/only-here"]
        );
    }

    #[test]
    fn the_projects_own_locks_do_not_change_its_root() {
        let world = World::new()
            .file("Cargo.toml", "x")
            .file("recipes/a.yaml", "x")
            .file("recipes/a.lock", "x")
            .file("images/logo.png", "x");
        assert_eq!(world.paths("."), ["Cargo.toml", "images/logo.png"]);
        assert_eq!(world.paths("recipes"), ["a.lock", "a.yaml"]);
    }

    #[test]
    fn the_digest_of_a_small_directory_is_the_known_one() {
        let world = World::new().file("a/src/main.rs", "fn main() {}\n").file("a/run", "#!/bin/sh\n");
        fs::set_permissions(world.root().join("a/run"), fs::Permissions::from_mode(0o700)).expect("set");
        symlink("src/main.rs", world.root().join("a/link")).expect("made");
        let mut layer = world.read("a").expect("a good directory");
        layer.complete().expect("no hard links");
        assert_eq!(
            layer.diff_id().expect("readable").to_string(),
            "sha256:b7b861a9554de8d15130fd1d04223acc65be387059dde2e77c38a4137fdd1461"
        );
    }

    #[test]
    fn links_that_leave_are_refused() {
        let world = World::new().file("a/x", "x");
        symlink("../../etc", world.root().join("a/link")).expect("made");
        assert!(matches!(world.read("a"), Err(DirectoryError::Leaving { .. })));
    }

    #[test]
    fn sockets_and_names_that_are_no_text_are_refused() {
        use std::os::unix::ffi::OsStrExt;
        let world = World::new().file("a/x", "x").file("b/x", "x");
        let _socket = std::os::unix::net::UnixListener::bind(world.root().join("a/socket")).expect("bound");
        assert!(matches!(world.read("a"), Err(DirectoryError::Kind { kind: "a socket", .. })));
        let odd = world.root().join("b").join(std::ffi::OsStr::from_bytes(b"\xff"));
        fs::write(odd, "x").expect("written");
        assert!(matches!(world.read("b"), Err(DirectoryError::NotText { .. })));
    }

    #[test]
    fn directories_out_of_the_project_are_refused() {
        let world = World::new();
        symlink("..", world.root().join("out")).expect("made");
        for path in ["..", "/", "out", "a/../.."] {
            assert!(matches!(world.read(path), Err(DirectoryError::Outside { .. })), "{path}");
        }
        assert!(matches!(world.read("missing"), Err(DirectoryError::Io(_))));
    }
}
