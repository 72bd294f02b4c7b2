//! Puts down what a daemon sends of a container's files.

use std::{fs::File, io::Write, path::Path};

use bollard::query_parameters::DownloadFromContainerOptionsBuilder;
use eadem_model::{EngineError, Limits};
use futures_util::StreamExt;

use crate::{
    daemon::Daemon,
    halt::{Halt, Stop},
};

/// What an archive needs for each entry besides its content, long names included.
const ENTRY_BYTES: u64 = 4096;

/// A container whose files can be asked for.
pub(crate) struct Source<'a> {
    pub(crate) daemon: &'a Daemon,
    pub(crate) halt: &'a Halt<'a>,
    pub(crate) container: &'a str,
    pub(crate) limits: &'a Limits,
}

impl Source<'_> {
    /// Writes an archive of `path` to a file in `dir`; `false` if it holds more than `bytes` and the limit
    /// of files can need.
    pub(crate) async fn download(
        &self,
        path: &str,
        bytes: u64,
        (to, dir): (&mut File, &Path),
    ) -> Result<bool, Stop> {
        let attempt = format!("to send `{path}`");
        let taking = async {
            let mut left = self.limits.files.saturating_mul(ENTRY_BYTES).saturating_add(bytes);
            let options = DownloadFromContainerOptionsBuilder::default().path(path).build();
            let mut pieces =
                self.daemon.docker.download_from_container(self.container, Some(options)).boxed();
            while let Some(piece) = pieces.next().await {
                let piece = piece.map_err(self.daemon.failed(&attempt))?;
                let Some(rest) = left.checked_sub(piece.len() as u64) else { return Ok(false) };
                left = rest;
                to.write_all(&piece).map_err(|source| put_down(dir, source))?;
            }
            Ok(true)
        };
        self.halt.guard(&self.daemon.name, &attempt, taking).await
    }
}

/// A file that cannot be written.
pub(crate) fn put_down(dir: &Path, source: std::io::Error) -> EngineError {
    EngineError::Io { attempt: format!("writing what a room left to {}", dir.display()), source }
}
