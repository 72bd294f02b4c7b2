//! One hunk of a unified diff, and where it fits: only where every line of it does.
//!
//! The place is chosen as GNU patch chooses it with no fuzz: first where the hunk says, moved by what earlier hunks
//! were moved; then ever farther away, later before earlier. A hunk with less context before than after was made
//! at the start of a file and fits there alone, and the other way round at the end.

/// One hunk.
#[derive(Debug, Default)]
pub(super) struct Hunk<'a> {
    /// The patch's line, from 1.
    pub(super) line: usize,
    /// The first old line, from 1; of an empty range the line before.
    pub(super) first: usize,
    /// The lines that must be there, ends included.
    pub(super) old: Vec<&'a [u8]>,
    /// The lines that come instead.
    pub(super) new: Vec<&'a [u8]>,
    /// How many lines of context it begins with.
    pub(super) before: usize,
    /// How many lines of context it ends with.
    pub(super) after: usize,
}

impl Hunk<'_> {
    /// The index of the line at which it fits, at or after `frozen`, if it does.
    pub(super) fn place(&self, lines: &[&[u8]], moved: isize, frozen: usize) -> Option<usize> {
        let first = if self.old.is_empty() { self.first } else { self.first.saturating_sub(1) };
        let last = lines.len().checked_sub(self.old.len()).filter(|last| *last >= frozen)?;
        if self.before < self.after {
            return (frozen == 0 && self.fits(lines, 0)).then_some(0);
        }
        if self.after < self.before {
            return self.fits(lines, last).then_some(last);
        }
        // Beyond an end, nothing is nearer than that end.
        let guess = first.checked_add_signed(moved).unwrap_or(0).clamp(frozen, last);
        let farthest = last.abs_diff(guess).max(guess.abs_diff(frozen));
        let places = (0..=farthest).flat_map(|away| [guess.checked_add(away), guess.checked_sub(away)]);
        places.flatten().find(|at| (frozen..=last).contains(at) && self.fits(lines, *at))
    }

    fn fits(&self, lines: &[&[u8]], at: usize) -> bool {
        lines[at..].starts_with(&self.old)
    }
}

/// Cuts bytes into lines that keep their ends.
pub(super) fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hunk<'a>(first: usize, old: &'a [u8], [before, after]: [usize; 2]) -> Hunk<'a> {
        Hunk { first, old: lines(old), before, after, ..Hunk::default() }
    }

    #[test]
    fn a_hunk_fits_nearest_to_where_it_was_made() {
        let text = lines(b"a\nx\nb\nx\nc\nx\n");
        let x = |first| hunk(first, b"x\n", [1, 1]);
        assert_eq!(x(2).place(&text, 0, 0), Some(1));
        assert_eq!(x(3).place(&text, 0, 0), Some(3), "later before earlier");
        assert_eq!(x(2).place(&text, 2, 0), Some(3), "moved as the last one was");
        assert_eq!(x(1).place(&text, 0, 2), Some(3), "not before what is done");
        assert_eq!(x(90).place(&text, 0, 0), Some(5));
        assert_eq!(x(usize::MAX).place(&text, 0, 0), Some(5), "found at once, wherever it was made");
        assert_eq!(hunk(1, b"y\n", [1, 1]).place(&text, 0, 0), None);
        assert_eq!(hunk(1, b"x", [0, 0]).place(&text, 0, 0), None, "the end of a line counts");
    }

    #[test]
    fn a_hunk_of_an_end_of_a_file_fits_there_alone() {
        let text = lines(b"x\na\nx\na\n");
        assert_eq!(hunk(1, b"x\na\n", [0, 1]).place(&text, 0, 0), Some(0));
        assert_eq!(hunk(1, b"x\na\n", [1, 0]).place(&text, 0, 0), Some(2));
        assert_eq!(hunk(3, b"a\nx\n", [0, 1]).place(&text, 0, 0), None);
    }
}
