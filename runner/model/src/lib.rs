//! The values of eadem: what is built, in which surroundings, and what came of it.
//!
//! *Power*: none. *May import*: no other floor. *Never*: reads or writes a file, a socket, a clock,
//! the environment or a terminal.

mod at;
mod digest;
pub mod document;
mod engine;
mod event;
mod explanation;
mod fetch;
mod furniture;
mod image;
mod limits;
mod name;
mod need;
mod normalisation;
mod path;
mod plan;
mod published;
mod recipe;
mod recipe_lock;
mod record;
mod round;
mod setting;
mod step;
mod tree;
mod trial;
mod unit;
mod variation;
mod veil;
mod verdict;
mod workshop;

pub use at::{At, AtError};
pub use digest::{Digest, DigestError, DigestWriter};
pub use engine::{
    Abilities, Ability, Cancel, Ending, Engine, EngineError, Inputs, Isolation, Level, Outcome, OutputSink,
    Skipped, Terminal, Usage, Watch,
};
pub use event::{Event, Phase};
pub use explanation::{Cause, Change, Confidence, Explanation, Finding, Hunk, Parts, Reason, Spot, Window};
pub use fetch::{Attempt, CrateRelease, Fault, FetchError, Fetcher, Origin, Want};
pub use image::{DebianSpec, Image, ImageLock, Keyring, LockedPackage, LockedResult};
pub use limits::{Applied, Limit, Limits, Means};
pub use name::{Name, NameError};
pub use need::{Need, Supplied, Supply};
pub use normalisation::{Normalisation, Normalised};
pub use path::{PathError, RoomPath, TreePath};
pub use plan::{Architecture, Input, Output, Plan, Root, Text, Users};
pub use published::Published;
pub use recipe::{CargoSpec, DEFAULT_EPOCH, Exception, LimitsSpec, Recipe, SourceDir, SourceSpec, Variable};
pub use recipe_lock::{LockedFile, LockedImage, LockedSource, RecipeLock};
pub use record::{Base, Excepted, Kept, Record, RoundRecord, RunId, RunIdError};
pub use round::{Room, RoomInput, RoomOutput, Round};
pub use setting::{DirectoryOrder, Kernel, Processors, Roots, Setting, User};
pub use step::{BuildSpec, Step};
pub use tree::{Difference, Entry, OutputDifference, Tree};
pub use trial::Trial;
pub use unit::{
    Blame, Duty, Forecast, Rung, UnitKind, UnitNews, UnitProof, UnitRecord, UnitStep, Units, UnitsCheck,
    UnitsRecord, Unseen, View,
};
pub use variation::{Variation, Vary, VaryError};
pub use veil::{RoomVeil, Veil};
pub use verdict::Verdict;
pub use workshop::{DOOR, Door, Wire, Workshop};

/// The one JSON form of a value: no spaces, fields in declared order, maps in byte order.
pub(crate) fn canonical_json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("values of the model have only text keys and finite numbers")
}
