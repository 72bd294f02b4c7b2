//! What a recipe's `limits:` do to a build that takes more.

use std::{fs, path::Path};

use crate::support::{disk, lane::Lane, process, run::Run, world::World};

/// What the build takes, the limit, how it is told, and how it stands in the record.
const LIMITS: [[&str; 4]; 4] = [
    ["memory", "memory-mib: 600", "629145600 bytes of memory", "\"exceeded\":[\"memory\",629145600]"],
    ["processes", "processes: 100", "100 processes", "\"exceeded\":[\"processes\",100]"],
    ["disk", "disk-mib: 200", "209715200 bytes of disk", "\"exceeded\":[\"disk\",209715200]"],
    ["files", "files: 5000", "5000 files", "\"exceeded\":[\"files\",5000]"],
];

#[test]
fn a_build_that_takes_too_much_is_ended_and_the_record_says_of_what() {
    for lane in [Lane::root(), Lane::user()] {
        for [what, limit, told, recorded] in LIMITS {
            let world = greedy(lane, what, limit);
            let run = lane.run(&mut world.command(["build", "greedy"])).exit(8).one_error();
            let run = run.stderr_has(&format!("took more than {told}, its limit"));
            let record = record(&world, &run);
            assert!(record.contains(recorded), "{record}");
            assert!(record.contains(&format!("\"limit\":\"{what}\"")), "{record}");
            lane.expect_swept();
        }
    }
    assert_eq!(process::with_words("sleep 86399"), Vec::<u32>::new());
}

fn greedy(lane: &Lane, what: &str, limit: &str) -> World {
    let world = lane.fixture("greedy");
    let recipe = world.read("recipes/greedy.yaml").replace("[memory]", &format!("[{what}]"));
    let world = world.with("recipes/greedy.yaml", format!("{recipe}limits: {{{limit}}}\n"));
    drop(world.eadem(["lock", "greedy"]).exit(0));
    world
}

/// The record of the run, without spaces; the hint names the run.
fn record(world: &World, run: &Run) -> String {
    let stderr = run.stderr();
    let hint = stderr.lines().find_map(|line| line.strip_prefix("hint: eadem log "));
    let id = hint.and_then(|hint| hint.split(' ').next()).expect("a hint names the run").to_owned();
    let records = disk::files(&world.store().join("records"));
    let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let record = records.iter().find(|path| name(path) == id).expect("the run has a record");
    fs::read_to_string(record).expect("readable").split_whitespace().collect()
}
