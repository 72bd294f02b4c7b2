//! Whether the servers can be reached that things would be fetched from.

use std::{
    thread,
    time::{Duration, Instant},
};

use eadem_model::{Ability, Level};

use crate::{config::Config, doctor::clock::ServerClock, wiring};

const NAME: &str = "mirror";

const REMEDY: &str = "name another one under `mirrors:` in config.yaml, or set https_proxy";

/// What was found, and the servers' clocks.
#[derive(Default)]
pub(crate) struct Mirrors {
    pub(crate) abilities: Vec<Ability>,
    pub(crate) clocks: Vec<ServerClock>,
}

/// A server that answered.
struct Answered {
    status: String,
    date: Option<u64>,
    took: Duration,
    at: u64,
}

/// Asks all servers at once.
pub(crate) fn look(config: &Config) -> Mirrors {
    let n_servers = match wiring::reach(config) {
        Ok(reach) => reach.servers().len(),
        Err(report) => {
            return unusable(Ability::flawed(NAME, Level::Missing, report.line(), report.first_hint()));
        }
    };
    let mut mirrors = Mirrors::default();
    thread::scope(|scope| {
        let asked: Vec<_> = (0..n_servers).map(|n| scope.spawn(move || ask(config, n))).collect();
        for answer in asked {
            let (server, answer) = answer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            mirrors.clocks.extend(clock(&server, &answer));
            mirrors.abilities.push(ability(&server, answer));
        }
    });
    mirrors
}

fn unusable(ability: Ability) -> Mirrors {
    Mirrors { abilities: vec![ability], clocks: Vec::new() }
}

/// Asks one server, with a client of its own.
fn ask(config: &Config, n: usize) -> (String, Result<Answered, String>) {
    let reach = match wiring::reach(config) {
        Ok(reach) => reach,
        Err(report) => return (NAME.to_owned(), Err(report.line())),
    };
    let server = &reach.servers()[n];
    let since = Instant::now();
    let answer = reach.ask(server).map(|greeting| Answered {
        status: greeting.status,
        date: greeting.date.as_deref().and_then(eadem_image::parse_date),
        took: since.elapsed(),
        at: wiring::now(),
    });
    (server.name.clone(), answer)
}

fn clock(server: &str, answer: &Result<Answered, String>) -> Option<ServerClock> {
    let answer = answer.as_ref().ok()?;
    Some(ServerClock { server: server.to_owned(), theirs: answer.date?, ours: answer.at })
}

fn ability(server: &str, answer: Result<Answered, String>) -> Ability {
    match answer {
        // Not every mirror lists its directories, and not every server is a mirror.
        Ok(Answered { status, .. }) if !status.starts_with(['2', '3']) => {
            let found = format!("{server} answers {status}: it may not be one");
            Ability::flawed(NAME, Level::Partly, found, Some(REMEDY.to_owned()))
        }
        Ok(Answered { status, took, .. }) => {
            Ability::good(NAME, format!("{server} answers {status} in {} ms", took.as_millis()))
        }
        Err(why) => {
            Ability::flawed(NAME, Level::Missing, format!("{server}: {why}"), Some(REMEDY.to_owned()))
        }
    }
}
