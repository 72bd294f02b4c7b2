//! Counts what a room's writable directories hold.
//!
//! No driver of volumes has a limit on every disk, and a daemon tells of one volume only with all others.
//! So the image's own `du` counts, in a container beside the room: what is written there is shown to it,
//! read-only, and the room sees nothing of it.

use std::{pin::Pin, sync::Arc, time::Duration};

use bollard::{
    container::LogOutput,
    errors::Error,
    models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount},
    query_parameters::{AttachContainerOptionsBuilder, CreateContainerOptions},
};
use eadem_model::{Limit, Limits, RoomPath};
use futures_util::{Stream, StreamExt, stream};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    sync::Notify,
    time::{Instant, sleep, timeout},
};

use crate::{
    config::{Access, mount},
    stay::{Stay, Thing},
};

/// Answers each line with two totals: of bytes on the disk, and of files. It ends with eadem.
const SCRIPT: &str =
    "while read -r _; do du -sc -B1 -- \"$@\"; du -sc --inodes -- \"$@\"; echo end; done 2>/dev/null";

/// Between two counts: this many times as long as one takes, and so long at the least.
const OFTEN: u32 = 10;
const SOON: Duration = Duration::from_millis(500);

/// Longer than the count of any room.
const PATIENCE: Duration = Duration::from_secs(300);

/// What directories hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Amount {
    bytes: u64,
    files: u64,
}

/// What was found by a count that began then.
struct Count {
    since: Instant,
    found: Amount,
}

/// Counts one room, again and again, for as long as it is asked.
pub(crate) struct Tally {
    counts: Pin<Box<dyn Stream<Item = Count>>>,
    hurry: Arc<Notify>,
    /// What was there before the build.
    before: Amount,
}

impl Tally {
    /// Starts to count volumes; there is none if that cannot be done.
    pub(crate) async fn start(stay: &Stay<'_>, image: String, volumes: &[String]) -> Option<Self> {
        let mut beside = Beside::start(stay, image, volumes).await.ok()?;
        let before = beside.count().await?;
        let hurry = Arc::new(Notify::new());
        let counts = stream::unfold((beside, Arc::clone(&hurry)), next).boxed_local();
        Some(Self { counts, hurry, before })
    }

    /// Waits for the next count: the limit that is exceeded, if one is. Nothing if nobody counts any more.
    pub(crate) async fn next(&mut self, limits: &Limits) -> Option<Option<Limit>> {
        let Count { found, .. } = self.counts.next().await?;
        Some(self.exceeded(limits, found))
    }

    /// Counts what is there now.
    pub(crate) async fn last(&mut self, limits: &Limits) -> Option<Option<Limit>> {
        let now = Instant::now();
        let counting = async {
            loop {
                self.hurry.notify_one();
                let Count { since, found } = self.counts.next().await?;
                if since >= now {
                    return Some(found);
                }
            }
        };
        let found = timeout(PATIENCE, counting).await.ok()??;
        Some(self.exceeded(limits, found))
    }

    fn exceeded(&self, limits: &Limits, found: Amount) -> Option<Limit> {
        if found.bytes.saturating_sub(self.before.bytes) > limits.disk_bytes {
            return Some(Limit::Disk);
        }
        (found.files.saturating_sub(self.before.files) > limits.files).then_some(Limit::Files)
    }
}

/// Counts, and rests before that as long as is due.
async fn next((mut beside, hurry): (Beside, Arc<Notify>)) -> Option<(Count, (Beside, Arc<Notify>))> {
    tokio::select! {
        () = sleep(beside.rest) => {}
        () = hurry.notified() => {}
    }
    let since = Instant::now();
    let found = beside.count().await?;
    beside.rest = since.elapsed().saturating_mul(OFTEN).max(SOON);
    Some((Count { since, found }, (beside, hurry)))
}

/// The container beside the room.
struct Beside {
    said: Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>,
    told: Pin<Box<dyn AsyncWrite + Send>>,
    rest: Duration,
}

impl Beside {
    async fn start(stay: &Stay<'_>, image: String, volumes: &[String]) -> Result<Self, Error> {
        let docker = &stay.daemon.docker;
        let body = container(stay, image, volumes);
        let id = docker.create_container(None::<CreateContainerOptions>, body).await?.id;
        stay.keep(Thing::Container(id.clone()));
        let ears = AttachContainerOptionsBuilder::default().stream(true).stdin(true).stdout(true).build();
        let attached = docker.attach_container(&id, Some(ears)).await?;
        docker.start_container(&id, None).await?;
        Ok(Self { said: attached.output, told: attached.input, rest: SOON })
    }

    async fn count(&mut self) -> Option<Amount> {
        self.told.write_all(b"\n").await.ok()?;
        self.told.flush().await.ok()?;
        let mut text = String::new();
        while !text.ends_with("end\n") {
            let piece = self.said.next().await?.ok()?;
            text += &String::from_utf8_lossy(&piece.into_bytes());
        }
        amount(&text)
    }
}

/// Reads the totals; the lines above them are of single directories.
fn amount(text: &str) -> Option<Amount> {
    let totals = text.lines().filter_map(|line| line.strip_suffix("\ttotal")?.parse().ok());
    let [bytes, files] = totals.collect::<Vec<u64>>()[..] else { return None };
    Some(Amount { bytes, files })
}

fn container(stay: &Stay<'_>, image: String, volumes: &[String]) -> ContainerCreateBody {
    let places = (0..volumes.len()).map(|n| format!("/tally/{n}")).collect::<Vec<_>>();
    let mounts = places.iter().zip(volumes).filter_map(|(place, volume)| {
        let place: RoomPath = place.parse().ok()?;
        Some(mount(volume, &place, Access::Read))
    });
    ContainerCreateBody {
        image: Some(image),
        // Nobody of the room can hide anything from it, and it can do nothing but look.
        user: Some("0:0".to_owned()),
        entrypoint: Some(["/bin/sh", "-c", SCRIPT, "tally"].map(str::to_owned).into()),
        host_config: Some(host_config(mounts.collect())),
        cmd: Some(places),
        attach_stdin: Some(true),
        open_stdin: Some(true),
        stdin_once: Some(true),
        attach_stdout: Some(true),
        stop_timeout: Some(0),
        labels: Some(stay.labels().collect()),
        ..ContainerCreateBody::default()
    }
}

fn host_config(mounts: Vec<Mount>) -> HostConfig {
    HostConfig {
        network_mode: Some("none".to_owned()),
        ipc_mode: Some("private".to_owned()),
        readonly_rootfs: Some(true),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: Some(vec!["DAC_READ_SEARCH".to_owned()]),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        mounts: Some(mounts),
        ..HostConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_read_and_nothing_else() {
        let text = "4096\t/tally/0\n8192\t/tally/1\n12288\ttotal\n1\t/tally/0\n2\t/tally/1\n3\ttotal\nend\n";
        assert_eq!(amount(text), Some(Amount { bytes: 12288, files: 3 }));
        for text in ["end\n", "1\ttotal\nend\n", "x\ttotal\n3\ttotal\nend\n"] {
            assert_eq!(amount(text), None, "{text}");
        }
    }
}
