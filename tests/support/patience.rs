//! Waiting for what another process does, with an end.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long anything may take that a test waits for, on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// Waits until `look` finds something; there is no event to wait for in another process's doings.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
