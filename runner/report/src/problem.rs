//! What is wrong with a recipe, one by one, for programs that list problems.

use eadem_model::{
    Cause, Confidence, Digest, Explanation, Finding, OutputDifference, Published, Reason, Spot, TreePath,
};

use crate::{Case, Standing, finding, output, standing::Weight, text};

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The kind: a cause, or a standing without one.
    pub(crate) rule: &'static str,
    /// The kind in words.
    pub(crate) title: String,
    /// What it is, in a line.
    pub(crate) message: String,
    /// Where in the outputs, if it is there.
    pub(crate) place: Option<String>,
    /// Whether the outputs are known not to be what they should be.
    pub(crate) is_certain: bool,
    /// The same for the same problem of the next run, as hexadecimal digits.
    pub(crate) fingerprint: String,
}

/// All problems of a recipe; none if it is reproducible.
pub(crate) fn of(case: &Case) -> Vec<Problem> {
    if case.standing().weight() == Weight::Good {
        return Vec::new();
    }
    let explanation = case.record.as_ref().and_then(|record| record.explanation.as_ref());
    let mut problems = explanation.map(|all| of_findings(case, all)).unwrap_or_default();
    if problems.is_empty() {
        let unexpected = case.differences.iter().filter(|one| !excepts(case, &one.entries.path));
        problems = unexpected.map(|difference| of_output(case, difference)).collect();
    }
    let published = case.record.iter().flat_map(|record| &record.published);
    problems.extend(published.filter(|one| !one.is_same()).map(|one| of_published(case, one)));
    if problems.is_empty() {
        problems.push(of_standing(case));
    }
    tell_apart(&mut problems);
    problems
}

/// Whether the recipe says of an output that it differs.
fn excepts(case: &Case, path: &TreePath) -> bool {
    let exceptions = case.record.iter().flat_map(|record| &record.exceptions);
    exceptions.into_iter().any(|one| one.exception.covers(path))
}

fn is_excepted(case: &Case, place: Option<&Spot>) -> bool {
    let Some(Spot::File(name)) = place else { return false };
    name.parse().is_ok_and(|path| excepts(case, &path))
}

fn of_findings(case: &Case, explanation: &Explanation) -> Vec<Problem> {
    let findings = explanation.findings.iter().filter(|found| !is_excepted(case, found.place.first()));
    let problem = |found: &Finding| {
        let mut problem = of_finding(case, found)?;
        if let Some(tier) = finding::normalised_at(explanation, &found.place) {
            problem.message += &format!("; {}", text::line(&tier));
        }
        Some(problem)
    };
    findings.filter_map(problem).collect()
}

/// Consequences of others are no problems of their own.
fn of_finding(case: &Case, found: &Finding) -> Option<Problem> {
    let cause = found.causes.first()?;
    let place = text::line(&finding::place(&found.place));
    let reason = text::line(&finding::reason(&cause.cause));
    let message = format!("{place} differs between two builds: {}", sentence(cause, &reason));
    Some(Problem { place: Some(place.clone()), ..problem(case, id(&cause.cause), (reason, message), &place) })
}

fn sentence(cause: &Cause, reason: &str) -> String {
    let head = format!("{reason} ({}): {}", finding::sure(cause.confidence), text::line(&cause.evidence));
    match cause.confidence {
        Confidence::Unknown => head,
        _ => format!("{head}; remedy: {}", text::line(&cause.remedy)),
    }
}

fn of_output(case: &Case, difference: &OutputDifference) -> Problem {
    let place = text::line(difference.entries.path.as_str());
    let sides = text::line(&output::lines(difference).join("; "));
    let words = ("an output differs".to_owned(), format!("{place} differs between two builds: {sides}"));
    Problem { place: Some(place.clone()), ..problem(case, "differs", words, &place) }
}

fn of_published(case: &Case, Published { path, published, built, explanation }: &Published) -> Problem {
    let place = text::line(path.as_str());
    let tiers = explanation.iter().flat_map(finding::normalised).map(|tier| format!("; {tier}"));
    let message =
        format!("{place} is {built}, and was published as {published}") + &tiers.collect::<String>();
    let words = ("an output is not as it was published".to_owned(), message);
    Problem { place: Some(place.clone()), ..problem(case, "published", words, &place) }
}

fn of_standing(case: &Case) -> Problem {
    let fault = case.fault.iter().flat_map(|fault| std::iter::once(&fault.message).chain(&fault.causes));
    let fault: Vec<String> = fault.map(|part| text::line(part)).collect();
    let meaning = case.standing().meaning();
    let message = if fault.is_empty() { meaning.to_owned() } else { fault.join(": ") };
    problem(case, case.standing().as_str(), (meaning.trim_end_matches('.').to_owned(), message), "")
}

fn problem(case: &Case, rule: &'static str, (title, message): (String, String), place: &str) -> Problem {
    let is_certain = case.standing().weight() == Weight::Bad;
    let fingerprint = fingerprint(&[case.recipe.as_str(), rule, place]);
    Problem { rule, title, message, place: None, is_certain, fingerprint }
}

fn fingerprint(parts: &[&str]) -> String {
    Digest::of(parts.join("\0").as_bytes()).hex()
}

/// Readers take problems of one fingerprint for one.
fn tell_apart(problems: &mut [Problem]) {
    let mut seen = std::collections::BTreeMap::new();
    for problem in problems {
        let n: &mut u32 = seen.entry(problem.fingerprint.clone()).or_default();
        if *n > 0 {
            problem.fingerprint = fingerprint(&[&problem.fingerprint, &n.to_string()]);
        }
        *n += 1;
    }
}

/// The word of a cause, as records have it.
const fn id(reason: &Reason) -> &'static str {
    match reason {
        Reason::Known(_) => "known",
        Reason::BuildPath => "build-path",
        Reason::Timestamp => "timestamp",
        Reason::Hostname => "hostname",
        Reason::User => "user",
        Reason::Home => "home",
        Reason::TemporaryName => "temporary-name",
        Reason::Order => "order",
        Reason::Owner => "owner",
        Reason::Mode => "mode",
        Reason::Packing => "packing",
        Reason::BuildId => "build-id",
        Reason::NameHash => "name-hash",
        Reason::Random => "random",
        Reason::Address => "address",
        Reason::Padding => "padding",
        Reason::Code => "code",
        Reason::Unknown => "unknown",
    }
}

impl Standing {
    /// A heading for a recipe that stands so.
    pub(crate) fn headline(self, recipe: &str) -> String {
        format!("{recipe}: {}", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn causes_have_the_words_of_records() {
        for reason in [Reason::BuildPath, Reason::TemporaryName, Reason::NameHash, Reason::Unknown] {
            assert_eq!(serde_json::to_value(&reason).expect("a word"), id(&reason));
        }
    }

    #[test]
    fn what_follows_from_something_else_is_no_problem_of_its_own() {
        let problems = of(&example::differing());
        assert_eq!(problems.iter().map(|problem| problem.rule).collect::<Vec<_>>(), ["hostname"]);
        assert_eq!(
            problems[0].message,
            "bin/one → .rodata differs between two builds: the machine's name (proven): `hq83` stands there; \
             remedy: leave it out"
        );
    }

    #[test]
    fn equal_problems_have_fingerprints_of_their_own_and_keep_them() {
        let mut case = example::differing();
        let record = case.record.as_mut().expect("there is one");
        let explanation = record.explanation.as_mut().expect("there is one");
        explanation.findings.push(explanation.findings[0].clone());
        let prints = |case: &Case| of(case).into_iter().map(|one| one.fingerprint).collect::<Vec<_>>();
        let [first, second] = &prints(&case)[..] else { panic!("two are expected") };
        assert_ne!(first, second);
        assert_eq!(prints(&case), [first.clone(), second.clone()]);
        assert_eq!(prints(&example::differing()).first(), Some(first));
    }
}
