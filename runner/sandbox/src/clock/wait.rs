//! Waiting until a time of day of the room's.
//!
//! The kernel would wait until its own clock shows that time. What the caller points to cannot be changed:
//! it is the caller's, and read again. So the timekeeper waits in the kernel's place, by looking again and
//! again; a waiter on a word of memory (a futex) is woken when the word has changed.

use std::time::Duration;

use rustix::{
    event::Timespec,
    io::Errno,
    time::{ClockId, clock_gettime},
};

use super::{
    inmate::{Memory, has_signal},
    listener::{Answer, Listener, Notice},
    time::{self, Clock},
};

/// A call that waits.
pub(crate) struct Wait {
    notice: Notice,
    clock: Clock,
    /// By the machine's clock.
    end: Timespec,
    /// The word of memory that a waiter on one expects to find.
    word: Option<(u64, u32)>,
}

impl Wait {
    /// A wait until a time that the room's clock shows; `None` if it is no time.
    pub(crate) fn new(
        notice: Notice,
        (clock, offset): (Clock, i64),
        until: [u8; 16],
        word: Option<(u64, u32)>,
    ) -> Option<Self> {
        let until = time::of_bytes(until)?;
        let end = Timespec { tv_sec: until.tv_sec.saturating_sub(offset), ..until };
        Some(Self { notice, clock, end, word })
    }

    /// How it ends, if it does by now.
    fn look(&self, listener: &Listener, signals: bool) -> Option<Answer> {
        if self.word.is_some_and(|word| self.has_changed(listener, word)) {
            return Some(Answer::Fails(Errno::AGAIN));
        }
        if self.is_over() {
            return Some(self.word.map_or(Answer::Returns(0), |_| Answer::Fails(Errno::TIMEDOUT)));
        }
        // A handler runs when the call has ended, as it would if the kernel waited.
        (signals && has_signal(self.notice.thread)).then_some(Answer::Fails(Errno::INTR))
    }

    fn has_changed(&self, listener: &Listener, (at, expected): (u64, u32)) -> bool {
        let memory = Memory::of(listener, &self.notice);
        memory.is_ok_and(|memory| memory.read(at).is_ok_and(|word| u32::from_le_bytes(word) != expected))
    }

    fn is_over(&self) -> bool {
        let now = self.clock.now();
        (now.tv_sec, now.tv_nsec) >= (self.end.tv_sec, self.end.tv_nsec)
    }
}

/// All calls that wait.
#[derive(Default)]
pub(crate) struct Waits {
    all: Vec<Wait>,
    n_rounds: u32,
    /// When they were looked at last, by a clock that nobody sets.
    last: Duration,
}

impl Waits {
    pub(crate) fn add(&mut self, wait: Wait) {
        self.all.push(wait);
    }

    /// How long until they have to be looked at; `None` if there are none.
    pub(crate) fn patience(&self) -> Option<Duration> {
        let due = self.last + self.pace();
        (!self.all.is_empty()).then(|| due.saturating_sub(monotonic()))
    }

    /// A millisecond, and more where many wait: looking at them must not become all that a processor does.
    fn pace(&self) -> Duration {
        const EACH: Duration = Duration::from_micros(50);
        Duration::from_millis(1) + EACH * u32::try_from(self.all.len()).unwrap_or(u32::MAX)
    }

    /// Answers those that are over, if it is time to look.
    pub(crate) fn look(&mut self, listener: &Listener) {
        if self.patience().is_none_or(|left| !left.is_zero()) {
            return;
        }
        // To ask for signals takes longer than all the rest.
        const ROUNDS_PER_SIGNAL: u32 = 8;
        self.n_rounds = self.n_rounds.wrapping_add(1);
        let signals = self.n_rounds.is_multiple_of(ROUNDS_PER_SIGNAL);
        self.all.retain(|wait| {
            let id = wait.notice.id;
            let answer = wait.look(listener, signals);
            answer.iter().for_each(|answer| listener.answer(id, *answer));
            answer.is_none() && listener.waits(id)
        });
        self.last = monotonic();
    }
}

fn monotonic() -> Duration {
    // It starts at boot, so it is never negative.
    Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default()
}
