//! Follows a build's log while it comes.

use std::{
    collections::VecDeque,
    io::{self, Write},
    sync::Mutex,
};

use eadem_model::{Event, Phase};
use eadem_store::LogWriter;

/// How many last lines of a failed build are shown.
const TAIL: usize = 20;

/// A longer line is cut: guests can shout.
const LINE: usize = 4096;

/// Keeps a log, remembers its end and tells which crate is being compiled.
pub(crate) struct Follower<'a> {
    subject: &'a str,
    events: &'a (dyn Fn(Event) + Sync),
    state: Mutex<State>,
}

struct State {
    writer: LogWriter,
    fault: Option<io::Error>,
    lines: Lines,
}

/// Cuts a log into lines, and remembers the last ones.
#[derive(Default)]
pub(crate) struct Lines {
    line: Vec<u8>,
    tail: VecDeque<String>,
}

impl<'a> Follower<'a> {
    pub(crate) fn new(subject: &'a str, events: &'a (dyn Fn(Event) + Sync), writer: LogWriter) -> Self {
        let state = State { writer, fault: None, lines: Lines::default() };
        Self { subject, events, state: Mutex::new(state) }
    }

    /// Takes the next bytes of the log.
    pub(crate) fn take(&self, bytes: &[u8]) {
        let mut state = self.state.lock().expect("no holder of the log panics");
        // Flushed, so that the log of a build that is killed, or still runs, can be read.
        if let Err(error) = state.writer.write_all(bytes).and_then(|()| state.writer.flush()) {
            state.fault.get_or_insert(error);
        }
        for line in state.lines.take(bytes) {
            self.tell(line);
        }
    }

    fn tell(&self, line: String) {
        if let Some(at) = line.trim_start().strip_prefix("Compiling ") {
            let at = at.split(" (").next().unwrap_or(at).to_owned();
            (self.events)(Event::Advance {
                phase: Phase::Build,
                subject: self.subject.to_owned(),
                by: 1,
                at,
            });
        }
        (self.events)(Event::Log { subject: self.subject.to_owned(), line });
    }

    /// Ends the log and gives its last lines.
    pub(crate) fn finish(self) -> (LogWriter, Option<io::Error>, Vec<String>) {
        let state = self.state.into_inner().expect("no holder of the log panics");
        (state.writer, state.fault, state.lines.finish())
    }
}

impl Lines {
    /// Takes the next bytes, and gives the lines that they end.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE.saturating_sub(self.line.len());
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            if piece.ends_with(b"\n") {
                let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
                self.keep(line.clone());
                lines.push(line);
            }
        }
        lines
    }

    /// The last lines, the one that has no end yet included.
    pub(crate) fn finish(mut self) -> Vec<String> {
        let rest = std::mem::take(&mut self.line);
        if !rest.is_empty() {
            self.keep(String::from_utf8_lossy(&rest).into_owned());
        }
        self.tail.into()
    }

    fn keep(&mut self, line: String) {
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line);
    }
}
