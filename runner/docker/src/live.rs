//! The life of a container, from its start to the death of its last process.

use std::{pin::Pin, time::Duration};

use bollard::{
    container::AttachContainerResults,
    errors::Error,
    models::ContainerStatsResponse,
    query_parameters::{
        AttachContainerOptions, AttachContainerOptionsBuilder, KillContainerOptionsBuilder,
        StatsOptionsBuilder, WaitContainerOptionsBuilder,
    },
};
use bytes::Bytes;
use eadem_model::{Ending, EngineError, Limit, Limits, Room, Usage, Watch};
use futures_util::{Stream, StreamExt, TryStreamExt};
use tokio::{
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{
    daemon::Daemon,
    halt::GLANCE,
    tally::Tally,
    visit::{self, Far, Shown},
};

/// How long a daemon may take to do what it was told: to kill, or to end a log.
const PATIENCE: Duration = Duration::from_secs(60);

/// Statuses above this are signals, as in shells.
const SIGNALLED: i64 = 128;
const KILLED: i64 = SIGNALLED + 9;
const LAST_SIGNAL: i64 = 64;
const PIPE: i32 = 13;

/// What happened in a container.
pub(crate) struct Course {
    pub(crate) ending: Ending,
    pub(crate) usage: Usage,
    /// Whether what it wrote was counted to its end.
    pub(crate) is_counted: bool,
}

impl Course {
    /// Nothing was started.
    pub(crate) fn before_its_start(ending: Ending) -> Self {
        Self { ending, usage: Usage::default(), is_counted: false }
    }
}

/// Who hears what a program says.
pub(crate) enum Audience {
    /// The caller's log, up to its limit.
    Log,
    /// Somebody who has the other ends of the program's streams, and is told when it runs.
    Visitor(Box<Far>, Box<dyn FnOnce()>),
}

/// Starts a container and sees it through.
pub(crate) async fn live(
    daemon: &Daemon,
    container: &str,
    room: &Room,
    watch: &Watch<'_>,
    audience: Audience,
    tally: Option<Tally>,
) -> Result<Course, EngineError> {
    let is_visited = matches!(audience, Audience::Visitor(..));
    // Before the start, so that not a byte is missed.
    let attached = daemon.docker.attach_container(container, Some(ears(is_visited))).await;
    let mut life = Life {
        daemon,
        container,
        limits: &room.limits,
        watch,
        is_visited,
        since: Instant::now(),
        logged: 0,
        killed: None,
        usage: Usage::default(),
        tally,
    };
    let started = match attached {
        Ok(attached) => daemon.docker.start_container(container, None).await.map(|()| attached),
        // Podman looks at the program before it shows the log.
        Err(error) => Err(error),
    };
    let said = match started {
        Ok(attached) => listen(attached, audience, daemon, container),
        Err(error) => {
            return unstarted(daemon, room, watch, error).map(Course::before_its_start);
        }
    };
    let status = life.see_through(said).await?;
    life.usage.wall_ms = u64::try_from(life.since.elapsed().as_millis()).unwrap_or(u64::MAX);
    life.count_at_the_end().await;
    Ok(Course { ending: life.ending(status).await?, is_counted: life.tally.is_some(), usage: life.usage })
}

fn ears(is_visited: bool) -> AttachContainerOptions {
    AttachContainerOptionsBuilder::default().stream(true).stdin(is_visited).stdout(true).stderr(true).build()
}

/// What a program said.
enum Said {
    /// To the log.
    Log(Bytes),
    /// To the visitor.
    Visitor(Shown),
}

type Saying = Pin<Box<dyn Stream<Item = Result<Said, Error>>>>;

fn listen(attached: AttachContainerResults, audience: Audience, daemon: &Daemon, container: &str) -> Saying {
    match audience {
        Audience::Log => Box::pin(attached.output.map_ok(|piece| Said::Log(piece.into_bytes()))),
        Audience::Visitor(far, started) => {
            started();
            Box::pin(visit::attend(*far, attached, &daemon.docker, container).map_ok(Said::Visitor))
        }
    }
}

/// A program that is not there is an ending and no error.
fn unstarted(daemon: &Daemon, room: &Room, watch: &Watch<'_>, error: Error) -> Result<Ending, EngineError> {
    let status = match &error {
        Error::DockerResponseServerError { message, .. } => unstartable(message),
        _ => None,
    };
    let Some(status) = status else { return Err(daemon.failed("to start a room")(error)) };
    (watch.log)(format!("eadem: cannot start `{}`: {error}\n", room.argv[0]).as_bytes());
    Ok(Ending::Failed(status))
}

/// The exit status of shells for a program that a runtime could not start.
fn unstartable(message: &str) -> Option<i32> {
    let tells = |words: &str| message.contains(words);
    match () {
        // A daemon speaks of `libexec` and of `noexec` too.
        () if !["exec: \"", "executable file", "exec user process"].into_iter().any(tells) => None,
        () if tells("no such file or directory") || tells("executable file not found") => Some(127),
        () if tells("permission denied") || tells("exec format error") => Some(126),
        () => None,
    }
}

struct Life<'a> {
    daemon: &'a Daemon,
    container: &'a str,
    limits: &'a Limits,
    watch: &'a Watch<'a>,
    is_visited: bool,
    since: Instant,
    logged: u64,
    killed: Option<Ending>,
    usage: Usage,
    tally: Option<Tally>,
}

impl Life<'_> {
    /// Reads the log and watches the clock until the container has ended; gives its exit status.
    async fn see_through(&mut self, mut log: Saying) -> Result<i64, EngineError> {
        let options = WaitContainerOptionsBuilder::default().condition("not-running").build();
        let mut ended = self.daemon.docker.wait_container(self.container, Some(options)).boxed();
        let options = StatsOptionsBuilder::default().stream(true).build();
        let mut stats = self.daemon.docker.stats(self.container, Some(options)).boxed();
        let mut tick = interval(GLANCE);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut status, mut has_log, mut has_stats) = (None, true, true);
        let (mut deadline, mut killing) = (None, None);
        while status.is_none() || has_log {
            tokio::select! {
                piece = log.next(), if has_log => match piece {
                    Some(said) => self.hear(&said.map_err(self.daemon.failed("to show its log"))?),
                    None => has_log = false,
                },
                answer = ended.next(), if status.is_none() => {
                    status = Some(exit_status(answer).map_err(self.daemon.failed("to wait"))?);
                    // Somebody may read as slowly as he likes.
                    deadline = deadline.or((!self.is_visited).then(|| Instant::now() + PATIENCE));
                }
                sample = stats.next(), if has_stats => match sample {
                    Some(Ok(sample)) => self.look_at(&sample),
                    // What is not known is not told; the limits are held all the same.
                    _ => has_stats = false,
                },
                counted = next_count(&mut self.tally, self.limits), if self.tally.is_some() => {
                    self.weigh(counted);
                }
                killed = wait_for(&mut killing), if killing.is_some() => {
                    killing = None;
                    self.judge(killed)?;
                }
                _ = tick.tick() => {
                    if deadline.is_some_and(|end| Instant::now() > end) {
                        return Err(self.silent("did not end a room, or its log"));
                    }
                    self.look_at_the_clock();
                }
            }
            if self.killed.is_some() && deadline.is_none() {
                killing = Some(self.kill());
                deadline = Some(Instant::now() + PATIENCE);
            }
        }
        Ok(status.unwrap_or_default())
    }

    fn hear(&mut self, said: &Said) {
        match said {
            Said::Log(bytes) => self.take(bytes),
            Said::Visitor(Shown::Yes) => {}
            // As who writes into a pipe without a reader.
            Said::Visitor(Shown::No) => self.end(Ending::Signalled(PIPE)),
        }
    }

    /// Hands the log on, up to its limit.
    fn take(&mut self, bytes: &[u8]) {
        let left =
            usize::try_from(self.limits.log_bytes - self.logged).unwrap_or(usize::MAX).min(bytes.len());
        if left > 0 {
            (self.watch.log)(&bytes[..left]);
        }
        self.logged += left as u64;
        if left < bytes.len() {
            self.end(Ending::Exceeded(Limit::Log, self.limits.log_bytes));
        }
    }

    fn look_at_the_clock(&mut self) {
        let seconds = self.limits.wall_seconds;
        if self.watch.cancel.is_cancelled() {
            self.end(Ending::Cancelled);
        } else if self.since.elapsed() >= Duration::from_secs(seconds) {
            self.end(Ending::Exceeded(Limit::Wall, seconds));
        }
    }

    /// A program that is refused a process would go on somehow; it is ended instead.
    fn look_at(&mut self, sample: &ContainerStatsResponse) {
        let of = |value: Option<u64>| value.unwrap_or_default();
        let cpu = sample.cpu_stats.as_ref().and_then(|cpu| cpu.cpu_usage.as_ref());
        let memory = sample.memory_stats.as_ref();
        let pids = sample.pids_stats.as_ref().map_or(0, |pids| of(pids.current));
        self.usage.cpu_ms = self.usage.cpu_ms.max(cpu.map_or(0, |cpu| of(cpu.total_usage)) / 1_000_000);
        let peak = memory.map_or(0, |memory| of(memory.max_usage).max(of(memory.usage)));
        self.usage.peak_kib = self.usage.peak_kib.max(peak >> 10);
        // The shell that starts the payload is no process of the build.
        if pids > self.limits.processes.saturating_add(1) {
            self.end(Ending::Exceeded(Limit::Processes, self.limits.processes));
        }
    }

    /// Nobody writes any more, so this count is the one that tells whether too much was written.
    async fn count_at_the_end(&mut self) {
        if let Some(tally) = &mut self.tally {
            let counted = tally.last(self.limits).await;
            self.weigh(counted);
        }
    }

    /// What is not counted any more is not held any more.
    fn weigh(&mut self, counted: Option<Option<Limit>>) {
        match counted {
            None => self.tally = None,
            Some(Some(Limit::Disk)) => self.end(Ending::Exceeded(Limit::Disk, self.limits.disk_bytes)),
            Some(Some(limit)) => self.end(Ending::Exceeded(limit, self.limits.files)),
            Some(None) => {}
        }
    }

    /// The first reason is the one that counts.
    fn end(&mut self, why: Ending) {
        self.killed.get_or_insert(why);
    }

    /// Asks for the death of the room. The log has to be read meanwhile: until all of it is taken, a
    /// daemon does not take the room for dead.
    fn kill(&self) -> JoinHandle<Result<(), Error>> {
        let (docker, container) = (self.daemon.docker.clone(), self.container.to_owned());
        tokio::spawn(async move {
            let options = KillContainerOptionsBuilder::default().signal("SIGKILL").build();
            docker.kill_container(&container, Some(options)).await
        })
    }

    /// A refusal means that it has ended by itself meanwhile, as the answer to the question how will tell.
    fn judge(&self, killed: Result<(), Error>) -> Result<(), EngineError> {
        match killed {
            Ok(()) | Err(Error::DockerResponseServerError { .. }) => Ok(()),
            Err(error) => Err(self.daemon.failed("to kill a room")(error)),
        }
    }

    fn silent(&self, what: &str) -> EngineError {
        EngineError::Daemon { daemon: self.daemon.name.clone(), what: what.to_owned(), remedy: None }
    }

    /// What ended by itself has the truer ending, unless a limit was passed.
    async fn ending(&mut self, status: i64) -> Result<Ending, EngineError> {
        let inspected = self.daemon.docker.inspect_container(self.container, None).await;
        let state = inspected.map_err(self.daemon.failed("to tell how a room ended"))?.state;
        let memory = self.limits.memory_bytes;
        if let (Some(true), Some(bytes)) = (state.and_then(|state| state.oom_killed), memory) {
            return Ok(Ending::Exceeded(Limit::Memory, bytes));
        }
        Ok(match self.killed.take() {
            Some(limit @ Ending::Exceeded(Limit::Log | Limit::Disk | Limit::Files, _)) => limit,
            Some(why) if status == KILLED => why,
            _ => of_status(status),
        })
    }
}

/// Waits for a count, if somebody counts.
async fn next_count(tally: &mut Option<Tally>, limits: &Limits) -> Option<Option<Limit>> {
    tally.as_mut()?.next(limits).await
}

/// Waits for a task, if there is one.
async fn wait_for(task: &mut Option<JoinHandle<Result<(), Error>>>) -> Result<(), Error> {
    match task {
        Some(task) => task.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())),
        None => Ok(()),
    }
}

fn of_status(status: i64) -> Ending {
    match i32::try_from(status) {
        Ok(0) => Ending::Success,
        Ok(code) if (SIGNALLED + 1..=SIGNALLED + LAST_SIGNAL).contains(&status) => {
            Ending::Signalled(code - 128)
        }
        Ok(code) => Ending::Failed(code),
        Err(_) => Ending::Failed(i32::MAX),
    }
}

/// The client calls every status but 0 an error.
fn exit_status(answer: Option<Result<bollard::models::ContainerWaitResponse, Error>>) -> Result<i64, Error> {
    match answer {
        Some(Ok(ended)) => Ok(ended.status_code),
        Some(Err(Error::DockerContainerWaitError { error, code })) if error.is_empty() => Ok(code),
        Some(Err(error)) => Err(error),
        None => Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_as_shells_write_them() {
        let endings = [0, 1, 128, 139, 192, 193, 255].map(of_status);
        let expected = [
            Ending::Success,
            Ending::Failed(1),
            Ending::Failed(128),
            Ending::Signalled(11),
            Ending::Signalled(64),
            Ending::Failed(193),
            Ending::Failed(255),
        ];
        assert_eq!(endings, expected);
    }

    #[test]
    fn a_program_that_is_missing_is_told_from_a_daemon_that_fails() {
        assert_eq!(unstartable("exec: \"/x\": stat /x: no such file or directory: unknown"), Some(127));
        assert_eq!(unstartable("exec: \"/etc/passwd\": permission denied: unknown"), Some(126));
        assert_eq!(unstartable("error setting rlimits for ready process: operation not permitted"), None);
    }
}
