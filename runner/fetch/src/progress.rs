//! What a download tells while it goes on.

use std::sync::{
    atomic::{AtomicU64, Ordering},
    mpsc::Sender,
};

/// Bytes between two steps that are told.
const STRIDE: u64 = 64 << 10;

/// Some bytes of a download came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// How many.
    pub(crate) by: u64,
    /// Of what.
    pub(crate) at: String,
}

/// Tells how far one download is, in strides.
///
/// A second try begins at zero again; it tells nothing until it is further than the first was.
pub(crate) struct Progress {
    title: String,
    told: AtomicU64,
    steps: Sender<Step>,
}

impl Progress {
    /// Begins at zero.
    pub(crate) fn new(title: &str, steps: Sender<Step>) -> Self {
        Self { title: title.to_owned(), told: AtomicU64::new(0), steps }
    }

    /// So many bytes are there in this try.
    pub(crate) fn reach(&self, position: u64) {
        if position >= self.told.load(Ordering::Relaxed) + STRIDE {
            self.tell(position);
        }
    }

    /// The download is complete with so many bytes.
    pub(crate) fn complete(&self, size: u64) {
        if size > self.told.load(Ordering::Relaxed) {
            self.tell(size);
        }
    }

    fn tell(&self, position: u64) {
        let by = position - self.told.swap(position, Ordering::Relaxed);
        // Nobody listens any more only when the batch is being given up.
        let _ = self.steps.send(Step { by, at: self.title.clone() });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn steps_are_strides_and_a_second_try_repeats_none() {
        let (sender, steps) = channel();
        let progress = Progress::new("x", sender);
        for position in [1, STRIDE - 1, STRIDE + 5, STRIDE + 6, 1, STRIDE, 2 * STRIDE + 5] {
            progress.reach(position);
        }
        progress.complete(2 * STRIDE + 9);
        drop(progress);
        assert_eq!(steps.iter().map(|step| step.by).collect::<Vec<_>>(), [STRIDE + 5, STRIDE, 4]);
    }
}
