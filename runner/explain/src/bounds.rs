//! How far an explanation goes.

use std::cell::{Cell, RefCell};

/// Limits of one explanation; what lies beyond is said, not looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How many containers may stand in each other.
    pub depth: usize,
    /// How many members of one archive are looked at.
    pub members: usize,
    /// How many bytes packings may unpack to at one time, on both sides together.
    pub unpacked: u64,
    /// How many bytes packings may unpack to in all, on both sides together.
    pub unpacked_in_all: u64,
    /// How many findings are made.
    pub findings: usize,
    /// How many stretches of bytes or lines are shown of one finding.
    pub windows: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            depth: 8,
            members: 100_000,
            unpacked: 160 << 20,
            unpacked_in_all: 4 << 30,
            findings: 1000,
            windows: 4,
        }
    }
}

/// What is left of the bounds, and what was said about them.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) bounds: Bounds,
    unpacked: Cell<u64>,
    in_all: Cell<u64>,
    said: RefCell<Vec<String>>,
}

impl Budget {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let (unpacked, in_all) = (Cell::new(bounds.unpacked), Cell::new(bounds.unpacked_in_all));
        Self { bounds, unpacked, in_all, said: RefCell::default() }
    }

    /// How many bytes may be unpacked now.
    pub(crate) fn left(&self) -> u64 {
        self.unpacked.get().min(self.in_all.get())
    }

    /// Notes that bytes were unpacked and are held.
    pub(crate) fn take(&self, bytes: u64) {
        self.unpacked.set(self.unpacked.get().saturating_sub(bytes));
        self.in_all.set(self.in_all.get().saturating_sub(bytes));
    }

    /// Notes that they are not held any more.
    pub(crate) fn give_back(&self, bytes: u64) {
        self.unpacked.set((self.unpacked.get() + bytes).min(self.bounds.unpacked));
    }

    /// Notes what was not looked into.
    pub(crate) fn say(&self, what: String) {
        let mut said = self.said.borrow_mut();
        if said.len() < self.bounds.findings && !said.contains(&what) {
            said.push(what);
        }
    }

    /// What was said.
    pub(crate) fn said(self) -> Vec<String> {
        self.said.into_inner()
    }
}
