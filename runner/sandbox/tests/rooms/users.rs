//! Rooms with many users.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use eadem_model::{EngineError, Round, Users};
use eadem_sandbox::{outer_ids, sweep};
use rustix::process::Signal;

use crate::{
    ORDINARY, Victim, is_root, start_victim,
    support::{
        harness::{Test, tests},
        process::{keepers_below, signal, soon},
        world::{World, attempt, shell, with_output},
    },
    varied,
};

/// The first of the ids that the ordinary user has besides its own.
const FIRST: u32 = 300_000;

/// A copy of `/etc` in which the ordinary user has an account and subordinate ids.
pub(crate) fn etc_with_subordinate_ids(dir: &Path) -> PathBuf {
    let etc = dir.join("etc");
    let copied = Command::new("cp").arg("-a").arg("/etc").arg(&etc).status();
    assert!(copied.expect("cp starts").success(), "/etc is copied");
    let add = |name: &str, line: String| {
        let text = fs::read_to_string(etc.join(name)).unwrap_or_default();
        fs::write(etc.join(name), format!("{text}{line}\n")).expect("writes");
    };
    add("passwd", format!("ordinary:x:{ORDINARY}:{ORDINARY}::/:/bin/sh"));
    // By name and by number: both are usual.
    add("subuid", format!("ordinary:{FIRST}:65536"));
    add("subgid", format!("{ORDINARY}:{FIRST}:65536"));
    etc
}

fn with_many(mut round: Round) -> Round {
    round.plan.users = Users::Range;
    round
}

pub(crate) fn where_there_are_many_users_files_can_be_given_to_them(world: &World) {
    let run = world.run(&with_many(attempt(&["users"])));
    let expected = "uid 1000 gid 1000 groups []\n\
        own 1000:1000\nroots 0:0\nothers 33:44\nhighest 65535:65535\nbeyond: EINVAL\n\
        groups [4, 5]\nbecame 0:0\nmount: EPERM\nchroot: EPERM\nmknod: EPERM\nclock: EPERM\nkill: EPERM\n\
        root: EROFS\nagain 1000\neffective 00000000000000db\n";
    assert_eq!(run.success(), expected);
    // The varied round has another user of its own, and powers no more and no less.
    let log = world.run(&varied(with_many(attempt(&["users"])))).success();
    assert!(
        log.contains("\nroots 0:0\nothers 33:44\n") && log.ends_with("effective 00000000000000db\n"),
        "{log}"
    );
}

pub(crate) fn where_there_is_one_user_nothing_can_be_given_away(world: &World) {
    let log = world.attempt(&["users"]);
    assert!(log.contains("roots: EINVAL\nothers: EINVAL\n"), "{log}");
    assert!(log.ends_with("effective 0000000000000000\n"), "{log}");
}

/// Leaves files of three users, some of which no other user may read.
const GIVEN: [&str; 2] = ["give", "out"];

pub(crate) fn files_of_other_users_are_outputs_like_all(world: &World) {
    let round = with_output(attempt(&GIVEN), "o", "/out");
    let one = world.run(&round);
    let many = world.run(&with_many(round.clone()));
    let expected = [
        "o/",
        "o/0/",
        "o/0/file = secret\n",
        "o/33/",
        "o/33/file = secret\n",
        "o/own = own\n",
        "o/run* = run\n",
    ];
    assert_eq!((&one.taken[..], &many.taken[..]), (&expected.map(str::to_owned)[..], &one.taken[..]));
    assert_eq!(world.run(&varied(with_many(round.clone()))).taken, many.taken);
    let mut small = with_many(round);
    // So little lies in memory.
    small.plan.limits.disk_bytes = 64 << 20;
    let run = world.run(&small);
    assert_eq!(run.outcome().ending, eadem_model::Ending::Success, "{}", run.log);
    assert_eq!(run.taken, many.taken);
    assert_eq!(world.leftovers(), [""; 0]);
}

pub(crate) fn rooms_of_many_users_look_like_those_of_one(world: &World) {
    let round = shell(
        "cat /proc/self/mounts; ls -l /build/src /bin/; id -un; ls -ld . ~ /tmp; cat /etc/passwd; umask",
    );
    let one = world.run(&round).success();
    assert_eq!(world.run(&with_many(round)).success(), one);
}

pub(crate) fn deep_trees_of_other_users_are_removed(world: &World) {
    drop(world.run(&with_many(attempt(&["give", "deep"]))).success());
    assert_eq!(world.leftovers(), [""; 0]);
}

pub(crate) fn the_ids_of_a_room_own_nothing_on_the_host(world: &World) {
    let round = with_many(shell("cat /proc/self/uid_map"));
    let log = world.run(&round).success();
    let numbers: Vec<Vec<u32>> = log
        .lines()
        .map(|line| line.split_whitespace().map(|word| word.parse().expect("a number")).collect())
        .collect();
    let first = if is_root() { 0x7000_0000 } else { FIRST };
    let (own, rest) = (outer_ids().0, 65_536 - 1001);
    assert_eq!(numbers, [[0, first, 1000], [1000, own, 1], [1001, first + 1000, rest]]);
}

/// A room that dies with its keeper leaves files that its user alone could not remove.
pub(crate) fn a_sweep_removes_what_other_users_own(world: &World) {
    let mut victim: Victim = start_victim(world, "__generous");
    let name =
        fs::read_dir(victim.rooms.path()).expect("readable").next().expect("a room").expect("readable");
    let given = name.path().join("u/0/out/33");
    soon("files are given away", || {
        fs::symlink_metadata(&given)
            .is_ok_and(|file| file.uid() != outer_ids().0 && file.mode() & 0o777 == 0o700)
    });
    let keepers = keepers_below(victim.process.id());
    signal(keepers[0], Signal::STOP);
    victim.kill();
    signal(keepers[0], Signal::KILL);
    victim.nothing_lives();
    soon("the lock is free", || sweep(victim.rooms.path()).expect("sweeps") == 1);
    assert_eq!(victim.n_rooms(), 0);
}

/// Tells what a room with many users lacks.
pub(crate) fn wish(place: &Path, rooms_dir: &Path) -> ExitCode {
    match World::beside(place, rooms_dir).run(&with_many(shell("true"))).outcome {
        Err(EngineError::Forbidden { step, errno, remedy, .. }) => println!("{step}\n{errno}\n{remedy}"),
        other => println!("{other:?}"),
    }
    ExitCode::SUCCESS
}

/// What only root can look at, who can be somebody else.
pub(crate) const OF_ROOT: &[Test] = tests![without_subordinate_ids_there_is_a_command_that_adds_them];

/// Somebody whom no file names.
fn without_subordinate_ids_there_is_a_command_that_adds_them(world: &World) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).expect("sets");
    let program = dir.path().join("program");
    fs::copy(std::env::current_exe().expect("has a path"), &program).expect("copies");
    let mut stranger = Command::new("setpriv");
    stranger.args(["--reuid=12346", "--regid=12346", "--clear-groups"]).arg(program);
    stranger.args(["__wish".as_ref(), world.place.as_os_str(), dir.path().join("rooms").as_os_str()]);
    let said = stranger.current_dir("/").stderr(Stdio::inherit()).output().expect("setpriv starts");
    let said = String::from_utf8(said.stdout).expect("is UTF-8");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "finding 65536 subordinate ids of user 12346 for the room's users", "{said}");
    assert_eq!(lines[1], "there are none");
    assert!(lines[2].starts_with("usermod --add-subuids ") && lines[2].ends_with(" 12346"), "{said}");
}
