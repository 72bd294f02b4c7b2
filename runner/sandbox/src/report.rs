//! What the keeper and pid 1 tell the engine, and the two words that the engine says to the keeper.

use std::{
    collections::BTreeSet,
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::PathBuf,
};

use eadem_model::{Applied, Limit, RoomPath};
use serde::{Deserialize, Serialize};

use crate::{clock::Obstacle, failure::Failure};

/// Asks the keeper to kill the room.
pub(crate) const KILL: u8 = b'k';
/// Tells the keeper that the outputs are read and the room's directory can go.
pub(crate) const DONE: u8 = b'd';

/// Something that could not be had and that the room goes without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Note {
    /// The inputs do not fit into memory, so they list as stored.
    NotShuffled,
    /// The host's file system cannot be the upper of an overlay, so mountinfo shows its path.
    PlainScratch,
    /// The kernel has no landlock, or hides it; only weak rooms want it.
    NoLandlock,
    /// The container's filter keeps address randomisation on.
    RandomAddresses,
    /// The OCI runtime let the program use all processors.
    NotBound,
    /// The room was to have a wall clock of its own, and has the machine's.
    OwnClock(Obstacle),
}

/// One message to the engine, a line of JSON on the socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Report {
    /// The keeper made this directory below the rooms' directory.
    Made { name: String },
    /// The room goes without something.
    Went(Note),
    /// The limits of the room, and what holds each.
    Holds(Vec<Applied>),
    /// The scratch directories lie in memory, here.
    InMemory { place: PathBuf },
    /// The room exceeded a limit and was killed.
    Exceeded { limit: Limit, value: u64 },
    /// A step failed; the room ends.
    Failed(Failure),
    /// A process that the room hangs on was killed, and not by us.
    Killed,
    /// A process of ours has a bug; the room ends.
    Broke { what: String },
    /// What the payload looked for behind the room's veils.
    Sought { places: BTreeSet<RoomPath> },
    /// The payload ended with this wait status.
    Ended { status: i32 },
    /// Every process of the room is dead.
    Gone { cpu_ms: u64, peak_kib: u64 },
    /// The room's directory is removed, or why not.
    Removed { error: Option<Failure> },
}

impl Report {
    /// Sends the report; one write, so that reports of two processes do not mix.
    ///
    /// The engine may be dead already. Then nobody is left to tell, and the sender goes on to clean up.
    pub(crate) fn send(&self, mut to: &UnixStream) {
        let Ok(mut line) = serde_json::to_vec(self) else { return };
        line.push(b'\n');
        let _ = to.write_all(&line);
    }
}

/// The engine's last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The outputs are read.
    Done,
    /// None: it is dead.
    End,
}

/// Returns when the engine has read the outputs, or is dead.
pub(crate) fn await_done(mut engine: &UnixStream) -> Heard {
    let mut word = [0];
    loop {
        match engine.read(&mut word) {
            Ok(0) => return Heard::End,
            Ok(_) if word[0] == DONE => return Heard::Done,
            // Too late to kill; the engine goes on to say when it is done.
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Heard::End,
        }
    }
}

/// Collects reports from the socket.
#[derive(Default)]
pub(crate) struct Reports {
    pending: Vec<u8>,
}

impl Reports {
    /// Reads what is there; `None` is the end: all senders are gone.
    pub(crate) fn read(&mut self, mut from: &UnixStream) -> io::Result<Option<Vec<Report>>> {
        let mut buffer = [0; 4096];
        let n = match from.read(&mut buffer) {
            Ok(0) => return Ok(None),
            Ok(n) => n,
            // A keeper that died with unread words of ours resets the connection.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
            Err(error) => return Err(error),
        };
        self.pending.extend_from_slice(&buffer[..n]);
        self.take_lines().map(Some)
    }

    fn take_lines(&mut self) -> io::Result<Vec<Report>> {
        let mut reports = Vec::new();
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            reports.push(serde_json::from_slice(&self.pending[..end])?);
            self.pending.drain(..=end);
        }
        Ok(reports)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_arrive_as_they_were_sent() {
        let (near, far) = UnixStream::pair().expect("a socket pair");
        let sent = [
            Report::Made { name: "1-0".into() },
            Report::Went(Note::NotShuffled),
            Report::Ended { status: 256 },
        ];
        sent.iter().for_each(|report| report.send(&far));
        let mut reports = Reports::default();
        assert_eq!(reports.read(&near).expect("readable"), Some(sent.to_vec()));
        drop(far);
        assert_eq!(reports.read(&near).expect("readable"), None);
    }
}
