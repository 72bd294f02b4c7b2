//! All that eadem says: results on standard output, talk on standard error.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use eadem_model::{Event, Phase};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    args::{Format, Progress, Talk, When},
    exit::Exit,
    github, paint,
    report::Report,
};

/// The terminal, or what stands in for it.
pub(crate) struct Console {
    talk: Talk,
    places: String,
    colour: bool,
    bars: Option<MultiProgress>,
    steps: Mutex<BTreeMap<(Phase, String), Step>>,
    lost: AtomicBool,
    /// Whether whoever reads this obeys lines of a certain form.
    is_obeyed: bool,
}

/// A phase that is under way.
struct Step {
    since: Instant,
    bar: Option<ProgressBar>,
}

impl Console {
    /// `places` are options that a command has to have that is typed next.
    pub(crate) fn new(talk: &Talk, places: String) -> Self {
        let terminal = io::stderr().is_terminal();
        let colour = match talk.color {
            When::Always => true,
            When::Never => false,
            When::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        let wanted =
            terminal && talk.progress == Progress::Auto && !talk.quiet && talk.format == Format::Human;
        let bars = wanted.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));
        Self {
            talk: *talk,
            places,
            colour,
            bars,
            steps: Mutex::default(),
            lost: AtomicBool::new(false),
            is_obeyed: github::is_runner(),
        }
    }

    /// One that says things in the same way, without this one's bars.
    pub(crate) fn another(&self) -> Self {
        Self::new(&self.talk, self.places.clone())
    }

    /// Whether standard output carries JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.talk.format == Format::Json
    }

    /// Takes an event of a library.
    pub(crate) fn event(&self, event: Event) {
        if self.is_json() {
            if self.talk.verbose || !matches!(event, Event::Log { .. }) {
                self.json(&event);
            }
            return;
        }
        match event {
            Event::Start { phase, subject, total } => self.start(phase, subject, total),
            Event::Advance { phase, subject, by, at } => self.advance(phase, subject, by, &at),
            Event::Done { phase, subject } => self.done(phase, &subject),
            Event::Warning { message } => self.warn(&message),
            Event::Log { line, .. } if self.talk.verbose => self.say(&paint::plain(&line)),
            Event::Unit { .. } | Event::Log { .. } => {}
        }
    }

    fn start(&self, phase: Phase, subject: String, total: u64) {
        let bar = self.bars.as_ref().map(|bars| bars.add(bar(phase, &subject, total)));
        if bar.is_none() && self.talk.progress != Progress::None {
            self.talk(&format!("{} {subject}", doing(phase)));
        }
        self.steps().insert((phase, subject), Step { since: Instant::now(), bar });
    }

    fn advance(&self, phase: Phase, subject: String, by: u64, at: &str) {
        if let Some(Step { bar: Some(bar), .. }) = self.steps().get(&(phase, subject)) {
            bar.inc(by);
            bar.set_message(paint::plain(at));
        }
    }

    fn done(&self, phase: Phase, subject: &str) {
        let Some(step) = self.steps().remove(&(phase, subject.to_owned())) else { return };
        if let Some(bar) = step.bar {
            bar.finish_and_clear();
        }
        if self.talk.progress != Progress::None {
            let took = step.since.elapsed().as_secs_f64();
            self.talk(&format!("{} {subject} in {took:.1} s", did(phase)));
        }
    }

    /// Says something that stops nothing.
    pub(crate) fn warn(&self, message: &str) {
        if !self.talk.quiet {
            self.say(&format!("{} {}", self.paint("33;1", "warning:"), paint::line(message)));
        }
    }

    /// Says what a quiet user does not want to hear.
    pub(crate) fn talk(&self, line: &str) {
        if !self.talk.quiet && !self.is_json() {
            self.say(&paint::line(line));
        }
    }

    /// Gives a command to whoever obeys lines of that form; nothing else that is said has it.
    pub(crate) fn command(&self, line: &str) {
        if self.is_obeyed {
            self.say_as_it_is(line);
        }
    }

    /// Says a line, or several, that nobody obeys.
    fn say(&self, text: &str) {
        if self.is_obeyed {
            self.say_as_it_is(&text.lines().map(eadem_report::harmless).collect::<Vec<_>>().join("\n"));
        } else {
            self.say_as_it_is(text);
        }
    }

    /// Says a line without tearing the bars apart.
    fn say_as_it_is(&self, line: &str) {
        let print = || {
            // Nobody is left to be told when standard error is closed.
            let _ = writeln!(io::stderr().lock(), "{line}");
        };
        match &self.bars {
            Some(bars) => bars.suspend(print),
            None => print(),
        }
    }

    /// Prints a line of results, whatever is in it.
    pub(crate) fn print(&self, line: &str) {
        self.put(&paint::line(line));
    }

    /// Prints a line of results that begins with a word in colour.
    pub(crate) fn print_judged(&self, code: &str, word: &str, rest: &str) {
        self.put(&format!("{}  {}", self.paint(code, word), paint::line(rest)));
    }

    /// A reader that has gone away ends nothing.
    fn put(&self, line: &str) {
        let harmless = self.is_obeyed.then(|| eadem_report::harmless(line));
        let line = harmless.as_deref().unwrap_or(line);
        let print = || {
            let written = writeln!(io::stdout().lock(), "{line}");
            if written.is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe) {
                self.lost.store(true, Ordering::Relaxed);
            }
        };
        match &self.bars {
            Some(bars) => bars.suspend(print),
            None => print(),
        }
    }

    /// Prints bytes as they are; `false` if nobody takes them any more.
    pub(crate) fn write(&self, bytes: &[u8]) -> bool {
        let written = io::stdout().lock().write_all(bytes);
        if written.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe) {
            self.lost.store(true, Ordering::Relaxed);
        }
        written.is_ok()
    }

    /// The status at the end: results that could not be written were not given.
    pub(crate) fn finish(&self, exit: Exit) -> Exit {
        if !self.lost.load(Ordering::Relaxed) {
            return exit;
        }
        self.say("error: standard output does not take the results");
        exit.worst(Exit::Machine)
    }

    /// Prints a value as one line of JSON.
    pub(crate) fn json(&self, value: &impl serde::Serialize) {
        let text = serde_json::to_string(value).expect("what is printed has only text keys");
        // The same value, without the one form of a command that may stand anywhere in a line.
        self.put(&if self.is_obeyed { text.replace("##[", "#\\u0023[") } else { text });
    }

    /// Says why a command failed, and gives its status.
    pub(crate) fn fail(&self, report: Report) -> Exit {
        let report = report.with_options(&self.places);
        for step in std::mem::take(&mut *self.steps()).into_values() {
            step.bar.iter().for_each(ProgressBar::finish_and_clear);
        }
        if self.is_json() {
            self.json(&report.value());
        }
        self.say(report.render(self.colour).trim_end());
        report.exit
    }

    /// Says that eadem itself is at fault; the panic's own message stands above.
    pub(crate) fn bug(&self) -> Exit {
        self.say("error: this is a bug in eadem; please report it with the message above");
        Exit::Bug
    }

    /// Colours a word if that is wanted.
    fn paint(&self, code: &str, word: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{word}\u{1b}[0m") } else { word.to_owned() }
    }

    fn steps(&self) -> std::sync::MutexGuard<'_, BTreeMap<(Phase, String), Step>> {
        self.steps.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn bar(phase: Phase, subject: &str, total: u64) -> ProgressBar {
    let counts = if phase == Phase::Download { "{bytes}/{total_bytes}" } else { "{pos}/{len}" };
    let template = match total {
        0 => "{prefix} {spinner} {pos} {wide_msg}".to_owned(),
        _ => format!("{{prefix}} [{{bar:24}}] {counts} {{wide_msg}}"),
    };
    let style = ProgressStyle::with_template(&template).expect("the templates are valid");
    let bar = if total == 0 { ProgressBar::no_length() } else { ProgressBar::new(total) };
    bar.set_style(style.progress_chars("=> "));
    bar.set_prefix(paint::line(&format!("{} {subject}", doing(phase))));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

const fn doing(phase: Phase) -> &'static str {
    match phase {
        Phase::Download => "fetching",
        Phase::Assemble => "assembling",
        Phase::Vendor => "vendoring",
        Phase::Unpack => "unpacking",
        Phase::Build => "building",
        Phase::Compare => "comparing",
    }
}

const fn did(phase: Phase) -> &'static str {
    match phase {
        Phase::Download => "fetched",
        Phase::Assemble => "assembled",
        Phase::Vendor => "vendored",
        Phase::Unpack => "unpacked",
        Phase::Build => "built",
        Phase::Compare => "compared",
    }
}
