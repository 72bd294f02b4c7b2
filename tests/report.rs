//! `eadem verify --report`, what GitHub's runner is told, and the schema of events.

use std::{fs, process::Command};

use serde_json::Value;

use crate::support::{disk, lane::Lane, run::Run, world::World};

/// A project whose build script fails with words that a runner would obey.
fn loud(lane: &Lane) -> World {
    let script = "fn main() {\n    println!(\"::warning::obey\");\n    \
                  eprintln!(\"::error file=x::obey\\n\\t::stop-commands::obey\\nno ##[error]obey \\u{202e}<script>\");\n    \
                  std::process::exit(1);\n}\n";
    let world = lane.fixture("fails").with("crate/build.rs", script);
    drop(lane.run(&mut world.command(["lock", "fails"])).exit(0));
    world
}

/// The same command as GitHub's runner would start it.
fn in_runner(command: &mut Command) -> &mut Command {
    command.env("GITHUB_ACTIONS", "true")
}

/// The lines that a runner takes for commands.
fn commands(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.trim_start().starts_with("::") || line.contains("##[")).collect()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Expects that each line of standard output satisfies the published schema; gives the lines.
fn valid_lines(world: &World, run: &Run) -> Vec<Value> {
    let schema = json(&world.eadem(["schema", "events"]).exit(0).stdout());
    let validator = jsonschema::draft202012::new(&schema).expect("the schema is one");
    let lines: Vec<Value> = run.stdout().lines().map(json).collect();
    for line in &lines {
        let faults: Vec<String> = validator.iter_errors(line).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{faults:?} in {line}");
    }
    lines
}

#[test]
fn one_verification_is_reported_in_every_format_at_once() {
    let lane = Lane::root();
    let world = lane.fixture("build-hostname");
    let files = ["html=r.html", "md=r.md", "junit=r.xml", "sarif=r.sarif", "gitlab=r.json"];
    let words =
        ["verify", "build-hostname"].into_iter().chain(files.iter().flat_map(|file| ["--report", file]));
    drop(lane.run(&mut world.command(words)).exit(1).stderr_lacks("::error"));
    let page = world.read("r.html");
    for text in [
        "<h2 id=\"build-hostname-title\">build-hostname ",
        "<li>the build script of build-hostname 1.0.0: `stdout` differs</li>",
        "<strong>the machine's name</strong>",
        "<mark>",
        "<a href=\"#build-hostname-log-2\">log of round 2</a>",
        "<th scope=\"row\">build-hostname 1.0.0</th><td><span class=\"state guilty\">",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    let markdown = world.read("r.md");
    assert!(
        markdown.starts_with("# eadem verify: 1 differs\n") && markdown.contains("(proven)"),
        "{markdown}"
    );
    let junit = world.read("r.xml");
    assert!(
        junit.contains("<testsuites name=\"eadem verify\" tests=\"1\" failures=\"1\" errors=\"0\""),
        "{junit}"
    );
    assert!(junit.contains("type=\"differs\""), "{junit}");
    let results = &json(&world.read("r.sarif"))["runs"][0]["results"];
    let place = &results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(place, "recipes/build-hostname.yaml");
    let rules: Vec<&str> =
        results.as_array().into_iter().flatten().filter_map(|one| one["ruleId"].as_str()).collect();
    assert!(rules.contains(&"hostname"), "{rules:?}");
    let issues = json(&world.read("r.json"));
    assert_eq!(issues[0]["location"]["path"], "recipes/build-hostname.yaml");
    assert_eq!(disk::list(&world.project()).len(), 3 + files.len(), "something else is left");
}

#[test]
fn a_build_that_fails_and_a_recipe_without_a_lock_are_reported_too() {
    let lane = Lane::root();
    let none = "eadem: 1\nname: none\nimage: rust-trixie\nsource: {dir: nowhere}\noutputs: [bin/none]\n";
    let world = loud(lane).with("recipes/none.yaml", none);
    let words =
        ["verify", "--keep-going", "fails", "none", "--report", "junit=r.xml", "--report", "html=r.html"];
    drop(lane.run(&mut world.command(words)).exit(7));
    let junit = world.read("r.xml");
    assert!(
        junit.contains(
            "<failure message=\"the build of `fails` failed with status 101\" type=\"build-failed\">"
        ),
        "{junit}"
    );
    assert!(
        junit.contains("<error message=\"recipes/none.lock is missing\" type=\"not-verified\">"),
        "{junit}"
    );
    let page = world.read("r.html");
    assert!(page.contains("no ##[error]obey \\u{202e}&lt;script&gt;") && !page.contains("<script"), "{page}");
    // Without --keep-going the first fault ends it all, and is reported.
    drop(lane.run(&mut world.command(["verify", "none", "fails", "--report", "md=r.md"])).exit(4));
    assert!(world.read("r.md").starts_with("# eadem verify: 1 not-verified\n"));
}

#[test]
fn a_file_that_cannot_be_written_is_found_out_before_anything_is_built() {
    let world = World::new().with_fixture("steady").with_images();
    let verify = |report: &str| world.eadem(["verify", "steady", "--report", report]).one_error();
    for report in ["html=nowhere/r.html", "html=recipes", "html=/proc/r.html", "html=/dev/null"] {
        drop(
            verify(report).exit(9).stderr_has("cannot write the report").stderr_lacks("recipes/steady.lock"),
        );
    }
    drop(verify("htlm=r.html").exit(2).stderr_has("did you mean `html`?"));
    drop(verify("html").exit(2).stderr_has("FORMAT=FILE"));
    drop(verify("html=-").exit(2).stderr_has("not to standard output"));
    let twice = ["verify", "steady", "--report", "html=r", "--report", "md=./r"];
    drop(world.eadem(twice).exit(2).one_error().stderr_has("two reports cannot both be"));
    drop(verify("html=r.html").exit(4).stderr_has("recipes/steady.lock is missing"));
    assert!(world.read("r.html").contains("recipes/steady.lock is missing"));
}

#[test]
fn a_runner_is_told_of_the_recipe_and_obeys_no_build() {
    let lane = Lane::root();
    let world = loud(lane);
    let summary = world.dir().join("summary.md");
    let mut command = world.command(["verify", "fails", "--verbose"]);
    let run = lane.run(in_runner(&mut command).env("GITHUB_STEP_SUMMARY", &summary)).exit(7);
    let stderr = run.stderr();
    assert_eq!(
        commands(&stderr),
        [
            "::error file=recipes/fails.yaml,line=1,title=fails%3A build-failed::the build of `fails` failed with \
          status 101"
        ],
        "{run}"
    );
    for harmless in ["\\::error file=x::obey", "\\::stop-commands::obey", "no ##\\[error]obey"] {
        assert!(stderr.contains(harmless), "{harmless}\n{run}");
    }
    let text = fs::read_to_string(&summary).expect("the summary is written");
    assert!(text.starts_with("# eadem verify: 1 build-failed\n"), "{text}");
    let log = lane.run(in_runner(&mut world.command(["log", "fails"]))).exit(0).stdout_has("obey");
    assert_eq!(commands(&log.stdout()), Vec::<&str>::new(), "{log}");
    let mut command = world.command(["verify", "fails", "--verbose", "--format", "json"]);
    let run = lane.run(in_runner(&mut command)).exit(7);
    assert_eq!(commands(&run.stdout()), Vec::<&str>::new(), "{run}");
    let lines = valid_lines(&world, &run);
    assert!(
        lines.iter().any(|line| line["line"].as_str().is_some_and(|line| line.contains("##[error]obey"))),
        "{run}"
    );
    assert!(lines.iter().any(|line| line["result"] == "error" && line["exit"] == 7), "{run}");
}

#[test]
fn the_events_of_real_runs_satisfy_their_schema() {
    let lane = Lane::root();
    let world = lane.fixture("build-hostname");
    let words = ["verify", "build-hostname", "--fresh", "--verbose", "--format", "json"];
    let run = lane.run(&mut world.command(words)).exit(1);
    let lines = valid_lines(&world, &run);
    for event in ["start", "done", "unit", "log"] {
        assert!(lines.iter().any(|line| line["event"] == event), "no {event}\n{run}");
    }
    let verdict = lines.iter().find(|line| line["result"] == "verdict").expect("there is a verdict");
    assert!(
        verdict["explanation"]["findings"].as_array().is_some_and(|findings| !findings.is_empty()),
        "{run}"
    );
    let steady = lane.fixture("steady");
    for words in [["verify", "steady", "--format", "json"], ["build", "steady", "--format", "json"]] {
        let run = lane.run(&mut steady.command(words)).exit(0);
        assert!(!valid_lines(&steady, &run).is_empty(), "{run}");
    }
}
