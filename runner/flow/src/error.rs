//! Why a step could not be done.

use std::path::PathBuf;

use eadem_image::ImageError;
use eadem_model::{Ending, EngineError, FetchError, Name, PathError};
use eadem_source::SourceError;
use eadem_store::StoreError;

/// Why lock, fetch, build or verify stopped.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// A lock does not fit what it locks.
    #[error("{lock} is stale: {why}")]
    Stale {
        /// The lock's file name.
        lock: String,
        /// What differs.
        why: String,
        /// The command that renews it.
        remedy: String,
    },
    /// The image could not be made.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Packages that an image's lock pins are nowhere any more.
    #[error("{error}")]
    Gone {
        /// The image.
        image: Name,
        /// Which, and every place that was asked.
        error: FetchError,
    },
    /// The source layer could not be made.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No room could be made.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A path of the plan is not clean.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The build did not end well.
    #[error("{0}")]
    Build(Box<BuildFailure>),
}

impl FlowError {
    /// Why an image could not be made from its lock.
    pub(crate) fn of_image(image: &Name, error: ImageError) -> Self {
        match error {
            ImageError::Fetch(error @ FetchError::Nowhere { .. }) if !error.is_integrity() => {
                Self::Gone { image: image.clone(), error }
            }
            error => Self::Image(error),
        }
    }
}

/// A build that did not end well.
#[derive(Debug)]
pub struct BuildFailure {
    /// The recipe.
    pub recipe: Name,
    /// Which round, from 1.
    pub n_round: usize,
    /// How it ended.
    pub ending: Ending,
    /// The last lines of the log.
    pub tail: Vec<String>,
    /// The whole log, compressed.
    pub log: PathBuf,
}

impl std::fmt::Display for BuildFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { recipe, n_round, .. } = self;
        write!(f, "the build of `{recipe}` ")?;
        match &self.ending {
            Ending::Success => write!(f, "ended well")?,
            Ending::Failed(status) => write!(f, "failed with status {status}")?,
            Ending::Signalled(signal) => write!(f, "was ended by signal {signal}")?,
            Ending::MissingOutput(path) => write!(f, "left no `{path}`, which the recipe declares")?,
            Ending::TimedOut(seconds) => write!(f, "took more than its limit of {seconds} s")?,
            Ending::OutputTooLarge(bytes) => write!(f, "left more than its limit of {bytes} bytes")?,
            Ending::Cancelled => write!(f, "was interrupted")?,
        }
        if *n_round > 1 { write!(f, " in round {n_round}") } else { Ok(()) }
    }
}
