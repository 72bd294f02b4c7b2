//! The system calls that a payload may not make.
//!
//! Everything is allowed but what is listed: a build needs no list of ours to use the kernel, and
//! what is listed either leads out of the room or is a wide, seldom needed way into the kernel.
//! Calls of another architecture (`int 0x80`, x32) do not exist here: the numbers below would not
//! mean the same calls. Nor do calls that are newer than this file, whatever they turn out to do.
#![allow(unsafe_code, reason = "seccompiler cannot install a filter with flags")]

use std::{
    collections::BTreeMap,
    env::consts::ARCH,
    io,
    os::fd::{FromRawFd, OwnedFd},
};

use eadem_model::{Isolation, Users};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    sock_filter,
};

use crate::failure::{Attempt, Blame, Failure};

/// A compiled program.
pub(crate) struct Filter {
    program: BpfProgram,
    isolation: Isolation,
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// What is asked of one argument. The kernel looks at its lower half alone, so a filter must as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Test {
    /// Whether its bits under the first number are those of the second.
    Bits(u32, u32),
    /// Whether it is this number.
    Is(u32),
    /// Whether it is none of these numbers.
    NoneOf(&'static [u32]),
}

/// Arguments, by their places, that lead to a refusal when all tests are true.
pub(crate) type Case = Vec<(u8, Test)>;

/// A call that is refused in each of these cases.
pub(crate) type Refusal = (i64, Vec<Case>);

// Calls that the libc crate does not name yet; new calls have one number on every architecture.
const SYS_STATMOUNT: i64 = 457;
const SYS_LISTMOUNT: i64 = 458;
const SYS_OPEN_TREE_ATTR: i64 = 467;

const REFUSED: &[i64] = &[
    // Mounts and roots.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    SYS_OPEN_TREE_ATTR,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    SYS_STATMOUNT,
    SYS_LISTMOUNT,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    // Namespaces.
    libc::SYS_unshare,
    libc::SYS_setns,
    // Files by number instead of by name.
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_fanotify_init,
    // Other processes' descriptors.
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Ways into the kernel.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_kexec_file_load,
    // Keys are not divided by namespaces.
    libc::SYS_add_key,
    libc::SYS_keyctl,
    libc::SYS_request_key,
    // The machine.
    libc::SYS_acct,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
    // Old calls that nobody needs; one of them tells of file systems by their numbers, the host's too.
    libc::SYS_lookup_dcookie,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_sysfs,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_uselib,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ustat,
];

/// What a room without namespaces would share with the host: its network, and objects of the kernel
/// that have no place in the file system. Pairs of sockets know only each other.
const SHARED: &[i64] =
    &[libc::SYS_socket, libc::SYS_shmget, libc::SYS_msgget, libc::SYS_semget, libc::SYS_mq_open];

/// Its flags lie in memory where no filter sees them; libc then takes `clone`.
const ABSENT: &[i64] = &[libc::SYS_clone3];

/// An ordinary user's groups cannot be given up. Answering "none" makes all hosts equal.
const EMPTY: &[i64] = &[libc::SYS_getgroups];

/// What a number alone decides, and the answer.
pub(crate) fn answers(users: Users) -> [(&'static [i64], i32); 3] {
    // Where there are many groups, everybody's were given up, and what a build takes is its own affair.
    let empty = if users == Users::One { EMPTY } else { &[] };
    [(REFUSED, libc::EPERM), (ABSENT, libc::ENOSYS), (empty, 0)]
}

const NEW_NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
];

/// Families that cannot leave the room's own network namespace.
const FAMILIES: [u32; 4] =
    [libc::AF_UNIX as u32, libc::AF_INET as u32, libc::AF_INET6 as u32, libc::AF_NETLINK as u32];

/// Of netlink, libc needs the list of interfaces and addresses.
const LISTS: [u32; 1] = [libc::NETLINK_ROUTE as u32];

/// Protocols of the internet's families that libc and builds know. To ask for any other makes the kernel
/// load a module for it.
const PROTOCOLS: [u32; 4] =
    [0, libc::IPPROTO_TCP as u32, libc::IPPROTO_UDP as u32, libc::IPPROTO_MPTCP as u32];

/// The one type of socket that brings a module in without naming a protocol: DCCP's.
const TYPE_OF_DCCP: u32 = 6;
const TYPES: u32 = 0xf;

/// The plain personality, that of 32-bit programs, either without address randomisation, and "which?".
const PERSONALITIES: [u32; 5] = [0, 8, 0x4_0000, 0x4_0008, u32::MAX];

const TIOCSTI: u32 = 0x5412;
const TIOCLINUX: u32 = 0x541c;
const TIOCSETD: u32 = 0x5423;

impl Filter {
    /// Compiles the program; the clone to come should not have to.
    ///
    /// It is one program: every process start installs it, and the kernel translates each anew. Ours
    /// comes first and answers what a number alone decides; seccompiler's looks at arguments.
    pub(crate) fn build(users: Users) -> Result<Self, Failure> {
        Self::with(users, &[], Isolation::Strict)
    }

    /// The same for a room without namespaces, with what those would have done.
    pub(crate) fn weak() -> Result<Self, Failure> {
        Self::with(Users::One, SHARED, Isolation::Weak)
    }

    fn with(users: Users, more: &'static [i64], isolation: Isolation) -> Result<Self, Failure> {
        let numbers = answers(users).into_iter().chain([(more, libc::EPERM)]);
        let ours = numbers.flat_map(|(calls, errno)| answer(calls, errno));
        let theirs = compile(&refused_arguments()).ok_or_else(|| Failure {
            step: "compiling the system call filter".to_owned(),
            errno: libc::ENOEXEC,
            blame: Blame::Machine,
        })?;
        let program = native_only().into_iter().chain(ours).chain(theirs).collect();
        Ok(Self { program, isolation })
    }

    /// Installs the program in this process, which must not gain privileges any more.
    pub(crate) fn install(&self) -> Result<(), Failure> {
        install(&self.program).machine("installing the system call filter")
    }

    /// What kind of room it is for.
    pub(crate) fn isolation(&self) -> Isolation {
        self.isolation
    }
}

/// What the arguments decide; the answer is EPERM.
pub(crate) fn refused_arguments() -> Vec<Refusal> {
    let flag = |flag: i32| vec![(0, Test::Bits(flag.cast_unsigned(), flag.cast_unsigned()))];
    // The first two put characters into a terminal as if they had been typed, and the third makes the
    // kernel load a driver for a modem.
    let requests = [TIOCSTI, TIOCLINUX, TIOCSETD].map(|request| vec![(1, Test::Is(request))]);
    let foreign = vec![(0, Test::NoneOf(&FAMILIES))];
    vec![
        (libc::SYS_clone, NEW_NAMESPACES.map(flag).into()),
        (libc::SYS_ioctl, requests.into()),
        (libc::SYS_socket, [vec![foreign.clone()], sockets()].concat()),
        // Pid 1 has the payload's user; a limit on its time would end the room as if eadem had failed.
        (libc::SYS_prlimit64, vec![vec![(0, Test::Is(1))]]),
        (libc::SYS_socketpair, vec![foreign]),
        (libc::SYS_personality, vec![vec![(0, Test::NoneOf(&PERSONALITIES))]]),
    ]
}

fn rules(refusals: &[Refusal]) -> Option<Rules> {
    let of = |(call, cases): &Refusal| Some((*call, cases.iter().map(rule).collect::<Option<_>>()?));
    refusals.iter().map(of).collect()
}

/// Of families that are no strangers, what leads further.
fn sockets() -> Vec<Case> {
    let family = |family: i32| (0, Test::Is(family.cast_unsigned()));
    let netlink = vec![family(libc::AF_NETLINK), (2, Test::NoneOf(&LISTS))];
    let protocol = |inet| vec![family(inet), (2, Test::NoneOf(&PROTOCOLS))];
    let dccp = |inet| vec![family(inet), (1, Test::Bits(TYPES, TYPE_OF_DCCP))];
    let inet = [libc::AF_INET, libc::AF_INET6];
    [netlink].into_iter().chain(inet.map(protocol)).chain(inet.map(dccp)).collect()
}

fn rule(case: &Case) -> Option<SeccompRule> {
    let conditions = case.iter().flat_map(|(place, test)| conditions(*place, *test));
    SeccompRule::new(conditions.collect::<Option<_>>()?).ok()
}

fn conditions(place: u8, test: Test) -> Vec<Option<SeccompCondition>> {
    type Op = SeccompCmpOp;
    let is = |operator, value: u32| {
        SeccompCondition::new(place, SeccompCmpArgLen::Dword, operator, value.into()).ok()
    };
    match test {
        Test::Bits(mask, bits) => vec![is(Op::MaskedEq(mask.into()), bits)],
        Test::Is(value) => vec![is(Op::Eq, value)],
        Test::NoneOf(values) => values.iter().map(|value| is(Op::Ne, *value)).collect(),
    }
}

fn compile(refusals: &[Refusal]) -> Option<BpfProgram> {
    let refuse = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    let arch = ARCH.try_into().ok()?;
    SeccompFilter::new(rules(refusals)?, SeccompAction::Allow, refuse, arch).ok()?.try_into().ok()
}

pub(crate) const LOAD: u16 = 0x20;
const JUMP: u16 = 0x05;
pub(crate) const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_AT_LEAST: u16 = 0x35;
pub(crate) const RETURN: u16 = 0x06;

/// Places in what the kernel tells of a call.
pub(crate) const OFFSET_OF_NUMBER: u32 = 0;
pub(crate) const OFFSET_OF_ARCHITECTURE: u32 = 4;

pub(crate) fn step(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

fn say(errno: i32) -> sock_filter {
    step(RETURN, libc::SECCOMP_RET_ERRNO | errno.cast_unsigned(), 0, 0)
}

/// Answers calls of other architectures and unknown ones with ENOSYS, before seccompiler's own check would
/// kill, and leaves the call's number loaded.
fn native_only() -> [sock_filter; 6] {
    /// Numbers from here on had no meaning when this was written (Linux 6.18), on any architecture. Far
    /// behind them are those of x32, which shares the architecture's name with x86-64.
    const UNKNOWN: u32 = 470;
    [
        step(LOAD, OFFSET_OF_ARCHITECTURE, 0, 0),
        step(JUMP_IF_EQUAL, NATIVE, 0, 2),
        step(LOAD, OFFSET_OF_NUMBER, 0, 0),
        step(JUMP_IF_AT_LEAST, UNKNOWN, 0, 1),
        say(libc::ENOSYS),
        step(LOAD, OFFSET_OF_NUMBER, 0, 0),
    ]
}

/// One comparison for each call, a jump over the answer, and the answer.
fn answer(calls: &[i64], errno: i32) -> Vec<sock_filter> {
    let n_calls = u8::try_from(calls.len()).expect("a jump reaches over every list above");
    let compare = |(call, left): (&i64, u8)| {
        let number = u32::try_from(*call).expect("numbers of calls are small");
        step(JUMP_IF_EQUAL, number, left, 0)
    };
    calls.iter().zip((1..=n_calls).rev()).map(compare).chain([step(JUMP, 1, 0, 0), say(errno)]).collect()
}

/// The kernel's name of the architecture that this program runs on.
pub(crate) const NATIVE: u32 = if cfg!(target_arch = "aarch64") { 0xc000_00b7 } else { 0xc000_003e };

/// Installs another program in this process, whose notices come to the descriptor that it returns.
///
/// # Errors
/// EBUSY where a program before it has such a descriptor.
pub(crate) fn listen(program: &[sock_filter]) -> io::Result<OwnedFd> {
    // A call that was told of waits for its answer, whatever signal but a deadly one comes meanwhile: it is
    // answered once, or not at all.
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    let fd = install_with(program, flags)?;
    // SAFETY: with the first flag the kernel returns a new descriptor that nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn install(program: &[sock_filter]) -> io::Result<()> {
    install_with(program, 0).map(drop)
}

fn install_with(program: &[sock_filter], flags: libc::c_ulong) -> io::Result<i32> {
    #[repr(C)]
    struct Program {
        length: libc::c_ushort,
        filter: *const sock_filter,
    }
    let length = program.len().try_into().map_err(io::Error::other)?;
    let program = Program { length, filter: program.as_ptr() };
    // Without this flag, kernels before 5.16 make the whole build slower, to protect programs that run
    // strangers' code in their own address space.
    let flags = flags | libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    // SAFETY: `program` has the layout of `struct sock_fprog`, its pointer and length are those of a
    // slice that outlives the call, and the kernel only reads.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    match i32::try_from(result) {
        Ok(result) if result >= 0 => Ok(result),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_compiles_for_this_architecture() {
        let filter = Filter::build(Users::One).expect("compiles");
        assert_eq!(filter.program[..6], native_only());
    }

    #[test]
    fn every_comparison_jumps_to_the_answer() {
        let steps = answer(&[5, 6, 7], 1);
        for (index, call) in [5, 6, 7].into_iter().enumerate() {
            assert_eq!((steps[index].code, steps[index].k), (JUMP_IF_EQUAL, call));
            assert_eq!(index + 1 + usize::from(steps[index].jt), 4);
        }
        assert_eq!((steps[3].code, steps[3].k), (JUMP, 1));
        assert_eq!(steps[4], say(1));
    }

    #[test]
    fn no_rule_was_lost_on_the_way() {
        let rules = rules(&refused_arguments()).expect("each is a rule");
        let n_of = |call| rules.get(&call).map(Vec::len);
        assert_eq!(n_of(libc::SYS_clone), Some(7));
        assert_eq!(n_of(libc::SYS_ioctl), Some(3));
        assert_eq!(n_of(libc::SYS_socket), Some(6));
        assert_eq!(n_of(libc::SYS_prlimit64), Some(1));
        assert_eq!(n_of(libc::SYS_socketpair), Some(1));
        assert_eq!(n_of(libc::SYS_personality), Some(1));
    }
}
