//! Published schemas of what eadem prints.

/// The JSON Schema (2020-12) of a line that `--format json` prints.
pub const EVENTS: &str = include_str!("events.schema.json");

#[cfg(test)]
mod tests {
    use eadem_model::{
        Change, Event, Explanation, Finding, Hunk, Normalisation, Parts, Phase, UnitKind, UnitNews, UnitStep,
    };
    use serde::Serialize;
    use serde_json::{Value, json};

    use super::*;
    use crate::example;

    /// What is wrong with a value, by the part of the schema that has this name, or by all of it.
    fn faults(part: Option<&str>, value: &impl Serialize) -> Vec<String> {
        let mut schema: Value = serde_json::from_str(EVENTS).expect("the schema is JSON");
        if let Some(part) = part {
            schema = json!({"$ref": format!("#/$defs/{part}"), "$defs": schema["$defs"]});
        }
        let validator = jsonschema::draft202012::new(&schema).expect("the schema is one");
        let value = serde_json::to_value(value).expect("it has a JSON form");
        validator.iter_errors(&value).map(|fault| format!("{fault} in {value}")).collect()
    }

    fn expect_valid(part: Option<&str>, value: &impl Serialize) {
        assert_eq!(faults(part, value), Vec::<String>::new());
    }

    #[test]
    fn every_event_satisfies_the_schema() {
        let subject = || "one (round 1)".to_owned();
        let news = |step| UnitNews {
            kind: UnitKind::Compile,
            package: "a 1.0.0".to_owned(),
            crate_name: None,
            step,
        };
        let phase = Phase::Build;
        let events = [
            Event::Start { phase, subject: subject(), total: 3 },
            Event::Advance { phase, subject: subject(), by: 1, at: String::new() },
            Event::Done { phase, subject: subject() },
            Event::Unit { subject: subject(), news: news(UnitStep::Began) },
            Event::Unit { subject: subject(), news: news(UnitStep::Ran { wall_ms: 3 }) },
            Event::Warning { message: example::HOSTILE.to_owned() },
            Event::Log { subject: subject(), line: example::HOSTILE.to_owned() },
        ];
        events.iter().for_each(|event| expect_valid(None, event));
    }

    #[test]
    fn rounds_and_findings_satisfy_the_schema() {
        let cases = [example::good(), example::differing(), example::hostile()];
        for record in cases.into_iter().filter_map(|case| case.record).chain([example::full()]) {
            record.rounds.iter().for_each(|round| expect_valid(Some("round"), round));
            record.trials.iter().for_each(|trial| expect_valid(Some("trial"), trial));
            record.published.iter().for_each(|one| expect_valid(Some("published"), one));
            record.exceptions.iter().for_each(|one| expect_valid(Some("exception"), one));
            record.base.iter().for_each(|base| expect_valid(Some("base"), base));
            record.explanation.iter().for_each(|explanation| expect_valid(Some("explanation"), explanation));
        }
        let values = || ["a".to_owned(), "b".to_owned()];
        let hunk = Hunk { lines: [1, 1], first: vec!["a".to_owned()], second: Vec::new() };
        let changes = [
            Change::Only { side: 1 },
            Change::Kind { values: values() },
            Change::Attribute { name: "mode".to_owned(), values: values(), members: 1 },
            Change::Order { parts: Parts::Members, values: values() },
            Change::Lines { hunks: vec![hunk], total: 1 },
            Change::Packing,
        ];
        let finding = |change| Finding { place: Vec::new(), change, causes: Vec::new(), follows: Vec::new() };
        let findings = changes.map(finding).into();
        let normalised = example::normalised();
        expect_valid(Some("explanation"), &Explanation { findings, normalised, ..Explanation::default() });
    }

    #[test]
    fn every_normalisation_has_its_word_and_no_other_word_has_a_place() {
        let schema: Value = serde_json::from_str(EVENTS).expect("the schema is JSON");
        let words = &schema["$defs"]["normalised"]["properties"]["normalisations"]["items"]["enum"];
        let words = words.as_array().expect("a list");
        let read = |word: &Value| {
            serde_json::from_value::<Normalisation>(word.clone()).expect("a word of the model")
        };
        let read: Vec<Normalisation> = words.iter().map(read).collect();
        assert!(read.is_sorted() && read.first() == Some(&Normalisation::ArTimes));
        assert_eq!(read.last().map(|last| *last as usize + 1), Some(words.len()), "a word is missing");
        let stranger = json!({"output": null, "normalisations": ["text-order"]});
        assert!(!faults(Some("normalised"), &stranger).is_empty());
    }

    #[test]
    fn what_is_no_event_is_refused() {
        let strangers = [
            json!({}),
            json!({"event": "stop"}),
            json!({"event": "done", "phase": "build"}),
            json!({"result": "verdict", "recipe": "one", "verdict": "fine"}),
            json!({"result": "novelty"}),
        ];
        assert!(strangers.iter().all(|stranger| !faults(None, stranger).is_empty()));
    }
}
