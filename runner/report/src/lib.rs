//! eadem's reports: what a verification found, as pages for people and files for other programs.
//!
//! All that a build says or names is hostile here: control sequences are taken out, what turns the writing round is
//! escaped, and each format escapes the rest in its own way.
//!
//! *Power*: none. *May import*: model. *Never*: reads or writes a file, a clock, the environment; loads anything
//! from anywhere, or runs a script in a page.

mod annotation;
mod blame;
mod case;
#[cfg(test)]
mod example;
pub mod finding;
mod format;
mod gitlab;
mod graph;
mod html;
mod junit;
mod markdown;
mod note;
pub mod output;
mod problem;
mod sarif;
pub mod schema;
pub mod setting;
mod standing;
pub mod text;

pub use annotation::{annotations, harmless};
pub use blame::{blamed, worded as worded_blame};
pub use case::{Case, Crate, Fault, Log, Report, State};
pub use format::{Format, FormatError};
pub use note::{notes, stale};
pub use standing::Standing;
