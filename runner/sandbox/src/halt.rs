//! Points at which a test stops a process of a room, to kill it or another just there.
//!
//! A launch without a wish to stop, and no other ever comes from a user, costs a comparison at each point.

use std::io::PipeReader;

use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Signal, getpid, kill_process},
    thread::set_name,
};
use serde::{Deserialize, Serialize};

/// A moment in a room's life: who is there, and what has just been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each name says what was done; nobody but tests uses them")]
pub enum Step {
    EngineBeforeKeeper,
    EngineKeeperStarted,
    EngineLaunchSent,
    EngineRoomDead,
    EngineOutputsTaken,
    EngineRoomRemoved,
    KeeperDirectoryMade,
    KeeperDirectoryFurnished,
    KeeperRoomCloned,
    KeeperGroupsEntered,
    KeeperIdsMapped,
    KeeperRoomDead,
    KeeperRoomBuried,
    KeeperDoneHeard,
    KeeperDirectoryRemoved,
    Pid1Woken,
    Pid1StageOpen,
    Pid1RootMounted,
    Pid1ScratchMounted,
    Pid1ProcMounted,
    Pid1RootEntered,
    Pid1PowersDropped,
    Pid1PayloadStarted,
    Pid1PayloadEnded,
    PayloadBeforeExec,
}

impl Step {
    /// All of them, in the order in which a room reaches them.
    pub const ALL: [Self; 25] = [
        Self::EngineBeforeKeeper,
        Self::EngineKeeperStarted,
        Self::EngineLaunchSent,
        Self::KeeperDirectoryMade,
        Self::KeeperRoomCloned,
        Self::KeeperDirectoryFurnished,
        Self::KeeperGroupsEntered,
        Self::KeeperIdsMapped,
        Self::Pid1Woken,
        Self::Pid1StageOpen,
        Self::Pid1RootMounted,
        Self::Pid1ScratchMounted,
        Self::Pid1ProcMounted,
        Self::Pid1RootEntered,
        Self::Pid1PowersDropped,
        Self::PayloadBeforeExec,
        Self::Pid1PayloadStarted,
        Self::Pid1PayloadEnded,
        Self::KeeperRoomDead,
        Self::KeeperRoomBuried,
        Self::EngineRoomDead,
        Self::EngineOutputsTaken,
        Self::KeeperDoneHeard,
        Self::KeeperDirectoryRemoved,
        Self::EngineRoomRemoved,
    ];
}

/// Where to stop, if anywhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Halt(pub(crate) Option<Step>);

/// The name that a process has while it stands still.
const NAME: &std::ffi::CStr = c"halted";

impl Halt {
    /// Stops this process here, if that is wished, until a signal lets it go on.
    pub(crate) fn at(self, step: Step) {
        if self.0 == Some(step) {
            // That it has stopped is seen by its state; without the name a test waits in vain, and fails.
            let _ = set_name(NAME);
            let _ = kill_process(getpid(), Signal::STOP);
        }
    }

    /// The same in pid 1, which no signal of its own stops: it stands still until its keeper is dead.
    pub(crate) fn at_in_pid_1(self, step: Step, keeper: &PipeReader) {
        if self.0 == Some(step) {
            let _ = set_name(NAME);
            let _ = poll(&mut [PollFd::new(keeper, PollFlags::empty())], None);
        }
    }
}
