//! What a program costs, and how two compare.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
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
        let output = timed.stdin(Stdio::null()).output().expect("`time` is installed");
        assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
        let text = fs::read_to_string(&figures).expect("`time` has written");
        let number = |word: &str| word.parse::<f64>().expect("`time` writes numbers");
        let [wall, user, system, kib] = text.split_whitespace().map(number).collect::<Vec<_>>()[..] else {
            panic!("four figures were expected: {text}");
        };
        Self { wall, cpu: user + system, peak: kib / 1000.0 }
    }
}

/// Runs two programs in turns and prints both medians and their ratios.
pub(crate) fn compare(
    title: &str,
    turns: usize,
    (our_name, mut ours): (&str, impl FnMut() -> Cost),
    (their_name, mut theirs): (&str, impl FnMut() -> Cost),
    aim: &str,
) {
    let costs: Vec<(Cost, Cost)> = (0..turns).map(|_| (ours(), theirs())).collect();
    let (our, their) = (median(costs.iter().map(|pair| pair.0)), median(costs.iter().map(|pair| pair.1)));
    println!("\n{title}: medians of {turns}");
    for (name, cost) in [(our_name, our), (their_name, their)] {
        println!("  {name:32} {:7.2} s wall  {:7.2} s CPU  {:6.0} MB peak", cost.wall, cost.cpu, cost.peak);
    }
    println!(
        "  {their_name} / {our_name}: wall {:.2}, CPU {:.2}; {our_name} / {their_name}: CPU {:.3}",
        their.wall / our.wall,
        their.cpu / our.cpu,
        our.cpu / their.cpu
    );
    println!("  aim: {aim}");
}

fn median(costs: impl Iterator<Item = Cost>) -> Cost {
    let costs: Vec<Cost> = costs.collect();
    let middle = |figure: fn(&Cost) -> f64| {
        let mut figures: Vec<f64> = costs.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    Cost { wall: middle(|cost| cost.wall), cpu: middle(|cost| cost.cpu), peak: middle(|cost| cost.peak) }
}
