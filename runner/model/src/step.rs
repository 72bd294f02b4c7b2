//! The steps of a recipe that cargo does not build.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::TreePath;

/// How a recipe is built step by step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildSpec {
    /// Where below the source each step starts; at its top unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<TreePath>,
    /// The steps in order; the first that fails ends the build.
    #[serde(deserialize_with = "steps")]
    pub steps: Vec<Step>,
}

/// One step of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a step is a line for the shell, or a list of a program and its arguments")]
pub enum Step {
    /// Lines for `/bin/sh -e`.
    Shell(String),
    /// A program and its arguments, which no shell looks at.
    Program(Vec<String>),
}

impl Step {
    /// What messages call it: its first line.
    pub fn title(&self) -> String {
        let text = match self {
            Self::Shell(text) => text.trim().to_owned(),
            Self::Program(words) => words.join(" "),
        };
        match text.split_once('\n') {
            Some((first, _)) => format!("{first} …"),
            None => text,
        }
    }

    /// Why it cannot be run, if that shows already.
    fn fault(&self) -> Option<&'static str> {
        let (is_empty, words) = match self {
            Self::Shell(text) => (text.trim().is_empty(), std::slice::from_ref(text)),
            Self::Program(words) => (words.first().is_none_or(String::is_empty), words.as_slice()),
        };
        match is_empty {
            true => Some("a step has nothing to do"),
            false if words.iter().any(|word| word.contains('\0')) => Some("a step holds a NUL"),
            false => None,
        }
    }
}

fn steps<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Step>, D::Error> {
    let steps = Vec::<Step>::deserialize(deserializer)?;
    if steps.is_empty() {
        return Err(D::Error::custom("a build needs at least one step"));
    }
    steps.iter().find_map(Step::fault).map_or(Ok(steps.clone()), |fault| Err(D::Error::custom(fault)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parse;

    fn fault(text: &str) -> String {
        parse::<BuildSpec>("build.yaml", text).expect_err("the steps are bad").message
    }

    #[test]
    fn a_step_is_a_line_or_a_list_of_words() {
        let build: BuildSpec =
            parse("build.yaml", "steps:\n- make -j2\n- [install, -D, a b]\n- |\n  one\n  two\n")
                .expect("good steps");
        let titles: Vec<String> = build.steps.iter().map(Step::title).collect();
        assert_eq!(titles, ["make -j2", "install -D a b", "one …"]);
        assert_eq!(build.steps[1], Step::Program(["install", "-D", "a b"].map(str::to_owned).to_vec()));
    }

    #[test]
    fn steps_that_cannot_be_run_are_refused() {
        assert!(fault("steps: []").contains("at least one step"));
        for nothing in ["''", "[]", "['', x]"] {
            assert!(fault(&format!("steps: [{nothing}]")).contains("nothing to do"), "{nothing}");
        }
        assert!(fault("steps: [\"a\\0b\"]").contains("NUL"));
        assert!(fault("steps: [{run: make}]").contains("a step is a line for the shell"));
        assert!(fault("steps: [make]\nat: ../x").contains("`..`"));
    }
}
