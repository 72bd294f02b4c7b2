//! Somebody at a terminal, for tests.

use std::{
    fs,
    io::{Read, Write},
    os::fd::{AsFd, OwnedFd},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::Pid,
    pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};

/// How long anything may take that shows, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody at a terminal.
pub(crate) struct Session {
    keyboard: fs::File,
    /// The program's side, so that its modes can be looked at when the program is gone.
    pub(crate) terminal: OwnedFd,
    program: Child,
    pub(crate) seen: String,
}

impl Session {
    /// Starts a program in a session of its own whose terminal this is, as a user does.
    ///
    /// `setsid` is to start it: its arguments are the program and the program's.
    pub(crate) fn start(setsid: &mut Command) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let keyboard = openpt(flags).expect("this machine has terminals");
        unlockpt(&keyboard).expect("it is ours");
        let terminal = ioctl_tiocgptpeer(&keyboard, flags).expect("it is ours");
        resize(&keyboard, 24, 80);
        let side = || Stdio::from(terminal.try_clone().expect("can be shared"));
        let program = setsid.stdin(side()).stdout(side()).stderr(side()).spawn().expect("setsid starts");
        Self { keyboard: fs::File::from(keyboard), terminal, program, seen: String::new() }
    }

    /// The program's id.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.program)
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        resize(&self.keyboard, rows, columns);
    }

    /// Closes the window that the terminal is in.
    pub(crate) fn hang_up(&mut self) {
        self.keyboard = fs::File::open("/dev/null").expect("is everywhere");
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Waits until a text shows that did not show before.
    pub(crate) fn expect(&mut self, text: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return;
            }
            assert!(Instant::now() < until && self.read(), "`{text}` does not show in:\n{}", self.seen);
        }
    }

    /// Reads what shows within a moment; `false` if nothing will ever show again.
    pub(crate) fn read(&mut self) -> bool {
        let moment = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        let mut watched = [PollFd::new(&self.keyboard, PollFlags::IN)];
        if poll(&mut watched, Some(&moment)).expect("polls") == 0 {
            return true;
        }
        let mut piece = [0; 4096];
        let n = (&self.keyboard).read(&mut piece).unwrap_or(0);
        self.seen.push_str(&String::from_utf8_lossy(&piece[..n]));
        n > 0
    }

    /// Waits for the program's end, and gives its status unless a signal ended it.
    pub(crate) fn status(&mut self) -> Option<i32> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.program.try_wait().expect("is ours") {
                return status.code();
            }
            // Who waits must also read, or a full terminal would hold the program up. Its end shows as
            // nothing to read, at once.
            assert!(Instant::now() < until, "the program does not end:\n{}", self.seen);
            if !self.read() {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    /// Whether lines are edited and keys shown, as a terminal does on its own.
    pub(crate) fn is_cooked(&self) -> bool {
        let modes = tcgetattr(&self.terminal).expect("is a terminal").local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn resize(terminal: impl AsFd, rows: u16, columns: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).expect("has a size");
}

/// Whether a process's group is the one that its terminal's keys go to.
///
/// A shell names the job that `fg` goes on with before it gives it the terminal: keys that are pressed in
/// between go to the shell, and the job never hears of them.
pub(crate) fn is_in_foreground(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    // Behind the name: state, parent, group, session, terminal, the terminal's foreground group.
    fields.len() > 5 && fields[2] == fields[5]
}
