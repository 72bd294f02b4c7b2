//! The user's terminal as the keeper of a room has it, which outlives an eadem that is killed.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream},
};

use eadem_terminal::raw;
use rustix::{
    stdio::stdin,
    termios::{OptionalActions, Termios, tcgetattr, tcsetattr},
};

use crate::passing;

/// A terminal whose place a room's is about to take.
pub(crate) struct Lent {
    terminal: OwnedFd,
    before: Termios,
}

impl Lent {
    /// Lends the keeper eadem's own terminal.
    pub(crate) fn send(to: &UnixStream) -> io::Result<()> {
        Ok(passing::send(to, b"t", &[stdin()])?)
    }

    /// Takes what [`Lent::send`] sent, as long as the terminal has the user's modes.
    pub(crate) fn receive(from: &UnixStream) -> io::Result<Self> {
        let [terminal] = passing::receive(from, &mut [0])?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let before = tcgetattr(&terminal)?;
        Ok(Self { terminal, before })
    }

    /// Gives the terminal its modes back in place of an eadem that is dead.
    ///
    /// Whoever started eadem may have given it modes of its own by now, as many shells do; those stay.
    pub(crate) fn give_back(&self) {
        let is_ours = tcgetattr(&self.terminal).is_ok_and(|now| is_same(&now, &raw(&self.before)));
        if is_ours {
            // A terminal that is gone needs nothing back.
            let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
        }
    }
}

fn is_same(one: &Termios, other: &Termios) -> bool {
    let modes = |of: &Termios| (of.input_modes, of.output_modes, of.control_modes, of.local_modes);
    modes(one) == modes(other)
}
