//! How often and after which pauses a place is asked again.

use std::{future::Future, time::Duration};

use backon::{ExponentialBuilder, Retryable};

use crate::trouble::{Remedy, Trouble};

/// How often a place is asked, and how long eadem waits in between.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// How often in all.
    pub(crate) tries: usize,
    /// The pause after the first failure; it doubles.
    pub(crate) first_pause: Duration,
    /// The longest pause; a server that wants a longer one is given up.
    pub(crate) longest_pause: Duration,
}

impl Patience {
    /// Asks until there is an answer, a fault that will not pass, or no patience left.
    pub(crate) async fn ask<T, F, Answer>(self, question: F) -> Result<T, Trouble>
    where
        F: FnMut() -> Answer,
        Answer: Future<Output = Result<T, Trouble>>,
    {
        question
            .retry(self.pauses())
            .when(may_pass)
            .adjust(|trouble, pause| self.adjust(trouble, pause?))
            .await
    }

    fn pauses(self) -> ExponentialBuilder {
        ExponentialBuilder::default()
            .with_min_delay(self.first_pause)
            .with_max_delay(self.longest_pause)
            .with_max_times(self.tries.saturating_sub(1))
            .with_jitter()
    }

    fn adjust(self, trouble: &Trouble, pause: Duration) -> Option<Duration> {
        match trouble.remedy() {
            Some(Remedy::Later(named)) if named > self.longest_pause => None,
            Some(Remedy::Later(named)) => Some(named.max(pause)),
            _ => Some(pause),
        }
    }
}

fn may_pass(trouble: &Trouble) -> bool {
    matches!(trouble.remedy(), Some(Remedy::Again | Remedy::Later(_) | Remedy::Reconnect))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { tries: 3, first_pause: Duration::from_secs(1), longest_pause: Duration::from_secs(60) };

    fn later(seconds: u64) -> Trouble {
        Trouble::unavailable("busy", Remedy::Later(Duration::from_secs(seconds)))
    }

    #[test]
    fn the_pause_that_a_server_names_is_kept_unless_it_is_too_long() {
        let pause = Duration::from_secs(2);
        assert_eq!(PATIENCE.adjust(&later(30), pause), Some(Duration::from_secs(30)));
        assert_eq!(PATIENCE.adjust(&later(0), pause), Some(pause));
        assert_eq!(PATIENCE.adjust(&later(3600), pause), None);
    }

    #[test]
    fn only_faults_that_may_pass_are_asked_about_again() {
        for (remedy, wanted) in [(Remedy::Absent, false), (Remedy::Elsewhere, false), (Remedy::Again, true)] {
            assert_eq!(may_pass(&Trouble::unavailable("x", remedy)), wanted, "{remedy:?}");
        }
    }
}
