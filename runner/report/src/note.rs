//! What a verification found besides the differences of its rounds, in words.

use eadem_model::{Excepted, Exception, Published, Record, Trial};

use crate::finding;

/// What is said, a line each: exceptions, trials, and what was published.
pub fn notes(record: &Record) -> Vec<String> {
    let exceptions = record.exceptions.iter().filter(|one| one.happened).map(excepted);
    let trials = record.trials.iter().map(tried);
    exceptions.chain(trials).chain(record.published.iter().flat_map(published)).collect()
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
    let or = |words: &[String], none: &str| if words.is_empty() { none.to_owned() } else { words.join(", ") };
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
