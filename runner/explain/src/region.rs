//! A stretch of bytes that differs.

use std::ops::Range;

/// The same stretch on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) first: Range<usize>,
    pub(crate) second: Range<usize>,
}

/// Stretches that are nearer to each other than this are one.
pub(crate) const GAP: usize = 16;

/// More stretches are counted, not kept.
const KEPT: usize = 4096;

/// Where bytes differ, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Regions {
    /// The first ones.
    pub(crate) kept: Vec<Region>,
    /// How many there are.
    pub(crate) total: usize,
    /// How many bytes differ in them.
    pub(crate) differing: u64,
    last: Option<Region>,
}

impl Regions {
    /// Adds a stretch that lies behind all others.
    pub(crate) fn push(&mut self, region: Region, differing: u64) {
        self.differing += differing;
        if let Some(last) = &mut self.last
            && region.first.start < last.first.end + GAP
            && region.second.start < last.second.end + GAP
        {
            (last.first.end, last.second.end) = (region.first.end, region.second.end);
            return;
        }
        self.close();
        self.last = Some(region);
    }

    /// Whether bytes may have changed places: stretches have other lengths, or are long.
    pub(crate) fn are_moved(&self) -> bool {
        self.kept
            .iter()
            .any(|region| region.first.len() != region.second.len() || region.first.len() > 4 * GAP)
    }

    /// Makes the last stretch one of the others.
    pub(crate) fn close(&mut self) {
        let Some(last) = self.last.take() else { return };
        self.total += 1;
        if self.kept.len() < KEPT {
            self.kept.push(last);
        }
    }
}
