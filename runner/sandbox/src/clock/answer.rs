//! What the timekeeper answers to each call.

use rustix::{event::Timespec, io::Errno};

use super::{
    filter::{ARCH_PRCTL, CLOCK_NANOSLEEP, FUTEX},
    inmate::{Absent, Memory},
    listener::{Answer, Listener, Notice},
    stub::{CLOCK_GETTIME, GETTIMEOFDAY, TIME},
    time::{self, Clock},
    vdso::Patch,
    wait::{Wait, Waits},
};

/// What is known of a room's clock.
pub(crate) struct Desk<'a> {
    pub(crate) listener: &'a Listener,
    pub(crate) patch: &'a Patch,
    /// Seconds by which it is ahead.
    pub(crate) offset: i64,
    pub(crate) waits: Waits,
}

/// A program sees the machine's clock.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unshifted;

impl Desk<'_> {
    /// Answers a call, now or when its wait is over.
    pub(crate) fn serve(&mut self, notice: &Notice) -> Result<(), Unshifted> {
        let memory = match Memory::of(self.listener, notice) {
            Err(Absent::Gone) => return Ok(()),
            Err(Absent::Closed) => {
                self.listener.answer(notice.id, Answer::GoesOn);
                return Err(Unshifted);
            }
            Ok(memory) => memory,
        };
        let (answer, served) = self.answer(notice, &memory);
        answer.iter().for_each(|answer| self.listener.answer(notice.id, *answer));
        served
    }

    fn answer(&mut self, notice: &Notice, memory: &Memory) -> (Option<Answer>, Result<(), Unshifted>) {
        let answer = match u8::try_from(notice.call) {
            Ok(ARCH_PRCTL) => {
                let is_shifted = memory.patch(notice.thread, self.patch);
                return (Some(Answer::GoesOn), is_shifted.then_some(()).ok_or(Unshifted));
            }
            Ok(CLOCK_GETTIME) => Some(self.clock_gettime(notice, memory)),
            Ok(GETTIMEOFDAY) => Some(self.gettimeofday(notice, memory)),
            Ok(TIME) => Some(self.time(notice, memory)),
            Ok(FUTEX) => self.futex(notice, memory),
            Ok(CLOCK_NANOSLEEP) => self.sleep(notice, memory),
            // The filter notifies of nothing else.
            _ => Some(Answer::GoesOn),
        };
        (answer, Ok(()))
    }

    fn clock_gettime(&self, notice: &Notice, memory: &Memory) -> Answer {
        let [clock, to, ..] = notice.args;
        let Timespec { tv_sec, tv_nsec } = Clock::of(clock).shown(self.offset);
        written(memory, to, &time::bytes(tv_sec, tv_nsec), 0)
    }

    fn gettimeofday(&self, notice: &Notice, memory: &Memory) -> Answer {
        /// Of minutes west, and a rule for summer; the kernel has had none for long.
        const ZONE: [u8; 8] = [0; 8];
        let [to, zone, ..] = notice.args;
        let Timespec { tv_sec, tv_nsec } = Clock::Exact.shown(self.offset);
        let told = [(to, &time::bytes(tv_sec, tv_nsec / 1000)[..]), (zone, &ZONE)];
        let wanted = told.into_iter().filter(|(to, _)| *to != 0);
        let mut answers = wanted.map(|(to, bytes)| written(memory, to, bytes, 0));
        answers.find(|answer| *answer != Answer::Returns(0)).unwrap_or(Answer::Returns(0))
    }

    fn time(&self, notice: &Notice, memory: &Memory) -> Answer {
        let now = Clock::Coarse.shown(self.offset).tv_sec;
        match notice.args[0] {
            0 => Answer::Returns(now),
            to => written(memory, to, &now.to_le_bytes(), now),
        }
    }

    fn futex(&mut self, notice: &Notice, memory: &Memory) -> Option<Answer> {
        let [at, _, expected, until, ..] = notice.args;
        #[allow(clippy::cast_possible_truncation, reason = "the kernel reads the lower half")]
        let word = Some((at, expected as u32));
        // What cannot be read, the kernel complains about.
        let is_word = memory.read::<4>(at).is_ok();
        self.wait(notice, Clock::Exact, memory.read(until).ok().filter(|_| is_word), word)
    }

    fn sleep(&mut self, notice: &Notice, memory: &Memory) -> Option<Answer> {
        let [clock, _, until, ..] = notice.args;
        self.wait(notice, Clock::of(clock), memory.read(until).ok(), None)
    }

    fn wait(
        &mut self,
        notice: &Notice,
        clock: Clock,
        until: Option<[u8; 16]>,
        word: Option<(u64, u32)>,
    ) -> Option<Answer> {
        match until.and_then(|until| Wait::new(*notice, (clock, self.offset), until, word)) {
            Some(wait) => {
                self.waits.add(wait);
                None
            }
            None => Some(Answer::GoesOn),
        }
    }
}

fn written(memory: &Memory, to: u64, bytes: &[u8], value: i64) -> Answer {
    memory.write(to, bytes).map_or(Answer::Fails(Errno::FAULT), |()| Answer::Returns(value))
}
