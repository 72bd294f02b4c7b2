//! SARIF 2.1.0, the interchange format of static analysis.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{Report, problem, problem::Problem, standing::Weight, text};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    invocations: [Invocation; 1],
    results: Vec<Outcome>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: String,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    short_description: Message,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

/// What the format calls a result.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: [Location; 1],
    partial_fingerprints: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<LogicalLocation>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    fully_qualified_name: String,
}

/// The document.
pub(crate) fn document(report: &Report) -> String {
    let problems: Vec<(String, Problem)> = report
        .cases
        .iter()
        .flat_map(|case| problem::of(case).into_iter().map(|one| (address(&case.file), one)))
        .collect();
    let rules = rules(&problems);
    let results = problems.into_iter().map(|(file, problem)| outcome(file, problem, &rules)).collect();
    let driver = Driver { name: "eadem", semantic_version: text::line(&report.version), rules };
    let is_whole = report.cases.iter().all(|case| case.standing().weight() != Weight::Open);
    let run =
        Run { tool: Tool { driver }, invocations: [Invocation { execution_successful: is_whole }], results };
    let document =
        Document { schema: "https://json.schemastore.org/sarif-2.1.0.json", version: "2.1.0", runs: [run] };
    serde_json::to_string_pretty(&document).expect("texts and numbers have a JSON form") + "\n"
}

/// A rule for each kind of problem that there is.
fn rules(problems: &[(String, Problem)]) -> Vec<Rule> {
    let kinds: BTreeSet<&'static str> = problems.iter().map(|(_, problem)| problem.rule).collect();
    let title = |kind: &str| match kind {
        "known" => "a value that differs between the rounds on purpose".to_owned(),
        _ => problems
            .iter()
            .find(|(_, one)| one.rule == kind)
            .map(|(_, one)| one.title.clone())
            .unwrap_or_default(),
    };
    kinds.into_iter().map(|id| Rule { id, short_description: message(&title(id)) }).collect()
}

fn outcome(file: String, problem: Problem, rules: &[Rule]) -> Outcome {
    let place = problem.place.into_iter();
    Outcome {
        rule_id: problem.rule,
        rule_index: rules.iter().position(|rule| rule.id == problem.rule).unwrap_or_default(),
        level: if problem.is_certain { "error" } else { "warning" },
        message: message(&problem.message),
        locations: [Location {
            physical_location: PhysicalLocation {
                artifact_location: ArtifactLocation { uri: file },
                region: Region { start_line: 1 },
            },
            logical_locations: place.map(|name| LogicalLocation { fully_qualified_name: name }).collect(),
        }],
        partial_fingerprints: BTreeMap::from([("eademProblem/v1", problem.fingerprint)]),
    }
}

/// A message may hold links, and names must not make any.
fn message(text: &str) -> Message {
    Message { text: text.replace("](", "] (") }
}

/// A path as the reference that a URI may have in it.
fn address(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let part = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let encoded: String = path.bytes().map(part).collect();
    if path.starts_with('/') { format!("file://{encoded}") } else { encoded }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path, process::Command};

    use super::*;
    use crate::{Case, example};

    fn value(cases: Vec<Case>) -> serde_json::Value {
        serde_json::from_str(&document(&example::report(cases))).expect("it is JSON")
    }

    fn expect_valid(value: &serde_json::Value) {
        let schema = schema();
        let validator = jsonschema::validator_for(&schema).expect("the schema is one");
        let faults: Vec<String> = validator.iter_errors(value).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{faults:#?}");
        assert!(!validator.is_valid(&serde_json::json!({"version": "2.1.0"})), "the schema refuses nothing");
    }

    /// The format's own schema, from a package that carries it.
    fn schema() -> serde_json::Value {
        // Packages of other machines alone are not there.
        let here = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let words =
            ["metadata", "--offline", "--locked", "--format-version", "1", "--filter-platform", &here];
        let output = Command::new(env!("CARGO")).args(words).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        let metadata: serde_json::Value =
            serde_json::from_slice(&output.expect("cargo starts").stdout).expect("cargo answers with JSON");
        let packages = metadata["packages"].as_array().expect("cargo knows packages");
        let package = packages.iter().find(|package| package["name"] == "serde-sarif").expect("a dependency");
        let manifest = Path::new(package["manifest_path"].as_str().expect("every package has one"));
        let text =
            fs::read_to_string(manifest.with_file_name("src/schema.json")).expect("it is in the package");
        serde_json::from_str(&text).expect("the schema is JSON")
    }

    #[test]
    fn a_problem_is_a_result_with_its_rule_and_its_place() {
        let value = value(vec![example::good(), example::differing()]);
        expect_valid(&value);
        let run = &value["runs"][0];
        let fingerprint = run["results"][0]["partialFingerprints"].clone();
        assert_eq!(fingerprint["eademProblem/v1"].as_str().map(str::len), Some(64));
        assert_eq!(
            run["results"],
            serde_json::json!([{
                "ruleId": "hostname",
                "ruleIndex": 0,
                "level": "error",
                "message": {"text": "bin/one → .rodata differs between two builds: the machine's name (proven): \
                                     `hq83` stands there; remedy: leave it out"},
                "locations": [{
                    "physicalLocation": {
                        "artifactLocation": {"uri": "recipes/one.yaml"},
                        "region": {"startLine": 1},
                    },
                    "logicalLocations": [{"fullyQualifiedName": "bin/one → .rodata"}],
                }],
                "partialFingerprints": fingerprint,
            }])
        );
        assert_eq!(run["tool"]["driver"]["rules"][0]["shortDescription"]["text"], "the machine's name");
        assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    }

    #[test]
    fn any_report_satisfies_the_schema() {
        expect_valid(&value(vec![]));
        let open = Case { verdict: None, ..example::failed() };
        let value = value(vec![example::hostile(), example::failed(), open]);
        expect_valid(&value);
        assert_eq!(value["runs"][0]["invocations"][0]["executionSuccessful"], false);
        let message = &value["runs"][0]["results"][0]["message"]["text"];
        assert!(message.as_str().is_some_and(|text| text.contains("[a] (b)") && !text.contains("](")));
        assert!(!value.to_string().contains('\u{202e}'));
    }

    #[test]
    fn a_path_is_a_reference_whatever_is_in_it() {
        assert_eq!(address("recipes/a b%ä.yaml"), "recipes/a%20b%25%C3%A4.yaml");
        assert_eq!(address("/tmp/x"), "file:///tmp/x");
    }
}
