//! The filter of a room with a clock of its own: of which calls the timekeeper is told.
//!
//! What a number alone decides the kernel knows by heart, so all other calls are as fast as without it.

use std::{
    io,
    os::{fd::AsFd, unix::net::UnixStream},
};

use seccompiler::sock_filter;

use super::stub::{CLOCK_GETTIME, GETTIMEOFDAY, MARK, TIME, TIMES_OF_DAY};
use crate::{
    filter::{JUMP_IF_EQUAL, LOAD, NATIVE, OFFSET_OF_ARCHITECTURE, OFFSET_OF_NUMBER, RETURN, listen, step},
    passing,
};

/// Numbers of calls on x86-64.
pub(crate) const ARCH_PRCTL: u8 = 158;
pub(crate) const FUTEX: u8 = 202;
pub(crate) const CLOCK_NANOSLEEP: u8 = 230;

const AND: u16 = 0x54;
const ARCH_SET_FS: u32 = 0x1002;
const ABSOLUTE: u32 = 1;
/// `FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME`: of the waits on memory, the one until a time of day.
const WAIT_UNTIL: u32 = 9 | 256;
const WITHOUT_PRIVATE: u32 = !128;

/// Installs the filter in this process and hands its other end to the timekeeper.
///
/// # Errors
/// EBUSY where this process is supervised already.
pub(crate) fn enter(way: &UnixStream) -> io::Result<()> {
    let listener = listen(&program())?;
    Ok(passing::send(way, b"c", &[listener.as_fd()])?)
}

fn program() -> Vec<sock_filter> {
    let foreign = [step(LOAD, OFFSET_OF_ARCHITECTURE, 0, 0), step(JUMP_IF_EQUAL, NATIVE, 1, 0), allow()];
    let cases = [
        case(CLOCK_GETTIME, &[unless_marked(), notify_if_one_of(0, &TIMES_OF_DAY.map(u32::from))].concat()),
        case(GETTIMEOFDAY, &unless_marked()),
        case(TIME, &unless_marked()),
        case(ARCH_PRCTL, &notify_if_one_of(0, &[ARCH_SET_FS])),
        case(FUTEX, &wait_until()),
        case(CLOCK_NANOSLEEP, &sleep_until()),
    ];
    let number = step(LOAD, OFFSET_OF_NUMBER, 0, 0);
    foreign.into_iter().chain([number]).chain(cases.concat()).chain([allow()]).collect()
}

/// Steps for one call, with what they fall through to: a notice.
fn case(call: u8, steps: &[sock_filter]) -> Vec<sock_filter> {
    let length = u8::try_from(steps.len() + 1).expect("each has a few steps");
    [&[step(JUMP_IF_EQUAL, call.into(), 0, length)], steps, &[notify()]].concat()
}

/// Who has the mark adds the offset itself.
fn unless_marked() -> Vec<sock_filter> {
    vec![argument(2), step(JUMP_IF_EQUAL, MARK, 0, 1), allow()]
}

/// Falls through if an argument is one of these, and else allows the call.
fn notify_if_one_of(place: u32, values: &[u32]) -> Vec<sock_filter> {
    let n = u8::try_from(values.len()).expect("a few");
    let jumps = values.iter().zip((1..=n).rev()).map(|(value, left)| step(JUMP_IF_EQUAL, *value, left, 0));
    [argument(place)].into_iter().chain(jumps).chain([allow()]).collect()
}

/// Of a wait without an end the kernel wakes better.
fn wait_until() -> Vec<sock_filter> {
    let until = [
        argument(1),
        step(AND, WITHOUT_PRIVATE, 0, 0),
        step(JUMP_IF_EQUAL, WAIT_UNTIL, 1, 0),
        allow(),
        argument(3),
        step(JUMP_IF_EQUAL, 0, 0, 3),
        upper_half(3),
        step(JUMP_IF_EQUAL, 0, 0, 1),
        allow(),
    ];
    until.into()
}

fn sleep_until() -> Vec<sock_filter> {
    let absolute = [argument(1), step(AND, ABSOLUTE, 0, 0), step(JUMP_IF_EQUAL, ABSOLUTE, 1, 0), allow()];
    [&absolute[..], &notify_if_one_of(0, &TIMES_OF_DAY.map(u32::from))].concat()
}

/// The lower half of an argument, which is all that most calls read.
fn argument(place: u32) -> sock_filter {
    const FIRST: u32 = 16;
    step(LOAD, FIRST + 8 * place, 0, 0)
}

fn upper_half(place: u32) -> sock_filter {
    sock_filter { k: argument(place).k + 4, ..argument(place) }
}

fn allow() -> sock_filter {
    step(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0)
}

fn notify() -> sock_filter {
    step(RETURN, libc::SECCOMP_RET_USER_NOTIF, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as the kernel would.
    fn decide(call: u8, args: [u64; 4]) -> u32 {
        let mut data = [0_u8; 64];
        data[..4].copy_from_slice(&u32::from(call).to_le_bytes());
        data[4..8].copy_from_slice(&NATIVE.to_le_bytes());
        for (place, arg) in args.iter().enumerate() {
            data[16 + 8 * place..24 + 8 * place].copy_from_slice(&arg.to_le_bytes());
        }
        let (program, mut at, mut held) = (program(), 0, 0_u32);
        loop {
            let sock_filter { code, jt, jf, k } = program[at].clone();
            at += 1;
            match code {
                LOAD => held = u32::from_le_bytes(data[k as usize..k as usize + 4].try_into().expect("four")),
                AND => held &= k,
                JUMP_IF_EQUAL => at += usize::from(if held == k { jt } else { jf }),
                RETURN => return k,
                other => panic!("there is no {other}"),
            }
        }
    }

    #[test]
    fn the_timekeeper_is_told_of_what_shows_a_time_of_day_and_of_nothing_else() {
        let (told, mark) = (libc::SECCOMP_RET_USER_NOTIF, u64::from(MARK));
        let is_told = |call, args| decide(call, args) == told;
        for clock in [0, 5, 11] {
            assert!(is_told(CLOCK_GETTIME, [clock, 1, 0, 0]) && !is_told(CLOCK_GETTIME, [clock, 1, mark, 0]));
        }
        assert!([1, 2, 4, 6, 7, u64::MAX].iter().all(|clock| !is_told(CLOCK_GETTIME, [*clock, 1, 0, 0])));
        for call in [GETTIMEOFDAY, TIME] {
            assert!(is_told(call, [1, 0, 0, 0]) && !is_told(call, [1, 0, mark, 0]));
        }
        assert!(is_told(ARCH_PRCTL, [0x1002, 1, 0, 0]) && !is_told(ARCH_PRCTL, [0x1003, 1, 0, 0]));
        assert!((0..=255).filter(|call| is_told(*call, [0; 4])).eq([GETTIMEOFDAY, TIME, CLOCK_GETTIME]));
    }

    #[test]
    fn of_waits_those_until_a_time_of_day_are_told() {
        let is_told = |call, args| decide(call, args) == libc::SECCOMP_RET_USER_NOTIF;
        for op in [265, 265 | 128] {
            assert!(is_told(FUTEX, [1, op, 0, 1]) && is_told(FUTEX, [1, op, 0, 1 << 32]));
            assert!(!is_told(FUTEX, [1, op, 0, 0]));
        }
        assert!([0, 1, 9, 9 | 128, 128].iter().all(|op| !is_told(FUTEX, [1, *op, 0, 1])));
        assert!(is_told(CLOCK_NANOSLEEP, [0, 1, 1, 0]) && is_told(CLOCK_NANOSLEEP, [11, 1, 1, 0]));
        assert!(!is_told(CLOCK_NANOSLEEP, [0, 0, 1, 0]) && !is_told(CLOCK_NANOSLEEP, [1, 1, 1, 0]));
    }
}
