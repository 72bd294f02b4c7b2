//! Why there is no network to use.

use std::io;

/// Why there is no network to use.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// A mirror's address cannot be used.
    #[error("`{address}` is not the address of a mirror: {why}")]
    Address {
        /// The address, without credentials.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// The client could not be made; most often the system has no certificates.
    #[error("no HTTP client can be made (are the system's CA certificates there?)")]
    Client(#[source] reqwest::Error),
    /// The system gave no threads.
    #[error("no threads can be made for downloads")]
    Threads(#[source] io::Error),
}

impl NetworkError {
    /// The reason alone, for an address whose text is shown elsewhere.
    pub(crate) fn why(&self) -> String {
        match self {
            Self::Address { why, .. } => why.clone(),
            other => other.to_string(),
        }
    }
}
