//! How long a room takes from the wish to the outcome, beside bubblewrap and a plain process.
//!
//! The three are started in turns, so that whatever else the machine does hits all alike. bubblewrap
//! makes neither an overlay nor a filter of system calls, so its time is only a measure.

#![allow(clippy::print_stdout, reason = "a benchmark has a main function and tells what it saw")]

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/support/world.rs"]
mod world;

use std::{
    env,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use eadem_model::Engine;
use eadem_sandbox::{LAUNCHER_WORD, launcher_main};
use world::{World, round};

const TURNS: usize = 200;

const BUBBLEWRAP: [&str; 12] = [
    "--unshare-all",
    "--ro-bind",
    "/",
    "/",
    "--dev",
    "/dev",
    "--proc",
    "/proc",
    "--tmpfs",
    "/tmp",
    "--",
    "true",
];

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some(LAUNCHER_WORD) => launcher_main(),
        _ => measure(),
    }
}

fn measure() -> ExitCode {
    let world = World::new();
    let room = round(&["/bin/true"]);
    let mut times: [Vec<Time>; 4] = Default::default();
    for _ in 0..TURNS {
        let [plain, bubblewrap, probe, full] = &mut times;
        plain.push(time(|| assert!(Command::new("true").status().expect("starts").success())));
        bubblewrap.push(time(|| {
            assert!(Command::new("bwrap").args(BUBBLEWRAP).status().expect("starts").success());
        }));
        probe.push(time(|| world.engine.probe().expect("can")));
        full.push(time(|| drop(world.run(&room).success())));
    }
    for (name, times) in ["plain process", "bubblewrap", "empty room", "room"].iter().zip(&mut times) {
        let processor = times.iter().map(|time| time.processor).sum::<Duration>() / TURNS as u32;
        times.sort_by_key(|time| time.wall);
        let (median, least) = (millis(times[TURNS / 2].wall), millis(times[0].wall));
        println!(
            "{name:14} median {median:6.2} ms, least {least:6.2} ms, processor {:6.2} ms",
            millis(processor)
        );
    }
    ExitCode::SUCCESS
}

struct Time {
    wall: Duration,
    /// Of the processes that were started; it does not depend on what else the machine does.
    processor: Duration,
}

fn time(work: impl FnOnce()) -> Time {
    let (since, before) = (Instant::now(), processor());
    work();
    Time { wall: since.elapsed(), processor: processor() - before }
}

#[allow(unsafe_code, reason = "no safe crate of ours asks for what children used")]
fn processor() -> Duration {
    // SAFETY: all zeros is a value of this plain C structure, and the kernel fills it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
        usage
    };
    let time = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    time(usage.ru_utime) + time(usage.ru_stime)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
