//! The ordinary user that a part of the tests runs as.

use std::{fs, path::PathBuf, process::Command, sync::OnceLock};

use crate::support::run::Run;

const NAME: &str = "eadem-test";

/// A user without any right.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) home: PathBuf,
}

impl User {
    /// The ordinary user, made when it is first asked for and used again by later runs.
    pub(crate) fn ordinary() -> &'static Self {
        static USER: OnceLock<User> = OnceLock::new();
        USER.get_or_init(|| Self::find().unwrap_or_else(Self::make))
    }

    fn find() -> Option<Self> {
        let table = fs::read_to_string("/etc/passwd").expect("/etc/passwd can be read");
        let line = table.lines().find(|line| line.starts_with(&format!("{NAME}:")))?;
        let fields: Vec<&str> = line.split(':').collect();
        let number = |index: usize| fields[index].parse().expect("ids are numbers");
        Some(Self { uid: number(2), gid: number(3), home: fields[5].into() })
    }

    fn make() -> Self {
        assert!(is_root(), "the tests need root to make the user {NAME}");
        let mut useradd = Command::new("useradd");
        useradd.args(["--create-home", "--shell", "/usr/sbin/nologin", NAME]);
        drop(Run::of(&mut useradd).exit(0));
        Self::find().expect("the user has just been made")
    }
}

/// Whether the tests run as root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
