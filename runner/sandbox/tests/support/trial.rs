//! Rounds for tests, and what came of them: the same for every engine.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    path::PathBuf,
};

use eadem_model::{
    Architecture, Digest, EngineError, Event, Input, Limits, Outcome, Output, OutputSink, Plan, Root, Round,
    Setting, Text, TreePath, Users,
};

/// What came of a run.
#[must_use]
pub(crate) struct Run {
    pub(crate) outcome: Result<Outcome, EngineError>,
    pub(crate) log: String,
    pub(crate) taken: Vec<String>,
    pub(crate) events: Vec<Event>,
}

impl Run {
    pub(crate) fn outcome(&self) -> &Outcome {
        match &self.outcome {
            Ok(outcome) => outcome,
            Err(error) => panic!("{error:?}\n{}", self.log),
        }
    }

    pub(crate) fn success(self) -> String {
        assert_eq!(self.outcome().ending, eadem_model::Ending::Success, "{}", self.log);
        self.log
    }
}

/// Lines for what was handed over.
#[derive(Default)]
pub(crate) struct Taken(pub(crate) Vec<String>);

impl OutputSink for Taken {
    fn directory(&mut self, path: &TreePath) -> io::Result<()> {
        self.0.push(format!("{path}/"));
        Ok(())
    }

    fn file(&mut self, path: &TreePath, executable: bool, content: &mut dyn Read) -> io::Result<()> {
        let mut text = String::new();
        content.read_to_string(&mut text)?;
        self.0.push(format!("{path}{} = {text}", if executable { "*" } else { "" }));
        Ok(())
    }

    fn symlink(&mut self, path: &TreePath, target: &str) -> io::Result<()> {
        self.0.push(format!("{path} -> {target}"));
        Ok(())
    }
}

pub(crate) fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

/// A round of the baseline with these arguments.
pub(crate) fn round(argv: &[&str]) -> Round {
    let input = |subpath: &str, at| Input {
        layer: digest("source"),
        subpath: subpath.parse().expect("clean"),
        at,
        below: None,
        file: false,
    };
    let plan = Plan {
        eadem_plan: Plan::FORMAT,
        rootfs: vec![digest("libraries"), digest("program")],
        architecture: if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::Amd64 },
        inputs: vec![input("source", Root::Source), input("cargo", Root::Cargo)],
        argv: argv.iter().map(|text| Text::from(*text)).collect(),
        env: BTreeMap::from([("PATH".to_owned(), Text::from("/usr/bin:/bin"))]),
        cwd: Text::root(Root::Target),
        epoch: 1_000_000_000,
        users: Users::One,
        limits: Limits { wall_seconds: 60, log_bytes: 1 << 20, output_bytes: 1 << 20, ..Limits::default() },
        outputs: Vec::new(),
        start: None,
        needs: Vec::new(),
        veils: Vec::new(),
    };
    Round { plan, setting: Setting::baseline() }
}

pub(crate) fn shell(script: &str) -> Round {
    round(&["/bin/sh", "-c", script])
}

pub(crate) fn attempt(words: &[&str]) -> Round {
    let own = PathBuf::from("/bin").join(own_name());
    let own = own.to_str().expect("is UTF-8").to_owned();
    round(&[&[own.as_str(), "__attempt"], words].concat())
}

/// The round with one output, from below the target.
pub(crate) fn with_output(mut round: Round, path: &str, from: &str) -> Round {
    let from = Text::root(Root::Target).then(from);
    round.plan.outputs.push(Output { path: path.parse().expect("clean"), from });
    round
}

fn own_name() -> String {
    let own = std::env::current_exe().expect("has a path");
    own.file_name().expect("has a name").to_string_lossy().into_owned()
}
