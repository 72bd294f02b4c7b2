//! The state of a room: an archive of each writable directory, as the daemon sends it.
//!
//! ```text
//! KEPT/N.tar   what scratch directory N held
//! ```
//!
//! A room that shows it has all of it but the modes of those directories themselves.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use eadem_model::RoomPath;
use tempfile::NamedTempFile;

use crate::{
    download::{Source, put_down},
    halt::Stop,
};

/// The archive of a scratch directory.
pub(crate) fn archive(kept: &Path, index: usize) -> PathBuf {
    kept.join(format!("{index}.tar"))
}

/// Writes down what a room's directories hold, in the place of what was kept before.
///
/// Nothing is replaced until all of it is here.
pub(crate) async fn keep(source: &Source<'_>, scratch: &[RoomPath], kept: &Path) -> Result<(), Stop> {
    fs::create_dir_all(kept).map_err(|source| put_down(kept, source))?;
    let mut archives = Vec::new();
    for at in scratch {
        archives.push(take(source, at.as_str(), kept).await?);
    }
    for (index, file) in archives.into_iter().enumerate() {
        file.persist(archive(kept, index)).map_err(|error| put_down(kept, error.error))?;
    }
    Ok(())
}

async fn take(source: &Source<'_>, path: &str, kept: &Path) -> Result<NamedTempFile, Stop> {
    let mut file = NamedTempFile::new_in(kept).map_err(|source| put_down(kept, source))?;
    match source.download(path, source.limits.disk_bytes, (file.as_file_mut(), kept)).await? {
        true => Ok(file),
        false => {
            let what = format!("more of `{path}` than the limits of the build allow");
            Err(source.daemon.odd(&what).into())
        }
    }
}

/// Removes what is kept, if anything is.
pub(crate) fn discard(kept: &Path) -> io::Result<()> {
    match fs::remove_dir_all(kept) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
