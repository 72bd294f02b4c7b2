//! The system call filter in the words of the runtime specification.
//!
//! It says what [`crate::filter`] says. Runtimes know calls by name, and join conditions on one argument
//! by "or" where we need "and"; so "none of these numbers" becomes patterns of bits that together cover
//! all others.

use eadem_model::{EngineError, Users};
use oci_spec::{
    OciSpecError,
    runtime::{
        Arch, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompArgBuilder, LinuxSeccompBuilder,
        LinuxSeccompOperator, LinuxSyscall, LinuxSyscallBuilder,
    },
};
use syscalls::Sysno;

use crate::filter::{Case, Refusal, Test, answers, refused_arguments};

/// A number whose bits under the mask are these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pattern {
    mask: u32,
    bits: u32,
}

/// The whole filter.
pub(crate) fn seccomp(users: Users) -> Result<LinuxSeccomp, OciSpecError> {
    let by_number = answers(users).into_iter().map(|(calls, errno)| answer(calls, errno, Vec::new()));
    let by_argument = refused_arguments().into_iter().flat_map(|refusal| refuse(&refusal));
    LinuxSeccompBuilder::default()
        .default_action(LinuxSeccompAction::ScmpActAllow)
        .architectures(ARCHITECTURES)
        .syscalls(by_number.chain(by_argument).chain([refuse_socketcall()]).collect::<Result<Vec<_>, _>>()?)
        .build()
}

/// All that the processor runs: what is refused must not be had by the numbers of another one.
const ARCHITECTURES: &[Arch] = if cfg!(target_arch = "aarch64") {
    &[Arch::ScmpArchAarch64, Arch::ScmpArchArm]
} else {
    &[Arch::ScmpArchX86_64, Arch::ScmpArchX86, Arch::ScmpArchX32]
};

/// The way to sockets on 32-bit processors that a filter cannot see into.
fn refuse_socketcall() -> Result<LinuxSyscall, OciSpecError> {
    LinuxSyscallBuilder::default()
        .names(["socketcall".to_owned()])
        .action(LinuxSeccompAction::ScmpActErrno)
        .errno_ret(libc::EPERM.cast_unsigned())
        .build()
}

fn refuse((call, cases): &Refusal) -> Vec<Result<LinuxSyscall, OciSpecError>> {
    let alternatives = cases.iter().flat_map(alternatives);
    alternatives.map(|patterns| answer(&[*call], libc::EPERM, patterns)).collect()
}

fn answer(calls: &[i64], errno: i32, patterns: Vec<(u8, Pattern)>) -> Result<LinuxSyscall, OciSpecError> {
    let args: Vec<_> = patterns.into_iter().map(argument).collect::<Result<_, _>>()?;
    let syscall = LinuxSyscallBuilder::default()
        .names(calls.iter().filter_map(|call| name(*call)).collect::<Vec<_>>())
        .action(LinuxSeccompAction::ScmpActErrno)
        .errno_ret(errno.cast_unsigned());
    if args.is_empty() { syscall.build() } else { syscall.args(args).build() }
}

fn argument((place, pattern): (u8, Pattern)) -> Result<LinuxSeccompArg, OciSpecError> {
    LinuxSeccompArgBuilder::default()
        .index(usize::from(place))
        .value(u64::from(pattern.mask))
        .value_two(u64::from(pattern.bits))
        .op(LinuxSeccompOperator::ScmpCmpMaskedEq)
        .build()
}

fn name(call: i64) -> Option<String> {
    Some(Sysno::new(usize::try_from(call).ok()?)?.name().to_owned())
}

/// Every way to choose one pattern for each test of a case.
fn alternatives(case: &Case) -> Vec<Vec<(u8, Pattern)>> {
    case.iter().fold(vec![Vec::new()], |chosen, (place, test)| {
        let add = |before: &Vec<_>, pattern| [before.as_slice(), &[(*place, pattern)]].concat();
        chosen.iter().flat_map(|before| patterns(*test).into_iter().map(move |it| add(before, it))).collect()
    })
}

fn patterns(test: Test) -> Vec<Pattern> {
    match test {
        Test::Bits(mask, bits) => vec![Pattern { mask, bits }],
        Test::Is(value) => vec![Pattern { mask: u32::MAX, bits: value }],
        Test::NoneOf(values) => outside(values, Pattern { mask: 0, bits: 0 }),
    }
}

/// Patterns of the numbers that match `within` and are none of `values`: halves without a value as they
/// are, and the others divided again.
fn outside(values: &[u32], within: Pattern) -> Vec<Pattern> {
    let inside: Vec<u32> =
        values.iter().copied().filter(|value| value & within.mask == within.bits).collect();
    let n_fixed = within.mask.count_ones();
    if inside.is_empty() {
        return vec![within];
    } else if n_fixed == u32::BITS {
        return Vec::new();
    }
    let bit = 1 << (u32::BITS - 1 - n_fixed);
    let halves = [0, bit].map(|set| Pattern { mask: within.mask | bit, bits: within.bits | set });
    halves.into_iter().flat_map(|half| outside(&inside, half)).collect()
}

/// What of the native filter a runtime may not know by name.
pub(crate) const UNNAMED: &str = "system calls that are newer than the runtime's list of names are not refused, and those of 32-bit \
     programs exist";

/// A filter that cannot be written down is a bug of ours.
pub(crate) fn broken(error: &OciSpecError) -> EngineError {
    EngineError::Launcher { what: format!("the bundle cannot be written down: {error}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(patterns: &[Pattern], number: u32) -> usize {
        patterns.iter().filter(|pattern| number & pattern.mask == pattern.bits).count()
    }

    #[test]
    fn patterns_cover_all_other_numbers_once_and_none_of_these() {
        let values = [0, 8, 0x4_0000, 0x4_0008, u32::MAX];
        let patterns = outside(&values, Pattern { mask: 0, bits: 0 });
        assert!(values.iter().all(|value| matches(&patterns, *value) == 0));
        let near = values.iter().flat_map(|value| (0..32).map(move |bit| value ^ (1 << bit)));
        let others = near.chain((0..100_000).map(|n| n * 42_949)).filter(|n| !values.contains(n));
        for number in others {
            assert_eq!(matches(&patterns, number), 1, "{number:#x}");
        }
    }

    #[test]
    fn every_call_has_a_name() {
        for (calls, _) in answers(Users::One) {
            assert_eq!(calls.iter().filter_map(|call| name(*call)).count(), calls.len(), "{calls:?}");
        }
        assert_eq!(name(libc::SYS_clone3).as_deref(), Some("clone3"));
    }

    #[test]
    fn no_argument_is_tested_twice_in_one_rule() {
        for syscall in seccomp(Users::One).expect("is built").syscalls().as_ref().expect("there are some") {
            let places = syscall.args().iter().flatten().map(LinuxSeccompArg::index);
            let mut places: Vec<_> = places.collect();
            places.dedup();
            assert_eq!(places.len(), syscall.args().as_ref().map_or(0, Vec::len));
        }
    }
}
