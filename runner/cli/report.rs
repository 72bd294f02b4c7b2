//! What the user is told when a command fails, and with which status.
//!
//! This is the only place that knows the errors of all floors.

use std::{error::Error, io};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use eadem_flow::{BuildFailure, FlowError, State};
use eadem_image::{Blame, ImageError};
use eadem_model::{AtError, Ending, EngineError, FetchError, document::DocumentError};
use eadem_report::Fault;
use eadem_source::SourceError;
use eadem_store::StoreError;
use os_display::Quotable;

use crate::{
    exit::Exit,
    paint::{line, plain},
};

/// What failed, on what, why, and what to type next.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) exit: Exit,
    message: String,
    place: Option<Box<DocumentError>>,
    facts: Vec<String>,
    causes: Vec<String>,
    hints: Vec<String>,
}

impl Report {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            place: None,
            facts: Vec::new(),
            causes: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Takes an error's message, and those of its causes.
    pub(crate) fn of(exit: Exit, error: &(dyn Error + 'static)) -> Self {
        let causes =
            std::iter::successors(error.source(), |cause: &&(dyn Error + 'static)| (*cause).source());
        let mut report = Self::new(exit, error.to_string());
        for cause in causes {
            if cause.downcast_ref::<io::Error>().is_some_and(is_full) {
                report.exit = Exit::Machine;
                report.hints.push("free some space, or name another store by --store DIR".to_owned());
            }
            report.causes.push(cause.to_string());
        }
        report
    }

    pub(crate) fn io(attempt: &str, error: io::Error) -> Self {
        Self::of(Exit::Machine, &EngineError::Io { attempt: attempt.to_owned(), source: error })
    }

    pub(crate) fn fact(mut self, fact: impl Into<String>) -> Self {
        self.facts.push(fact.into());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Lets the commands in hints have the options that were typed.
    pub(crate) fn with_options(mut self, options: &str) -> Self {
        self.hints.iter_mut().for_each(|hint| *hint = with_options(hint, options));
        self
    }

    /// With the status of what came before, if that was graver.
    pub(crate) fn at_least(mut self, before: Exit) -> Self {
        self.exit = before.worst(self.exit);
        self
    }

    /// The message and its causes in one line.
    pub(crate) fn line(&self) -> String {
        std::iter::once(&self.message).chain(&self.causes).cloned().collect::<Vec<_>>().join(": ")
    }

    /// What to type, if something helps.
    pub(crate) fn first_hint(&self) -> Option<String> {
        self.hints.first().cloned()
    }

    /// The same for reports.
    pub(crate) fn fault(&self) -> Fault {
        let Self { message, facts, causes, hints, .. } = self;
        Fault { message: message.clone(), facts: facts.clone(), causes: causes.clone(), hints: hints.clone() }
    }

    /// The same as a value, for `--format json`.
    pub(crate) fn value(&self) -> serde_json::Value {
        serde_json::json!({
            "result": "error",
            "exit": self.exit.code(),
            "message": self.message,
            "facts": self.facts,
            "causes": self.causes,
            "hints": self.hints,
        })
    }

    /// The whole text, as it goes to standard error.
    pub(crate) fn render(&self, colour: bool) -> String {
        let message = line(&self.message);
        let mut text = match &self.place {
            Some(place) => arrow(place, colour),
            None if colour => format!("\u{1b}[31;1merror:\u{1b}[0m {message}\n"),
            None => format!("error: {message}\n"),
        };
        for (what, said) in [("  ", &self.facts), ("caused by: ", &self.causes), ("hint: ", &self.hints)] {
            said.iter().for_each(|said| text += &format!("{what}{}\n", line(said)));
        }
        text
    }
}

/// A hint is a command, or words with commands in ticks.
pub(crate) fn with_options(hint: &str, options: &str) -> String {
    let named = format!("eadem{options} ");
    let hint = hint.replace("`eadem ", &format!("`{named}"));
    hint.strip_prefix("eadem ").map(|rest| format!("{named}{rest}")).unwrap_or(hint)
}

/// Shows the line of a document with an arrow under the fault.
fn arrow(error: &DocumentError, colour: bool) -> String {
    let start =
        error.text.char_indices().nth(error.column.saturating_sub(1)).map_or(error.text.len(), |(at, _)| at);
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let end = error.text[start..].find(|c| !word(c)).map_or(error.text.len(), |n| start + n.max(1));
    let end = end.min(error.text.len()).max(start);
    let (file, message) = (line(&error.file), line(&error.message));
    let snippet = Snippet::source(&error.text)
        .line_start(error.line.max(1))
        .path(&file)
        .annotation(AnnotationKind::Primary.span(start..end));
    let group: Group<'_> = Level::ERROR.primary_title(&message).element(snippet);
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    format!("{}\n", renderer.render(&[group]))
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl From<DocumentError> for Report {
    fn from(error: DocumentError) -> Self {
        let mut report = Self::new(Exit::Invalid, error.to_string());
        report.hints.extend(error.suggestion.iter().map(|word| format!("did you mean `{word}`?")));
        report.place = (error.line > 0).then(|| Box::new(error));
        report
    }
}

impl From<AtError> for Report {
    fn from(error: AtError) -> Self {
        Self::of(Exit::Machine, &error)
    }
}

impl From<StoreError> for Report {
    fn from(error: StoreError) -> Self {
        let exit = match &error {
            StoreError::WrongDigest { .. } | StoreError::Unpack { .. } | StoreError::Entries(_) => {
                Exit::Integrity
            }
            StoreError::Damaged { .. } | StoreError::Changed { .. } => Exit::Integrity,
            StoreError::Io(_) | StoreError::Owner { .. } | StoreError::Layer(_) => Exit::Machine,
            StoreError::Missing(_) => Exit::Fetch,
            StoreError::NotAStore { .. } => Exit::Usage,
        };
        let report = Self::of(exit, &error);
        match error {
            StoreError::NotAStore { .. } => report.hint("name a new or an empty directory"),
            StoreError::Owner { .. } => report.hint("name a store of your own by --store DIR"),
            StoreError::Damaged { path, .. } => report.hint(format!("rm {}", path.maybe_quote())),
            StoreError::Changed { .. } => report.hint("eadem store check --repair"),
            _ => report,
        }
    }
}

impl From<FetchError> for Report {
    fn from(error: FetchError) -> Self {
        let exit = match &error {
            FetchError::Io { .. } => Exit::Machine,
            error if error.is_integrity() => Exit::Integrity,
            _ => Exit::Fetch,
        };
        let mut report = Self::of(exit, &error);
        match error {
            FetchError::Nowhere { attempts, .. } if attempts.is_empty() => {
                report.hint("name a mirror in config.yaml: `mirrors: {packages: [URL]}`")
            }
            FetchError::Nowhere { attempts, .. } => {
                let tried =
                    attempts.iter().map(|attempt| format!("tried {}: {}", attempt.place, attempt.fault));
                report.facts.extend(tried);
                report
            }
            FetchError::Offline { .. } => report.hint("try again without --offline"),
            _ => report,
        }
    }
}

impl From<EngineError> for Report {
    fn from(error: EngineError) -> Self {
        let exit = match &error {
            EngineError::Plan { .. } | EngineError::Path(_) => Exit::Invalid,
            EngineError::Launcher { .. } => Exit::Bug,
            _ => Exit::Machine,
        };
        let mut report = Self::of(exit, &error);
        match error {
            EngineError::Forbidden { facts, remedy, .. } => {
                report.facts.extend(facts);
                report.hints.push(remedy);
            }
            EngineError::Daemon { remedy, .. } => report.hints.extend(remedy),
            EngineError::Killed => {
                report.hints.push(
                    "dmesg says whether memory was short; `limits: {memory-mib: N}` holds a build to less"
                        .to_owned(),
                );
            }
            _ => {}
        }
        report
    }
}

impl From<FlowError> for Report {
    fn from(error: FlowError) -> Self {
        match error {
            FlowError::Stale { ref remedy, .. } => Self::of(Exit::Lock, &error).hint(remedy),
            FlowError::Image(error) => error.into(),
            FlowError::Gone { image, error } => Self::from(error).hint(format!("eadem lock --image {image}")),
            FlowError::Source(error) => error.into(),
            FlowError::Store(error) => error.into(),
            FlowError::Engine(error) => error.into(),
            FlowError::Units(ref shape) => Self::of(Exit::Bug, shape),
            FlowError::Rung { ref recipe, .. } => Self::of(Exit::Build, &error).hint(format!(
                "eadem log {recipe} shows what cargo said; `units: auto` in the recipe builds otherwise then"
            )),
            FlowError::Unplanned { ref ending, ref tail, .. } => {
                let exit = if *ending == Ending::Cancelled { Exit::Interrupted } else { Exit::Build };
                tail.iter().fold(Self::of(exit, &error), |report, line| report.fact(plain(line)))
            }
            FlowError::NoTerminal { .. } => Self::of(Exit::Usage, &error)
                .hint("leave out --isolation weak: weak rooms cannot be entered, those of native, docker and oci:RUNTIME can"),
            FlowError::KeptInUse { ref recipe } => Self::of(Exit::Usage, &error)
                .hint(format!("eadem shell --clean {recipe} enters a fresh room")),
            FlowError::Path(ref path) => Self::of(Exit::Invalid, path),
            FlowError::Build(failure) => (*failure).into(),
        }
    }
}

impl From<ImageError> for Report {
    fn from(error: ImageError) -> Self {
        let exit = match error.blame() {
            _ if error.is_integrity() => Exit::Integrity,
            Some(Blame::Definition) => Exit::Invalid,
            Some(Blame::Lock) => Exit::Lock,
            None => Exit::Machine,
        };
        match error {
            ImageError::Fetch(error) => error.into(),
            ImageError::Store(error) => error.into(),
            ImageError::NoSource { .. } => Self::of(Exit::Fetch, &error),
            ImageError::Fixups { ref image, .. } | ImageError::Lock { ref image, .. } => {
                Self::of(exit, &error).hint(format!("eadem lock --image {image}"))
            }
            error => Self::of(exit, &error),
        }
    }
}

impl From<SourceError> for Report {
    fn from(error: SourceError) -> Self {
        let exit = match &error {
            error if error.is_integrity() => Exit::Integrity,
            error if error.is_stale() => Exit::Lock,
            _ => Exit::Invalid,
        };
        let remedy = error.remedy();
        let mut report = match error {
            SourceError::Fetch(error) => error.into(),
            SourceError::Store(error) => error.into(),
            error => Self::of(exit, &error),
        };
        report.hints.extend(remedy);
        report
    }
}

impl From<BuildFailure> for Report {
    fn from(failure: BuildFailure) -> Self {
        let exit = match failure.ending {
            Ending::Exceeded(..) => Exit::Limit,
            Ending::Cancelled => Exit::Interrupted,
            _ => Exit::Build,
        };
        let mut report = Self::new(exit, failure.to_string());
        if exit != Exit::Interrupted {
            report.facts.extend(failure.tail.iter().map(|line| plain(line)));
            let (run, recipe) = (&failure.run, &failure.recipe);
            report.hints.push(format!(
                "eadem log {run} {recipe} --round {} shows the whole log, {}",
                failure.n_round,
                failure.log.display()
            ));
        }
        match failure.state {
            State::Kept => report.hint(format!("eadem shell {} shows what it left", failure.recipe)),
            State::Gone if exit != Exit::Interrupted => {
                report.hint(format!("--keep-failed keeps what it left for `eadem shell {}`", failure.recipe))
            }
            _ => report,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_in_hints_have_the_options_that_were_typed() {
        let hint = |text: &str| with_options(text, " -C x --store y");
        assert_eq!(hint("eadem lock a"), "eadem -C x --store y lock a");
        assert_eq!(hint("keeps it for `eadem shell a`"), "keeps it for `eadem -C x --store y shell a`");
        assert_eq!(hint("run eadem as root"), "run eadem as root");
        assert_eq!(with_options("eadem lock a", ""), "eadem lock a");
    }
}
