//! Why a step could not be done.

use std::path::PathBuf;

use eadem_cargo::{DriveError, Shape};
use eadem_image::ImageError;
use eadem_model::{Ending, EngineError, FetchError, Name, PathError, RunId, Rung};
use eadem_source::SourceError;
use eadem_store::StoreError;

use crate::{State, round::FIRST_TRIAL};

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
    /// The driver of units did not understand its own plan.
    #[error(transparent)]
    Units(Shape),
    /// The recipe asks for units on one rung alone, and that did not bear.
    #[error("`{recipe}` cannot be built {rung}: {why}")]
    Rung {
        /// The recipe.
        recipe: Name,
        /// How it was to be built.
        rung: Rung,
        /// What did not bear.
        why: String,
    },
    /// Cargo could not plan the build.
    #[error("the build of `{recipe}` cannot be planned: cargo {}", ended(.ending))]
    Unplanned {
        /// The recipe.
        recipe: Name,
        /// How the driver's room ended.
        ending: Ending,
        /// The last lines of what cargo said.
        tail: Vec<String>,
    },
    /// Nobody can enter this engine's rooms.
    #[error("engine `{engine}` has no rooms to enter")]
    NoTerminal {
        /// Its name.
        engine: String,
    },
    /// Two must not change the same files.
    #[error("what a failed build of `{recipe}` left is in use")]
    KeptInUse {
        /// The recipe.
        recipe: Name,
    },
    /// The build did not end well.
    #[error("{0}")]
    Build(Box<BuildFailure>),
}

impl From<DriveError> for FlowError {
    fn from(error: DriveError) -> Self {
        match error {
            DriveError::Shape(shape) => Self::Units(shape),
            DriveError::Store(error) => Self::Store(error),
            DriveError::Engine(error) => Self::Engine(error),
        }
    }
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
    /// The run.
    pub run: RunId,
    /// Which round, from 1.
    pub n_round: usize,
    /// How it ended.
    pub ending: Ending,
    /// The last lines of the log.
    pub tail: Vec<String>,
    /// The whole log, compressed.
    pub log: PathBuf,
    /// What became of its state.
    pub state: State,
}

impl std::fmt::Display for BuildFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { recipe, n_round, ending, .. } = self;
        write!(f, "the build of `{recipe}` {}", ended(ending))?;
        match *n_round {
            1 => Ok(()),
            n if n < FIRST_TRIAL => write!(f, " in round 2"),
            n => write!(f, " in trial {}", n - FIRST_TRIAL + 1),
        }
    }
}

fn ended(ending: &Ending) -> String {
    match ending {
        Ending::Success => "ended well".to_owned(),
        Ending::Failed(status) => format!("failed with status {status}"),
        Ending::Signalled(signal) => format!("was ended by signal {signal}"),
        Ending::MissingOutput(path) => format!("left no `{path}`, which the recipe declares"),
        Ending::Exceeded(limit, value) => format!("took more than {}, its limit", limit.worded(*value)),
        Ending::Cancelled => "was interrupted".to_owned(),
    }
}
