//! How long a room takes from the wish to the outcome, beside other ways to start a program in a box.
//!
//! All are started in turns, so that whatever else the machine does hits all alike. bubblewrap, crun and
//! runc get no overlay and no filter of system calls here, so their times are only a measure. Words name
//! the contestants that take part; without words all do.

#![allow(clippy::print_stdout, reason = "a benchmark has a main function and tells what it saw")]

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/support/image.rs"]
mod image;
#[path = "others/mod.rs"]
mod others;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/support/trial.rs"]
mod trial;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/support/world.rs"]
mod world;

use std::{
    env, fs,
    process::{Command, ExitCode},
    thread,
    time::{Duration, Instant},
};

use eadem_model::{Engine, Round};
use eadem_sandbox::{LAUNCHER_WORD, launcher_main};
use others::Others;
use world::{World, round};

const TURNS: usize = 150;

/// Rooms that follow each other, as the units of a large build will.
const MANY: usize = 300;
const AT_ONCE: usize = 2;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    match words.first().map(String::as_str) {
        Some(LAUNCHER_WORD) => launcher_main(),
        _ => measure(&words),
    }
}

/// One way to start `true`, and what it took.
struct Contestant<'a> {
    name: &'static str,
    start: Box<dyn Fn() + 'a>,
    times: Vec<Time>,
}

fn measure(words: &[String]) -> ExitCode {
    let (kept, mut plain) = (World::new(), World::new());
    plain.engine = plain.engine.without_launcher();
    let others = Others::new(&kept.place.join("unpacked/libraries"));
    let mut contestants = contestants(&kept, &plain, &others);
    contestants.retain(|one| words.is_empty() || words.iter().any(|word| word == one.name));
    say_absent(words, &contestants);
    say_load();
    contestants.iter_mut().for_each(|one| (one.start)());
    for _ in 0..TURNS {
        for one in &mut contestants {
            one.times.push(time(&one.start, || {
                [&kept, &plain].iter().for_each(|world| world.engine.settle().expect("all are removed"));
            }));
        }
    }
    contestants.iter_mut().for_each(Contestant::tell);
    many("native", &plain);
    many("launcher", &kept);
    say_load();
    ExitCode::SUCCESS
}

fn contestants<'a>(kept: &'a World, plain: &'a World, others: &'a Others) -> Vec<Contestant<'a>> {
    let mut all: Vec<Contestant<'a>> = others
        .commands()
        .into_iter()
        .map(|(name, run)| Contestant { name, start: Box::new(run), times: Vec::new() })
        .collect();
    let mut add = |name, start| all.push(Contestant { name, start, times: Vec::new() });
    add("native", Box::new(move || room(plain)));
    add("launcher", Box::new(move || room(kept)));
    // What a room may write is small enough to lie in memory, as all does that the others write to.
    add("small", Box::new(move || drop(kept.run(&small()).success())));
    add("empty", Box::new(|| drop(kept.engine.probe().expect("can"))));
    all
}

fn room(world: &World) {
    drop(world.run(&round(&["/bin/true"])).success());
}

/// The same round in a room that lies in memory.
fn small() -> Round {
    let mut round = round(&["/bin/true"]);
    round.plan.limits.disk_bytes = 1 << 20;
    round
}

/// Total time of many rooms, the removal of the last one included.
fn many(name: &str, world: &World) {
    let since = Instant::now();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| (0..MANY / AT_ONCE).for_each(|_| room(world)));
        }
    });
    world.engine.settle().expect("all are removed");
    let (all, each) = (since.elapsed(), since.elapsed() / MANY as u32);
    println!("{MANY} rooms, {AT_ONCE} at a time, {name}: {:.0} ms, {:.2} ms each", millis(all), millis(each));
}

impl Contestant<'_> {
    fn tell(&mut self) {
        let processor = self.times.iter().map(|time| time.processor).sum::<Duration>() / TURNS as u32;
        self.times.sort_by_key(|time| time.wall);
        let (median, least) = (millis(self.times[TURNS / 2].wall), millis(self.times[0].wall));
        println!(
            "{:9} median {median:6.2} ms, least {least:6.2} ms, processor {:6.2} ms",
            self.name,
            millis(processor)
        );
    }
}

struct Time {
    wall: Duration,
    /// Of this process and of those that it waited for; it does not depend on what else the machine does.
    processor: Duration,
}

/// What goes on behind one's back counts for the processor, and must not slow the next one down.
fn time(work: impl Fn(), settle: impl Fn()) -> Time {
    let (since, before) = (Instant::now(), processor());
    work();
    let wall = since.elapsed();
    settle();
    Time { wall, processor: processor().saturating_sub(before) }
}

#[allow(unsafe_code, reason = "no safe crate of ours asks for what children used")]
fn processor() -> Duration {
    let usage = |who| {
        // SAFETY: all zeros is a value of this plain C structure, and the kernel fills it.
        unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(who, &raw mut usage);
            usage
        }
    };
    let time = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    [libc::RUSAGE_CHILDREN, libc::RUSAGE_SELF]
        .map(usage)
        .iter()
        .map(|usage| time(usage.ru_utime) + time(usage.ru_stime))
        .sum()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn say_load() {
    println!("load average: {}", fs::read_to_string("/proc/loadavg").expect("readable").trim());
}

/// Names those that were asked for by words and are not there.
fn say_absent(words: &[String], contestants: &[Contestant<'_>]) {
    for word in words.iter().filter(|word| !contestants.iter().any(|one| one.name == word.as_str())) {
        println!("{word} is not measured: no contestant of that name can start");
    }
}

/// A contestant that is not there is named, and not measured.
fn answers(name: &str, command: &mut Command) -> bool {
    let result = command.output();
    let why = match result {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    println!("{name} is not measured: {why}");
    false
}
