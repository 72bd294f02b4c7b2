//! What a program does that wants to know the time, or waits until one.
#![allow(unsafe_code, reason = "libc's clocks have no safe form")]

use std::{
    mem::zeroed,
    ptr,
    time::{Instant, SystemTime},
};

/// Says the second that each way to the clock shows.
pub(crate) fn tell() {
    let std = SystemTime::UNIX_EPOCH.elapsed().expect("is past").as_secs();
    let raw = |clock: i32| {
        // SAFETY: the call writes one such structure.
        unsafe {
            let mut time: libc::timespec = zeroed();
            libc::syscall(libc::SYS_clock_gettime, clock, &raw mut time, 0);
            time.tv_sec
        }
    };
    println!("std {std}");
    [libc::CLOCK_REALTIME, libc::CLOCK_REALTIME_COARSE]
        .iter()
        .for_each(|clock| println!("raw {}", raw(*clock)));
    println!("time {}", now());
}

fn now() -> i64 {
    // SAFETY: nothing is to be written.
    unsafe { libc::time(ptr::null_mut()) }
}

/// Waits for a time of day in all ways, and says how many seconds each took.
pub(crate) fn wait(seconds: &str) {
    let seconds: i64 = seconds.parse().expect("a number");
    let timed = |wait: &dyn Fn(&libc::timespec) -> i32| {
        let since = Instant::now();
        // SAFETY: the call writes one such structure.
        let mut end = unsafe {
            let mut end: libc::timespec = zeroed();
            libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut end);
            end
        };
        end.tv_sec += seconds;
        let answer = wait(&end);
        println!("{answer} {}", since.elapsed().as_secs());
    };
    // SAFETY: the structures are initialised, live longer than the calls and belong to this thread alone.
    timed(&|end| unsafe {
        libc::clock_nanosleep(libc::CLOCK_REALTIME, libc::TIMER_ABSTIME, end, ptr::null_mut())
    });
    // SAFETY: as above; the mutex is held.
    timed(&|end| unsafe {
        let (mut mutex, mut condition) = (libc::PTHREAD_MUTEX_INITIALIZER, libc::PTHREAD_COND_INITIALIZER);
        libc::pthread_mutex_lock(&raw mut mutex);
        libc::pthread_cond_timedwait(&raw mut condition, &raw mut mutex, end)
    });
    // SAFETY: as above.
    timed(&|end| unsafe {
        let mut semaphore: libc::sem_t = zeroed();
        libc::sem_init(&raw mut semaphore, 0, 0);
        std::thread::scope(|scope| {
            let semaphore = &raw mut semaphore as usize;
            scope.spawn(move || {
                std::thread::sleep(std::time::Duration::from_millis(100));
                libc::sem_post(semaphore as *mut libc::sem_t);
            });
            libc::sem_timedwait(semaphore as *mut libc::sem_t, end)
        })
    });
}
