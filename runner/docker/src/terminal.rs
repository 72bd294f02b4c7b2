//! Rooms that somebody enters by hand.

use std::{
    io,
    panic::resume_unwind,
    path::Path,
    sync::mpsc::{Receiver, channel},
    thread,
};

use eadem_model::{Cancel, Ending, EngineError, Event, Inputs, Room, Round, Terminal, Watch};
use eadem_terminal::is_at_terminal;

use crate::{
    config::Streams,
    download::Source,
    engine::{DockerEngine, Made, Places, create},
    halt::{Halt, Stop},
    kept,
    live::{Audience, live},
    stay::Stay,
    visit::{self, Near},
    wrapper::{Program, Tools},
};

impl Terminal for DockerEngine {
    fn enter(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        kept: Option<&Path>,
        watch: &Watch<'_>,
    ) -> Result<Ending, EngineError> {
        self.in_stay(round, inputs, watch, |stay, room, places| {
            match self.visit(stay, room, Places { kept: kept.map(Path::to_owned), ..places }, watch) {
                Ok(ending) => Ok(ending),
                Err(Stop::Cancelled) => Ok(Ending::Cancelled),
                Err(Stop::Error(error)) => Err(error),
            }
        })
    }

    fn discard(&self, kept: &Path) -> Result<(), EngineError> {
        kept::discard(kept).map_err(|source| EngineError::Io {
            attempt: format!("removing what a build left in {}", kept.display()),
            source,
        })
    }
}

impl DockerEngine {
    fn visit(&self, stay: &Stay<'_>, room: &Room, places: Places, watch: &Watch<'_>) -> Result<Ending, Stop> {
        let streams = if is_at_terminal() { Streams::Terminal } else { Streams::Pipes };
        let program = Program { tools: Tools::of(&places.layer_dirs), streams };
        let kept = places.kept.clone();
        let made = self.runtime.block_on(create(stay, room, places, program))?;
        let container = made.container.clone();
        let ending = self.attend(stay, made, room, streams, watch)?;
        if let Some(kept) = kept {
            // Also if the visitor was sent away: what was changed stays changed.
            let never = Cancel::new();
            let halt = Halt::new(&never, &room.limits);
            let source = Source { halt: &halt, ..stay.source(&container, &room.limits) };
            self.runtime.block_on(kept::keep(&source, &room.scratch, &kept))?;
        }
        Ok(ending)
    }

    /// Carries bytes in a second thread until the room is dead.
    fn attend(
        &self,
        stay: &Stay<'_>,
        Made { container, tally }: Made,
        room: &Room,
        streams: Streams,
        watch: &Watch<'_>,
    ) -> Result<Ending, EngineError> {
        let say = |bytes: &[u8]| {
            let message = String::from_utf8_lossy(bytes).trim_end().to_owned();
            (watch.events)(Event::Warning { message });
        };
        let watch = Watch { log: &say, ..*watch };
        let (cancel, (door, doors)) = (watch.cancel, channel());
        let (course, carried) = thread::scope(|scope| {
            let carrier = scope.spawn(move || carry(&doors, cancel));
            let course = self.runtime.block_on(async {
                let (near, far) = visit::pipes(streams).map_err(carrying)?;
                let started = Box::new(move || drop(door.send(near)));
                let audience = Audience::Visitor(Box::new(far), started);
                live(stay.daemon, &container, room, &watch, audience, tally).await
            });
            (course, carrier.join().unwrap_or_else(|panic| resume_unwind(panic)))
        });
        let course = course?;
        carried.map_err(carrying)?;
        Ok(course.ending)
    }
}

/// The user's streams are left alone until the program runs.
fn carry(doors: &Receiver<Near>, cancel: &Cancel) -> io::Result<()> {
    doors.recv().map_or(Ok(()), |near| near.carry(cancel))
}

fn carrying(source: io::Error) -> EngineError {
    EngineError::Io { attempt: "passing on what is typed and shown".to_owned(), source }
}
