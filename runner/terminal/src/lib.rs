//! eadem's own standard streams and the user's terminal, lent to the program of a room.
//!
//! *Power*: the user's terminal. *May import*: model. *Never*: opens a file or a socket, or looks at what
//! passes.
//!
//! How a room's streams are reached is an affair of the engine that made it; what all engines do with the
//! user's side is here.

mod pump;
mod raw;

pub use pump::{Pump, Resize};
pub use raw::{imitate, is_at_terminal, raw, restore_terminal};
pub use rustix::termios::Winsize;
