//! What the driver does not understand.

/// A call of cargo's that units are not cut from; the build goes on a rung lower.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Shape {
    what: String,
}

impl Shape {
    /// Says what is not understood.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}
