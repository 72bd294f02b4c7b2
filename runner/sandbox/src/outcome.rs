//! What is said of a room afterwards.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

use eadem_model::{Ending, EngineError, Processors, Room, Skipped};

use crate::{
    payload::{MAX_PROCESSES, can_give_a_processor_up},
    report::Note,
    stage::MEMORY_BYTES,
    supervise::Course,
};

impl Course {
    /// How the payload ended. Outputs are not looked at yet.
    pub(crate) fn ending(&self) -> Result<Ending, EngineError> {
        let Some(status) = self.status else {
            let what = "its first process was killed from outside".to_owned();
            return self.killed.clone().ok_or(EngineError::Launcher { what });
        };
        let status = ExitStatus::from_raw(status);
        Ok(match (status.code(), status.signal()) {
            (Some(0), _) => Ending::Success,
            (Some(code), _) => Ending::Failed(code),
            (None, signal) => Ending::Signalled(signal.unwrap_or_default()),
        })
    }
}

/// The limits that were in force. There are none of memory and processor time yet.
pub(crate) fn limits(room: &Room) -> Vec<String> {
    let limits = &room.limits;
    vec![
        format!("wall={}s", limits.wall_seconds),
        format!("log={}B", limits.log_bytes),
        format!("output={}B", limits.output_bytes),
        format!("tmp={MEMORY_BYTES}B"),
        format!("processes={MAX_PROCESSES}"),
    ]
}

/// What of the setting the room went without.
pub(crate) fn skipped(room: &Room, notes: &[Note]) -> Vec<Skipped> {
    let order = notes.contains(&Note::NotShuffled);
    let processors = room.processors == Processors::OneFewer && !can_give_a_processor_up();
    let order = order.then(|| skip("order", "the inputs do not fit into memory"));
    let processors = processors.then(|| skip("processors", "only one may be used"));
    order.into_iter().chain(processors).collect()
}

fn skip(variation: &str, reason: &str) -> Skipped {
    Skipped { variation: variation.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payloads_own_ending_is_truer_than_the_wish_to_kill_it() {
        let mut course = Course::default();
        course.killed = Some(Ending::TimedOut(5));
        assert_eq!(course.ending().expect("killed"), Ending::TimedOut(5));
        course.status = Some(3 << 8);
        assert_eq!(course.ending().expect("ended"), Ending::Failed(3));
        course.status = Some(9);
        assert_eq!(course.ending().expect("ended"), Ending::Signalled(9));
        course = Course::default();
        assert!(matches!(course.ending(), Err(EngineError::Launcher { .. })));
    }
}
