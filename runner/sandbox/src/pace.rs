//! Spaces work out, so that watching a room costs next to nothing.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

/// When something is to be done next.
pub(crate) struct Pace {
    due: Instant,
}

impl Pace {
    /// Due for the first time after this long.
    pub(crate) fn after(wait: Duration) -> Self {
        Self { due: later(wait) }
    }

    /// Whether the time has come.
    pub(crate) fn is_due(&self) -> bool {
        Instant::now() >= self.due
    }

    /// Not again before this long.
    pub(crate) fn rest(&mut self, wait: Duration) {
        self.due = later(wait);
    }

    /// Does the work, and rests so many times as long as it took, within limits.
    pub(crate) fn work<T>(&mut self, times: u32, rest: Range<Duration>, work: impl FnOnce() -> T) -> T {
        let since = Instant::now();
        let result = work();
        self.rest(since.elapsed().saturating_mul(times).clamp(rest.start, rest.end));
        result
    }
}

/// A wait beyond all times is a long one.
fn later(wait: Duration) -> Instant {
    const LONGEST: Duration = Duration::from_secs(3600);
    Instant::now() + wait.min(LONGEST)
}

/// How long it takes at the least to use up what is left.
pub(crate) fn time_for(left: u64, per_second: u64) -> Duration {
    Duration::from_millis(left.saturating_mul(1000) / per_second)
}
