//! The system calls that a payload may not make, as a profile for a daemon.
//!
//! It is the list of the native engine's filter, by names; a test of the whole compares the two.

use eadem_model::Architecture;
use serde_json::{Value, json};

/// Answered with EPERM.
pub(crate) const REFUSED: [&str; 54] = [
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "move_mount",
    "open_tree",
    "open_tree_attr",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "statmount",
    "listmount",
    "quotactl",
    "quotactl_fd",
    "swapon",
    "swapoff",
    "unshare",
    "setns",
    "open_by_handle_at",
    "name_to_handle_at",
    "fanotify_init",
    "pidfd_getfd",
    "kcmp",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "add_key",
    "keyctl",
    "request_key",
    "acct",
    "reboot",
    "syslog",
    "vhangup",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "ioperm",
    "iopl",
    "modify_ldt",
    "sysfs",
    "ustat",
    "uselib",
    "lookup_dcookie",
];

const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

/// Flags of `clone` that ask for a new namespace: cgroup, ipc, net, mount, pid, user, uts.
const NEW_NAMESPACES: [u32; 7] =
    [0x0200_0000, 0x0800_0000, 0x4000_0000, 0x0002_0000, 0x2000_0000, 0x1000_0000, 0x0400_0000];

/// The profile for an architecture, as JSON.
pub(crate) fn profile(architecture: Architecture) -> String {
    // What is refused must not be had by the numbers of 32-bit programs.
    let architectures = match architecture {
        Architecture::Amd64 => ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        Architecture::Arm64 => ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
    };
    let mut rules = vec![
        rule(&REFUSED, EPERM, &[]),
        // The way to sockets of 32-bit programs that no filter sees into.
        rule(&["socketcall"], EPERM, &[]),
        // Its flags lie in memory where no filter sees them; libc then takes `clone`.
        rule(&["clone3"], ENOSYS, &[]),
        // An ordinary user's groups cannot be given up. Answering "none" makes all hosts equal.
        rule(&["getgroups"], 0, &[]),
    ];
    rules.extend(NEW_NAMESPACES.map(|flag| rule(&["clone"], EPERM, &[has(0, flag)])));
    // The first two put characters into a terminal as if they had been typed; the third loads a module.
    rules.extend([0x5412, 0x541c, 0x5423].map(|request| rule(&["ioctl"], EPERM, &[is(1, request)])));
    // Process 1 has the payload's user; a limit on its time would end the room as if eadem had failed.
    rules.push(rule(&["prlimit64"], EPERM, &[is(0, 1)]));
    rules.extend(foreign_families());
    rules.extend(foreign_protocols());
    rules.extend(foreign_personalities());
    json!({"defaultAction": "SCMP_ACT_ALLOW", "architectures": architectures, "syscalls": rules}).to_string()
}

/// Families of sockets other than unix (1), inet (2), inet6 (10) and netlink (16), and of netlink all
/// protocols but routes.
///
/// A profile compares one argument once, so "none of these" is said in ranges.
fn foreign_families() -> Vec<Value> {
    let both = ["socket", "socketpair"];
    let mut rules = vec![rule(&both, EPERM, &[is(0, 0)]), rule(&both, EPERM, &[above(0, 16)])];
    let between = (3..=9).chain(11..=15);
    rules.extend(between.map(|family| rule(&both, EPERM, &[is(0, family)])));
    rules.push(rule(&["socket"], EPERM, &[is(0, 16), above(2, 0)]));
    rules
}

/// Protocols of the internet's families (2 and 10) that libc and builds do not know: the kernel would load
/// modules for them. Known are none (0), tcp (6), udp (17) and mptcp (262).
fn foreign_protocols() -> Vec<Value> {
    const KNOWN: [u32; 4] = [0, 6, 17, 262];
    let bits = KNOWN.iter().fold(0, |bits, protocol| bits | protocol);
    let other_bits = (0..32).map(|bit| 1_u32 << bit).filter(|bit| bits & bit == 0);
    let mixed = (0..=bits).filter(|mixed| bits & mixed == *mixed && !KNOWN.contains(mixed));
    let foreign = other_bits.map(|bit| has(2, bit)).chain(mixed.map(|mixed| is(2, mixed)));
    // The one type of socket that brings a module in without naming a protocol: DCCP's.
    let foreign: Vec<Value> = foreign.chain([masked(1, 0xf, 6)]).collect();
    let of =
        |family| foreign.iter().map(move |case| rule(&["socket"], EPERM, &[is(0, family), case.clone()]));
    of(2).chain(of(10)).collect()
}

/// All but the plain personality, that of 32-bit programs, either without randomisation of addresses, and
/// the question which it is: all bits.
fn foreign_personalities() -> Vec<Value> {
    const ALLOWED: u32 = 0x0004_0008;
    const HIGHEST: u32 = 1 << 31;
    let bits = || (0..31).map(|bit| 1_u32 << bit);
    // The question alone has the highest bit, and then it has all others.
    let without_highest = bits().filter(|bit| ALLOWED & bit == 0).map(|bit| masked(0, bit | HIGHEST, bit));
    let without_other = bits().map(|bit| masked(0, bit | HIGHEST, HIGHEST));
    without_highest.chain(without_other).map(|case| rule(&["personality"], EPERM, &[case])).collect()
}

fn rule(names: &[&str], errno: u32, arguments: &[Value]) -> Value {
    json!({"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": errno, "args": arguments})
}

/// The kernel looks at the lower half of an argument alone, so a filter must as well.
fn is(index: u32, value: u32) -> Value {
    masked(index, u32::MAX, value)
}

fn has(index: u32, flag: u32) -> Value {
    masked(index, flag, flag)
}

/// Whether these bits of an argument have this value.
fn masked(index: u32, bits: u32, value: u32) -> Value {
    json!({"index": index, "value": bits, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"})
}

fn above(index: u32, value: u32) -> Value {
    json!({"index": index, "value": value, "op": "SCMP_CMP_GT"})
}
