//! Carries bytes between eadem's own standard streams and a room's, until the room is dead.

use std::{
    io::{self, PipeReader},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use eadem_model::Cancel;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, dup, read, write},
    stdio::{stderr, stdin, stdout},
    termios::Winsize,
};

use crate::raw::{RawTerminal, Sign};

/// What a pipe takes without waiting, once it says that it takes something.
const PIECE: usize = 4096;

/// How soon a terminal that nobody in the room has open is looked at again: somebody may open it.
const PAUSE: Duration = Duration::from_millis(50);

/// One direction. Either side closes by being dropped.
struct Lane {
    from: Option<OwnedFd>,
    to: Option<OwnedFd>,
    pending: Vec<u8>,
    /// What the end of `from` means.
    end: End,
    /// Why `to` took no more, if that is not that nobody reads it.
    lost: Option<Errno>,
}

/// What it means that there is nothing more to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// All is said: the other side closes as well.
    Closes,
    /// Nobody in the room has its terminal open just now.
    Pauses,
    /// The user is gone.
    Cancels,
}

/// The lanes of a room.
pub struct Pump {
    lanes: Vec<Lane>,
    terminal: Option<RawTerminal>,
    paused: bool,
}

/// Tells a room's terminal the size of the user's.
pub type Resize = Box<dyn Fn(Winsize) -> io::Result<()> + Send>;

impl Pump {
    /// Between three pipes and eadem's streams.
    pub fn pipes([input, output, error]: [OwnedFd; 3]) -> io::Result<Self> {
        let lanes = vec![
            Lane::new(dup(stdin())?, input, End::Closes),
            Lane::new(output, dup(stdout())?, End::Closes),
            Lane::new(error, dup(stderr())?, End::Closes),
        ];
        Ok(Self { lanes, terminal: None, paused: false })
    }

    /// Between the two directions of the room's terminal and the user's, which hands every key on from now.
    ///
    /// `keys` and `shown` may take less than they are given, and must not wait.
    pub fn terminal(keys: OwnedFd, shown: OwnedFd, resize: Resize) -> io::Result<Self> {
        let raw = RawTerminal::take(resize)?;
        let lanes =
            vec![Lane::new(dup(stdin())?, keys, End::Cancels), Lane::new(shown, dup(stdout())?, End::Pauses)];
        Ok(Self { lanes, terminal: Some(raw), paused: false })
    }

    /// Carries until `room` ends, and then what is left.
    ///
    /// # Errors
    /// What eadem's own streams could not take, a full disk for instance; a reader that went away is none.
    pub fn run(mut self, room: PipeReader, cancel: &Cancel) -> io::Result<()> {
        let mut room = Some(room);
        loop {
            let found = self.look(room.as_ref())?;
            self.paused = false;
            if found.room {
                room = None;
                self.lanes[0].close();
            }
            if found.sign {
                self.obey(cancel)?;
            }
            let n_lanes = found.lanes.iter().filter(|ready| **ready).count();
            for (lane, ready) in self.lanes.iter_mut().zip(found.lanes) {
                if ready {
                    lane.go(cancel, &mut self.paused);
                }
            }
            if room.is_none() && n_lanes == 0 && self.lanes.iter().all(|lane| lane.pending.is_empty()) {
                return self.lost();
            }
        }
    }

    /// Keys that a dead room did not take are no loss, nor what a terminal that is gone did not show.
    fn lost(&self) -> io::Result<()> {
        let mut results = self.lanes[1..].iter().filter(|_| self.terminal.is_none());
        results.find_map(|lane| lane.lost).map_or(Ok(()), |error| Err(error.into()))
    }

    /// Waits until there is something to do. Once the room is dead, all that it wrote is there.
    fn look(&self, room: Option<&PipeReader>) -> io::Result<Found> {
        let mut watched = Vec::new();
        let is_pending = self.lanes.iter().any(|lane| !lane.pending.is_empty());
        let places: Vec<Option<usize>> =
            self.lanes.iter().map(|lane| lane.watch(self.paused).map(|fd| put(&mut watched, fd))).collect();
        let signs = self.terminal.as_ref().map(|raw| put(&mut watched, incoming(raw.signs().as_fd())));
        let room = room.map(|room| put(&mut watched, incoming(room.as_fd())));
        let patience = match (room, self.paused) {
            (None, _) if !is_pending => Some(Duration::ZERO),
            (Some(_), true) => Some(PAUSE),
            _ => None,
        };
        let patience = patience.map(Timespec::try_from).transpose().map_err(io::Error::other)?;
        match poll(&mut watched, patience.as_ref()) {
            Err(Errno::INTR) => watched.iter_mut().for_each(PollFd::clear_revents),
            polled => drop(polled?),
        }
        let is_ready = |place: Option<usize>| place.is_some_and(|at| !watched[at].revents().is_empty());
        Ok(Found {
            lanes: places.into_iter().map(is_ready).collect(),
            sign: is_ready(signs),
            room: is_ready(room),
        })
    }

    fn obey(&self, cancel: &Cancel) -> io::Result<()> {
        let Some(raw) = &self.terminal else { return Ok(()) };
        match raw.read()? {
            Sign::Changed => {
                // A terminal that is gone is told by the end of what it says.
                let _ = raw.refresh();
            }
            Sign::End => cancel.cancel(),
        }
        Ok(())
    }
}

/// What can be done now.
struct Found {
    lanes: Vec<bool>,
    sign: bool,
    room: bool,
}

fn incoming(fd: BorrowedFd<'_>) -> PollFd<'_> {
    PollFd::from_borrowed_fd(fd, PollFlags::IN)
}

fn put<'a>(watched: &mut Vec<PollFd<'a>>, fd: PollFd<'a>) -> usize {
    watched.push(fd);
    watched.len() - 1
}

impl Lane {
    fn new(from: OwnedFd, to: OwnedFd, end: End) -> Self {
        Self { from: Some(from), to: Some(to), pending: Vec::new(), end, lost: None }
    }

    fn close(&mut self) {
        (self.from, self.to) = (None, None);
        self.pending.clear();
    }

    /// What this lane waits for: to be read, or to take what was read.
    fn watch(&self, paused: bool) -> Option<PollFd<'_>> {
        if !self.pending.is_empty() {
            return self.to.as_ref().map(|to| PollFd::new(to, PollFlags::OUT));
        }
        let from = self.from.as_ref().filter(|_| !(paused && self.end == End::Pauses))?;
        Some(incoming(from.as_fd()))
    }

    fn go(&mut self, cancel: &Cancel, paused: &mut bool) {
        if self.pending.is_empty() { self.read(cancel, paused) } else { self.write() }
    }

    fn read(&mut self, cancel: &Cancel, paused: &mut bool) {
        let Some(from) = &self.from else { return };
        let mut piece = [0; PIECE];
        match read(from, &mut piece) {
            Err(Errno::INTR | Errno::AGAIN) => {}
            Ok(n) if n > 0 => self.pending.extend_from_slice(&piece[..n]),
            // A terminal whose last process is gone says EIO instead of an end.
            _ => self.ended(cancel, paused),
        }
    }

    fn ended(&mut self, cancel: &Cancel, paused: &mut bool) {
        match self.end {
            End::Closes => self.close(),
            End::Pauses => *paused = true,
            End::Cancels => {
                self.close();
                cancel.cancel();
            }
        }
    }

    fn write(&mut self) {
        let Some(to) = &self.to else { return };
        match write(to, &self.pending) {
            Err(Errno::INTR | Errno::AGAIN) => {}
            Ok(n) => drop(self.pending.drain(..n)),
            // Whoever writes learns by the end of this side that nobody reads any more.
            Err(error) => {
                self.lost = Some(error).filter(|error| *error != Errno::PIPE);
                self.close();
            }
        }
    }
}
