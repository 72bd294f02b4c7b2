//! What one run of a program gave, and what a test expects of it.

use std::{
    fmt,
    os::unix::process::ExitStatusExt,
    process::{Command, Output, Stdio},
};

/// A program that has ended.
#[must_use]
pub(crate) struct Run {
    command: String,
    output: Output,
}

impl Run {
    /// Runs a program to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null());
        let output = command.output().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        Self::new(command, output)
    }

    /// Takes what a program gave that was started elsewhere.
    pub(crate) fn new(command: &Command, output: Output) -> Self {
        let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
        let program = command.get_program().to_string_lossy().into_owned();
        Self { command: std::iter::once(program).chain(words).collect::<Vec<_>>().join(" "), output }
    }

    /// Expects an exit code.
    #[track_caller]
    pub(crate) fn exit(self, code: i32) -> Self {
        assert_eq!(self.output.status.code(), Some(code), "another exit code was expected\n{self}");
        self
    }

    /// Expects a text on standard output.
    #[track_caller]
    pub(crate) fn stdout_has(self, text: &str) -> Self {
        assert!(self.stdout().contains(text), "standard output lacks `{text}`\n{self}");
        self
    }

    /// Expects a text on standard error.
    #[track_caller]
    pub(crate) fn stderr_has(self, text: &str) -> Self {
        assert!(self.stderr().contains(text), "standard error lacks `{text}`\n{self}");
        self
    }

    /// Expects that a text is not on standard error.
    #[track_caller]
    pub(crate) fn stderr_lacks(self, text: &str) -> Self {
        assert!(!self.stderr().contains(text), "standard error has `{text}`\n{self}");
        self
    }

    /// Expects exactly one error, and no talk of a bug.
    #[track_caller]
    pub(crate) fn one_error(self) -> Self {
        let n = self.stderr().lines().filter(|line| line.starts_with("error:")).count();
        assert_eq!(n, 1, "one error was expected\n{self}");
        self.stderr_lacks("panicked").stderr_lacks("bug in eadem")
    }

    /// The exit code, unless a signal ended the program.
    pub(crate) fn code(&self) -> Option<i32> {
        self.output.status.code()
    }

    /// All of standard output.
    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// All of standard error.
    ///
    /// Hints name the store that was typed, which in every test is another one; that is left out.
    pub(crate) fn stderr(&self) -> String {
        let text = String::from_utf8_lossy(&self.output.stderr).into_owned();
        let mut words = self.command.split(' ').skip_while(|word| *word != "--store");
        match words.nth(1) {
            Some(store) => text.replace(&format!("eadem --store {store} "), "eadem "),
            None => text,
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.output.status;
        let ending = status.code().map(|code| format!("exit: {code}"));
        let ending = ending.unwrap_or_else(|| format!("signal: {}", status.signal().unwrap_or_default()));
        write!(f, "$ {}\n{ending}\nstdout:\n{}\nstderr:\n{}", self.command, self.stdout(), self.stderr())
    }
}
