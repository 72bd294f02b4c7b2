//! Times of day, of the machine and of the room.

use rustix::{
    event::Timespec,
    time::{ClockId, DynamicClockId, clock_gettime, clock_gettime_dynamic},
};

/// A clock that tells the time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// `CLOCK_REALTIME`.
    Exact,
    /// `CLOCK_REALTIME_COARSE`.
    Coarse,
    /// `CLOCK_TAI`, which knows no leap seconds.
    Atomic,
}

impl Clock {
    /// The one that a call names.
    pub(crate) fn of(number: u64) -> Self {
        match number {
            5 => Self::Coarse,
            11 => Self::Atomic,
            _ => Self::Exact,
        }
    }

    /// What the machine shows.
    pub(crate) fn now(self) -> Timespec {
        match self {
            Self::Exact => clock_gettime(ClockId::Realtime),
            Self::Coarse => clock_gettime(ClockId::RealtimeCoarse),
            // Every kernel that can supervise has it.
            Self::Atomic => clock_gettime_dynamic(DynamicClockId::Tai)
                .unwrap_or_else(|_| clock_gettime(ClockId::Realtime)),
        }
    }

    /// What the room shows, whose clock is so many seconds ahead.
    pub(crate) fn shown(self, offset: i64) -> Timespec {
        let now = self.now();
        Timespec { tv_sec: now.tv_sec.saturating_add(offset), ..now }
    }
}

/// As the kernel lays it out on x86-64.
pub(crate) fn bytes(first: i64, second: i64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&first.to_le_bytes());
    bytes[8..].copy_from_slice(&second.to_le_bytes());
    bytes
}

/// A time as the kernel reads it; `None` if it would refuse it.
pub(crate) fn of_bytes(bytes: [u8; 16]) -> Option<Timespec> {
    let [first, second] = [0, 8].map(|at| {
        let half: [u8; 8] = bytes[at..at + 8].try_into().expect("half of sixteen");
        i64::from_le_bytes(half)
    });
    let is_time = first >= 0 && (0..1_000_000_000).contains(&second);
    is_time.then_some(Timespec { tv_sec: first, tv_nsec: second })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_it_was_written_and_no_nonsense_is() {
        let time = of_bytes(bytes(5, 999_999_999)).expect("is a time");
        assert_eq!((time.tv_sec, time.tv_nsec), (5, 999_999_999));
        assert!(of_bytes(bytes(5, 1_000_000_000)).is_none());
        assert!(of_bytes(bytes(-1, 0)).is_none());
    }

    #[test]
    fn what_a_room_shows_is_ahead() {
        let ahead = Clock::Exact.shown(1_000).tv_sec - Clock::Exact.now().tv_sec;
        assert!((999..=1_000).contains(&ahead));
    }
}
