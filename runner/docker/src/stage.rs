//! Stages: containers that never start, into which a room's own files and its inputs are uploaded.
//!
//! A container with a read-only root takes no uploads. So the upper layer of a first stage becomes the
//! highest of the room's image; a second one, of that image, has the inputs' volumes, which it shares with
//! the room. Not the first: links of the image would lead the volumes elsewhere.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use bollard::{
    body_try_stream,
    models::{ContainerConfig, ContainerCreateBody, HostConfig, Mount},
    query_parameters::{CommitContainerOptionsBuilder, UploadToContainerOptionsBuilder},
};
use eadem_model::{EngineError, Room, RoomPath};
use tar::{Builder, EntryType, Header};

use crate::{
    config::{Access, Volumes, mount},
    engine::Places,
    halt::Stop,
    kept,
    layer::{self, Ids, ROOT},
    replay,
    stay::{Stay, Thing},
    upload::{Heard, Upload},
};

/// Directories that every room has, and their modes.
const FIXED: [(&str, u32); 7] = [
    ("dev", 0o755),
    ("etc", 0o755),
    ("proc", 0o755),
    ("sys", 0o755),
    ("tmp", 0o1777),
    ("var", 0o755),
    ("var/tmp", 0o1777),
];

/// Makes the image of a room from that of its layers, and fills the volumes of its inputs, and of what it
/// may write with what was kept.
pub(crate) async fn furnish(
    stay: &Stay<'_>,
    room: &Room,
    rootfs: String,
    places: Places,
    volumes: &Volumes,
) -> Result<String, Stop> {
    let own = own_tar(room)
        .map_err(|source| EngineError::Io { attempt: "writing a room's own files".to_owned(), source })?;
    let stage = create(stay, rootfs, Vec::new()).await?;
    put(stay, &stage, "/", move |to| to.write_all(&own)).await?;
    let image = commit(stay, &stage).await?;
    if !room.inputs.is_empty() {
        fill(stay, room, image.clone(), places.input_dirs, volumes).await?;
    }
    if let Some(kept) = places.kept {
        restore(stay, room, image.clone(), &kept, volumes).await?;
    }
    Ok(image)
}

async fn fill(
    stay: &Stay<'_>,
    room: &Room,
    image: String,
    input_dirs: Vec<PathBuf>,
    volumes: &Volumes,
) -> Result<(), Stop> {
    let inputs = room.inputs.iter().zip(&volumes.inputs);
    let mounts = inputs.map(|(input, volume)| mount(volume, &input.at, Access::Write)).collect();
    let stage = create(stay, image, mounts).await?;
    let user = ids(room);
    for (input, dir) in room.inputs.iter().zip(input_dirs) {
        put(stay, &stage, input.at.as_str(), move |to| layer::write(&dir, user, to)).await?;
    }
    Ok(())
}

async fn restore(
    stay: &Stay<'_>,
    room: &Room,
    image: String,
    kept: &Path,
    volumes: &Volumes,
) -> Result<(), Stop> {
    let scratch = room.scratch.iter().zip(&volumes.scratch);
    let mounts = scratch.map(|(at, volume)| mount(volume, at, Access::Write)).collect();
    let stage = create(stay, image, mounts).await?;
    for (index, at) in room.scratch.iter().enumerate() {
        let archive = kept::archive(kept, index);
        put(stay, &stage, at.as_str(), move |to| replay::write(BufReader::new(File::open(archive)?), to))
            .await?;
    }
    Ok(())
}

fn ids(room: &Room) -> Ids {
    Ids { uid: room.user.uid, gid: room.user.gid }
}

async fn create(stay: &Stay<'_>, image: String, mounts: Vec<Mount>) -> Result<String, EngineError> {
    let body = ContainerCreateBody {
        image: Some(image),
        // It is never started.
        cmd: Some(vec!["none".to_owned()]),
        labels: Some(stay.labels().collect()),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            mounts: Some(mounts),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let created = stay.daemon.docker.create_container(None, body).await;
    let id = created.map_err(stay.daemon.failed("to make a container"))?.id;
    stay.keep(Thing::Container(id.clone()));
    Ok(id)
}

/// Uploads an archive into a directory of a container.
async fn put(
    stay: &Stay<'_>,
    container: &str,
    path: &str,
    write: impl FnOnce(&mut dyn Heard) -> io::Result<()> + Send + 'static,
) -> Result<(), Stop> {
    let attempt = format!("to take files for `{path}`");
    let sending = async {
        let options = UploadToContainerOptionsBuilder::default().path(path).build();
        let (upload, archive) = Upload::start(write);
        let sent =
            stay.daemon.docker.upload_to_container(container, Some(options), body_try_stream(archive)).await;
        let sent = sent.map_err(stay.daemon.failed(&attempt));
        upload.finish(sent, &format!("reading what a room shows at `{path}`")).await
    };
    stay.halt.guard(&stay.daemon.name, &attempt, sending).await
}

async fn commit(stay: &Stay<'_>, stage: &str) -> Result<String, EngineError> {
    // Docker hears the configuration, Podman the changes.
    let changes: Vec<String> =
        stay.labels().map(|(name, value)| format!("LABEL \"{name}\"=\"{value}\"")).collect();
    let options = CommitContainerOptionsBuilder::default()
        .container(stage)
        .pause(false)
        .changes(&changes.join("\n"))
        .build();
    let config = ContainerConfig { labels: Some(stay.labels().collect()), ..ContainerConfig::default() };
    let committed = stay.daemon.docker.commit_container(options, config).await;
    let id = committed.map_err(stay.daemon.failed("to make an image"))?.id;
    stay.keep(Thing::Image(id.clone()));
    Ok(id)
}

/// The room's own files and the places of everything that is mounted, links of the image replaced.
fn own_tar(room: &Room) -> io::Result<Vec<u8>> {
    let mut tar = Builder::new(Vec::new());
    for (path, (mode, ids)) in directories(room) {
        tar.append_data(&mut header(EntryType::Directory, mode, ids, 0), path, io::empty())?;
    }
    for (name, content) in room.own_files() {
        let mut header = header(EntryType::Regular, 0o644, ROOT, content.len());
        tar.append_data(&mut header, Path::new("etc").join(name), content.as_bytes())?;
    }
    tar.into_inner()
}

/// Sorted, so that directories come before what is in them.
fn directories(room: &Room) -> BTreeMap<PathBuf, (u32, Ids)> {
    let mut all = BTreeMap::new();
    let own = room.inputs.iter().map(|input| &input.at).chain(&room.scratch).map(RoomPath::below_root);
    for path in own.clone() {
        let parents = Path::new(path).ancestors().skip(1).filter(|path| !path.as_os_str().is_empty());
        all.extend(parents.map(|path| (path.to_owned(), (0o755, ROOT))));
    }
    all.extend(own.map(|path| (path.into(), (0o755, ids(room)))));
    all.extend(FIXED.map(|(path, mode)| (path.into(), (mode, ROOT))));
    all
}

fn header(kind: EntryType, mode: u32, ids: Ids, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(ids.uid.into());
    header.set_gid(ids.gid.into());
    header.set_mtime(0);
    header.set_size(size as u64);
    header
}
