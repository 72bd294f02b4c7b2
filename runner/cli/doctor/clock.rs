//! Whether the clock tells the time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use eadem_model::{Ability, Level};

const NAME: &str = "clock";

/// Nobody can run this before it was written: 2026.
const EARLIEST: u64 = 1_767_225_600;
/// Certificates and archives end long before: 2100.
const LATEST: u64 = 4_102_444_800;

/// Milliseconds by which a machine's two clocks may part while eadem looks at it.
const STEADY_MS: u64 = 250;

/// Seconds by which a server's clock may be another.
const NEAR: u64 = 300;

const REMEDY: &str = "timedatectl set-ntp true";

/// A look at both clocks, to be repeated.
pub(crate) struct Watch {
    wall: SystemTime,
    steady: Instant,
}

/// A server's clock when it answered, and ours, in seconds since 1970.
pub(crate) struct ServerClock {
    pub(crate) server: String,
    pub(crate) theirs: u64,
    pub(crate) ours: u64,
}

impl Watch {
    pub(crate) fn start() -> Self {
        Self { wall: SystemTime::now(), steady: Instant::now() }
    }

    /// Says what the clock did since, and whether servers have the same time.
    pub(crate) fn finish(&self, servers: &[ServerClock]) -> Ability {
        let now = SystemTime::now();
        let steady = self.steady.elapsed();
        let wall = now.duration_since(self.wall);
        let parted = wall.map_or_else(|back| back.duration() + steady, |wall| wall.abs_diff(steady));
        let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        judge(seconds, u64::try_from(parted.as_millis()).unwrap_or(u64::MAX), servers)
    }
}

fn judge(now: u64, parted_ms: u64, servers: &[ServerClock]) -> Ability {
    let flawed = |found: String| Ability::flawed(NAME, Level::Partly, found, Some(REMEDY.to_owned()));
    if !(EARLIEST..LATEST).contains(&now) {
        return flawed(format!(
            "it says that {now} seconds have passed since 1970; no certificate is valid then"
        ));
    }
    if parted_ms > STEADY_MS {
        return flawed(format!("it was set by {parted_ms} ms while eadem looked"));
    }
    // A cache on the way may tell an old time, but no cache tells the right one by chance.
    let agrees = |clock: &ServerClock| clock.theirs.abs_diff(clock.ours) <= NEAR;
    if let Some(ServerClock { server, theirs, ours }) =
        servers.first().filter(|_| !servers.iter().any(agrees))
    {
        let (seconds, word) = (theirs.abs_diff(*ours), if theirs > ours { "behind" } else { "ahead of" });
        return flawed(format!("it is {seconds} s {word} {server}"));
    }
    match servers.len() {
        0 => Ability::good(NAME, "it goes evenly; no server was asked for the time"),
        n => Ability::good(NAME, format!("it goes evenly and agrees with servers ({n} asked)")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(theirs: u64) -> ServerClock {
        ServerClock { server: "a mirror".to_owned(), theirs, ours: 1_800_000_000 }
    }

    #[test]
    fn a_clock_that_cannot_be_right_is_found_out() {
        let cases: [(u64, u64, &[ServerClock], &str); 6] = [
            (1_000, 0, &[], "it says that 1000 seconds"),
            (9_000_000_000, 0, &[], "it says that 9000000000 seconds"),
            (1_800_000_000, 3_600_000, &[], "it was set by 3600000 ms"),
            (1_800_000_000, 0, &[server(1_800_000_301)], "it is 301 s behind a mirror"),
            (1_800_000_000, 0, &[server(1_700_000_000)], "it is 100000000 s ahead of a mirror"),
            (
                1_800_000_000,
                100,
                &[server(1_700_000_000), server(1_800_000_010)],
                "it goes evenly and agrees",
            ),
        ];
        for (now, parted, servers, found) in cases {
            let ability = judge(now, parted, servers);
            assert!(ability.found.starts_with(found), "{}", ability.found);
            assert_eq!(ability.level == Level::Good, found.contains("agrees"), "{found}");
        }
    }

    #[test]
    fn two_looks_at_a_clock_agree() {
        assert_eq!(Watch::start().finish(&[]).level, Level::Good);
    }
}
