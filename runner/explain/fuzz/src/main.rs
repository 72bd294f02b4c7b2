//! A fuzzer of every parser of the explainer. `EADEM_FUZZ` names which one; all else are libFuzzer's own options.
//!
//! The inputs and what is done with them are the tests'. `ci/proof fuzz` builds it so that libFuzzer sees which
//! branches an input takes, with the stable compiler, and runs each target for some time.
#![no_main]

#[path = "../../tests/support/harness.rs"]
mod harness;

use std::{env, sync::LazyLock};

use harness::TARGETS;
use libfuzzer_sys::fuzz_target;

/// What this process fuzzes.
static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let word = env::var("EADEM_FUZZ").unwrap_or_default();
    let target = TARGETS.into_iter().find(|(name, _)| *name == word);
    target
        .unwrap_or_else(|| {
            panic!("EADEM_FUZZ names no target; there are {:?}", TARGETS.map(|(name, _)| name))
        })
        .1
});

fuzz_target!(|input: &[u8]| TARGET(input));
