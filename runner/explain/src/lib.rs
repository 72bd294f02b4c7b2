//! The explainer of eadem: two outputs in, their differences and the causes out.
//!
//! *Power*: none; bytes come through [`Blobs`]. *May import*: model. *Never*: reads a file, a clock or the
//! environment; panics, loops or grows without bound on what it is given.
//!
//! [`files`] and [`trees`] follow bytes through archives, packings, ELF sections and functions down to the place
//! where they differ, and each place is a [`Finding`](eadem_model::Finding). Rules then give it
//! [`Cause`](eadem_model::Cause)s, or say from which other
//! place it follows. What was not looked into, because of a [`Bounds`], is said in
//! [`Explanation::bounded`](eadem_model::Explanation::bounded).

mod align;
mod archive;
mod blobs;
mod bounds;
mod cause;
mod content;
mod elf;
mod explain;
mod kind;
mod known;
mod normal;
mod oci;
mod packed;
mod parts;
mod region;
mod text;
mod tree;
mod window;

pub use blobs::{BlobError, Blobs, Node};
pub use bounds::Bounds;
pub use cause::remedy;
pub use explain::{Side, files, trees};
pub use known::{Knowledge, Known, Span};
