//! Programs that use up what they can.
#![allow(unsafe_code, reason = "processes without exec and files without names have no safe form")]
#![allow(clippy::zombie_processes, reason = "nobody waits for a bomb")]

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    thread,
    time::Duration,
};

const MIB: usize = 1 << 20;

/// Runs one; `false` if it is not known.
pub(crate) fn run(words: &[&str]) -> bool {
    match *words {
        ["bomb"] => bomb(),
        ["crowd", n] => crowd(number(n)),
        ["threads", n] => threads(number(n)),
        ["hog", mib] => hog(number(mib)),
        ["hogs", n, mib] => hogs(number(n), number(mib)),
        ["shared", mib] => shared(number(mib)),
        ["memfd", mib] => memfd(number(mib)),
        ["fill", path, mib] => fill(Path::new(path), number(mib)),
        ["nameless", path, mib] => nameless(Path::new(path), number(mib)),
        ["hidden", path, mib] => hidden_dir(Path::new(path), number(mib)),
        ["files", path, n] => files(Path::new(path), number(n)),
        ["spin", millis] => spin(number(millis) as u64),
        _ => return false,
    }
    true
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}

/// Waits to be ended; whoever is not looks as if all were well.
fn linger() {
    thread::sleep(Duration::from_secs(20));
}

/// Forks without end, and so does every child; takes no refusal for an answer.
fn bomb() {
    loop {
        // SAFETY: this process has one thread.
        if unsafe { libc::fork() } < 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Starts processes that wait, and ends well whatever the kernel says.
fn crowd(n: usize) {
    for _ in 0..n {
        // SAFETY: this process has one thread.
        match unsafe { libc::fork() } {
            0 => return linger(),
            -1 => return,
            _ => {}
        }
    }
}

fn threads(n: usize) {
    for _ in 0..n {
        if thread::Builder::new().stack_size(64 << 10).spawn(linger).is_err() {
            return;
        }
    }
    linger();
}

fn hog(mib: usize) {
    let mut held = Vec::new();
    for _ in 0..mib {
        held.push(vec![1_u8; MIB]);
    }
    linger();
    drop(held);
}

fn hogs(n: usize, mib: usize) {
    for _ in 0..n {
        // SAFETY: this process has one thread.
        if unsafe { libc::fork() } == 0 {
            return hog(mib);
        }
    }
    linger();
}

/// One memory, seen by many: it counts once.
fn shared(mib: usize) {
    let held = vec![1_u8; mib * MIB];
    for _ in 0..8 {
        // SAFETY: this process has one thread.
        if unsafe { libc::fork() } == 0 {
            break;
        }
    }
    thread::sleep(Duration::from_millis(500));
    drop(held);
}

fn memfd(mib: usize) {
    let fd = rustix::fs::memfd_create("hog", rustix::fs::MemfdFlags::empty()).expect("is made");
    // It lives until the end: a watch is no match for what is there for less than a second.
    let mut file = File::from(fd);
    write_mib(&mut file, mib);
    linger();
}

fn write_mib(file: &mut File, mib: usize) {
    let chunk = vec![b'x'; MIB];
    for _ in 0..mib {
        if file.write_all(&chunk).is_err() {
            return;
        }
    }
}

fn fill(path: &Path, mib: usize) {
    write_mib(&mut File::create(path.join("big")).expect("is made"), mib);
    linger();
}

/// A file that no directory shows.
fn nameless(path: &Path, mib: usize) {
    let mut file = File::create(path.join("big")).expect("is made");
    fs::remove_file(path.join("big")).expect("is removed");
    write_mib(&mut file, mib);
    linger();
}

/// A file in a directory that cannot be read.
fn hidden_dir(path: &Path, mib: usize) {
    use std::os::unix::fs::PermissionsExt;
    let dir = path.join("hidden");
    fs::create_dir(&dir).expect("is made");
    let mut file = File::create(dir.join("big")).expect("is made");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o0)).expect("sets");
    write_mib(&mut file, mib);
    drop(file);
    linger();
}

fn files(path: &Path, n: usize) {
    for index in 0..n {
        if File::create(path.join(index.to_string())).is_err() {
            break;
        }
    }
    linger();
}

/// Works for so long as a clock on the wall says.
fn spin(millis: u64) {
    let since = std::time::Instant::now();
    while since.elapsed() < Duration::from_millis(millis) {}
}
