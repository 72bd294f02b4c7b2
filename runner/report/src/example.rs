//! Reports for tests, hostile ones among them.

use std::collections::BTreeSet;

use eadem_model::{
    Base, Blame, Cause, Change, Confidence, Difference, Digest, Duty, Ending, Entry, Excepted, Exception,
    Explanation, Finding, Isolation, Normalisation, Normalised, Outcome, OutputDifference, Published, Reason,
    Record, RoundRecord, RunId, Rung, Setting, Skipped, Spot, Tree, Trial, UnitsCheck, UnitsRecord, Usage,
    Variation, Verdict, Window,
};

use crate::{Case, Crate, Fault, Log, Report, State};

/// All that somebody may try with a name or a line.
pub(crate) const HOSTILE: &str =
    "<script>alert(1)</script>]]>&\"'\u{1b}[31m\u{7}\u{202e}\r\n::error::x\u{fffe}``` | @all [a](b)";

/// A report of these cases.
pub(crate) fn report(cases: Vec<Case>) -> Report {
    Report { version: "0.1.0".to_owned(), cases }
}

/// A recipe that is reproducible.
pub(crate) fn good() -> Case {
    let record = record(Verdict::Reproducible, None, None);
    Case {
        recipe: "good".parse().expect("a name"),
        file: "recipes/good.yaml".to_owned(),
        verdict: Some(Verdict::Reproducible),
        fault: None,
        record: Some(record),
        is_proof: false,
        differences: Vec::new(),
        crates: Vec::new(),
        logs: Vec::new(),
    }
}

/// A recipe that differs by the machine's name.
pub(crate) fn differing() -> Case {
    let blame = |package: &str, duty| Blame {
        package: package.to_owned(),
        duty,
        outputs: vec!["gen.rs".to_owned()],
        macros: Vec::new(),
        explanation: None,
    };
    let check = UnitsCheck {
        proofs: 0,
        ran: 2,
        guilty: vec![blame("one 1.0.0", Duty::RunScript)],
        followers: vec![blame("one 1.0.0", Duty::Compile)],
    };
    let krate = |name: &str, needs: &[&str], state| Crate {
        name: name.to_owned(),
        needs: needs.iter().map(|need| (*need).to_owned()).collect(),
        state,
    };
    Case {
        recipe: "one".parse().expect("a name"),
        file: "recipes/one.yaml".to_owned(),
        verdict: Some(Verdict::Differs),
        record: Some(record(Verdict::Differs, Some(explanation()), Some(check))),
        differences: vec![difference("bin/one")],
        crates: vec![
            krate("base 2.0.0", &[], State::Same),
            krate("one 1.0.0", &["base 2.0.0"], State::Guilty),
        ],
        logs: vec![Log {
            n_round: 1,
            command: "eadem log 1790000000-00000001 one --round 1".to_owned(),
            n_before: 3,
            lines: vec!["compiling".to_owned()],
        }],
        ..good()
    }
}

/// A recipe whose build failed.
pub(crate) fn failed() -> Case {
    Case {
        recipe: "bad".parse().expect("a name"),
        file: "recipes/bad.yaml".to_owned(),
        verdict: Some(Verdict::BuildFailed),
        fault: Some(Fault {
            message: "the build of `bad` failed with status 101".to_owned(),
            facts: vec!["error: mismatched types".to_owned()],
            causes: Vec::new(),
            hints: vec!["eadem log bad".to_owned()],
        }),
        record: None,
        ..good()
    }
}

/// The same, with hostile texts wherever others have a say.
pub(crate) fn hostile() -> Case {
    let mut case = differing();
    let text = || HOSTILE.to_owned();
    case.fault =
        Some(Fault { message: text(), facts: vec![text()], causes: vec![text()], hints: vec![text()] });
    case.logs[0].lines = vec![text()];
    case.crates[0].name = text();
    case.crates[1].needs = vec![text()];
    case.differences = vec![OutputDifference {
        entries: Difference {
            path: "bin/<script>".parse().expect("a path"),
            first: Some(Entry::Symlink { target: text() }),
            second: None,
        },
        first_offset: None,
    }];
    let record = case.record.as_mut().expect("there is one");
    let explanation = record.explanation.as_mut().expect("there is one");
    for finding in &mut explanation.findings {
        finding.place = vec![Spot::File(text()), Spot::Member(text())];
        finding.causes.iter_mut().for_each(|cause| {
            cause.cause = Reason::Known(text());
            cause.evidence = text();
            cause.remedy = text();
        });
        finding.follows.iter_mut().for_each(|name| *name = text());
    }
    explanation.bounded.push(text());
    explanation.normalised =
        vec![Normalised { output: Some(text()), normalisations: vec![Normalisation::TarTimes] }];
    record.rounds[1].outcome.skipped = vec![Skipped { variation: text(), reason: text() }];
    record.rounds[1].outcome.lacks = vec![text()];
    let check = record.rounds[1].units.as_mut().and_then(|units| units.check.as_mut()).expect("there is one");
    check.guilty[0] = Blame {
        package: text(),
        duty: Duty::Compile,
        outputs: vec![text()],
        macros: vec![text()],
        explanation: None,
    };
    case
}

fn difference(path: &str) -> OutputDifference {
    let entry = |bytes: &[u8]| Some(Entry::File { digest: Digest::of(bytes), size: 4, executable: true });
    let path = path.parse().expect("a path");
    OutputDifference {
        entries: Difference { path, first: entry(b"hq83"), second: entry(b"hxyz") },
        first_offset: Some(1),
    }
}

fn explanation() -> Explanation {
    let hex = ["68713833".to_owned(), "6878797a".to_owned()];
    let bytes = Change::Bytes {
        sizes: [4, 4],
        differing: 3,
        total: 1,
        windows: vec![Window { offsets: [16, 16], hex, texts: Some(["hq83".to_owned(), "hxyz".to_owned()]) }],
    };
    let cause = Cause {
        cause: Reason::Hostname,
        evidence: "`hq83` stands there".to_owned(),
        remedy: "leave it out".to_owned(),
        confidence: Confidence::Proven,
    };
    let place = |section: &str| vec![Spot::File("bin/one".to_owned()), Spot::Section(section.to_owned())];
    let follows = vec![".rodata".to_owned()];
    Explanation {
        findings: vec![
            Finding { place: place(".rodata"), change: bytes, causes: vec![cause], follows: Vec::new() },
            Finding {
                place: place(".text"),
                change: Change::Moved { addresses: 2 },
                causes: Vec::new(),
                follows,
            },
        ],
        bounded: Vec::new(),
        unread: Vec::new(),
        normalised: Vec::new(),
    }
}

/// Two outputs of the second tier.
pub(crate) fn normalised() -> Vec<Normalised> {
    let one = |output: Option<&str>, normalisations| Normalised {
        output: output.map(str::to_owned),
        normalisations,
    };
    vec![
        one(Some("bin/one"), vec![Normalisation::GzipTime, Normalisation::TarTimes]),
        one(None, vec![Normalisation::ElfBuildId]),
    ]
}

/// The same recipe where the output that differs is of the second tier.
pub(crate) fn second_tier() -> Case {
    let mut case = differing();
    let record = case.record.as_mut().expect("there is one");
    record.explanation.as_mut().expect("there is one").normalised = normalised();
    record.published = full().published;
    record.published[0].explanation =
        Some(Explanation { normalised: normalised().split_off(1), ..Explanation::default() });
    case
}

/// A record with all that may stand in one besides.
pub(crate) fn full() -> Record {
    let path = |path: &str| path.parse().expect("a path");
    let trial = |varied: &[Variation], differed: &[&str]| Trial {
        varied: varied.iter().copied().collect(),
        differed: differed.iter().map(|one| (*one).to_owned()).collect(),
        log: String::new(),
    };
    let excepted = |output: &str, reason: &str, happened| Excepted {
        exception: Exception { output: path(output), reason: reason.to_owned() },
        happened,
    };
    Record {
        trials: vec![trial(&[], &[]), trial(&[Variation::Umask, Variation::Locale], &["bin/one"])],
        published: vec![Published {
            path: path("bin/one"),
            published: Digest::of(b""),
            built: Digest::of(b"hq83"),
            explanation: None,
        }],
        exceptions: vec![excepted("bin/known", "it is old", true), excepted("bin/gone", "it was", false)],
        base: Some(Base {
            run: RunId::new(1_780_000_000, 1),
            verdict: Verdict::Reproducible,
            varied: BTreeSet::new(),
            commit: None,
        }),
        ..record(Verdict::Regressed, None, None)
    }
}

fn record(verdict: Verdict, explanation: Option<Explanation>, check: Option<UnitsCheck>) -> Record {
    let plan = Digest::of(b"plan");
    let rounds = vec![round(Setting::baseline(), 1, None), round(Setting::varied(&plan), 2, check)];
    let run = RunId::new(1_790_000_000, 1);
    let recipe = "one".parse().expect("a name");
    Record { verdict: Some(verdict), explanation, ..Record::new(run, recipe, plan, rounds) }
}

fn round(setting: Setting, n: u64, check: Option<UnitsCheck>) -> RoundRecord {
    let file = Entry::File { digest: Digest::of(b"hq83"), size: 4, executable: true };
    RoundRecord {
        engine: "native".to_owned(),
        setting,
        started: 1_790_000_000 + n,
        outcome: Outcome {
            ending: Ending::Success,
            usage: Usage { wall_ms: 1000 * n, cpu_ms: 1, peak_kib: 1 },
            skipped: Vec::new(),
            limits: Vec::new(),
            isolation: Isolation::Strict,
            lacks: Vec::new(),
            sought: BTreeSet::new(),
        },
        tree: Some(Tree { entries: [("bin/one".parse().expect("a path"), file)].into() }),
        log: format!("1790000000-00000001-one-{n}.zst"),
        units: check.map(|check| UnitsRecord {
            rung: Rung::PerPackage,
            total: 3,
            hits: 0,
            cpu_ms: 1,
            fell: Vec::new(),
            also: Vec::new(),
            keys: BTreeSet::new(),
            check: Some(check),
        }),
    }
}
