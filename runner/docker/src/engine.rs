//! The engine: from a round to its outcome.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use bollard::query_parameters::CreateContainerOptions;
use eadem_model::{
    Abilities, Architecture, Digest, Ending, Engine, EngineError, Event, Inputs, Isolation, Outcome,
    OutputSink, Room, RoomPath, Round, Terminal, TreePath, Users, Watch,
};
use tokio::runtime::{Builder, Runtime};

use crate::{
    abilities::abilities,
    config::{self, Streams, Volumes},
    daemon::{Daemon, Make},
    download::put_down,
    endpoint::Surroundings,
    halt::{Halt, Stop},
    image, kept, limit,
    live::{Audience, Course, live},
    output,
    owner::Owner,
    stage,
    stay::{Stay, Thing},
    sweep::sweep,
    tally::Tally,
    wrapper::{Program, Tools},
};

/// Runs rounds in containers of Docker Engine or Podman.
///
/// The daemon is looked for when the first room is wanted, and what a killed eadem left there is removed.
pub struct DockerEngine {
    surroundings: Surroundings,
    spool_dir: PathBuf,
    pub(crate) runtime: Runtime,
    owner: Owner,
    daemon: OnceLock<Daemon>,
}

impl Engine for DockerEngine {
    fn name(&self) -> &str {
        "docker"
    }

    fn probe(&self) -> Result<Abilities, EngineError> {
        Ok(abilities(self.daemon(&|_| ())?))
    }

    fn run(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
    ) -> Result<Outcome, EngineError> {
        self.in_stay(round, inputs, watch, |stay, room, places| self.live(stay, room, places, out, watch))
    }

    fn terminal(&self) -> Option<&dyn Terminal> {
        Some(self)
    }
}

impl DockerEngine {
    /// An engine that puts outputs down below `spool_dir` before they are handed over.
    ///
    /// # Errors
    /// No threads can be started, or `/proc` cannot be read.
    pub fn new(surroundings: Surroundings, spool_dir: PathBuf) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Self { surroundings, spool_dir, runtime, owner: Owner::this()?, daemon: OnceLock::new() })
    }

    fn daemon(&self, events: &(dyn Fn(Event) + Sync)) -> Result<&Daemon, EngineError> {
        if let Some(daemon) = self.daemon.get() {
            return Ok(daemon);
        }
        let daemon = self.runtime.block_on(Daemon::find(&self.surroundings))?;
        if let Err(error) = self.runtime.block_on(sweep(&daemon, &self.owner)) {
            let message =
                format!("what an earlier eadem left at {} may still be there: {error}", daemon.name);
            events(Event::Warning { message });
        }
        Ok(self.daemon.get_or_init(|| daemon))
    }

    /// Looks whether there can be such a room, has something done with what it has at the daemon, and removes
    /// that.
    pub(crate) fn in_stay<T>(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        watch: &Watch<'_>,
        work: impl FnOnce(&Stay<'_>, &Room, Places) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let room = round.room()?;
        check(&room)?;
        let daemon = self.daemon(watch.events)?;
        fits(daemon, room.architecture)?;
        passes(daemon, &room)?;
        let places = Places::of(&room, inputs)?;
        let halt = Halt::new(watch.cancel, &room.limits);
        let stay = Stay::new(daemon, halt, &self.runtime, &self.owner, round.plan.digest().hex());
        let done = work(&stay, &room, places);
        leave(&stay, done, watch)
    }

    /// Runs one room from its making to its end; what it had is removed by the caller.
    fn live(
        &self,
        stay: &Stay<'_>,
        room: &Room,
        places: Places,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
    ) -> Result<Outcome, EngineError> {
        let tools = Tools::of(&places.layer_dirs);
        let course = match self.course(stay, room, places, tools, out, watch) {
            Ok(course) => course,
            Err(Stop::Cancelled) => Course::before_its_start(Ending::Cancelled),
            Err(Stop::Error(error)) => return Err(error),
        };
        Ok(outcome(stay.daemon, room, tools, course))
    }

    fn course(
        &self,
        stay: &Stay<'_>,
        room: &Room,
        places: Places,
        tools: Tools,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
    ) -> Result<Course, Stop> {
        let program = Program { tools, streams: Streams::Log };
        let Made { container, tally } = self.runtime.block_on(create(stay, room, places, program))?;
        let course = live(stay.daemon, &container, room, watch, Audience::Log, tally);
        let course = self.runtime.block_on(course)?;
        let ending = match course.ending {
            Ending::Success => self.take(stay, &container, room, out)?,
            other => other,
        };
        if let Some(kept) = watch.keep {
            self.keep(stay, (&container, room), &ending, kept, watch)?;
        }
        Ok(Course { ending, ..course })
    }

    /// Keeps what a build wrote; that it cannot be kept is not the build's fault.
    fn keep(
        &self,
        stay: &Stay<'_>,
        (container, room): (&str, &Room),
        ending: &Ending,
        kept: &Path,
        watch: &Watch<'_>,
    ) -> Result<(), Stop> {
        let done = match ending {
            // Who wants to leave does not want to wait for a download.
            Ending::Cancelled => kept::discard(kept).map_err(|source| put_down(kept, source).into()),
            _ => {
                self.runtime.block_on(kept::keep(&stay.source(container, &room.limits), &room.scratch, kept))
            }
        };
        let Err(stop) = done else { return Ok(()) };
        // Half a state would be taken for a whole one; what cannot be removed goes with the next.
        let _ = kept::discard(kept);
        let Stop::Error(error) = stop else { return Err(stop) };
        let message = format!("the state of the build cannot be kept: {error}");
        (watch.events)(Event::Warning { message });
        Ok(())
    }

    fn take(
        &self,
        stay: &Stay<'_>,
        container: &str,
        room: &Room,
        out: &mut dyn OutputSink,
    ) -> Result<Ending, Stop> {
        let failed = |attempt: &str| {
            let attempt = attempt.to_owned();
            move |source| EngineError::Io { attempt, source }
        };
        fs::create_dir_all(&self.spool_dir).map_err(failed("making a place for outputs"))?;
        let source = stay.source(container, &room.limits);
        let downloads = output::fetch(&source, room, &self.spool_dir);
        match self.runtime.block_on(downloads)? {
            Err(ending) => Ok(ending),
            Ok(downloads) => Ok(output::take(downloads, room.limits.output_bytes, out)
                .map_err(failed("taking the outputs of a room"))?),
        }
    }
}

/// What of the host a room is made of.
pub(crate) struct Places {
    pub(crate) layer_dirs: Vec<PathBuf>,
    pub(crate) input_dirs: Vec<PathBuf>,
    /// What its writable directories hold at first, if that was kept.
    pub(crate) kept: Option<PathBuf>,
}

impl Places {
    fn of(room: &Room, inputs: &dyn Inputs) -> Result<Self, EngineError> {
        let open = |layer: &Digest| {
            inputs.layer_dir(layer).map_err(|source| EngineError::Input { layer: *layer, source })
        };
        let input = |input: &eadem_model::RoomInput| beneath(&open(&input.layer)?, &input.subpath);
        Ok(Self {
            layer_dirs: room.rootfs.iter().map(open).collect::<Result<_, _>>()?,
            input_dirs: room.inputs.iter().map(input).collect::<Result<_, _>>()?,
            kept: None,
        })
    }
}

/// A directory of a layer, which is untrusted: a link in it must not lead elsewhere.
fn beneath(layer: &Path, subpath: &TreePath) -> Result<PathBuf, EngineError> {
    let mut dir = layer.to_owned();
    for name in subpath.as_str().split('/') {
        dir.push(name);
        let found = dir.symlink_metadata();
        let is_dir = found.and_then(|found| match found.is_dir() {
            true => Ok(()),
            false => Err(io::ErrorKind::NotADirectory.into()),
        });
        let attempt = || format!("showing the directory {}", dir.display());
        is_dir.map_err(|source| EngineError::Io { attempt: attempt(), source })?;
    }
    Ok(dir)
}

/// Refuses what no room of a container engine can have.
fn check(room: &Room) -> Result<(), EngineError> {
    /// Docker's own limit, less the room's own layer and the container's.
    const MAX_LAYERS: usize = 120;
    let refuse = |what: String| Err(EngineError::Plan { what });
    match room {
        Room { users: Users::Range, .. } => refuse("a range of user ids".to_owned()),
        room if room.rootfs.is_empty() => refuse("no layers".to_owned()),
        room if room.rootfs.len() > MAX_LAYERS => {
            refuse(format!("{} layers (at most {MAX_LAYERS} for a daemon)", room.rootfs.len()))
        }
        room if room.start.is_some() => refuse("directories that hold something at first".to_owned()),
        room if !room.veils.is_empty() => refuse("names without what they name".to_owned()),
        room => room.check_places(),
    }
}

/// A daemon may emulate another architecture in silence; then the machine would be another input.
fn fits(daemon: &Daemon, wanted: Architecture) -> Result<(), EngineError> {
    let machine = daemon.info.architecture.clone().unwrap_or_default();
    let known = match machine.as_str() {
        "x86_64" | "amd64" => Some(Architecture::Amd64),
        "aarch64" | "arm64" => Some(Architecture::Arm64),
        _ => None,
    };
    if known == Some(wanted) {
        return Ok(());
    }
    Err(EngineError::Architecture {
        wanted: wanted.as_str(),
        machine: format!("{machine} ({})", daemon.name),
    })
}

/// Podman makes one text of a mount and takes it apart again.
fn passes(daemon: &Daemon, room: &Room) -> Result<(), EngineError> {
    let is_odd = |place: &&RoomPath| place.as_str().contains([',', ':', '"', '\n', '\\']);
    let places = || room.inputs.iter().map(|input| &input.at).chain(&room.scratch);
    match places().find(is_odd).filter(|_| daemon.make == Make::Podman) {
        Some(place) => Err(EngineError::Plan { what: format!("the directory {place:?} of Podman's API") }),
        None => Ok(()),
    }
}

/// A container that can be started.
pub(crate) struct Made {
    pub(crate) container: String,
    /// What counts what is written there, if something can.
    pub(crate) tally: Option<Tally>,
}

/// Makes all that a room needs.
pub(crate) async fn create(
    stay: &Stay<'_>,
    room: &Room,
    places: Places,
    program: Program,
) -> Result<Made, Stop> {
    let rootfs = image::ensure(stay, room, &places.layer_dirs).await?;
    let volumes = volumes(stay, room).await?;
    let image = stage::furnish(stay, room, rootfs, places, &volumes).await?;
    let body = config::container(stay, room, image.clone(), &volumes, program)?;
    let created = stay.daemon.docker.create_container(None::<CreateContainerOptions>, body).await;
    let id = created.map_err(stay.daemon.failed("to make a room"))?.id;
    stay.keep(Thing::Container(id.clone()));
    has_working_dir(stay.daemon, &id, room).await?;
    // After the container was made: by that the volumes take over what the image has in their place.
    let tally = match (stay.daemon.make, program.tools) {
        (Make::Docker, Tools { shell: true, du: true, .. }) => {
            Tally::start(stay, image, &volumes.scratch).await
        }
        // Podman gives a volume to the user of the first container that is started with it, which has to be
        // the room.
        _ => None,
    };
    Ok(Made { container: id, tally })
}

async fn volumes(stay: &Stay<'_>, room: &Room) -> Result<Volumes, EngineError> {
    let mut volumes = Volumes { inputs: Vec::new(), scratch: Vec::new() };
    for _ in &room.inputs {
        volumes.inputs.push(stay.volume().await?);
    }
    for _ in &room.scratch {
        volumes.scratch.push(stay.volume().await?);
    }
    Ok(volumes)
}

/// A daemon would make a directory that is missing.
async fn has_working_dir(daemon: &Daemon, container: &str, room: &Room) -> Result<(), EngineError> {
    let stat = output::stat(daemon, container, room.cwd.as_str()).await?;
    match stat.is_some_and(|stat| output::may_be_entered(&stat)) {
        true => Ok(()),
        false => Err(EngineError::Plan { what: format!("the working directory `{}`", room.cwd) }),
    }
}

fn outcome(daemon: &Daemon, room: &Room, tools: Tools, course: Course) -> Outcome {
    let is_filtered = daemon.make == Make::Podman || daemon.has_seccomp();
    Outcome {
        ending: course.ending,
        usage: course.usage,
        skipped: limit::skipped(daemon, room, tools),
        limits: limit::applied(daemon, room, course.is_counted),
        isolation: if is_filtered { Isolation::Strict } else { Isolation::Weak },
        lacks: limit::lacks(daemon, tools, course.is_counted),
        sought: BTreeSet::new(),
    }
}

/// Removes what a room had; what went wrong before is worth more than what goes wrong now.
fn leave<T>(stay: &Stay<'_>, done: Result<T, EngineError>, watch: &Watch<'_>) -> Result<T, EngineError> {
    match (done, stay.end()) {
        (done, Ok(())) => done,
        (Ok(_), Err(error)) => Err(error),
        (Err(first), Err(second)) => {
            let message =
                format!("what a room had at {} stays until the next start: {second}", stay.daemon.name);
            (watch.events)(Event::Warning { message });
            Err(first)
        }
    }
}
