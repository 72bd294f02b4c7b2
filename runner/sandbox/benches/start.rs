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
/// How many of a kind follow each other before it is another's turn.
const IN_A_ROW: usize = 10;

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
    start: Box<dyn Fn() + Sync + 'a>,
    times: Vec<Time>,
    /// Where several are started at a time.
    many: Vec<Duration>,
    /// What all of those took, with the removal of what they left.
    whole: Duration,
}

fn measure(words: &[String]) -> ExitCode {
    let (kept, mut plain) = (World::new(), World::new());
    plain.engine = plain.engine.without_launcher();
    let others = Others::new(&kept.place.join("unpacked/libraries"));
    let mut contestants = contestants(&kept, &plain, &others);
    contestants.retain(|one| words.is_empty() || words.iter().any(|word| word == one.name));
    say_absent(words, &contestants);
    say_load();
    let settle = || [&kept, &plain].iter().for_each(|world| world.engine.settle().expect("all are removed"));
    contestants.iter_mut().for_each(|one| (one.start)());
    for _ in 0..TURNS {
        for one in &mut contestants {
            one.times.push(time(&one.start, settle));
        }
    }
    println!("one at a time:");
    tell(contestants.iter_mut().map(Contestant::one_at_a_time));
    say_load();
    many(&mut contestants, settle);
    println!("{MANY}, {AT_ONCE} at a time:");
    tell(contestants.iter_mut().map(Contestant::many_at_a_time));
    say_load();
    ExitCode::SUCCESS
}

fn contestants<'a>(kept: &'a World, plain: &'a World, others: &'a Others) -> Vec<Contestant<'a>> {
    let mut all: Vec<Contestant<'a>> =
        others.commands().into_iter().map(|(name, run)| Contestant::new(name, Box::new(run))).collect();
    let mut add = |name, start| all.push(Contestant::new(name, start));
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

/// Starts many of each, several at a time: a few in a row, as the units of a large build come, then the
/// next contestant's turn. What is removed behind one's back is waited for before that.
fn many(contestants: &mut [Contestant<'_>], settle: impl Fn()) {
    for _ in 0..MANY / AT_ONCE / IN_A_ROW {
        for one in &mut *contestants {
            let (since, start) = (Instant::now(), &one.start);
            let times = thread::scope(|scope| {
                let in_a_row = || (0..IN_A_ROW).map(|_| wall(start)).collect::<Vec<_>>();
                let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(in_a_row)).collect();
                threads.into_iter().flat_map(|one| one.join().expect("starts")).collect::<Vec<_>>()
            });
            settle();
            one.whole += since.elapsed();
            one.many.extend(times);
        }
    }
}

fn wall(work: impl Fn()) -> Duration {
    let since = Instant::now();
    work();
    since.elapsed()
}

impl<'a> Contestant<'a> {
    fn new(name: &'static str, start: Box<dyn Fn() + Sync + 'a>) -> Self {
        Self { name, start, times: Vec::new(), many: Vec::new(), whole: Duration::ZERO }
    }

    fn one_at_a_time(&mut self) -> Row {
        let processor = self.times.iter().map(|time| time.processor).sum::<Duration>() / TURNS as u32;
        let mut walls: Vec<_> = self.times.iter().map(|time| time.wall).collect();
        walls.sort();
        Row { name: self.name, walls, beside: format!("processor {:6.2} ms", millis(processor)) }
    }

    fn many_at_a_time(&mut self) -> Row {
        let mut walls = std::mem::take(&mut self.many);
        walls.sort();
        let each = millis(self.whole) / walls.len() as f64;
        Row { name: self.name, walls, beside: format!("a room each {each:6.2} ms") }
    }
}

/// What is told of a contestant; the least time first.
struct Row {
    name: &'static str,
    walls: Vec<Duration>,
    beside: String,
}

/// A line for each contestant, with its median as a part of bubblewrap's.
fn tell(rows: impl Iterator<Item = Row>) {
    let rows: Vec<Row> = rows.collect();
    let median = |row: &Row| millis(row.walls[row.walls.len() / 2]);
    let measure = rows.iter().find(|row| row.name == "bwrap").map(median);
    for row in &rows {
        let (name, beside, median, least) = (row.name, &row.beside, median(row), millis(row.walls[0]));
        let part = measure.map_or(String::new(), |one| format!(" ({:.2} of bwrap)", median / one));
        println!("{name:9} median {median:6.2} ms, least {least:6.2} ms, {beside}{part}");
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
