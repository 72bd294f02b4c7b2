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
}

impl Cost {
    /// Runs a program to its end; one that fails ends the benchmark.
    pub(crate) fn of(command: &Command, scratch: &Path) -> Self {
        let figures = scratch.join("figures");
        let mut timed = Command::new("/usr/bin/time");
        timed.args(["-o".as_ref(), figures.as_os_str()]).args(["-f", "%e %U %S %M", "--"]);
        timed.arg(command.get_program()).args(command.get_args()).env_clear();
        timed.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(dir) = command.get_current_dir() {
            timed.current_dir(dir);
        }
        timed.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = timed.spawn().expect("`time` is installed");
        let (output, own) = watched(child);
        assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
        let text = fs::read_to_string(&figures).expect("`time` has written");
        let number = |word: &str| word.parse::<f64>().expect("`time` writes numbers");
        let [wall, user, system, kib] = text.split_whitespace().map(number).collect::<Vec<_>>()[..] else {
            panic!("four figures were expected: {text}");
        };
        Self { wall, cpu: user + system, peak: kib / 1000.0, own }
    }
}

/// Waits for the end, and says the largest resident size in MB of the one program that `time` runs.
fn watched(time: Child) -> (Output, f64) {
    let (id, over) = (time.id(), AtomicBool::new(false));
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut peak = 0_f64;
            while !over.load(Ordering::Relaxed) {
                peak = peak.max(resident(id).unwrap_or_default());
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

/// The largest resident size so far of a process's first child, in MB.
fn resident(parent: u32) -> Option<f64> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    let status = fs::read_to_string(format!("/proc/{}/status", children.split_whitespace().next()?)).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
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
    let Cost { wall, cpu, peak, own } = cost;
    println!("  {name:40} {wall:7.2} s wall  {cpu:7.2} s CPU  {peak:6.0} MB peak  {own:6.0} MB itself");
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
    }
}
