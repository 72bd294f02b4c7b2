//! Kills eadem, a keeper or pid 1 at every step of a room's life, and looks what is left.

use std::{
    env, fs,
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
};

use eadem_model::Ending;
use eadem_sandbox::{Step, sweep};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    leak::groups,
    process::{children, is_alive, is_first, is_halted, mounts, parent, session, soon},
    world::{World, shell, with_output},
};

/// The word that asks this program to run one room that stops at a step.
pub(crate) const WORD: &str = "__halted";

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Prey {
    Eadem,
    Keeper,
    Pid1,
    EademAndKeeper,
}

const PREY: [Prey; 4] = [Prey::Eadem, Prey::Keeper, Prey::Pid1, Prey::EademAndKeeper];

/// What is killed: an eadem whose room stops at a step.
pub(crate) fn run(place: &Path, rooms_dir: &Path, step: &str) -> ExitCode {
    let step = Step::ALL.into_iter().find(|one| format!("{one:?}") == step).expect("the name of a step");
    let mut world = World::beside(place, rooms_dir);
    world.engine = world.engine.with_halt(step);
    let mut round = with_output(shell("mkdir -p out/a/b; echo > out/a/b/c"), "out", "/out");
    // So that the room has a control group, where one can be had.
    round.plan.limits.memory_bytes = Some(1 << 30);
    let run = world.run(&round);
    let lived = run.outcome.is_ok_and(|outcome| outcome.ending == Ending::Success);
    if lived { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every step and every prey, a few at a time: the machine has something to do while processes are waited for.
pub(crate) fn everywhere(world: &World) {
    const AT_ONCE: usize = 4;
    let all: Vec<_> = Step::ALL.into_iter().flat_map(|step| PREY.map(|prey| (step, prey))).collect();
    std::thread::scope(|scope| {
        for turn in 0..AT_ONCE {
            let mine = all.iter().skip(turn).step_by(AT_ONCE);
            scope.spawn(move || mine.for_each(|(step, prey)| at(world, *step, *prey)));
        }
    });
}

fn at(world: &World, step: Step, prey: Prey) {
    let rooms = tempfile::tempdir().expect("a temporary directory");
    // Who waits for a keeper wakes it, sometimes before it is seen to stand still.
    const TRIES: usize = 50;
    let set = (0..TRIES).find_map(|_| Scene::set(&world.place, rooms.path(), step));
    let mut scene = set.unwrap_or_else(|| panic!("{step:?} is never reached"));
    scene.kill(prey);
    let ended = scene.nothing_lives();
    assert_eq!(mounts(rooms.path()), 0, "{step:?} {prey:?}");
    if prey == Prey::EademAndKeeper {
        // Nobody is left to remove the room; the next start does.
        sweep(rooms.path()).expect("sweeps");
    }
    soon(&format!("{step:?} {prey:?}: control groups are removed"), || {
        !groups()
            .iter()
            .any(|group| scene.names.iter().any(|name| group.ends_with(format!("eadem-room-{name}"))))
    });
    let left = fs::read_dir(rooms.path()).expect("readable").count();
    assert_eq!(left, 0, "{step:?} {prey:?} ({ended:?})");
}

/// An eadem, and all processes that came from it when one of them stopped.
struct Scene {
    eadem: Child,
    /// The one that stopped.
    halted: Option<i32>,
    /// All, each behind the one that started it.
    all: Vec<i32>,
    /// The names of its rooms.
    names: Vec<String>,
    step: Step,
}

impl Scene {
    /// `None` if eadem ended and nobody was seen to stand still.
    fn set(place: &Path, rooms_dir: &Path, step: Step) -> Option<Self> {
        // In a session of its own, so that its processes can be told from others.
        let mut command = Command::new("setsid");
        command
            .arg(env::current_exe().expect("has a path"))
            .arg(WORD)
            .args([place, rooms_dir])
            .arg(format!("{step:?}"))
            .stdout(Stdio::null());
        let eadem = command.spawn().expect("starts");
        let mut scene = Self { eadem, halted: None, all: Vec::new(), names: Vec::new(), step };
        soon(&format!("{step:?} is reached"), || scene.is_set());
        let names = fs::read_dir(rooms_dir).into_iter().flatten().flatten();
        scene.names = names.map(|name| name.file_name().to_string_lossy().into_owned()).collect();
        scene.halted.is_some().then_some(scene)
    }

    /// Looks who stands still; the end of eadem is an end of waiting too.
    fn is_set(&mut self) -> bool {
        self.all = family(self.eadem.id().cast_signed());
        self.halted = self.all.iter().copied().find(|pid| is_halted(*pid));
        self.halted.is_some() || self.eadem.try_wait().expect("is ours").is_some()
    }

    /// What is not there is not killed.
    fn kill(&self, prey: Prey) {
        let eadem = self.all[0];
        let pid_1 = self.all.iter().copied().find(|pid| is_first(*pid));
        // Without a room the keeper is the one that stopped, or none is sure to be this room's: one will do.
        let stopped = self.halted.filter(|pid| *pid != eadem).or(self.all[1..].last().copied());
        let keeper = pid_1.map_or(stopped, |pid| Some(parent(pid)));
        let killed = match prey {
            Prey::Eadem => [Some(eadem), None],
            Prey::Keeper => [keeper, None],
            Prey::Pid1 => [pid_1, None],
            Prey::EademAndKeeper => [Some(eadem), keeper],
        };
        killed.into_iter().flatten().for_each(|pid| send(pid, Signal::KILL));
    }

    /// Waits until eadem has ended, by itself if it was not killed, and everything that came from it.
    fn nothing_lives(&mut self) -> std::process::ExitStatus {
        let mut ended = None;
        soon(&format!("{:?}: eadem ends", self.step), || {
            // It may come to the same step again, with another keeper.
            self.halted.into_iter().for_each(|pid| send(pid, Signal::CONT));
            ended = self.eadem.try_wait().expect("is ours");
            ended.is_some()
        });
        let session_id = self.eadem.id();
        soon(&format!("{:?}: all processes end", self.step), || {
            session(session_id).is_empty() && !self.all.iter().any(|pid| is_alive(*pid))
        });
        ended.expect("has ended")
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // Where a test fails, what it started must not stand still for ever.
        for pid in self.all.iter().filter(|pid| is_alive(**pid)) {
            send(*pid, Signal::KILL);
        }
        let _ = self.eadem.kill();
        let _ = self.eadem.wait();
    }
}

/// A process and what came from it; in a room each has one child, so this is a line.
fn family(pid: i32) -> Vec<i32> {
    let mut all = vec![pid];
    let mut next = 0;
    while next < all.len() {
        all.extend(children(all[next]));
        next += 1;
    }
    all
}

/// It may be gone already.
fn send(pid: i32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(pid).expect("a pid"), signal);
}
