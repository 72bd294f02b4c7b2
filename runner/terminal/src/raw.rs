//! The user's terminal while a room's terminal takes its place.
#![allow(unsafe_code, reason = "signal handlers have no safe form")]

use std::{
    io::{self, PipeReader, PipeWriter, pipe},
    os::fd::{FromRawFd, IntoRawFd, OwnedFd},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI32, Ordering},
    },
};

use rustix::{
    fs::{OFlags, fcntl_setfl},
    stdio::{stdin, stdout},
    termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr},
};

use crate::pump::Resize;

/// The terminal's modes before a room took its place.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Whether a room's terminal can stand for the user's: only for one that shows what it says; else outputs
/// stay apart.
pub fn is_at_terminal() -> bool {
    isatty(stdin()) && isatty(stdout())
}

/// Gives a room's terminal the modes of the user's.
pub fn imitate(room: &OwnedFd) -> io::Result<()> {
    Ok(tcsetattr(room, OptionalActions::Now, &tcgetattr(stdin())?)?)
}

/// Gives the user's terminal its modes back, if a room has it; for a program that ends in a hurry.
pub fn restore_terminal() {
    if let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // A terminal that is gone needs nothing back.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &before);
    }
}

/// What comes from the user's terminal beside characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It may have another size, or other modes than ours.
    Changed,
    /// eadem is to end.
    End,
}

/// Makes the user's terminal hand every key on, as long as this lives.
pub(crate) struct RawTerminal {
    raw: Termios,
    resize: Resize,
    signs: PipeReader,
    dispositions: Vec<(i32, libc::sigaction)>,
}

/// The modes in which a terminal hands every key on.
pub fn raw(before: &Termios) -> Termios {
    let mut raw = before.clone();
    raw.make_raw();
    raw
}

const CHANGED: [i32; 2] = [libc::SIGWINCH, libc::SIGCONT];
const END: [i32; 4] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM];

impl RawTerminal {
    /// Takes the terminal, and gives its size to the room's.
    pub(crate) fn take(resize: Resize) -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let raw = raw(&before);
        let signs = listen()?;
        let dispositions = CHANGED.iter().chain(&END).map(|signal| (*signal, handle(*signal, note)));
        let taken = Self { raw, resize, signs, dispositions: dispositions.collect() };
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        taken.refresh()?;
        Ok(taken)
    }

    /// Readable when there is a sign.
    pub(crate) fn signs(&self) -> &PipeReader {
        &self.signs
    }

    /// Reads the signs that came.
    pub(crate) fn read(&self) -> io::Result<Sign> {
        let mut signals = [0; 64];
        let n = rustix::io::read(&self.signs, &mut signals)?;
        let ends = signals[..n].iter().any(|signal| END.contains(&i32::from(*signal)));
        Ok(if ends { Sign::End } else { Sign::Changed })
    }

    /// Sets the modes again, which a stop and another program may have changed, and passes the size on.
    pub(crate) fn refresh(&self) -> io::Result<()> {
        tcsetattr(stdin(), OptionalActions::Now, &self.raw)?;
        (self.resize)(tcgetwinsize(stdin())?)
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        restore_terminal();
        for (signal, disposition) in &self.dispositions {
            // SAFETY: the disposition is one that the kernel gave us for this signal.
            unsafe { libc::sigaction(*signal, disposition, std::ptr::null_mut()) };
        }
        silence();
    }
}

/// Where the handler writes; there is one terminal at a time.
static NOTES: AtomicI32 = AtomicI32::new(-1);

fn listen() -> io::Result<PipeReader> {
    let (reader, writer): (PipeReader, PipeWriter) = pipe()?;
    // A handler must not wait; more signs than fit into a pipe say nothing new.
    fcntl_setfl(&writer, OFlags::NONBLOCK)?;
    silence();
    NOTES.store(OwnedFd::from(writer).into_raw_fd(), Ordering::SeqCst);
    Ok(reader)
}

fn silence() {
    let notes = NOTES.swap(-1, Ordering::SeqCst);
    if notes >= 0 {
        // SAFETY: the number came from `listen`, which gave the descriptor up, and nobody has it any more.
        drop(unsafe { OwnedFd::from_raw_fd(notes) });
    }
}

extern "C" fn note(signal: libc::c_int) {
    let byte = signal.to_ne_bytes()[if cfg!(target_endian = "little") { 0 } else { 3 }];
    // SAFETY: `write` may be called in a handler; it reads one byte that is there, and a closed or full
    // pipe is an error without consequences. What it sets `errno` to must not reach what was interrupted.
    unsafe {
        let errno = *libc::__errno_location();
        libc::write(NOTES.load(Ordering::SeqCst), (&raw const byte).cast(), 1);
        *libc::__errno_location() = errno;
    }
}

/// Sets a handler and gives what was there before.
fn handle(signal: i32, handler: extern "C" fn(libc::c_int)) -> libc::sigaction {
    // SAFETY: all zeros is a value of this plain C structure: the default action.
    let (mut ours, mut before): (libc::sigaction, libc::sigaction) = unsafe { std::mem::zeroed() };
    ours.sa_sigaction = handler as *const () as usize;
    ours.sa_flags = libc::SA_RESTART;
    // SAFETY: both structures live until the call returns, and the handler does only what handlers may.
    unsafe { libc::sigaction(signal, &raw const ours, &raw mut before) };
    before
}
