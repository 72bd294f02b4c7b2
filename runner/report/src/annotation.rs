//! Workflow commands of GitHub's runner: those that eadem gives, and those that nobody else may.

use crate::{Case, Report, problem, standing::Weight, text};

/// Problems of one recipe that are told; the runner shows ten annotations of a step.
const MOST: usize = 5;

/// A line for each recipe that is not reproducible, which the runner shows at the recipe's file.
pub fn annotations(report: &Report) -> Vec<String> {
    report.cases.iter().filter_map(annotation).collect()
}

fn annotation(case: &Case) -> Option<String> {
    let level = match case.standing().weight() {
        Weight::Good => return None,
        Weight::Bad => "error",
        Weight::Open => "warning",
    };
    let title = case.standing().headline(case.recipe.as_str());
    let problems = problem::of(case);
    let mut lines: Vec<&str> = problems.iter().take(MOST).map(|problem| problem.message.as_str()).collect();
    if problems.len() > MOST {
        lines.push("and more");
    }
    let (file, title) = (property(&text::line(&case.file)), property(&title));
    Some(format!("::{level} file={file},line=1,title={title}::{}", data(&lines.join("\n"))))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// A line that the runner takes for no command: one begins with two colons, after white space too, and one of the
/// older kind may stand anywhere.
pub fn harmless(line: &str) -> String {
    let rest = line.trim_start();
    let (space, rest) = line.split_at(line.len() - rest.len());
    let rest = if rest.starts_with("::") { format!("\\{rest}") } else { rest.to_owned() };
    format!("{space}{}", rest.replace("##[", "##\\["))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn what_is_not_reproducible_is_told_at_its_recipe() {
        let report = example::report(vec![example::good(), example::differing(), example::failed()]);
        assert_eq!(
            annotations(&report),
            [
                "::error file=recipes/one.yaml,line=1,title=one%3A differs::bin/one → .rodata differs between two \
                 builds: the machine's name (proven): `hq83` stands there; remedy: leave it out",
                "::error file=recipes/bad.yaml,line=1,title=bad%3A build-failed::the build of `bad` failed with \
                 status 101",
            ]
        );
    }

    #[test]
    fn a_hostile_text_ends_neither_a_property_nor_the_line() {
        let file = "a,b:c%\n::error::x".to_owned();
        let lines = annotations(&example::report(vec![Case { file, ..example::hostile() }]));
        assert_eq!(lines.len(), 1);
        assert!(
            lines[0].starts_with("::error file=a%2Cb%3Cc".replace("%3C", "%3A").as_str()),
            "{}",
            lines[0]
        );
        assert!(!lines[0].contains('\n') && !lines[0].contains('\r'), "{}", lines[0]);
        assert!(lines[0].contains("%25"), "{}", lines[0]);
    }

    #[test]
    fn a_line_of_others_is_no_command() {
        assert_eq!(harmless("::set-output name=a::b"), "\\::set-output name=a::b");
        assert_eq!(harmless(" \u{2003}::stop-commands::x"), " \u{2003}\\::stop-commands::x");
        assert_eq!(harmless("a ##[error]b"), "a ##\\[error]b");
        assert_eq!(harmless("std::env::var"), "std::env::var");
    }
}
