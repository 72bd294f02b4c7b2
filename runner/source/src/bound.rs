//! Limits on what an archive may unfold to.

use std::{
    cell::Cell,
    io::{self, Read},
    rc::Rc,
};

/// What one archive may unfold to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How many entries it may have.
    pub(crate) entries: u64,
    /// To how many bytes it may unfold, headers included.
    pub(crate) bytes: u64,
    /// To how many times its own size it may unfold, once it is past `free_bytes`.
    pub(crate) ratio: u64,
    /// To how many bytes it may unfold at any ratio.
    pub(crate) free_bytes: u64,
}

/// The limits of real archives: a Linux kernel has about 90,000 entries and 1.5 GiB, and the
/// registry lets any crate unfold to 512 MiB.
pub(crate) const LIMITS: Limits =
    Limits { entries: 1_000_000, bytes: 16 << 30, ratio: 200, free_bytes: 512 << 20 };

impl Limits {
    /// How many bytes an archive of `packed` bytes may unfold to.
    pub(crate) fn most_bytes(&self, packed: u64) -> u64 {
        packed.saturating_mul(self.ratio).clamp(self.free_bytes, self.bytes)
    }
}

/// Stops a reader at a limit, and remembers that it did.
pub(crate) struct Bounded<R> {
    inner: R,
    left: u64,
    is_exceeded: Rc<Cell<bool>>,
}

impl<R> Bounded<R> {
    /// Lets `most` bytes through.
    pub(crate) fn new(inner: R, most: u64) -> Self {
        Self { inner, left: most, is_exceeded: Rc::default() }
    }

    /// Says later whether the limit was hit; other readers in between blur the error.
    pub(crate) fn is_exceeded(&self) -> Rc<Cell<bool>> {
        Rc::clone(&self.is_exceeded)
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        match self.left.checked_sub(n as u64) {
            Some(left) => self.left = left,
            None => {
                self.is_exceeded.set(true);
                return Err(io::Error::other("the archive unfolds to too many bytes"));
            }
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_archive_may_unfold_freely_and_a_large_one_by_ratio() {
        assert_eq!(LIMITS.most_bytes(1000), 512 << 20);
        assert_eq!(LIMITS.most_bytes(10 << 20), 2000 << 20);
        assert_eq!(LIMITS.most_bytes(u64::MAX), 16 << 30);
    }

    #[test]
    fn a_reader_stops_at_its_limit() {
        let mut reader = Bounded::new(&b"abcd"[..], 3);
        let exceeded = reader.is_exceeded();
        assert!(reader.read_to_end(&mut Vec::new()).is_err());
        assert!(exceeded.get());
        Bounded::new(&b"abc"[..], 3).read_to_end(&mut Vec::new()).expect("at the limit");
    }
}
