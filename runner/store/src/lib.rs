//! eadem's disk: blobs by digest, unpacked layers, trees, records, logs and locks.
//!
//! The store is an OCI image layout, so that other tools can read its images where they lie.
//!
//! *Power*: disk, below the store's own directory. *May import*: model. *Never*: the network, a
//! process, a terminal; takes bytes without their digest.

mod alone;
mod blob;
mod census;
mod check;
mod cold;
mod collect;
mod compress;
mod content;
mod contents;
mod discard;
mod error;
pub mod forecast;
mod image;
mod inspect;
mod kept;
mod layer;
mod lock;
mod log;
mod mapped;
mod pin;
mod project;
mod record;
mod reference;
mod seal;
mod shown;
mod spool;
mod start;
mod store;
mod temporary;
mod tree;
mod turn;
mod unit;
mod unpack;
mod usage;

pub use alone::{Alone, Holder};
pub use blob::BlobWriter;
pub use check::Checkup;
pub use collect::{Collection, Garbage, Keep};
pub use compress::StoredLayer;
pub use contents::Contents;
pub use error::StoreError;
pub use image::ImageEntry;
pub use inspect::{Look, inspect};
pub use kept::KeptPlace;
pub use layer::{Content, Layer, LayerError, Node, NodeKind};
pub use lock::WorkLock;
pub use log::{LogEnd, LogEntry, LogWriter};
pub use mapped::Mapped;
pub use pin::Pin;
pub use reference::Claims;
pub use spool::{Spool, SpoolError};
pub use start::StartDir;
pub use store::Store;
pub use tree::TreeWriter;
pub use turn::UnitTurn;
pub use unpack::UnpackError;
pub use usage::{Kind, Usage};
