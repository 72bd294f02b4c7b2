//! The image of a round's layers, which a daemon keeps.
//!
//! It is asked for by a name that says what is in it, and loaded if the daemon has none. Who may write to
//! the daemon may also replace the image; but who may do that is root already.

use std::path::PathBuf;

use bollard::query_parameters::ImportImageOptionsBuilder;
use eadem_model::{Digest, EngineError, Room};
use futures_util::TryStreamExt;

use crate::{
    archive::Archive,
    daemon::{Daemon, is_absence},
    halt::Stop,
    stay::Stay,
    upload::Upload,
};

/// The label of kept images; its value is the key.
pub(crate) const LABEL: &str = "eadem.rootfs";

/// Both Docker and Podman take this name as it is.
const REPOSITORY: &str = "localhost/eadem/rootfs";

/// Changes when the same layers would be written in another way.
const FORMAT: u32 = 1;

/// The id of the image of a room's layers; loads it if the daemon does not have it.
pub(crate) async fn ensure(stay: &Stay<'_>, room: &Room, dirs: &[PathBuf]) -> Result<String, Stop> {
    let daemon = stay.daemon;
    let key = key(room).hex();
    let name = format!("{REPOSITORY}:{key}");
    if let Some(id) = find(daemon, &name).await? {
        return Ok(id);
    }
    let load = load(daemon, room, dirs.to_vec(), key, name.clone());
    stay.halt.guard(&daemon.name, "to load an image", load).await?;
    Ok(find(daemon, &name).await?.ok_or_else(|| daemon.odd("no image after loading one"))?)
}

fn key(room: &Room) -> Digest {
    let layers: Vec<String> = room.rootfs.iter().map(Digest::to_string).collect();
    let text = format!("eadem rootfs {FORMAT} {} {}", room.architecture.as_str(), layers.join(" "));
    Digest::of(text.as_bytes())
}

async fn find(daemon: &Daemon, name: &str) -> Result<Option<String>, EngineError> {
    match daemon.docker.inspect_image(name).await {
        Ok(image) => Ok(image.id),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(daemon.failed("to look an image up")(error)),
    }
}

async fn load(
    daemon: &Daemon,
    room: &Room,
    dirs: Vec<PathBuf>,
    key: String,
    name: String,
) -> Result<(), EngineError> {
    let architecture = room.architecture;
    let (upload, archive) =
        Upload::start(move |to| Archive::survey(&dirs, architecture, name, (LABEL, &key), to)?.write(to));
    let options = ImportImageOptionsBuilder::default().quiet(true).build();
    let answers = daemon.docker.import_image_stream(options, archive, None);
    let loaded = answers.try_for_each(|_| async { Ok(()) }).await;
    let loaded = loaded.map_err(daemon.failed("to load an image"));
    upload.finish(loaded, "reading the image's layers").await
}
