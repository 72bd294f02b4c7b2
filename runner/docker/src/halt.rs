//! What ends a transfer before its time: the user's wish, and a daemon that takes longer than the build may.

use std::time::Duration;

use eadem_model::{Cancel, EngineError, Limits};
use tokio::time::{interval, sleep};

/// How soon a wish to cancel is seen.
pub(crate) const GLANCE: Duration = Duration::from_millis(50);

/// The longest time that a clock can be set to without running over.
const LONGEST: u64 = 1 << 30;

/// Why the making of a room ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The caller asked.
    Cancelled,
    /// It cannot be made.
    Error(EngineError),
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        Self::Error(error)
    }
}

/// How long transfers of one room may take, and who may end them.
pub(crate) struct Halt<'a> {
    cancel: &'a Cancel,
    seconds: u64,
}

/// Why a transfer is given up.
enum Why {
    Cancelled,
    Late,
}

impl<'a> Halt<'a> {
    /// Each transfer may take as long as the build itself: an image that is loaded for the first time shall
    /// not shorten the build's own time.
    pub(crate) fn new(cancel: &'a Cancel, limits: &Limits) -> Self {
        Self { cancel, seconds: limits.wall_seconds.min(LONGEST) }
    }

    /// Lets a transfer with a daemon go on until it is done, or its time is over. Where it is given up, its
    /// connection is closed, by which the daemon knows.
    pub(crate) async fn guard<T>(
        &self,
        daemon: &str,
        attempt: &str,
        transfer: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, Stop> {
        let why = tokio::select! {
            done = transfer => return Ok(done?),
            why = self.wait() => why,
        };
        let what = || format!("took more than {} s, the time of the whole build, {attempt}", self.seconds);
        Err(match why {
            Why::Cancelled => Stop::Cancelled,
            Why::Late => EngineError::Daemon { daemon: daemon.to_owned(), what: what(), remedy: None }.into(),
        })
    }

    async fn wait(&self) -> Why {
        let mut tick = interval(GLANCE);
        let wish = async {
            while !self.cancel.is_cancelled() {
                tick.tick().await;
            }
        };
        tokio::select! {
            () = wish => Why::Cancelled,
            () = sleep(Duration::from_secs(self.seconds)) => Why::Late,
        }
    }
}
