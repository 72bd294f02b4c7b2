//! How far a build has come that is cut into units, and how long it may still take.

use std::sync::{Mutex, MutexGuard, PoisonError};

use eadem_model::{Event, Forecast, Phase, UnitNews, UnitStep};

/// Follows the units of one round.
pub(crate) struct Progress<'a> {
    subject: String,
    events: &'a (dyn Fn(Event) + Sync),
    last: Forecast,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The packages of the units that run now, in the order in which they began.
    running: Vec<(String, String)>,
    hits: u64,
    now: Forecast,
    /// What units took that ran now, in milliseconds.
    ran_ms: u64,
    /// What units will take that took their time the last time, and have not been asked for yet.
    left_ms: u64,
}

impl<'a> Progress<'a> {
    /// Begins with what is known from the last time.
    pub(crate) fn new(subject: String, events: &'a (dyn Fn(Event) + Sync), last: Forecast) -> Self {
        let state = State { left_ms: last.took_ms.values().sum(), ..State::default() };
        Self { subject, events, last, state: Mutex::new(state) }
    }

    /// Takes what happened to a unit, and tells it on.
    pub(crate) fn take(&self, news: UnitNews) {
        let subject = self.subject.clone();
        let is_over = !matches!(news.step, UnitStep::Began | UnitStep::Waits);
        let at = {
            let mut state = self.state();
            state.take(&news, &self.last);
            state.worded(&self.last)
        };
        (self.events)(Event::Unit { subject: subject.clone(), news });
        (self.events)(Event::Advance { phase: Phase::Build, subject, by: u64::from(is_over), at });
    }

    /// What is known for the next time, if the round took so many milliseconds.
    pub(crate) fn finish(self, wall_ms: u64) -> Forecast {
        let State { mut now, ran_ms, .. } = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        now.at_once_percent = self.last.at_once_percent;
        // A round that ran little says nothing of how much runs at once.
        if ran_ms * 2 > now.took_ms.values().sum() {
            now.at_once_percent = (ran_ms * 100 / wall_ms.max(1)).max(1);
        }
        now
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, news: &UnitNews, last: &Forecast) {
        let name = news.name();
        match news.step {
            UnitStep::Waits => return,
            UnitStep::Began => return self.running.push((name, news.package.clone())),
            UnitStep::Taken { wall_ms } => {
                self.hits += 1;
                self.now.took_ms.insert(name.clone(), wall_ms);
            }
            UnitStep::Ran { wall_ms } => {
                self.ran_ms += wall_ms;
                self.now.took_ms.insert(name.clone(), wall_ms);
            }
            UnitStep::Failed => {}
        }
        self.now.total += 1;
        self.running.retain(|(running, _)| *running != name);
        self.left_ms = self.left_ms.saturating_sub(last.took_ms.get(&name).copied().unwrap_or_default());
    }

    /// What runs, how much was there, and how long the rest may take.
    fn worded(&self, last: &Forecast) -> String {
        let mut packages: Vec<&str> = self.running.iter().map(|(_, package)| package.as_str()).collect();
        packages.dedup();
        let mut parts = vec![packages.join(", ")];
        parts.extend((self.hits > 0).then(|| format!("{} from the store", self.hits)));
        if last.at_once_percent > 0 && self.left_ms > 0 {
            let seconds = (self.left_ms / 10 / last.at_once_percent).max(1);
            parts.push(format!("about {seconds} s left"));
        }
        parts.retain(|part| !part.is_empty());
        parts.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use eadem_model::UnitKind;

    use super::*;

    fn news(package: &str, step: UnitStep) -> UnitNews {
        UnitNews { kind: UnitKind::Compile, package: package.to_owned(), crate_name: None, step }
    }

    fn told(last: Forecast, all: Vec<UnitNews>, wall_ms: u64) -> (Vec<String>, Forecast) {
        let said = Mutex::new(Vec::new());
        let events = |event| {
            if let Event::Advance { at, by, .. } = event {
                said.lock().expect("no holder panics").push(format!("+{by} {at}"));
            }
        };
        let progress = Progress::new("x (round 1)".to_owned(), &events, last);
        all.into_iter().for_each(|news| progress.take(news));
        let next = progress.finish(wall_ms);
        (said.into_inner().expect("no holder panics"), next)
    }

    #[test]
    fn the_first_time_counts_and_the_second_foresees() {
        let first = vec![
            news("a 1.0.0", UnitStep::Began),
            news("b 1.0.0", UnitStep::Began),
            news("a 1.0.0", UnitStep::Ran { wall_ms: 6_000 }),
            news("b 1.0.0", UnitStep::Ran { wall_ms: 2_000 }),
        ];
        let (said, last) = told(Forecast::default(), first, 4_000);
        assert_eq!(said, ["+0 a 1.0.0", "+0 a 1.0.0, b 1.0.0", "+1 b 1.0.0", "+1 "]);
        assert_eq!((last.total, last.at_once_percent), (2, 200));
        let second = vec![
            news("a 1.0.0", UnitStep::Taken { wall_ms: 6_000 }),
            news("b 1.0.0", UnitStep::Began),
            news("b 1.0.0", UnitStep::Failed),
        ];
        let (said, next) = told(last, second, 1_000);
        let from = "1 from the store";
        let expected = [
            format!("+1 {from}; about 1 s left"),
            format!("+0 b 1.0.0; {from}; about 1 s left"),
            format!("+1 {from}"),
        ];
        assert_eq!(said, expected);
        assert_eq!((next.total, next.at_once_percent), (2, 200), "nothing ran: nothing was learned");
    }
}
