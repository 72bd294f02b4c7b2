//! What a verification found besides the differences of its rounds, in words.

use eadem_model::{Excepted, Exception, Published, Record, TreePath, Trial, Verdict};

use crate::finding;

/// What is said, a line each: exceptions, trials, and what was published.
pub fn notes(record: &Record) -> Vec<String> {
    let exceptions = record.exceptions.iter().filter(|one| one.happened).map(excepted);
    let trials = record.trials.iter().map(tried);
    let published = record.published.iter().flat_map(published).chain(unpublished(record));
    exceptions.chain(trials).chain(untried(record)).chain(published).collect()
}

/// Without a trial nobody knows whether it differs in the same way each time.
fn untried(record: &Record) -> Option<String> {
    let differs = matches!(record.verdict, Some(Verdict::Differs | Verdict::Regressed));
    let is_untried = differs && record.trials.is_empty() && !record.is_equal();
    is_untried.then(|| "not tried: whether two equal rounds differ as well".to_owned())
}

/// Outputs of which nothing was published, where something was of others.
fn unpublished(record: &Record) -> Option<String> {
    let tree = record.rounds.first()?.tree.as_ref()?;
    let is_left = |path: &&TreePath| record.published.iter().all(|one| one.path != **path);
    let left: Vec<String> =
        tree.files().map(|(path, _)| path).filter(is_left).map(ToString::to_string).collect();
    let told = !record.published.is_empty() && !left.is_empty();
    told.then(|| format!("not published: {}", few(&left)))
}

/// As many names are told in a line.
const MOST_NAMES: usize = 8;

fn few(names: &[String]) -> String {
    let shown = names[..names.len().min(MOST_NAMES)].join(", ");
    if names.len() > MOST_NAMES { format!("{shown} and {} more", names.len() - MOST_NAMES) } else { shown }
}

/// Exceptions that no longer happen, a line each.
pub fn stale(record: &Record) -> Vec<String> {
    let stale = record.exceptions.iter().filter(|one| !one.happened);
    let worded = |Excepted { exception: Exception { output, reason }, .. }: &Excepted| {
        format!("the exception of `{output}` is stale: it does not differ ({reason})")
    };
    stale.map(worded).collect()
}

fn excepted(Excepted { exception: Exception { output, reason }, .. }: &Excepted) -> String {
    format!("excepted: {output}: {reason}")
}

fn tried(trial: &Trial) -> String {
    let or = |words: &[String], none: &str| if words.is_empty() { none.to_owned() } else { few(words) };
    let varied: Vec<String> = trial.varied.iter().map(ToString::to_string).collect();
    format!("tried: with {} varied, {} differed", or(&varied, "nothing"), or(&trial.differed, "nothing"))
}

/// What was published under an output's name, and how the output differs from that.
fn published(Published { path, published, built, explanation }: &Published) -> Vec<String> {
    if published == built {
        return vec![format!("{path} is as it was published")];
    }
    let head = [
        format!("{path} is not as it was published"),
        format!("  published: {published}"),
        format!("  built:     {built}"),
    ];
    head.into_iter().chain(explanation.iter().flat_map(finding::lines)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn trials_exceptions_and_publications_are_told() {
        let record = example::full();
        assert_eq!(
            notes(&record),
            [
                "excepted: bin/known: it is old",
                "tried: with nothing varied, nothing differed",
                "tried: with umask, locale varied, bin/one differed",
                "bin/one is not as it was published",
                "  published: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "  built:     sha256:697fa46797587226ede0f8c5eb190a518828088ad24c513872b652bec0259f69",
            ]
        );
        assert_eq!(stale(&record), ["the exception of `bin/gone` is stale: it does not differ (it was)"]);
    }
}
