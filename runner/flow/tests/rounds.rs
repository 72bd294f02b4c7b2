//! Build and verify with an engine that makes no rooms: what is run, what is kept, what is compared.

#[path = "rounds/inquiry.rs"]
mod inquiry;
mod support;

use std::{ops::ControlFlow, sync::atomic::Ordering};

use eadem_flow::{Files, FlowError, Job, Proofs, State, Wish, build, discard_kept, visit};
use eadem_model::{Digest, Ending, LockedSource, Recipe, Round, RunId, Setting, Skipped, Verdict};
use eadem_store::LogEnd;

use crate::support::{Fake, World, image, steady};

fn host_and_path(setting: &Setting) -> [String; 2] {
    [format!("on {}", setting.hostname), format!("at {}", setting.roots.target)]
}

#[test]
fn rounds_that_agree_are_reproducible_and_prove_it_for_the_next_time() {
    let (world, engine) = (World::new(), Fake::new(steady));
    let first = world.verify(&engine, 1, Proofs::Use).expect("verified");
    assert_eq!((first.verdict(), first.proof), (Verdict::Reproducible, None));
    let second = world.verify(&engine, 2, Proofs::Use).expect("verified");
    assert_eq!((second.verdict(), second.proof), (Verdict::Reproducible, Some(RunId::new(1, 1))));
    assert_eq!(engine.n_runs.load(Ordering::SeqCst), 2);
}

#[test]
fn a_fresh_verification_uses_no_proof() {
    let (world, engine) = (World::new(), Fake::new(steady));
    world.verify(&engine, 1, Proofs::Use).expect("verified");
    assert_eq!(world.verify(&engine, 2, Proofs::Ignore).expect("verified").proof, None);
    assert_eq!(engine.n_runs.load(Ordering::SeqCst), 4);
}

#[test]
fn every_output_that_differs_is_listed_with_its_first_offset() {
    let (world, engine) = (World::new(), Fake::new(host_and_path));
    let found = world.verify(&engine, 1, Proofs::Use).expect("verified");
    assert_eq!(found.verdict(), Verdict::Differs);
    let listed: Vec<_> = found
        .differences
        .iter()
        .map(|difference| (difference.entries.path.to_string(), difference.first_offset))
        .collect();
    assert_eq!(listed, [("bin/one".to_owned(), Some(3)), ("bin/two".to_owned(), Some(5))]);
}

#[test]
fn rounds_that_differed_are_built_again() {
    let (world, engine) = (World::new(), Fake::new(host_and_path));
    world.verify(&engine, 1, Proofs::Use).expect("verified");
    world.verify(&engine, 2, Proofs::Use).expect("verified");
    // Each time the first round is built once more.
    assert_eq!(engine.n_runs.load(Ordering::SeqCst), 6);
}

#[test]
fn rounds_start_in_different_seconds() {
    let (world, engine) = (World::new(), Fake::new(steady));
    let rounds = world.verify(&engine, 1, Proofs::Use).expect("verified").record.rounds;
    assert_ne!(rounds[0].started, rounds[1].started);
}

#[test]
fn a_second_equal_build_is_answered_from_the_record() {
    let (world, engine) = (World::new(), Fake::new(steady));
    let first = world.build(&engine, 1).expect("built");
    let second = world.build(&engine, 2).expect("answered");
    let recorded = second.recorded.expect("answered");
    assert_eq!((recorded.run, recorded.engine.as_str()), (RunId::new(1, 1), "fake"));
    assert_eq!(first.tree, second.tree);
    assert_eq!(engine.n_runs.load(Ordering::SeqCst), 1);
}

#[test]
fn a_record_whose_outputs_are_damaged_answers_nothing_and_they_are_made_again() {
    let (world, engine) = (World::new(), Fake::new(steady));
    world.verify(&engine, 1, Proofs::Use).expect("verified");
    let output = world.store.file_path(&Digest::of(b"same"));
    let damage = || {
        std::fs::remove_file(&output).expect("there");
        std::fs::write(&output, "evil").expect("written");
    };
    damage();
    assert_eq!(world.build(&engine, 2).expect("built").recorded, None);
    assert_eq!(std::fs::read(&output).expect("there"), b"same");
    damage();
    assert_eq!(world.verify(&engine, 3, Proofs::Use).expect("verified").proof, None);
    assert_eq!(std::fs::read(&output).expect("there"), b"same");
}

#[test]
fn a_record_that_cannot_be_read_is_no_answer_and_no_end() {
    let (world, engine) = (World::new(), Fake::new(steady));
    let verified = world.verify(&engine, 1, Proofs::Use).expect("verified");
    let dir = world.store.dir().join("records").join(verified.record.plan.hex());
    std::fs::write(dir.join("9000000000-00000001.json"), "{").expect("the store is ours");
    let recorded = world.build(&engine, 2).expect("answered").recorded;
    assert_eq!(recorded.map(|recorded| recorded.run), Some(RunId::new(1, 1)));
    // It could have said that the rounds differ.
    assert_eq!(world.verify(&engine, 3, Proofs::Use).expect("verified").proof, None);
}

#[test]
fn a_newer_verification_that_differs_refutes_an_older_proof() {
    let (world, steady, moody) = (World::new(), Fake::new(steady), Fake::new(host_and_path));
    world.verify(&steady, 1, Proofs::Use).expect("verified");
    assert_eq!(world.verify(&moody, 2, Proofs::Ignore).expect("verified").verdict(), Verdict::Differs);
    assert_eq!(world.verify(&moody, 3, Proofs::Use).expect("verified").verdict(), Verdict::Differs);
}

#[test]
fn rounds_that_went_without_a_variation_prove_nothing() {
    let skipped = vec![Skipped { variation: "processors".to_owned(), reason: "one".to_owned() }];
    let (world, engine) = (World::new(), Fake { skipped, ..Fake::new(steady) });
    world.verify(&engine, 1, Proofs::Use).expect("verified");
    assert_eq!(world.verify(&engine, 2, Proofs::Use).expect("verified").proof, None);
}

#[test]
fn a_lock_that_pins_another_source_than_the_recipe_names_is_stale() {
    let world = World::new();
    let Job { recipe, mut lock, image: image_lock, .. } = world.job.clone();
    let (name, version) = ("other".to_owned(), semver::Version::new(1, 0, 0));
    lock.sources = vec![LockedSource::Own { name, version, sha256: Digest::of(b"crate"), size: 5 }];
    assert!(matches!(Job::new(recipe, lock, &image(), image_lock), Err(FlowError::Stale { .. })));
}

#[test]
fn a_failed_build_is_recorded_as_failed_and_answers_nothing() {
    let world = World::new();
    let engine = Fake { ending: Ending::Failed(101), ..Fake::new(steady) };
    for n_run in 1..=2 {
        let Err(FlowError::Build(failure)) = world.build(&engine, n_run) else { panic!("the build fails") };
        assert_eq!(failure.tail.last().map(String::as_str), Some("last words"));
        assert_eq!(failure.ending, Ending::Failed(101));
    }
    assert_eq!(engine.n_runs.load(Ordering::SeqCst), 2);
    let records = world.store.records(&world.job.plan(&[]).digest()).expect("readable");
    let endings = records.iter().map(|record| (&record.rounds[0].outcome.ending, &record.rounds[0].tree));
    assert_eq!(endings.collect::<Vec<_>>(), [(&Ending::Failed(101), &None); 2]);
}

#[test]
fn the_log_of_a_round_is_kept_whole() {
    let (world, engine) = (World::new(), Fake::new(steady));
    let found = world.verify(&engine, 1, Proofs::Use).expect("verified");
    let mut log = Vec::new();
    let end = world.store.read_log(&found.record.rounds[1].log, &mut |piece| {
        log.extend_from_slice(piece);
        ControlFlow::Continue(())
    });
    assert_eq!(end.expect("there"), LogEnd::Whole);
    assert!(log.ends_with(b"last words\n"));
}

#[test]
fn a_lock_of_another_recipe_or_image_is_stale() {
    let world = World::new();
    let Job { recipe, lock, image: image_lock, .. } = world.job.clone();
    let changed = Recipe { epoch: 7, ..recipe.clone() };
    let stale = |job: Result<Job, FlowError>| matches!(job, Err(FlowError::Stale { .. }));
    assert!(stale(Job::new(changed, lock.clone(), &image(), image_lock.clone())));
    let mut other = image();
    other.debian.packages.push("b".to_owned());
    assert!(stale(Job::new(recipe.clone(), lock.clone(), &other, image_lock.clone())));
    let mut anew = image_lock;
    anew.result.diff_ids.push(Digest::of(b"another"));
    assert!(stale(Job::new(recipe, lock, &image(), anew)));
}

const CALM: Wish<'_> = Wish { command: &[], terminal: None, files: Files::Kept };

/// Enters a room and tells whether it showed a kept state.
fn enter(world: &World, engine: &Fake, wish: &Wish<'_>) -> Result<bool, FlowError> {
    world.at_bench(engine, 99, |bench| {
        let visit = visit(bench, &world.job, wish)?;
        assert_eq!(visit.enter(bench)?, Ending::Failed(5));
        Ok(visit.kept().is_some())
    })
}

#[test]
fn a_shell_has_the_builds_room_but_for_the_program_and_the_terminal() {
    let (world, engine) = (World::new(), Fake::failing());
    let command = ["ls".to_owned(), "-l".to_owned()];
    let wish = Wish { command: &command, terminal: Some("xterm"), files: Files::None };
    assert!(!enter(&world, &engine, &wish).expect("entered"));
    let (round, kept) = engine.last_entered();
    let (entered, mut built) =
        (round.room().expect("clean"), Round::baseline(world.job.plan(&[])).room().expect("clean"));
    assert_eq!(entered.env.get("TERM").map(String::as_str), Some("xterm"));
    assert_eq!(entered.limits.wall_seconds, u64::MAX);
    built.argv = command.to_vec();
    built.env.insert("TERM".to_owned(), "xterm".to_owned());
    built.limits.wall_seconds = u64::MAX;
    built.outputs.clear();
    assert_eq!((entered, kept), (built, false));
}

#[test]
fn without_a_terminal_the_builds_limits_hold_and_a_shell_of_the_image_runs() {
    let (world, engine) = (World::new(), Fake::failing());
    enter(&world, &engine, &CALM).expect("entered");
    let plan = engine.last_entered().0.plan;
    assert_eq!(plan.argv, ["/bin/sh".into()], "the image has no other");
    assert_eq!((plan.limits, &plan.env), (world.job.plan(&[]).limits, &world.job.plan(&[]).env));
}

#[test]
fn the_state_of_a_failed_build_is_shown_until_a_build_ends_well() {
    let (world, mut engine) = (World::new(), Fake::failing());
    assert!(!enter(&world, &engine, &CALM).expect("entered"), "nothing was kept yet");
    let Err(FlowError::Build(failure)) = world.build(&engine, 1) else { panic!("the build fails") };
    assert_eq!(failure.state, State::Kept);
    assert!(enter(&world, &engine, &CALM).expect("entered"));
    assert!(engine.last_entered().1, "the state is there");
    assert!(!enter(&world, &engine, &Wish { files: Files::None, ..CALM }).expect("entered"));
    engine.ending = Ending::Success;
    engine.keep_failed = false;
    world.build(&engine, 2).expect("built");
    assert!(!enter(&world, &engine, &CALM).expect("entered"));
}

#[test]
fn the_state_of_a_build_that_ends_well_goes_unless_its_output_leads_out() {
    let (world, mut engine) = (World::new(), Fake::failing());
    engine.ending = Ending::Success;
    world.build(&engine, 1).expect("built");
    assert!(!enter(&world, &engine, &CALM).expect("entered"));
    engine.write = |_| ["-> /etc/passwd".to_owned(), "text".to_owned()];
    let Err(FlowError::Build(failure)) = world.verify(&engine, 2, Proofs::Ignore) else {
        panic!("a link that leads out is no output")
    };
    assert!(matches!(failure.ending, Ending::MissingOutput(_)), "{failure}");
    assert_eq!(failure.state, State::Kept);
    assert!(enter(&world, &engine, &CALM).expect("entered"));
    assert!(engine.last_entered().1, "the state is there");
}

#[test]
fn the_state_of_a_second_round_is_shown_in_its_setting() {
    let (world, engine) = (World::new(), Fake { fails_from: 2, ..Fake::failing() });
    let Err(FlowError::Build(failure)) = world.verify(&engine, 1, Proofs::Use) else { panic!("it fails") };
    assert_eq!((failure.n_round, failure.state), (2, State::Kept));
    assert!(enter(&world, &engine, &CALM).expect("entered"));
    assert_eq!(engine.last_entered().0.setting, Round::varied(world.job.plan(&[])).setting);
}

#[test]
fn a_state_of_another_plan_or_engine_is_passed_over() {
    let (world, engine) = (World::new(), Fake::failing());
    world.build(&engine, 1).expect_err("the build fails");
    let mut other = world.job.clone();
    other.recipe.epoch += 1;
    world.at_bench(&engine, 2, |bench| {
        let visit = visit(bench, &other, &CALM).expect("can be entered");
        assert!(visit.kept().is_none());
        assert_eq!(visit.passed_over().map(|kept| &kept.run), Some(&RunId::new(1, 1)));
    });
}

#[test]
fn a_state_belongs_to_one_at_a_time() {
    let (world, engine) = (World::new(), Fake::failing());
    world.build(&engine, 1).expect_err("the build fails");
    world.at_bench(&engine, 2, |bench| {
        let name = &world.job.recipe.name;
        let visit = visit(bench, &world.job, &CALM).expect("can be entered");
        assert!(matches!(discard_kept(bench, name), Err(FlowError::KeptInUse { .. })));
        let Err(FlowError::Build(failure)) = build(bench, &world.job) else { panic!("the build fails") };
        assert_eq!(failure.state, State::Gone, "what somebody looks at stays");
        visit.enter(bench).expect("entered");
        assert!(engine.last_entered().1);
        drop(visit);
        assert!(discard_kept(bench, name).expect("discarded"));
        assert!(!discard_kept(bench, name).expect("nothing to do"));
    });
}

#[test]
fn rooms_of_an_engine_without_terminals_cannot_be_entered() {
    let (world, engine) = (World::new(), Fake::new(steady));
    assert!(
        matches!(enter(&world, &engine, &CALM), Err(FlowError::NoTerminal { engine }) if engine == "fake")
    );
}

#[test]
fn an_interrupted_verification_refutes_nothing_and_a_failed_one_does() {
    let (world, mut engine) = (World::new(), Fake::new(steady));
    world.verify(&engine, 1, Proofs::Use).expect("verified");
    engine.ending = Ending::Cancelled;
    world.verify(&engine, 2, Proofs::Ignore).expect_err("interrupted");
    assert_eq!(world.verify(&engine, 3, Proofs::Use).expect("proved").proof, Some(RunId::new(1, 1)));
    engine.ending = Ending::Failed(1);
    world.verify(&engine, 4, Proofs::Ignore).expect_err("fails");
    engine.ending = Ending::Success;
    assert_eq!(world.verify(&engine, 5, Proofs::Use).expect("verified").proof, None);
}

#[test]
fn the_plan_of_a_record_can_be_read_again() {
    let (world, engine) = (World::new(), Fake::new(steady));
    let built = world.build(&engine, 1).expect("built");
    assert_eq!(world.store.plan(&built.plan).expect("readable"), Some(world.job.plan(&[])));
    assert_eq!(world.store.plan(&Digest::of(b"other")).expect("readable"), None);
}

#[test]
fn the_plan_of_a_job_is_the_known_one() {
    let world = World::new();
    assert_eq!(
        world.job.plan(&[]).digest().to_string(),
        "sha256:aaa51bb877efcba7ddf590388eab13bf5860b9e1f24c6183aaba97b5760896fd"
    );
}
