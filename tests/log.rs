//! `eadem log`, `ls`, `show`: what was built, when, from what.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read, Write},
    process::Stdio,
};

use eadem_model::{
    Applied, Digest, Ending, Entry, Isolation, Limit, Means, Outcome, Record, RoundRecord, RunId, Setting,
    Skipped, Tree, Usage, Verdict,
};
use eadem_store::Store;
use serde_json::Value;

use crate::support::{
    lane::{Lane, turn},
    patience::wait_for,
    process,
    run::Run,
    world::World,
};

/// A store that is written by hand: three runs, two of them in one second.
fn history() -> World {
    let world = World::new();
    let store = Store::open(world.store()).expect("a store");
    let run = RunId::new(1_800_000_000, 0x0b);
    put(
        &store,
        &record(&store, &run, "one", Some(Verdict::Reproducible), &[Ending::Success, Ending::Success]),
    );
    put(&store, &record(&store, &run, "two", None, &[Ending::Failed(101)]));
    let run = RunId::new(1_800_000_000, 0x0a);
    put(&store, &record(&store, &run, "one", None, &[Ending::Success]));
    let run = RunId::new(1_700_000_000, 0x0c);
    let ending = Ending::Exceeded(Limit::Wall, 5);
    put(&store, &record(&store, &run, "old", Some(Verdict::BuildFailed), &[ending]));
    world
}

fn put(store: &Store, record: &Record) {
    store.put_record(record).expect("kept");
}

fn record(store: &Store, run: &RunId, recipe: &str, verdict: Option<Verdict>, endings: &[Ending]) -> Record {
    let started = run.as_str()[..10].parse().expect("a number");
    let round = |(index, ending): (usize, &Ending)| RoundRecord {
        engine: "native".to_owned(),
        setting: if index == 0 { Setting::baseline() } else { Setting::varied(&Digest::of(b"plan")) },
        started,
        outcome: outcome(ending.clone()),
        tree: (*ending == Ending::Success).then(tree),
        log: log(store, run, recipe, index + 1),
        units: None,
    };
    let rounds = endings.iter().enumerate().map(round).collect();
    let plan = Digest::of(recipe.as_bytes());
    let record = Record::new(run.clone(), recipe.parse().expect("a name"), plan, rounds);
    Record { verdict, ..record }
}

fn outcome(ending: Ending) -> Outcome {
    Outcome {
        ending,
        usage: Usage { wall_ms: 1500, cpu_ms: 2500, peak_kib: 1000 },
        skipped: vec![Skipped { variation: "order".to_owned(), reason: "no memory".to_owned() }],
        limits: vec![Applied { limit: Limit::Wall, value: 5, by: Means::Watch }],
        isolation: Isolation::Strict,
        lacks: vec!["something\u{1b}[31m".to_owned()],
        sought: BTreeSet::new(),
    }
}

fn tree() -> Tree {
    let file = Entry::File { digest: Digest::of(b"output"), size: 6, executable: true };
    Tree { entries: BTreeMap::from([("bin/one".parse().expect("clean"), file)]) }
}

fn log(store: &Store, run: &RunId, recipe: &str, n_round: usize) -> String {
    let mut writer = store.log_writer(run, recipe, n_round).expect("starts");
    let name = writer.name().to_owned();
    writeln!(writer, "round {n_round} of {recipe}\nwithout\u{1b}[1m end").expect("takes");
    writer.finish().expect("ends");
    name
}

/// The lines of standard output as JSON.
fn values(run: &Run) -> Vec<Value> {
    run.stdout().lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

#[test]
fn runs_are_listed_with_the_newest_first() {
    let world = history();
    let listed = world.eadem(["ls"]).exit(0);
    let expected = "\
1800000000-0000000b  2027-01-15T08:00:00Z  two  native  failed with status 101
1800000000-0000000b  2027-01-15T08:00:00Z  one  native  reproducible
1800000000-0000000a  2027-01-15T08:00:00Z  one  native  built
1700000000-0000000c  2023-11-14T22:13:20Z  old  native  build-failed (took more than 5 s of time)
";
    assert_eq!(listed.stdout(), expected, "{listed}");
    assert_eq!(world.eadem(["ls"]).exit(0).stdout(), expected);
    let values = values(&world.eadem(["ls", "--format", "json"]).exit(0));
    assert_eq!(values.len(), 4);
    assert_eq!(values[1]["verdict"], "reproducible");
    assert_eq!(values[3]["ending"]["exceeded"], serde_json::json!(["wall", 5]));
    let store = Store::open(world.store()).expect("a store");
    log(&store, &RunId::new(1_750_000_000, 1), "killed", 1);
    let listed = world.eadem(["ls"]).exit(0).stdout();
    assert_eq!(
        listed.lines().nth(3),
        Some("1750000000-00000001  2025-06-15T15:06:40Z  killed  -  unfinished")
    );
}

#[test]
fn records_that_cannot_be_read_are_named_and_passed_over() {
    let world = history();
    let plan = world.store().join("records").join(Digest::of(b"old").hex());
    fs::write(plan.join("1700000001-00000001.json"), "{\"eadem_record\": 1").expect("writes");
    fs::write(plan.join("1700000002-00000001.json"), "{\"eadem_record\": 2}").expect("writes");
    for command in [&["ls"][..], &["show", "old"]] {
        let run = world.eadem(command).exit(0).stderr_has("1700000001-00000001.json is damaged");
        drop(run.stderr_has("1700000002-00000001.json is damaged").stdout_has("old"));
    }
}

#[test]
fn a_log_is_that_of_the_newest_run_and_the_last_round() {
    let world = history();
    let log = |words: &[&str]| world.eadem([&["log"], words].concat()).exit(0).stdout();
    assert_eq!(log(&["old"]), "round 1 of old\nwithout\u{1b}[1m end\n", "bytes go to a pipe as they are");
    assert!(log(&["one"]).starts_with("round 2 of one\n"));
    assert!(log(&["one", "--round", "1"]).starts_with("round 1 of one\n"));
    assert!(log(&["17"]).starts_with("round 1 of old\n"));
    assert!(log(&["1800000000-0000000b", "two"]).starts_with("round 1 of two\n"));
    let values = values(&world.eadem(["log", "two", "--format", "json"]).exit(0));
    assert_eq!(values.len(), 2);
    assert_eq!((&values[0]["line"], &values[0]["round"]), (&"round 1 of two".into(), &1.into()));
}

#[test]
fn words_that_mean_nothing_or_too_much_are_answered_with_names() {
    let world = history();
    let refused = |words: &[&str]| world.eadem(words).exit(2).one_error();
    drop(
        refused(&["log"])
            .stderr_has("built several recipes")
            .stderr_has("hint: eadem log 1800000000-0000000b two"),
    );
    drop(refused(&["log", "18"]).stderr_has("1800000000-0000000b, 1800000000-0000000a"));
    drop(refused(&["show", "tow"]).stderr_has("built: old, one, two"));
    drop(refused(&["log", "one", "--round", "3"]).stderr_has("its last round is 2"));
    drop(refused(&["log", "one", "two", "old"]));
    let empty = World::new();
    drop(empty.eadem(["ls"]).exit(0));
    drop(empty.eadem(["log"]).exit(2).one_error().stderr_has("this store has no runs"));
    drop(empty.eadem(["show"]).exit(2).one_error());
}

#[test]
fn a_log_that_was_cut_off_is_shown_as_far_as_it_goes() {
    let world = history();
    let path = world.store().join("logs/1800000000-0000000b-two-1.zst");
    let whole = fs::read(&path).expect("there");
    fs::write(&path, &whole[..whole.len() - 3]).expect("writes");
    drop(world.eadem(["log", "two"]).exit(0).stderr_has("breaks off here"));
    fs::write(&path, "no log at all").expect("writes");
    drop(world.eadem(["log", "two"]).exit(6).one_error().stderr_has("is damaged"));
    fs::remove_file(&path).expect("there");
    drop(world.eadem(["log", "two"]).exit(2).one_error());
}

#[test]
fn a_record_is_shown_whole() {
    let world = history();
    let output = Digest::of(b"output");
    let run = world.eadem(["show", "one"]).exit(0);
    let file = world.store().join("blobs/sha256").join(output.hex());
    let expected = [
        format!("plan      {}", Digest::of(b"one")),
        "verdict   reproducible".to_owned(),
        "round 2".to_owned(),
        "  used        1.5 s, 2.5 s of processors, 1.0 MB at most in one process".to_owned(),
        "  umask       0077".to_owned(),
        "  limit       wall=5 by watch".to_owned(),
        "  skipped     order: no memory".to_owned(),
        r"  lacks       something\u{1b}[31m".to_owned(),
        format!("  output      {output}  bin/one  {}", file.display()),
    ];
    let stdout = run.stdout();
    assert!(expected.iter().all(|line| stdout.lines().any(|other| other == line)), "{run}");
    let both = world.eadem(["show"]).exit(0).stdout_has("recipe    one").stdout_has("recipe    two");
    assert!(!both.stdout().contains("recipe    old"));
    let values = values(&world.eadem(["show", "one", "--format", "json"]).exit(0));
    let round = &values[0]["rounds"][1];
    assert_eq!(round["outcome"]["limits"][0]["by"], "watch");
    assert_eq!(round["outputs"][0]["file"], file.to_str().expect("is UTF-8"));
}

#[test]
fn a_reader_that_goes_away_ends_nothing_badly() {
    let world = history();
    let store = Store::open(world.store()).expect("a store");
    let mut writer = store.log_writer(&RunId::new(1_900_000_000, 1), "long", 1).expect("starts");
    (0..300_000).for_each(|n| writeln!(writer, "line {n}").expect("takes"));
    writer.finish().expect("ends");
    for words in [&["log", "long"][..], &["log", "long", "--format", "json"], &["ls"], &["show"]] {
        let mut command = world.command(words);
        let mut eadem = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("eadem starts");
        let mut stdout = eadem.stdout.take().expect("is a pipe");
        stdout.read_exact(&mut [0; 5]).expect("something is printed");
        drop(stdout);
        drop(
            Run::new(&command, eadem.wait_with_output().expect("eadem is ours"))
                .exit(0)
                .stderr_lacks("error"),
        );
    }
}

#[test]
fn a_real_build_is_listed_shown_and_its_log_printed() {
    let lane = Lane::root();
    let world = lane.fixture("fails");
    let run = lane.run(&mut world.command(["build", "fails"])).exit(7);
    let stderr = run.stderr();
    let hint =
        stderr.lines().find_map(|line| line.strip_prefix("hint: eadem ")).expect("a hint names the log");
    let words = hint.split(" shows").next().expect("the command comes first").split(' ');
    drop(world.eadem(words).exit(0).stdout_has("Compiling fails v1.0.0").stdout_has("E0308"));
    let listed = world.eadem(["ls"]).exit(0);
    let is_it = |line: &str| line.contains("  fails ") && line.ends_with("  native  failed with status 101");
    // Other tests build in this store meanwhile, so it may not be the first any more.
    assert!(listed.stdout().lines().any(is_it), "{listed}");
    let run = world.eadem(["show", "fails"]).exit(0).stdout_has("image     rust-trixie\n");
    drop(run.stdout_has("sources   sha256:").stdout_has("ending      failed with status 101"));
}

#[test]
fn the_log_of_a_killed_build_is_shown_as_far_as_it_goes() {
    let lane = Lane::root();
    let world = lane.fixture("sleeper");
    let _turn = turn();
    let mut command = world.command(["build", "sleeper"]);
    let mut eadem = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("eadem starts");
    wait_for("the build script", || process::with_words("release/build/sleeper-").pop());
    let log = || world.eadem(["log", "sleeper"]).exit(0).stdout_has("Compiling sleeper v1.0.0");
    drop(log().stderr_has("or still runs"));
    eadem.kill().expect("eadem runs");
    eadem.wait().expect("eadem is ours");
    drop(log().stderr_has("the build was killed"));
    wait_for("the end of the room", || {
        process::with_words("release/build/sleeper-").is_empty().then_some(())
    });
    wait_for("the end of the room's directory", || {
        crate::support::disk::leftovers(lane.store()).is_empty().then_some(())
    });
}
