//! What is said of a room afterwards.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

use eadem_model::{Ending, EngineError, Isolation, Kernel, Processors, Skipped};

use crate::{
    clock, held::lacking, launch::Launch, payload::can_give_a_processor_up, report::Note, supervise::Course,
    weak,
};

impl Course {
    /// How the payload ended. Outputs are not looked at yet.
    pub(crate) fn ending(&self) -> Result<Ending, EngineError> {
        // The program may have taken a refusal for an error of its own, but the limit came first.
        if let Some(exceeded) = self.exceeded.clone().filter(|_| self.killed != Some(Ending::Cancelled)) {
            return Ok(exceeded);
        }
        let Some(status) = self.status else {
            return self.killed.clone().ok_or(EngineError::Killed);
        };
        let status = ExitStatus::from_raw(status);
        Ok(match (status.code(), status.signal()) {
            (Some(0), _) => Ending::Success,
            (Some(code), _) => Ending::Failed(code),
            (None, signal) => Ending::Signalled(signal.unwrap_or_default()),
        })
    }
}

/// What it means that a file system cannot be the upper of an overlay.
const PLAIN_SCRATCH: &str =
    "the store's file system cannot be the upper of an overlay, so the build can see the store's path";

/// What else the room went without.
pub(crate) fn lacks(launch: &Launch, course: &Course) -> Vec<String> {
    let weak = (launch.isolation == Isolation::Weak).then(weak::lacks);
    missed(course).chain(weak.into_iter().flatten()).collect()
}

/// The same, without what is known of every weak room.
pub(crate) fn missed(course: &Course) -> impl Iterator<Item = String> {
    let known = [
        (Note::PlainScratch, PLAIN_SCRATCH),
        (Note::NoLandlock, "landlock: the kernel has none, or a container hides it"),
        (Note::RandomAddresses, "fixed addresses: the container's filter keeps randomisation on"),
    ];
    let noted = known.into_iter().filter(|(note, _)| course.notes.contains(note));
    noted.map(|(_, lack)| lack.to_owned()).chain(lacking(&course.limits))
}

/// What of the setting the room went without.
pub(crate) fn skipped(launch: &Launch, notes: &[Note]) -> Vec<Skipped> {
    let room = &launch.room;
    let order = notes.contains(&Note::NotShuffled);
    let processors = room.processors == Processors::OneFewer && !can_give_a_processor_up();
    let order = order.then(|| skip("order", "the inputs do not fit into memory"));
    let processors = processors.then(|| skip("processors", "only one may be used"));
    let bound = notes.contains(&Note::NotBound);
    let bound = bound.then(|| skip("processors", "the OCI runtime gives a room all of them"));
    let weak = (launch.isolation == Isolation::Weak).then(|| weak::skipped(room));
    let clock = clock::skipped(launch, notes);
    let unsettled = room.kernel != Kernel::Own && notes.contains(&Note::RandomAddresses);
    let kernel = unsettled.then(|| skip("kernel", "the container's filter keeps its own release"));
    let of_weak = weak.into_iter().flatten();
    order.into_iter().chain(processors.or(bound)).chain(of_weak).chain(clock).chain(kernel).collect()
}

fn skip(variation: &str, reason: &str) -> Skipped {
    Skipped { variation: variation.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use eadem_model::Limit;

    use super::*;

    #[test]
    fn the_payloads_own_ending_is_truer_than_the_wish_to_kill_it() {
        let mut course = Course::default();
        course.killed = Some(Ending::Exceeded(Limit::Wall, 5));
        assert_eq!(course.ending().expect("killed"), Ending::Exceeded(Limit::Wall, 5));
        course.status = Some(3 << 8);
        assert_eq!(course.ending().expect("ended"), Ending::Failed(3));
        course.status = Some(9);
        assert_eq!(course.ending().expect("ended"), Ending::Signalled(9));
        course.exceeded = Some(Ending::Exceeded(Limit::Memory, 7));
        assert_eq!(course.ending().expect("ended"), Ending::Exceeded(Limit::Memory, 7));
        course = Course::default();
        assert!(matches!(course.ending(), Err(EngineError::Killed)));
    }
}
