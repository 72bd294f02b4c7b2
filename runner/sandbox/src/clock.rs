//! Another wall clock for every program of a room, without tracing any.
//!
//! A filter of system calls notifies the **timekeeper**, a process beside the keeper, of two things:
//!
//! - that an executed image sets up its thread pointer (`arch_prctl(ARCH_SET_FS)`), which each does once
//!   and before it asks for the time. The timekeeper rewrites three functions of the image's vDSO in place:
//!   they ask the kernel and add the offset, and a mark in an unused argument lets their calls pass the
//!   filter. What a process has in memory its children have as well, so forks cost nothing.
//! - that a program asks the kernel itself for the time, or waits until a time of day. The timekeeper answers
//!   in the kernel's place.
//!
//! The timekeeper lives outside the room, where no payload can reach it, and beside the keeper, whose looks at
//! limits take longer than a program may wait for its clock; it dies with either. Before the payload starts,
//! a **trial** sees whether all that works here; where it does not, the room has the machine's clock, and
//! that is said.
//!
//! The kernel goes on in its own time: times of files, `/proc/stat` and timers that a program sets to a time
//! of day are the machine's.

mod answer;
mod filter;
mod inmate;
mod listener;
mod stub;
mod time;
mod timekeeper;
mod trial;
mod vdso;
mod wait;

use std::os::unix::net::UnixStream;

use eadem_model::{Isolation, Skipped};
use serde::{Deserialize, Serialize};

pub(crate) use self::timekeeper::Timekeeper;
use crate::{
    failure::{Attempt, Failure},
    launch::Launch,
    report::{Note, Report},
};

/// Why a room has the machine's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Obstacle {
    /// Written for x86-64 alone.
    Architecture,
    /// The kernel's vDSO has other functions, or smaller ones.
    Vdso,
    /// `/proc` shows the processes of others.
    Proc,
    /// There is one supervisor of system calls at most.
    Supervised,
    /// The kernel or a container allows no supervisor.
    Refused,
    /// The trial saw the machine's clock.
    Unmoved,
    /// So did at least one program of the build.
    SomeProgram,
}

impl Obstacle {
    fn reason(self) -> &'static str {
        match self {
            Self::Architecture => "clocks are shifted on x86-64 alone",
            Self::Vdso => "the kernel's vDSO is laid out in a way that eadem does not know",
            Self::Proc => "/proc does not show the processes of this namespace",
            Self::Supervised => {
                "eadem runs below a program that supervises its system calls, and the kernel has one alone"
            }
            Self::Refused => "the kernel, or a container's filter, allows nobody to supervise system calls",
            Self::Unmoved => "a trial saw the machine's clock: another's memory cannot be written here",
            Self::SomeProgram => "at least one program of the build had the machine's clock",
        }
    }
}

/// The clock as pid 1 has it: the way to the timekeeper, if the room is to have a clock of its own.
pub(crate) struct Clock<'a> {
    way: Option<&'a UnixStream>,
}

impl<'a> Clock<'a> {
    /// What the payload will have: a clock of its own if a trial sees that one.
    pub(crate) fn tried(way: Option<&'a UnixStream>, offset: i64, engine: &UnixStream) -> Self {
        let seen = way.map_or(Ok(()), |way| trial::run(way, offset));
        let way = way.filter(|_| seen.is_ok());
        seen.unwrap_or_else(|obstacle| Report::Went(Note::OwnClock(obstacle)).send(engine));
        Self { way }
    }

    /// Puts this process, and all that it starts, under the timekeeper.
    pub(crate) fn enter(&self) -> Result<(), Failure> {
        self.way.map_or(Ok(()), |way| filter::enter(way).machine("supervising the clock"))
    }
}

/// Whether a room of ours has to have a clock of its own.
fn is_wanted(launch: &Launch) -> bool {
    launch.room.clock_offset != 0 && launch.runtime.is_none() && launch.isolation == Isolation::Strict
}

/// Says that a room was to have another clock, and had the machine's.
pub(crate) fn skipped(launch: &Launch, notes: &[Note]) -> Option<Skipped> {
    let noted = notes.iter().find_map(|note| match note {
        Note::OwnClock(obstacle) => Some(obstacle.reason()),
        _ => None,
    });
    let kind = match launch.isolation {
        Isolation::Weak => Some("a weak room has the machine's clock"),
        Isolation::Strict => {
            launch.runtime.as_ref().map(|_| "an OCI runtime's rooms have the machine's clock")
        }
    };
    let reason = kind.or(noted).filter(|_| launch.room.clock_offset != 0)?;
    Some(Skipped { variation: "clock".to_owned(), reason: reason.to_owned() })
}
