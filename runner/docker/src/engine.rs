//! The engine: from a round to its outcome.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use bollard::query_parameters::CreateContainerOptions;
use eadem_model::{
    Abilities, Architecture, Digest, Ending, Engine, EngineError, Event, Inputs, Isolation, Outcome,
    OutputSink, Room, RoomPath, Round, TreePath, Users, Watch,
};
use tokio::runtime::{Builder, Runtime};

use crate::{
    abilities::abilities,
    config::{self, Volumes},
    daemon::{Daemon, Make},
    endpoint::Surroundings,
    image, limit,
    live::{Course, live},
    output,
    owner::Owner,
    stage,
    stay::{Stay, Thing},
    sweep::sweep,
    wrapper::Tools,
};

/// Runs rounds in containers of Docker Engine or Podman.
///
/// The daemon is looked for when the first room is wanted, and what a killed eadem left there is removed.
pub struct DockerEngine {
    surroundings: Surroundings,
    spool_dir: PathBuf,
    runtime: Runtime,
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
        let room = round.room()?;
        check(&room)?;
        let daemon = self.daemon(watch.events)?;
        fits(daemon, room.architecture)?;
        passes(daemon, &room)?;
        let places = Places::of(&room, inputs)?;
        let stay = Stay::new(daemon, &self.runtime, &self.owner, round.plan.digest().hex());
        let outcome = self.live(&stay, &room, places, out, watch);
        leave(&stay, outcome, watch)
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
        let container = self.runtime.block_on(create(stay, room, places, tools))?;
        let course = self.runtime.block_on(live(stay.daemon, &container, room, watch))?;
        let ending = match course.ending {
            Ending::Success => self.take(stay.daemon, &container, room, out)?,
            other => other,
        };
        Ok(outcome(stay.daemon, room, tools, Course { ending, ..course }))
    }

    fn take(
        &self,
        daemon: &Daemon,
        container: &str,
        room: &Room,
        out: &mut dyn OutputSink,
    ) -> Result<Ending, EngineError> {
        let failed = |attempt: &str| {
            let attempt = attempt.to_owned();
            move |source| EngineError::Io { attempt, source }
        };
        fs::create_dir_all(&self.spool_dir).map_err(failed("making a place for outputs"))?;
        let downloads = output::download(daemon, container, room, &self.spool_dir);
        match self.runtime.block_on(downloads)? {
            Err(ending) => Ok(ending),
            Ok(downloads) => output::take(downloads, room.limits.output_bytes, out)
                .map_err(failed("taking the outputs of a room")),
        }
    }
}

/// The directories of the store that a room is made of.
struct Places {
    layer_dirs: Vec<PathBuf>,
    input_dirs: Vec<PathBuf>,
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

/// Makes all that a room needs; gives the container, which can be started.
async fn create(stay: &Stay<'_>, room: &Room, places: Places, tools: Tools) -> Result<String, EngineError> {
    let rootfs = image::ensure(stay.daemon, room, &places.layer_dirs).await?;
    let volumes = volumes(stay, room).await?;
    let image = stage::furnish(stay, room, rootfs, places.input_dirs, &volumes).await?;
    let body = config::container(stay, room, image, &volumes, tools)?;
    let created = stay.daemon.docker.create_container(None::<CreateContainerOptions>, body).await;
    let id = created.map_err(stay.daemon.failed("to make a room"))?.id;
    stay.keep(Thing::Container(id.clone()));
    has_working_dir(stay.daemon, &id, room).await?;
    Ok(id)
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
        limits: limit::applied(daemon, room),
        isolation: if is_filtered { Isolation::Strict } else { Isolation::Weak },
        lacks: limit::lacks(daemon, tools),
    }
}

/// Removes what a room had; what went wrong before is worth more than what goes wrong now.
fn leave(
    stay: &Stay<'_>,
    outcome: Result<Outcome, EngineError>,
    watch: &Watch<'_>,
) -> Result<Outcome, EngineError> {
    match (outcome, stay.end()) {
        (outcome, Ok(())) => outcome,
        (Ok(_), Err(error)) => Err(error),
        (Err(first), Err(second)) => {
            let message =
                format!("what a room had at {} stays until the next start: {second}", stay.daemon.name);
            (watch.events)(Event::Warning { message });
            Err(first)
        }
    }
}
