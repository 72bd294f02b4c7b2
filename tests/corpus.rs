//! The corpus: one tiny project for each cause of a difference, with what must be said of it.
//!
//! A project has its recipe, its sources and `expect.yaml`. A group is verified by one test, which says all that was
//! wrong in one table.

#![allow(clippy::print_stdout, reason = "the table is for people")]

use std::{collections::BTreeMap, fmt, fs, path::PathBuf};

use eadem_model::{Confidence, Duty, Explanation, Finding, Reason, Verdict, document};
use serde::Deserialize;
use serde_json::Value;

use crate::support::{REPOSITORY, disk, lane::Lane, world::World};

/// As many projects of a hundred must have just the causes that they expect.
const NAMED: usize = 95;

/// As many builds beyond the two rounds may be made for a cause.
const MOST_TRIALS: usize = 7;

/// The groups, by how the names of their projects begin.
const GROUPS: [&str; 5] = ["archive-", "c-", "registry-", "rust-", "shell-"];

/// What must be said of a project.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// All of the causes, without those of places that follow from others.
    causes: Vec<Reason>,
    /// How sure each of them is; `likely` where a value may stand there by chance.
    confidence: Confidence,
    /// More causes, which are only likely.
    #[serde(default)]
    likely: Vec<Reason>,
    /// The package whose unit differs by itself, if cargo builds it.
    blame: Option<String>,
    /// What that unit does.
    duty: Option<Duty>,
    /// The proc macros that it runs.
    #[serde(default)]
    macros: Vec<String>,
    /// What another unit of the package does, where a path that the build script hands on ends up.
    #[serde(default)]
    then: Option<Duty>,
}

/// What was said of a project.
#[derive(Debug)]
struct Said {
    causes: BTreeMap<Reason, Confidence>,
    /// How many builds it took beyond the two rounds.
    n_trials: usize,
    /// Package, duty and macros of each unit that differs by itself.
    blame: Vec<(String, Duty, Vec<String>)>,
}

/// A project with what must be and what was said of it.
struct Verified {
    name: String,
    expected: Expected,
    said: Said,
}

impl Verified {
    fn of(lane: &Lane, name: &str) -> Self {
        let shown = format!("tests/corpus/{name}/expect.yaml");
        let text = fs::read_to_string(dir(name).join("expect.yaml"));
        let text = text.unwrap_or_else(|error| panic!("cannot read {shown}: {error}"));
        let expected = document::parse(&shown, &text).unwrap_or_else(|error| panic!("{error}"));
        Self { name: name.to_owned(), expected, said: said(lane, name) }
    }

    fn names_the_causes(&self) -> bool {
        let Expected { causes, confidence, likely, .. } = &self.expected;
        let all = causes.iter().map(|reason| (reason.clone(), *confidence));
        let likely = likely.iter().map(|reason| (reason.clone(), Confidence::Likely));
        self.said.causes == all.chain(likely).collect()
    }

    fn blames_the_package(&self) -> bool {
        let Expected { blame, duty, macros, then, .. } = &self.expected;
        let first = blame.iter().zip(duty).map(|(package, duty)| (package.clone(), *duty, macros.clone()));
        let then = blame.iter().zip(then).map(|(package, duty)| (package.clone(), *duty, Vec::new()));
        self.said.blame == first.chain(then).collect::<Vec<_>>()
    }

    /// A cause takes seven builds beyond the two rounds at most.
    fn takes_few_builds(&self) -> bool {
        let Expected { causes, likely, .. } = &self.expected;
        (1..=MOST_TRIALS * (causes.len() + likely.len())).contains(&self.said.n_trials)
    }

    /// Causes that are called proven, and are none.
    fn falsely_proven(&self) -> bool {
        let is_wrong = |reason: &Reason| !self.expected.causes.contains(reason);
        self.said.causes.iter().any(|(reason, sure)| *sure == Confidence::Proven && is_wrong(reason))
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let judged = |is_right: bool| if is_right { "right" } else { "WRONG" };
        let causes: Vec<String> =
            self.said.causes.iter().map(|(reason, sure)| format!("{reason:?} {sure:?}")).collect();
        let blame: Vec<String> =
            self.said.blame.iter().map(|(package, duty, _)| format!("the {duty} of {package}")).collect();
        let (causes, blame) = (causes.join(", "), blame.join(", "));
        let (causes_are, blame_is) = (judged(self.names_the_causes()), judged(self.blames_the_package()));
        let n_trials = self.said.n_trials;
        write!(f, "{:24} {causes_are} {causes:40} {n_trials} {blame_is} {blame}", self.name)
    }
}

/// The projects of a group, by name.
fn names(group: &str) -> Vec<String> {
    let name = |path: PathBuf| Some(path.file_name()?.to_str()?.to_owned());
    let all = disk::list(&PathBuf::from(REPOSITORY).join("tests/corpus")).into_iter().filter_map(name);
    all.filter(|name| name.starts_with(group)).collect()
}

fn dir(name: &str) -> PathBuf {
    [REPOSITORY, "tests", "corpus", name].iter().collect()
}

/// Verifies a project, which has to differ, and takes what is said of it.
fn said(lane: &Lane, name: &str) -> Said {
    let world = World::new().with_dir(&dir(name)).with_images().with_store(lane.store());
    drop(lane.run(&mut world.command(["lock", name])).exit(0));
    let run = lane.run(&mut world.command(["verify", name, "--fresh", "--format", "json"])).exit(1);
    let stdout = run.stdout();
    let mut values = stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON"));
    let verdict: Value = values
        .find(|value: &Value| value["result"] == "verdict")
        .unwrap_or_else(|| panic!("no verdict\n{run}"));
    assert!(is_difference(&verdict["verdict"]), "{run}");
    let explanation: Explanation = read(&verdict["explanation"]);
    let n_trials = verdict["trials"].as_array().map_or(0, Vec::len);
    Said { causes: causes(&explanation), n_trials, blame: blame(&verdict) }
}

/// What differs at random may have a verdict of its own.
fn is_difference(verdict: &Value) -> bool {
    [Verdict::Differs, Verdict::Flaky].iter().any(|word| verdict == word.as_str())
}

fn read<T: for<'de> Deserialize<'de>>(value: &Value) -> T {
    T::deserialize(value).unwrap_or_else(|error| panic!("{error}: {value}"))
}

/// Each cause with the surest word on it. A place without one counts as unknown, unless it follows from another.
fn causes(explanation: &Explanation) -> BTreeMap<Reason, Confidence> {
    let mut causes = BTreeMap::new();
    for finding in explanation.findings.iter().filter(|finding| finding.follows.is_empty()) {
        for (reason, sure) in reasons(finding) {
            let best = causes.entry(reason).or_insert(sure);
            *best = sure.min(*best);
        }
    }
    causes
}

fn reasons(finding: &Finding) -> Vec<(Reason, Confidence)> {
    match finding.causes.as_slice() {
        [] => vec![(Reason::Unknown, Confidence::Unknown)],
        causes => causes.iter().map(|cause| (cause.cause.clone(), cause.confidence)).collect(),
    }
}

fn blame(verdict: &Value) -> Vec<(String, Duty, Vec<String>)> {
    let guilty = verdict["rounds"].as_array().into_iter().flatten().next_back();
    let guilty = guilty.and_then(|round| round["units"]["check"]["guilty"].as_array());
    let name = |package: &Value| {
        let text: String = read(package);
        text.split(' ').next().unwrap_or_default().to_owned()
    };
    let one = |blame: &Value| {
        let macros = blame["macros"].as_array().into_iter().flatten().map(name).collect();
        (name(&blame["package"]), read(&blame["duty"]), macros)
    };
    guilty.into_iter().flatten().map(one).collect()
}

/// Verifies all of a group, and fails with the whole table.
fn verify(group: &str) {
    let lane = Lane::root();
    let all: Vec<Verified> = names(group).iter().map(|name| Verified::of(lane, name)).collect();
    let table = all.iter().map(|one| format!("{one}\n")).collect::<String>();
    println!("{table}");
    let n_right = all.iter().filter(|one| one.names_the_causes()).count();
    assert!(n_right * 100 >= all.len() * NAMED, "too few causes are right\n{table}");
    assert!(all.iter().all(Verified::blames_the_package), "a package is blamed wrongly\n{table}");
    assert!(all.iter().all(Verified::takes_few_builds), "too many builds were made\n{table}");
    assert!(!all.iter().any(Verified::falsely_proven), "a cause is called proven and is none\n{table}");
}

#[test]
fn the_corpus_has_a_project_for_each_cause_and_each_is_in_a_group() {
    let n_grouped: usize = GROUPS.iter().map(|group| names(group).len()).sum();
    assert_eq!(n_grouped, names("").len(), "a project is in no group");
    assert!(n_grouped >= 24, "{n_grouped} projects are too few");
}

#[test]
fn causes_of_archives_are_named() {
    verify("archive-");
}

#[test]
fn causes_of_c_programs_are_named() {
    verify("c-");
}

/// Nobody wrote these crates for a test.
#[test]
#[ignore = "takes minutes: ci/proof corpus"]
fn causes_in_crates_of_the_registry_are_named_and_their_packages_blamed() {
    verify("registry-");
}

#[test]
fn causes_of_crates_are_named_and_their_packages_blamed() {
    verify("rust-");
}

#[test]
fn causes_of_scripts_are_named() {
    verify("shell-");
}
