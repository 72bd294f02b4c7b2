//! The unit driver: stock cargo plans a build and drives it, and every compiler call and every run of a
//! build script is a unit of its own, run in a room of its own with its declared inputs alone, and kept in
//! the store under a key of all that decides its bytes.
//!
//! *Power*: store only; rooms come through the traits of model. *May import*: model, store. *Never*: runs
//! anything of the sources itself, or lets what runs in the driver's room name a unit's outputs.
//!
//! Cargo runs in the **driver's room** with the **proxy** as its compiler. The proxy runs nothing: it asks
//! through the room's [`Door`](eadem_model::Door), and the [`session`](drive) behind it reads the call
//! ([`Call`]), finds out what it needs ([`Graph`]), computes its key ([`UnitKey`]), and takes its outputs
//! from the store or from a new room. In the driver's target directory the proxy writes what cargo looks
//! at: empty libraries, real lists of dependencies, real programs, and itself where cargo expects the
//! program of a build script.

mod argument_file;
mod call;
mod compare;
mod configuration;
mod deliver;
mod diagnosis;
mod drive;
pub mod environment;
mod execute;
mod fault;
mod graph;
mod key;
mod ledger;
mod place;
mod proxy;
mod respell;
mod second;
mod session;
mod shape;
mod source;
mod stub;
mod trial;
mod trouble;
mod unit;
mod walk;
mod way;
mod wire;

pub use call::Call;
pub use configuration::fits_units;
pub use drive::{Declared, Driven, Pass, Seen, Site, drive, walk};
pub use fault::DriveError;
pub use graph::{Built, Graph, Needs};
pub use key::{InputKind, UnitKey};
pub use ledger::{Ledger, Suspect};
pub use place::Places;
pub use shape::Shape;
pub use trouble::Fall;
pub use walk::{Planned, Standing};
pub use way::Reuse;
