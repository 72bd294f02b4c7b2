//! What a program costs, and how two compare.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

/// What one run of a program took, its children included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// Seconds by the wall.
    pub(crate) wall: f64,
    /// Seconds of processor time.
    pub(crate) cpu: f64,
    /// Largest resident size of one process in MB.
    pub(crate) peak: f64,
    /// That of the program itself, its children left out, as far as somebody who looks often sees it.
    pub(crate) own: f64,
    /// The largest part of it that no file holds, as far as somebody who looks often sees it.
    pub(crate) anonymous: f64,
}

impl Cost {
    /// Runs a program to its end; one that fails ends the benchmark.
    pub(crate) fn of(command: &Command, scratch: &Path) -> Self {
        Self::ending(command, scratch, 0)
    }

    /// The same of one that has to end with another status.
    pub(crate) fn ending(command: &Command, scratch: &Path, status: i32) -> Self {
        let figures = scratch.join("figures");
        let mut timed = Command::new("/usr/bin/time");
        timed.args(["-o".as_ref(), figures.as_os_str()]).args(["-f", "%e %U %S %M"]);
        // Else the figures come below a line on the status.
        timed.arg("--quiet");
        timed.arg(command.get_program()).args(command.get_args()).env_clear();
        timed.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(dir) = command.get_current_dir() {
            timed.current_dir(dir);
        }
        timed.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = timed.spawn().expect("`time` is installed");
        let (output, [own, anonymous]) = watched(child);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{command:?}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = fs::read_to_string(&figures).expect("`time` has written");
        let number = |word: &str| word.parse::<f64>().expect("`time` writes numbers");
        let [wall, user, system, kib] = text.split_whitespace().map(number).collect::<Vec<_>>()[..] else {
            panic!("four figures were expected: {text}");
        };
        Self { wall, cpu: user + system, peak: kib / 1000.0, own, anonymous }
    }
}

/// Waits for the end, and says the largest resident size in MB of the one program that `time` runs, and of the part
/// that no file holds.
fn watched(time: Child) -> (Output, [f64; 2]) {
    let (id, over) = (time.id(), AtomicBool::new(false));
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut peak = [0_f64; 2];
            while !over.load(Ordering::Relaxed) {
                let seen = ["VmHWM:", "RssAnon:"].map(|name| size(id, name).unwrap_or_default());
                peak = [peak[0].max(seen[0]), peak[1].max(seen[1])];
                thread::sleep(LOOK);
            }
            peak
        });
        let output = time.wait_with_output().expect("`time` is ours");
        over.store(true, Ordering::Relaxed);
        (output, watcher.join().expect("the watcher does not panic"))
    })
}

/// How often a program is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// A size of a process's first child, in MB.
fn size(parent: u32, name: &str) -> Option<f64> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    let status = fs::read_to_string(format!("/proc/{}/status", children.split_whitespace().next()?)).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? * 1.024 / 1000.0)
}

/// Runs two programs in turns, and prints and gives both medians; also prints their ratios.
pub(crate) fn compare(
    title: &str,
    turns: usize,
    (our_name, mut ours): (&str, impl FnMut() -> Cost),
    (their_name, mut theirs): (&str, impl FnMut() -> Cost),
    aim: &str,
) -> (Cost, Cost) {
    let costs: Vec<(Cost, Cost)> = (0..turns).map(|_| (ours(), theirs())).collect();
    let (our, their) = (median(costs.iter().map(|pair| pair.0)), median(costs.iter().map(|pair| pair.1)));
    println!("\n{title}: medians of {turns}");
    for (name, cost) in [(our_name, our), (their_name, their)] {
        print(name, &cost);
    }
    println!(
        "  {their_name} / {our_name}: wall {:.2}, CPU {:.2}; {our_name} / {their_name}: CPU {:.3}",
        their.wall / our.wall,
        their.cpu / our.cpu,
        our.cpu / their.cpu
    );
    println!("  aim: {aim}");
    (our, their)
}

/// Prints what one run took.
pub(crate) fn line(name: &str, cost: &Cost, aim: &str) {
    print(name, cost);
    println!("  aim: {aim}");
}

fn print(name: &str, cost: &Cost) {
    let Cost { wall, cpu, peak, own, anonymous } = cost;
    println!(
        "  {name:40} {wall:7.2} s wall  {cpu:7.2} s CPU  {peak:6.0} MB peak  {own:6.0} MB itself  \
         {anonymous:6.0} MB anonymous"
    );
}

fn median(costs: impl Iterator<Item = Cost>) -> Cost {
    let costs: Vec<Cost> = costs.collect();
    let middle = |figure: fn(&Cost) -> f64| {
        let mut figures: Vec<f64> = costs.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    Cost {
        wall: middle(|cost| cost.wall),
        cpu: middle(|cost| cost.cpu),
        peak: middle(|cost| cost.peak),
        own: middle(|cost| cost.own),
        anonymous: middle(|cost| cost.anonymous),
    }
}
