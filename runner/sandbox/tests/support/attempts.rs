//! What the test program tries when it runs inside a room: it prints what the kernel answered.
#![allow(unsafe_code, reason = "the attempts are raw system calls")]
#![allow(clippy::zombie_processes, reason = "what nobody waits for is what some attempts are about")]

use std::{
    fs::{self, Permissions},
    io::{Error, Write},
    net::{SocketAddr, TcpStream},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, lchown},
        process::CommandExt,
    },
    process::{Command, ExitCode},
    time::Duration,
};

use super::{clock, hogs};

/// Runs one attempt.
pub(crate) fn run(words: &[String]) -> ExitCode {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["allowed"] => allowed(),
        ["network", port] => network(port),
        ["descriptors"] => descriptors(),
        ["write", ref paths @ ..] => write(paths),
        ["list", path] => list(path),
        ["address"] => address(),
        ["clock"] => clock::tell(),
        ["until", seconds] => clock::wait(seconds),
        ["daemon", seconds] => daemon(seconds),
        ["stubborn", seconds] => stubborn(seconds),
        ["users"] => users(),
        ["give", "deep"] => give_deep_trees(),
        ["give", dir] => give(dir),
        ["generous", seconds] => {
            give("out");
            stubborn(seconds);
        }
        ["loud", bytes] => loud(bytes),
        ["hidden"] => hidden(),
        ["fault"] => fault(),
        #[cfg(target_arch = "x86_64")]
        ["old-numbers"] => old_numbers(),
        ref other if hogs::run(other) => {}
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
        libc::EINVAL => "EINVAL".to_owned(),
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
        libc::EINVAL => "EINVAL".to_owned(),
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

/// Refused calls by the numbers that 32-bit programs have: keyctl, bpf, socketcall for a socket.
#[cfg(target_arch = "x86_64")]
fn old_numbers() {
    for number in [288_i64, 357, 102] {
        let answer: i64;
        // SAFETY: the calls get numbers alone, which name no memory.
        unsafe {
            std::arch::asm!("push rbx", "mov ebx, 1", "int 0x80", "pop rbx", inlateout("rax") number => answer,
                in("rcx") 0_i64, in("rdx") 0_i64, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
        }
        println!("{}", answer as i32);
    }
}

/// Touches memory that is not there.
fn fault() {
    // SAFETY: the process ends here, as it is meant to.
    unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) };
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

/// What can be done with other users' ids; nothing here is wrong in itself.
fn users() {
    say_who();
    for (name, id) in
        [("own", (1000, 1000)), ("roots", (0, 0)), ("others", (33, 44)), ("highest", (65_535, 65_535))]
    {
        fs::write(name, "").expect("writes");
        match lchown(name, Some(id.0), Some(id.1)) {
            Ok(()) => {
                let seen = fs::metadata(name).expect("is there");
                println!("{name} {}:{}", seen.uid(), seen.gid());
            }
            Err(_) => println!("{name}: {}", errno()),
        }
    }
    if lchown("own", Some(65_536), None).is_err() {
        println!("beyond: {}", errno());
    }
    become_root();
}

fn say_who() {
    // SAFETY: the calls take nothing.
    let (uid, gid) = unsafe { (libc::getuid(), libc::getgid()) };
    println!("uid {uid} gid {gid} groups {:?}", groups());
}

fn groups() -> Vec<u32> {
    let mut groups = [0; 8];
    // SAFETY: the kernel writes at most as many as said.
    let n = unsafe { libc::getgroups(8, groups.as_mut_ptr()) };
    groups[..usize::try_from(n).expect("may be asked")].to_vec()
}

/// Becomes root of the room, and finds that this is little.
fn become_root() {
    // SAFETY: the calls take numbers, and an array that is as long as said.
    unsafe {
        if libc::setgroups(2, [4, 5].as_ptr()) == 0 {
            println!("groups {:?}", groups());
        }
        if libc::setresgid(0, 0, 0) == 0 && libc::setresuid(0, 0, 0) == 0 {
            println!("became {}:{}", libc::geteuid(), libc::getegid());
        }
        let try_to = |name: &str, result: i64| {
            println!("{name}: {}", if result < 0 { errno() } else { "done".into() });
        };
        try_to("mount", call(libc::SYS_mount, [0; 4]));
        try_to("chroot", call(libc::SYS_chroot, [c".".as_ptr() as u64, 0, 0, 0]));
        let device =
            [libc::AT_FDCWD as u64, c"disk".as_ptr() as u64, u64::from(libc::S_IFBLK | 0o600), 0x800];
        try_to("mknod", call(libc::SYS_mknodat, device));
        try_to("clock", call(libc::SYS_clock_settime, [0; 4]));
        // Pid 1 is another user's now.
        try_to("kill", call(libc::SYS_kill, [1, 0, 0, 0]));
        let file = fs::write("/etc/planted", "");
        if file.is_err() {
            println!("root: {}", errno());
        }
        libc::setresuid(1000, 1000, 1000);
        println!("again {}", libc::getuid());
    }
    let status = fs::read_to_string("/proc/self/status").expect("readable");
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:\t"));
    println!("effective {}", line.expect("is there"));
}

/// A tree whose files belong to three users if that can be had, and to one if not.
fn give(dir: &str) {
    fs::create_dir(dir).expect("makes");
    fs::write(format!("{dir}/own"), "own\n").expect("writes");
    fs::write(format!("{dir}/run"), "run\n").expect("writes");
    fs::set_permissions(format!("{dir}/run"), Permissions::from_mode(0o4755)).expect("sets");
    for id in [0, 33] {
        let inner = format!("{dir}/{id}");
        fs::create_dir(&inner).expect("makes");
        fs::write(format!("{inner}/file"), "secret\n").expect("writes");
        fs::set_permissions(format!("{inner}/file"), Permissions::from_mode(0o000)).expect("sets");
        fs::set_permissions(&inner, Permissions::from_mode(0o700)).expect("sets");
        for path in [format!("{inner}/file"), inner] {
            // In a room of one user it cannot be given away, and stays.
            let _ = lchown(path, Some(id), Some(id));
        }
    }
}

/// Directories that are deeper than one may have descriptors for, and belong to others.
fn give_deep_trees() {
    for _ in 0..1500 {
        fs::create_dir("deep").expect("makes");
        fs::set_permissions("deep", Permissions::from_mode(0o000)).expect("sets");
        lchown("deep", Some(33), Some(33)).expect("gives");
        std::env::set_current_dir("deep").expect("has every power over files");
    }
}
