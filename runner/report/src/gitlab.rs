//! GitLab's code quality report.

use serde::Serialize;

use crate::{Report, problem, problem::Problem, text};

#[derive(Serialize)]
struct Issue {
    description: String,
    check_name: String,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: u32,
}

/// The document.
pub(crate) fn document(report: &Report) -> String {
    let issues: Vec<Issue> = report
        .cases
        .iter()
        .flat_map(|case| problem::of(case).into_iter().map(|one| issue(text::line(&case.file), one)))
        .collect();
    serde_json::to_string_pretty(&issues).expect("texts and numbers have a JSON form") + "\n"
}

fn issue(path: String, problem: Problem) -> Issue {
    Issue {
        description: problem.message,
        check_name: format!("eadem/{}", problem.rule),
        fingerprint: problem.fingerprint,
        severity: if problem.is_certain { "major" } else { "minor" },
        location: Location { path, lines: Lines { begin: 1 } },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Case, example};

    #[test]
    fn a_problem_is_an_issue_at_its_recipe() {
        let open = Case { verdict: None, ..example::failed() };
        let text = document(&example::report(vec![example::good(), example::differing(), open]));
        let mut issues: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        let prints: Vec<_> =
            issues.as_array_mut().expect("a list").iter_mut().map(|one| one["fingerprint"].take()).collect();
        assert!(
            prints[0] != prints[1] && prints.iter().all(|print| print.as_str().map(str::len) == Some(64))
        );
        assert_eq!(
            issues,
            serde_json::json!([
                {
                    "description": "bin/one → .rodata differs between two builds: the machine's name (proven): \
                                    `hq83` stands there; remedy: leave it out",
                    "check_name": "eadem/hostname",
                    "fingerprint": null,
                    "severity": "major",
                    "location": {"path": "recipes/one.yaml", "lines": {"begin": 1}},
                },
                {
                    "description": "the build of `bad` failed with status 101",
                    "check_name": "eadem/not-verified",
                    "fingerprint": null,
                    "severity": "minor",
                    "location": {"path": "recipes/bad.yaml", "lines": {"begin": 1}},
                },
            ])
        );
    }
}
