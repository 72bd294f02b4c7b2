//! End-to-end tests: the real program, one file per command or capability.
//!
//! `tidy` and `bad_input` need nothing but a loopback; the rest is the *real* lane, which asks the
//! distribution's mirror and the crates registry, makes rooms, and wants root (see `ci/test`).

mod afar;
mod against;
mod archive;
mod bad_input;
mod build;
mod concurrency;
mod corpus;
mod diff;
mod docker;
mod doctor;
mod engines;
mod escape;
mod faults;
mod fetch;
mod hostile;
mod identity;
mod image;
mod killed;
mod limits;
mod lock;
mod log;
mod machine;
mod needs;
mod oci;
mod odd_names;
mod plan;
mod readme;
mod report;
mod room;
mod shell;
mod steps;
mod store;
mod stranger;
mod support;
mod surroundings;
mod tidy;
mod units;
mod units_failing;
mod units_hostile;
mod verdicts;
mod verify;
