//! Why a unit could not be made.

use eadem_model::{EngineError, PathError};
use eadem_store::StoreError;

use crate::Shape;

/// Why a unit, or the driver, could not be run. A unit that ran and failed is no such error.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// Cargo asks for something that is not understood.
    #[error(transparent)]
    Shape(#[from] Shape),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No room could be made.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<PathError> for DriveError {
    fn from(error: PathError) -> Self {
        Shape::new(error.to_string()).into()
    }
}
