//! Why rounds differ: what trials tell of a build whose faults are known.

use std::sync::atomic::{AtomicU64, Ordering};

use eadem_flow::{Claim, Proofs, Terms, USUAL_TRIALS};
use eadem_model::{Cause, Confidence, Digest, Reason, Record, Setting, Skipped, Variation, Verdict};

use crate::support::{Fake, World, steady};

/// Verifies a build that writes what a function of the setting gives.
fn verified(write: fn(&Setting) -> [String; 2]) -> Record {
    World::new().verify(&Fake::new(write), 1, Proofs::Ignore).expect("verified").record
}

/// The causes of an output's one finding.
fn causes<'a>(record: &'a Record, output: &str) -> &'a [Cause] {
    let explanation = record.explanation.as_ref().expect("it is explained");
    let is_of = |finding: &&eadem_model::Finding| {
        finding.place.first() == Some(&eadem_model::Spot::File(output.to_owned()))
    };
    &explanation.findings.iter().find(is_of).expect("it differs").causes
}

/// A digest shows that a value matters, and nothing of the value.
fn digest(value: &impl std::fmt::Debug) -> String {
    Digest::of(format!("{value:?}").as_bytes()).hex()
}

fn umask_and_order(setting: &Setting) -> [String; 2] {
    [digest(&setting.umask), digest(&setting.order)]
}

#[test]
fn each_output_has_the_variation_that_changes_it() {
    let record = verified(umask_and_order);
    assert_eq!(record.verdict, Some(Verdict::Differs));
    for (output, name) in [("bin/one", "umask"), ("bin/two", "order")] {
        let [cause] = causes(&record, output) else { panic!("one cause: {:?}", causes(&record, output)) };
        assert_eq!(cause.cause, Reason::Known(name.to_owned()));
        assert_eq!(cause.confidence, Confidence::Proven);
        assert_eq!(cause.evidence, format!("it differs where `{name}` varies, and only there"));
    }
    assert_eq!(record.trials[0].varied, [].into());
    assert_eq!(record.trials[0].differed, [""; 0]);
}

#[test]
fn a_single_cause_takes_seven_further_builds_at_most() {
    for one in [Variation::Source, Variation::Gid, Variation::Umask, Variation::Order, Variation::Kernel] {
        let world = World::new();
        let write: fn(&Setting) -> [String; 2] = match one {
            Variation::Source => |setting| [digest(&setting.roots.source), String::new()],
            Variation::Gid => |setting| [digest(&setting.user.gid), String::new()],
            Variation::Umask => |setting| [digest(&setting.umask), String::new()],
            Variation::Order => |setting| [digest(&setting.order), String::new()],
            _ => |setting| [digest(&setting.kernel), String::new()],
        };
        let record = world.verify(&Fake::new(write), 1, Proofs::Ignore).expect("verified").record;
        let [cause] = causes(&record, "bin/one") else { panic!("one cause") };
        assert_eq!(cause.confidence, Confidence::Proven, "{one}");
        assert!(record.trials.len() <= 7, "{one}: {}", record.trials.len());
    }
}

fn two_in_one(setting: &Setting) -> [String; 2] {
    [digest(&(setting.umask, &setting.locale)), String::new()]
}

#[test]
fn two_causes_of_one_output_are_both_found_and_neither_is_called_proven() {
    let record = verified(two_in_one);
    let found: Vec<_> =
        causes(&record, "bin/one").iter().map(|cause| (&cause.cause, cause.confidence)).collect();
    let [umask, locale] = ["umask", "locale"].map(|name| Reason::Known(name.to_owned()));
    assert_eq!(found, [(&umask, Confidence::Likely), (&locale, Confidence::Likely)]);
}

fn only_together(setting: &Setting) -> [String; 2] {
    let base = Setting::baseline();
    let both = setting.umask != base.umask && setting.locale != base.locale;
    [digest(&both), String::new()]
}

#[test]
fn a_cause_that_wants_another_one_is_said_to() {
    let record = verified(only_together);
    let [cause] = causes(&record, "bin/one") else { panic!("one cause") };
    assert_eq!(cause.confidence, Confidence::Likely);
    assert!(cause.evidence.contains("varies with others"), "{}", cause.evidence);
}

fn at_random(_: &Setting) -> [String; 2] {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    [digest(&RUNS.fetch_add(1, Ordering::SeqCst)), "same".to_owned()]
}

#[test]
fn what_differs_in_two_equal_rounds_is_flaky() {
    let record = verified(at_random);
    assert_eq!(record.verdict, Some(Verdict::Flaky));
    assert_eq!((record.trials.len(), record.trials[0].differed.as_slice()), (1, &["bin/one".to_owned()][..]));
    let [cause] = causes(&record, "bin/one") else { panic!("one cause") };
    assert_eq!((&cause.cause, cause.confidence), (&Reason::Random, Confidence::Likely));
}

/// What the world's clock says, which is a second later at each look.
static NOW: AtomicU64 = AtomicU64::new(1_790_000_000);

fn with_the_time(setting: &Setting) -> [String; 2] {
    let ahead = u64::try_from(setting.clock_offset).expect("it is forward");
    [format!("built at {}\n", NOW.load(Ordering::SeqCst) - 1 + ahead), "same".to_owned()]
}

#[test]
fn the_time_differs_in_equal_rounds_and_is_not_flaky() {
    let world = World { clock: &NOW, ..World::new() };
    let record = world.verify(&Fake::new(with_the_time), 1, Proofs::Ignore).expect("verified").record;
    assert_eq!(record.verdict, Some(Verdict::Differs));
    let [cause] = causes(&record, "bin/one") else { panic!("one cause") };
    assert_eq!((&cause.cause, cause.confidence), (&Reason::Timestamp, Confidence::Proven));
}

fn like_a_time(_: &Setting) -> [String; 2] {
    static RUNS: AtomicU64 = AtomicU64::new(1_650_000_000);
    [format!("id {}\n", RUNS.fetch_add(1_000_007, Ordering::SeqCst)), "same".to_owned()]
}

#[test]
fn a_number_that_looks_like_a_time_and_is_none_of_the_rounds_is_flaky() {
    assert_eq!(verified(like_a_time).verdict, Some(Verdict::Flaky));
}

fn coin(_: &Setting) -> [String; 2] {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    // Tails in the second round alone.
    [digest(&(RUNS.fetch_add(1, Ordering::SeqCst) == 1)), "same".to_owned()]
}

#[test]
fn what_no_trial_shows_again_is_no_cause_and_what_differed_once_is_never_proved() {
    let (world, engine) = (World::new(), Fake::new(coin));
    let record = world.verify(&engine, 1, Proofs::Use).expect("verified").record;
    assert_eq!(record.verdict, Some(Verdict::Flaky));
    assert!(causes(&record, "bin/one").iter().all(|cause| cause.confidence != Confidence::Proven));
    let again = world.verify(&engine, 2, Proofs::Use).expect("verified");
    assert_eq!((again.verdict(), again.proof), (Verdict::Reproducible, None));
    assert_eq!(world.verify(&engine, 3, Proofs::Use).expect("verified").proof, None);
}

#[test]
fn nothing_is_tried_where_the_bytes_tell_but_the_first_round_once_more() {
    let record = verified(|setting| [format!("on {}\n", setting.hostname), String::new()]);
    let [cause] = causes(&record, "bin/one") else { panic!("one cause") };
    assert_eq!((&cause.cause, cause.confidence), (&Reason::Hostname, Confidence::Proven));
    assert_eq!(record.trials.len(), 1);
}

#[test]
fn whoever_wants_no_trials_has_the_verdict_alone() {
    let (world, engine) = (World::new(), Fake::new(umask_and_order));
    let terms = Terms { trials: 0, ..terms() };
    let record = world.verify_so(&engine, 1, &terms).expect("verified").record;
    assert_eq!((record.verdict, record.trials.len()), (Some(Verdict::Differs), 0));
    assert_eq!(engine.n_runs.load(Ordering::SeqCst), 2);
}

#[test]
fn a_trial_that_fails_changes_no_verdict() {
    let engine = Fake { fails_from: 4, ending: eadem_model::Ending::Failed(1), ..Fake::new(umask_and_order) };
    let record = World::new().verify(&engine, 1, Proofs::Ignore).expect("verified").record;
    assert_eq!((record.verdict, record.trials.len()), (Some(Verdict::Differs), 1));
    assert_eq!(causes(&record, "bin/one")[0].confidence, Confidence::Unknown);
}

#[test]
fn what_is_not_varied_does_not_differ() {
    let (world, engine) = (World::new(), Fake::new(umask_and_order));
    let mut terms = terms();
    terms.vary.remove(&Variation::Umask);
    let record = world.verify_so(&engine, 1, &terms).expect("verified").record;
    let explanation = record.explanation.expect("it is explained");
    assert_eq!(explanation.findings.len(), 1);
    terms.vary.remove(&Variation::Order);
    let record = world.verify_so(&engine, 2, &terms).expect("verified").record;
    assert_eq!(record.verdict, Some(Verdict::Reproducible));
    // That proves nothing for whoever wants more.
    let record = world.verify(&engine, 3, Proofs::Use).expect("verified").record;
    assert_eq!(record.verdict, Some(Verdict::Differs));
}

#[test]
fn a_variation_that_was_not_applied_is_inconclusive_for_whoever_is_strict() {
    let skipped = vec![Skipped { variation: "clock".to_owned(), reason: "no clock".to_owned() }];
    let (world, engine) = (World::new(), Fake { skipped, ..Fake::new(steady) });
    let (usual, strict) = (terms(), Terms { strict: true, ..terms() });
    let verdict = |n_run, terms: &Terms| world.verify_so(&engine, n_run, terms).expect("verified").verdict();
    assert_eq!(verdict(1, &usual), Verdict::Reproducible);
    assert_eq!(verdict(2, &strict), Verdict::Inconclusive);
    let differs = Fake { write: umask_and_order, ..engine };
    assert_eq!(world.verify_so(&differs, 3, &strict).expect("verified").verdict(), Verdict::Differs);
}

fn terms() -> Terms {
    Terms {
        proofs: Proofs::Ignore,
        vary: Variation::ALL.into(),
        strict: false,
        trials: USUAL_TRIALS,
        against: vec![],
        base: None,
    }
}

#[test]
fn an_exception_bears_its_output_alone_and_a_stale_one_is_known() {
    let verified = |expect: &[(&str, &str)], write: fn(&Setting) -> [String; 2]| {
        let mut world = World::new();
        let exception = |(output, reason): &(&str, &str)| eadem_model::Exception {
            output: output.parse().expect("clean"),
            reason: (*reason).to_owned(),
        };
        world.job.recipe.expect = expect.iter().map(exception).collect();
        world.verify(&Fake::new(write), 1, Proofs::Ignore).expect("verified").record
    };
    let (one, both) = ([("bin/one", "known")], [("bin", "known")]);
    let record = verified(&one, umask_and_order);
    assert_eq!(record.verdict, Some(Verdict::Differs));
    assert!(record.trials.iter().all(|trial| !trial.varied.is_empty() || trial.differed.is_empty()));
    assert_eq!(causes(&record, "bin/two")[0].confidence, Confidence::Proven);
    assert_eq!(causes(&record, "bin/one")[0].confidence, Confidence::Unknown);
    let record = verified(&both, umask_and_order);
    assert_eq!((record.verdict, record.trials.len()), (Some(Verdict::Excepted), 0));
    assert!(record.exceptions.iter().all(|exception| exception.happened));
    let record = verified(&one, steady);
    assert_eq!(record.verdict, Some(Verdict::Reproducible));
    assert!(record.exceptions.iter().all(|exception| !exception.happened));
}

#[test]
fn what_differs_now_and_did_not_at_the_base_has_regressed() {
    let verdict = |base: Verdict, write: fn(&Setting) -> [String; 2]| {
        let base = Some(eadem_model::Base {
            run: eadem_model::RunId::new(1, 1),
            verdict: base,
            varied: Variation::ALL.into(),
            commit: None,
        });
        let terms = Terms { base, ..terms() };
        World::new().verify_so(&Fake::new(write), 2, &terms).expect("verified").verdict()
    };
    assert_eq!(verdict(Verdict::Reproducible, umask_and_order), Verdict::Regressed);
    assert_eq!(verdict(Verdict::Excepted, umask_and_order), Verdict::Regressed);
    assert_eq!(verdict(Verdict::Reproducible, at_random), Verdict::Flaky);
    let narrow = eadem_model::Base {
        run: eadem_model::RunId::new(1, 1),
        verdict: Verdict::Reproducible,
        varied: [Variation::Umask].into(),
        commit: None,
    };
    let terms = Terms { base: Some(narrow), ..terms() };
    let found = World::new().verify_so(&Fake::new(umask_and_order), 2, &terms).expect("verified");
    assert_eq!(found.verdict(), Verdict::Differs, "the base varied less");
    for base in [Verdict::Differs, Verdict::Flaky, Verdict::BuildFailed, Verdict::Inconclusive] {
        assert_eq!(verdict(base, umask_and_order), Verdict::Differs, "{base}");
        assert_eq!(verdict(base, steady), Verdict::Reproducible, "{base}");
    }
}

#[test]
fn other_bytes_than_were_published_differ_although_the_rounds_agree() {
    let (world, engine) = (World::new(), Fake::new(steady));
    let verified = |n_run, bytes: &[u8]| {
        let claim = Claim { name: "dist/one".to_owned(), digest: Digest::of(bytes), bytes: None };
        let terms = Terms { proofs: Proofs::Use, against: vec![claim], ..terms() };
        world.verify_so(&engine, n_run, &terms).expect("verified")
    };
    let other = verified(1, b"other");
    assert_eq!(other.verdict(), Verdict::Differs);
    let [published] = &other.record.published[..] else { panic!("one output: {:?}", other.record.published) };
    assert_eq!((published.path.as_str(), published.is_same()), ("bin/one", false));
    // That the rounds agree is proved all the same.
    let same = verified(2, b"same");
    assert_eq!((same.verdict(), same.proof), (Verdict::Reproducible, Some(eadem_model::RunId::new(1, 1))));
    assert_eq!((same.record.run, same.record.published.len()), (eadem_model::RunId::new(2, 2), 1));
    let alone = world.verify(&engine, 3, Proofs::Use).expect("verified");
    assert_eq!((alone.verdict(), alone.record.published.len()), (Verdict::Reproducible, 0));
}
