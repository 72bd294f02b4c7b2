//! The system calls that a payload may not make.
//!
//! Everything is allowed but what is listed: a build needs no list of ours to use the kernel, and
//! what is listed either leads out of the room or is a wide, seldom needed way into the kernel.
//! Calls of another architecture (`int 0x80`, x32) do not exist here: the numbers below would not
//! mean the same calls.
#![allow(unsafe_code, reason = "seccompiler cannot install a filter with flags")]

use std::{collections::BTreeMap, env::consts::ARCH, io};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    sock_filter,
};

use crate::failure::{Attempt, Blame, Failure};

/// A compiled program.
pub(crate) struct Filter(BpfProgram);

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

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
];

/// Its flags lie in memory where no filter sees them; libc then takes `clone`.
const ABSENT: &[i64] = &[libc::SYS_clone3];

/// An ordinary user's groups cannot be given up. Answering "none" makes all hosts equal.
const EMPTY: &[i64] = &[libc::SYS_getgroups];

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
const FAMILIES: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// The plain personality, that of 32-bit programs, either without address randomisation, and "which?".
const PERSONALITIES: [u32; 5] = [0, 8, 0x4_0000, 0x4_0008, u32::MAX];

const TIOCSTI: u32 = 0x5412;
const TIOCLINUX: u32 = 0x541c;

impl Filter {
    /// Compiles the program; the clone to come should not have to.
    ///
    /// It is one program: every process start installs it, and the kernel translates each anew. Ours
    /// comes first and answers what a number alone decides; seccompiler's looks at arguments.
    pub(crate) fn build() -> Result<Self, Failure> {
        let numbers = [(REFUSED, libc::EPERM), (ABSENT, libc::ENOSYS), (EMPTY, 0)];
        let ours = numbers.into_iter().flat_map(|(calls, errno)| answer(calls, errno));
        let theirs = compile(refused_arguments()).ok_or_else(|| Failure {
            step: "compiling the system call filter".to_owned(),
            errno: libc::ENOEXEC,
            blame: Blame::Machine,
        })?;
        Ok(Self(native_only().into_iter().chain(ours).chain(theirs).collect()))
    }

    /// Installs the program in this process, which must not gain privileges any more.
    pub(crate) fn install(&self) -> Result<(), Failure> {
        install(&self.0).machine("installing the system call filter")
    }
}

fn refused_arguments() -> Rules {
    Rules::from([
        (libc::SYS_clone, NEW_NAMESPACES.into_iter().filter_map(flag_of_clone).collect()),
        (libc::SYS_ioctl, [TIOCSTI, TIOCLINUX].into_iter().filter_map(ioctl).collect()),
        (libc::SYS_socket, [foreign_family(), netlink()].into_iter().flatten().collect()),
        (libc::SYS_socketpair, foreign_family().into_iter().collect()),
        (libc::SYS_personality, none_of(PERSONALITIES).into_iter().collect()),
    ])
}

/// Half a word: the kernel ignores the upper half of these arguments, so a filter must as well.
fn condition(argument: u8, operator: SeccompCmpOp, value: u32) -> Option<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value.into()).ok()
}

fn flag_of_clone(flag: i32) -> Option<SeccompRule> {
    let flag = flag.cast_unsigned();
    SeccompRule::new(vec![condition(0, SeccompCmpOp::MaskedEq(flag.into()), flag)?]).ok()
}

/// Both put characters into a terminal as if they had been typed.
fn ioctl(request: u32) -> Option<SeccompRule> {
    SeccompRule::new(vec![condition(1, SeccompCmpOp::Eq, request)?]).ok()
}

fn none_of<const N: usize>(values: [u32; N]) -> Option<SeccompRule> {
    let conditions = values.into_iter().map(|value| condition(0, SeccompCmpOp::Ne, value));
    SeccompRule::new(conditions.collect::<Option<_>>()?).ok()
}

fn foreign_family() -> Option<SeccompRule> {
    none_of(FAMILIES.map(i32::cast_unsigned))
}

/// Of netlink, libc needs the list of interfaces and addresses.
fn netlink() -> Option<SeccompRule> {
    let family = condition(0, SeccompCmpOp::Eq, libc::AF_NETLINK.cast_unsigned())?;
    let protocol = condition(2, SeccompCmpOp::Ne, libc::NETLINK_ROUTE.cast_unsigned())?;
    SeccompRule::new(vec![family, protocol]).ok()
}

fn compile(rules: Rules) -> Option<BpfProgram> {
    let refuse = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, ARCH.try_into().ok()?).ok()?.try_into().ok()
}

const LOAD: u16 = 0x20;
const JUMP: u16 = 0x05;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;

fn step(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

fn say(errno: i32) -> sock_filter {
    step(RETURN, libc::SECCOMP_RET_ERRNO | errno.cast_unsigned(), 0, 0)
}

/// Answers calls of other architectures with ENOSYS, before seccompiler's own check would kill, and
/// leaves the call's number loaded.
fn native_only() -> [sock_filter; 6] {
    const OFFSET_OF_NUMBER: u32 = 0;
    const OFFSET_OF_ARCHITECTURE: u32 = 4;
    /// Numbers from here on are those of x32, which shares the architecture's name with x86-64.
    const X32: u32 = 0x4000_0000;
    [
        step(LOAD, OFFSET_OF_ARCHITECTURE, 0, 0),
        step(JUMP_IF_EQUAL, NATIVE, 0, 2),
        step(LOAD, OFFSET_OF_NUMBER, 0, 0),
        step(JUMP_IF_AT_LEAST, X32, 0, 1),
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
const NATIVE: u32 = if cfg!(target_arch = "aarch64") { 0xc000_00b7 } else { 0xc000_003e };

fn install(program: &[sock_filter]) -> io::Result<()> {
    #[repr(C)]
    struct Program {
        length: libc::c_ushort,
        filter: *const sock_filter,
    }
    let length = program.len().try_into().map_err(io::Error::other)?;
    let program = Program { length, filter: program.as_ptr() };
    // Without this flag, kernels before 5.16 make the whole build slower, to protect programs that run
    // strangers' code in their own address space.
    let flags = libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    // SAFETY: `program` has the layout of `struct sock_fprog`, its pointer and length are those of a
    // slice that outlives the call, and the kernel only reads.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_compiles_for_this_architecture() {
        let filter = Filter::build().expect("compiles");
        assert_eq!(filter.0[..6], native_only());
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
        let rules = refused_arguments();
        let n_of = |call| rules.get(&call).map(Vec::len);
        assert_eq!(n_of(libc::SYS_clone), Some(7));
        assert_eq!(n_of(libc::SYS_ioctl), Some(2));
        assert_eq!(n_of(libc::SYS_socket), Some(2));
        assert_eq!(n_of(libc::SYS_socketpair), Some(1));
        assert_eq!(n_of(libc::SYS_personality), Some(1));
    }
}
