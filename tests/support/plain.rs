//! Plain cargo: what a plan says, done in the image's root without a room and without eadem.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use eadem_model::{Plan, Root, Setting};

/// A plan that bubblewrap carries out, which is only there to change the root.
pub(crate) struct Plain {
    store: PathBuf,
    plan: Plan,
    setting: Setting,
    dir: PathBuf,
}

impl Plain {
    /// Lays the image's layers, which a store has unpacked, in one directory, which is new.
    pub(crate) fn new(store: &Path, plan: Plan, setting: Setting, dir: &Path) -> Self {
        let plain = Self { store: store.to_owned(), plan, setting, dir: dir.to_owned() };
        fs::create_dir_all(plain.root()).expect("the directory is ours");
        for diff_id in &plain.plan.rootfs {
            let layer = store.join("unpacked").join(diff_id.hex());
            let mut command = Command::new("cp");
            command.args(["--archive", "--link", "--no-target-directory"]).arg(layer).arg(plain.root());
            assert!(command.status().expect("`cp` is there").success(), "{command:?}");
        }
        for place in ["/dev", "/proc", "/tmp"].into_iter().chain(ROOTS.map(|root| plain.place(root))) {
            fs::create_dir_all(plain.root().join(&place[1..])).expect("the directory is ours");
        }
        plain
    }

    /// A build from an empty target directory, not started yet.
    pub(crate) fn command(&self) -> Command {
        let target = self.target();
        if target.exists() {
            fs::remove_dir_all(&target).expect("the directory is ours");
        }
        fs::create_dir(&target).expect("the directory is ours");
        let mut command = Command::new("/usr/bin/bwrap");
        command.env_clear();
        bind(&mut command, "--ro-bind", &self.root(), "/");
        for input in &self.plan.inputs {
            let from = self.store.join("unpacked").join(input.layer.hex()).join(input.subpath.as_str());
            bind(&mut command, "--ro-bind", &from, self.place(input.at));
        }
        bind(&mut command, "--bind", &target, self.place(Root::Target));
        command.args(["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]);
        command.args(["--tmpfs", self.place(Root::Home), "--clearenv"]);
        self.set_environment(&mut command);
        command.args(["--chdir", &self.text(&self.plan.cwd), "--"]);
        command.args(self.plan.argv.iter().map(|word| self.text(word)));
        command
    }

    /// Where an output of the plan lies after the build.
    pub(crate) fn output(&self, name: &str) -> PathBuf {
        let output = self.plan.outputs.iter().find(|output| output.path.as_str() == name);
        let from = self.text(&output.unwrap_or_else(|| panic!("{name} is no output")).from);
        let below = from.strip_prefix(self.place(Root::Target)).expect("outputs lie in the target directory");
        self.target().join(&below[1..])
    }

    /// The directory that cargo writes into.
    pub(crate) fn target(&self) -> PathBuf {
        self.dir.join("target")
    }

    fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// The plan's variables, and those that a round sets.
    fn set_environment(&self, command: &mut Command) {
        for (name, value) in &self.plan.env {
            command.args(["--setenv", name, &self.text(value)]);
        }
        let Setting { user, locale, timezone, .. } = &self.setting;
        let epoch = self.plan.epoch.to_string();
        for (name, value) in [
            ("HOME", user.home.as_str()),
            ("LANG", locale),
            ("LC_ALL", locale),
            ("LOGNAME", &user.name),
            ("SOURCE_DATE_EPOCH", &epoch),
            ("TZ", timezone),
            ("USER", &user.name),
        ] {
            command.args(["--setenv", name, value]);
        }
    }

    fn place(&self, root: Root) -> &str {
        self.setting.place(root).as_str()
    }

    fn text(&self, text: &eadem_model::Text) -> String {
        text.resolve(|root| self.place(root).to_owned())
    }
}

const ROOTS: [Root; 4] = [Root::Source, Root::Cargo, Root::Target, Root::Home];

fn bind(command: &mut Command, how: &str, from: &Path, to: &str) {
    command.args([OsStr::new(how), from.as_os_str(), OsStr::new(to)]);
}
