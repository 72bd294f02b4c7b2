//! What the test program tries when it runs inside a room: it prints what the kernel answered.
#![allow(unsafe_code, reason = "the attempts are raw system calls")]
#![allow(clippy::zombie_processes, reason = "what nobody waits for is what some attempts are about")]

use std::{
    fs,
    io::{Error, Write},
    net::{SocketAddr, TcpStream},
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
    ptr,
    time::Duration,
};

/// Runs one attempt.
pub(crate) fn run(words: &[String]) -> ExitCode {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["calls"] => calls(),
        ["arguments"] => arguments(),
        ["allowed"] => allowed(),
        ["foreign"] => foreign(),
        ["init"] => init(),
        ["network", port] => network(port),
        ["descriptors"] => descriptors(),
        ["files"] => files(),
        ["write", ref paths @ ..] => write(paths),
        ["list", path] => list(path),
        ["address"] => address(),
        ["daemon", seconds] => daemon(seconds),
        ["stubborn", seconds] => stubborn(seconds),
        ["loud", bytes] => loud(bytes),
        ["hidden"] => hidden(),
        _ => return ExitCode::from(99),
    }
    ExitCode::SUCCESS
}

fn say(name: &str, result: i64) {
    let answer = if result < 0 { errno() } else { "allowed".to_owned() };
    println!("{name}={answer}");
}

fn errno() -> String {
    match Error::last_os_error().raw_os_error().unwrap_or_default() {
        libc::EPERM => "EPERM".to_owned(),
        libc::EACCES => "EACCES".to_owned(),
        libc::ENOSYS => "ENOSYS".to_owned(),
        libc::EROFS => "EROFS".to_owned(),
        libc::ENOENT => "ENOENT".to_owned(),
        libc::ENETUNREACH => "ENETUNREACH".to_owned(),
        libc::ECONNREFUSED => "ECONNREFUSED".to_owned(),
        other => format!("errno {other}"),
    }
}

fn call(number: i64, arguments: [u64; 4]) -> i64 {
    let [a, b, c, d] = arguments;
    // SAFETY: the calls are refused before they would use their arguments; where they are allowed, the
    // arguments are numbers.
    unsafe { libc::syscall(number, a, b, c, d, 0, 0) }
}

/// Calls that must be refused whatever their arguments.
fn calls() {
    for (name, number) in [
        ("mount", libc::SYS_mount),
        ("umount2", libc::SYS_umount2),
        ("pivot_root", libc::SYS_pivot_root),
        ("chroot", libc::SYS_chroot),
        ("move_mount", libc::SYS_move_mount),
        ("open_tree", libc::SYS_open_tree),
        ("open_tree_attr", 467),
        ("fsopen", libc::SYS_fsopen),
        ("fspick", libc::SYS_fspick),
        ("mount_setattr", libc::SYS_mount_setattr),
        ("statmount", 457),
        ("unshare", libc::SYS_unshare),
        ("setns", libc::SYS_setns),
        ("bpf", libc::SYS_bpf),
        ("io_uring_setup", libc::SYS_io_uring_setup),
        ("userfaultfd", libc::SYS_userfaultfd),
        ("perf_event_open", libc::SYS_perf_event_open),
        ("keyctl", libc::SYS_keyctl),
        ("add_key", libc::SYS_add_key),
        ("request_key", libc::SYS_request_key),
        ("open_by_handle_at", libc::SYS_open_by_handle_at),
        ("name_to_handle_at", libc::SYS_name_to_handle_at),
        ("pidfd_getfd", libc::SYS_pidfd_getfd),
        ("kcmp", libc::SYS_kcmp),
        ("init_module", libc::SYS_init_module),
        ("finit_module", libc::SYS_finit_module),
        ("delete_module", libc::SYS_delete_module),
        ("kexec_load", libc::SYS_kexec_load),
        ("reboot", libc::SYS_reboot),
        ("syslog", libc::SYS_syslog),
        ("swapon", libc::SYS_swapon),
        ("acct", libc::SYS_acct),
        ("settimeofday", libc::SYS_settimeofday),
        ("clock_settime", libc::SYS_clock_settime),
        ("quotactl", libc::SYS_quotactl),
        ("fanotify_init", libc::SYS_fanotify_init),
    ] {
        say(name, call(number, [0; 4]));
    }
}

/// Calls that must be refused because of an argument.
fn arguments() {
    let flags =
        [0x0200_0000, 0x0800_0000, 0x4000_0000, 0x0002_0000, 0x2000_0000, 0x1000_0000, 0x0400_0000_u64];
    for flag in flags {
        say("clone", call(libc::SYS_clone, [flag | libc::SIGCHLD as u64, 0, 0, 0]));
    }
    // The kernel looks at the lower half alone.
    say(
        "clone with high bits",
        call(libc::SYS_clone, [0x1000_0000 | 1 << 40 | libc::SIGCHLD as u64, 0, 0, 0]),
    );
    for request in [0x5412, 0x1_0000_5412, 0x541c] {
        say("ioctl", call(libc::SYS_ioctl, [0, request, 0, 0]));
    }
    for family in
        [libc::AF_PACKET, libc::AF_VSOCK, libc::AF_ALG, libc::AF_BLUETOOTH, libc::AF_KEY, libc::AF_CAN]
    {
        say("socket", call(libc::SYS_socket, [family as u64, libc::SOCK_RAW as u64, 0, 0]));
    }
    for (family, protocol) in [(libc::AF_NETLINK, libc::NETLINK_AUDIT), (libc::AF_INET, libc::IPPROTO_RAW)] {
        say("socket", call(libc::SYS_socket, [family as u64, libc::SOCK_RAW as u64, protocol as u64, 0]));
    }
    say("socket with high bits", call(libc::SYS_socket, [1 << 32 | libc::AF_VSOCK as u64, 1, 0, 0]));
    say("personality", call(libc::SYS_personality, [0x040_0000, 0, 0, 0]));
}

/// Calls that builds need.
fn allowed() {
    for (name, family) in [("unix", libc::AF_UNIX), ("inet", libc::AF_INET), ("inet6", libc::AF_INET6)] {
        say(name, call(libc::SYS_socket, [family as u64, libc::SOCK_STREAM as u64, 0, 0]));
    }
    say("route", call(libc::SYS_socket, [libc::AF_NETLINK as u64, libc::SOCK_RAW as u64, 0, 0]));
    println!("personality={:#x}", call(libc::SYS_personality, [0xffff_ffff, 0, 0, 0]));
    println!("groups={}", call(libc::SYS_getgroups, [0; 4]));
    println!("thread={}", std::thread::spawn(|| "runs").join().expect("no panic"));
    println!("child={}", Command::new("/bin/true").status().expect("starts"));
}

/// Calls of other architectures.
fn foreign() {
    say("clone3", call(libc::SYS_clone3, [0; 4]));
    #[cfg(target_arch = "x86_64")]
    {
        say("x32", call(0x4000_0000 | libc::SYS_getpid, [0; 4]));
        // SAFETY: a child that does nothing but ask for its pid in the 32-bit way and end.
        let status = unsafe {
            let child = libc::fork();
            if child == 0 {
                let answer: i64;
                std::arch::asm!("int 0x80", inlateout("rax") 20_i64 => answer, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
                libc::_exit(if answer as i32 == -libc::ENOSYS { 0 } else { 1 });
            }
            let mut status = 0;
            libc::waitpid(child, &raw mut status, 0);
            status
        };
        // Kernels without 32-bit programs kill.
        let refused = status == 0 || libc::WIFSIGNALED(status);
        println!("int80={}", if refused { "refused" } else { "allowed" });
    }
}

/// Pid 1 has seen the host; nothing of it may be read.
fn init() {
    say("ptrace", call(libc::SYS_ptrace, [libc::PTRACE_ATTACH as u64, 1, 0, 0]));
    let mut byte = 0_u8;
    let local = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let remote = libc::iovec { iov_base: ptr::without_provenance_mut(0x1000), iov_len: 1 };
    // SAFETY: both vectors outlive the call and at most one byte is written, into `byte`.
    say(
        "process_vm_readv",
        unsafe { libc::process_vm_readv(1, &raw const local, 1, &raw const remote, 1, 0) } as i64,
    );
    for name in ["mem", "environ", "maps", "auxv", "syscall", "stack"] {
        say(name, if fs::read(format!("/proc/1/{name}")).is_ok() { 0 } else { -1 });
    }
    for name in ["root", "cwd", "exe", "fd/0", "ns/user"] {
        say(name, if fs::read_link(format!("/proc/1/{name}")).is_ok() { 0 } else { -1 });
    }
    say("kill", call(libc::SYS_kill, [1, libc::SIGSTOP as u64, 0, 0]));
}

fn network(port: &str) {
    let interfaces: Vec<_> = fs::read_to_string("/proc/net/dev")
        .expect("readable")
        .lines()
        .skip(2)
        .filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()))
        .collect();
    println!("interfaces={}", interfaces.join(" "));
    println!("routes={}", fs::read_to_string("/proc/net/route").expect("readable").lines().count() - 1);
    for address in [
        format!("127.0.0.1:{port}"),
        "1.1.1.1:80".into(),
        "10.0.0.1:80".into(),
        "[2606:4700::1111]:80".into(),
    ] {
        let address: SocketAddr = address.parse().expect("an address");
        let result = TcpStream::connect_timeout(&address, Duration::from_secs(2));
        let answer = result.err().and_then(|error| error.raw_os_error());
        let name = if address.port() == 80 { address.to_string() } else { "host".to_owned() };
        println!("{name}={}", answer.map_or_else(|| "allowed".to_owned(), named));
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("the loopback is there");
    println!("itself={}", TcpStream::connect(listener.local_addr().expect("bound")).is_ok());
    let abstracted = std::os::unix::net::SocketAddr::from_pathname("/run/docker.sock").expect("an address");
    println!("docker={}", std::os::unix::net::UnixStream::connect_addr(&abstracted).is_ok());
}

fn named(errno: i32) -> String {
    match errno {
        libc::ENETUNREACH => "ENETUNREACH".to_owned(),
        libc::ECONNREFUSED => "ECONNREFUSED".to_owned(),
        libc::EADDRNOTAVAIL => "EADDRNOTAVAIL".to_owned(),
        other => format!("errno {other}"),
    }
}

fn descriptors() {
    for fd in 0..1024 {
        // SAFETY: asks for flags of a number that may be no descriptor.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0 {
            let target = fs::read_link(format!("/proc/self/fd/{fd}")).expect("readable");
            println!("{fd}={}", target.to_string_lossy().split(':').next().unwrap_or_default());
        }
    }
}

/// Files that change the machine or the room.
fn files() {
    for path in [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/hostname",
        "/proc/sys/user/max_user_namespaces",
        "/proc/sysrq-trigger",
        "/proc/self/uid_map",
        "/proc/self/gid_map",
        "/proc/self/setgroups",
        "/proc/1/oom_score_adj",
        "/proc/irq/default_smp_affinity",
        "/dev/null/x",
        "/dev/new",
        "/sys/new",
        "/proc/self/root/etc/new",
        "/proc/self/cwd/../../etc/new",
    ] {
        let written = fs::OpenOptions::new()
            .write(true)
            .create(!path.starts_with("/proc/"))
            .open(path)
            .and_then(|mut file| file.write_all(b"0"));
        println!("{path}={}", if written.is_ok() { "allowed" } else { "refused" });
    }
}

fn write(paths: &[&str]) {
    for path in paths {
        let file = format!("{path}/new");
        let result = fs::write(&file, "x").map_or(-1, |()| 0);
        say(path, result);
    }
}

/// A directory in the order of its entries.
fn list(path: &str) {
    let names = fs::read_dir(path).expect("readable").map(|entry| entry.expect("readable").file_name());
    println!("{}", names.map(|name| name.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" "));
}

fn address() {
    let local = 0_u8;
    println!("{:p} {:p} {:p}", &raw const local, address as fn(), Box::new(0_u8));
}

fn detached(seconds: &str) -> Command {
    let mut sleeper = Command::new("/bin/sleep");
    sleeper.arg(seconds);
    // SAFETY: between fork and exec the child makes two simple calls.
    unsafe {
        sleeper.pre_exec(|| {
            libc::setsid();
            libc::signal(libc::SIGTERM, libc::SIG_IGN);
            Ok(())
        });
    }
    sleeper
}

/// Leaves a process behind that has another parent, another session, and keeps the log open.
fn daemon(seconds: &str) {
    // SAFETY: the child of a process with one thread starts another and ends.
    if unsafe { libc::fork() } == 0 {
        detached(seconds).spawn().expect("starts");
        // SAFETY: ends without running what belongs to the parent.
        unsafe { libc::_exit(0) };
    }
    std::thread::sleep(Duration::from_millis(100));
}

/// Ignores signals itself, and waits with children that do.
fn stubborn(seconds: &str) {
    for _ in 0..3 {
        detached(seconds).spawn().expect("starts");
    }
    // SAFETY: ignoring is no function of ours.
    unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
    let failed = detached(seconds).status();
    println!("{failed:?}");
}

fn loud(bytes: &str) {
    let mut left: usize = bytes.parse().expect("a number");
    let chunk = [b'x'; 4096];
    let mut out = std::io::stdout().lock();
    while left > 0 {
        let n = left.min(chunk.len());
        out.write_all(&chunk[..n]).expect("somebody reads");
        left -= n;
    }
}

/// Parts of /proc that are there and empty.
fn hidden() {
    for name in ["cmdline", "diskstats", "kallsyms", "keys", "kmsg", "partitions", "swaps", "timer_list"] {
        let content = fs::read(format!("/proc/{name}")).unwrap_or_default();
        println!("{name}={}", content.len());
    }
}
