//! `eadem doctor --fix-apparmor`: Ubuntu lets only programs with a profile make user namespaces.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use eadem_model::At;
use os_display::Quotable;

use crate::{Done, console::Console, exit::Exit, report::Report};

/// The first line of a file that is ours to replace.
const MARK: &str = "# Written by `eadem doctor --fix-apparmor`.";

/// The place of the profile, below the root of the file system.
const PROFILE: &str = "etc/apparmor.d/eadem";

/// The language that knows the rule `userns`.
const LANGUAGE: &str = "etc/apparmor.d/abi/4.0";

const SWITCH: &str = "proc/sys/kernel/apparmor_restrict_unprivileged_userns";

/// Writes or prints the profile for the running program.
pub(crate) fn fix(print: bool, console: &Console) -> Done {
    let program = std::env::current_exe()
        .and_then(|program| program.canonicalize())
        .map_err(|error| Report::io("cannot find the place of this program", error))?;
    let profile = profile(&program)?;
    if print {
        profile.lines().for_each(|line| console.print(line));
        return Ok(Exit::Done);
    }
    let machine = Machine { root: "/".into(), is_root: rustix::process::geteuid().is_root() };
    match machine.fix(&profile, &program)? {
        Fixed::Needless(why) => console.talk(&format!("there is nothing to fix: {why}")),
        Fixed::AsBefore(path) => {
            console.talk(&format!("{} is there already; {}", path.display(), load(&path)));
        }
        Fixed::Written(path) => console.talk(&format!("wrote {}; {}", path.display(), load(&path))),
    }
    Ok(Exit::Done)
}

fn load(path: &Path) -> String {
    format!("to load it now, type: apparmor_parser -r {}", path.display())
}

/// A machine, by the root of its file system.
struct Machine {
    root: PathBuf,
    is_root: bool,
}

/// What was done.
#[derive(Debug, PartialEq, Eq)]
enum Fixed {
    /// Nothing, for this reason.
    Needless(&'static str),
    /// Nothing: the same profile is there.
    AsBefore(PathBuf),
    /// The profile was written.
    Written(PathBuf),
}

impl Machine {
    fn fix(&self, profile: &str, program: &Path) -> Result<Fixed, Report> {
        if let Some(why) = self.needless() {
            return Ok(Fixed::Needless(why));
        }
        let path = self.root.join(PROFILE);
        match fs::read_to_string(&path) {
            Ok(text) if text == profile => return Ok(Fixed::AsBefore(path)),
            Ok(text) if !text.starts_with(MARK) => return Err(foreign(&path)),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Report::io(&format!("cannot read {}", path.display()), error));
            }
            _ => {}
        }
        if !self.is_root {
            return Err(Report::new(Exit::Machine, format!("only root may write {}", path.display()))
                .hint(format!("sudo {} doctor --fix-apparmor", program.maybe_quote())));
        }
        write(&path, profile)?;
        Ok(Fixed::Written(path))
    }

    /// Why no profile is needed, if none is.
    fn needless(&self) -> Option<&'static str> {
        if !self.root.join("sys/module/apparmor").exists() {
            return Some("this machine has no AppArmor");
        }
        match fs::read_to_string(self.root.join(SWITCH)) {
            Err(_) => Some("this machine's AppArmor restricts no user namespaces"),
            Ok(text) if text.trim() == "0" => Some("AppArmor's restriction of user namespaces is off"),
            Ok(_) if !self.root.join(LANGUAGE).exists() => {
                Some("this machine's AppArmor does not know the rule `userns`, so a profile would not help")
            }
            Ok(_) => None,
        }
    }
}

fn foreign(path: &Path) -> Report {
    Report::new(Exit::Machine, format!("{} is not eadem's, so it stays as it is", path.display()))
        .hint("eadem doctor --fix-apparmor --print shows the profile; put it there by hand if you want it")
}

/// A reader sees the old file, none, or the whole new one.
fn write(path: &Path, profile: &str) -> Result<(), Report> {
    let dir = path.parent().expect("the profile lies in a directory");
    let mut new = tempfile::Builder::new().prefix(".eadem-").tempfile_in(dir).at(dir)?;
    new.write_all(profile.as_bytes()).at(path)?;
    new.as_file().set_permissions(fs::Permissions::from_mode(0o644)).at(path)?;
    new.as_file().sync_all().at(path)?;
    new.persist(path).map_err(|error| error.error).at(path)?;
    Ok(())
}

/// The profile: it confines nothing, and lets one program make user namespaces.
fn profile(program: &Path) -> Result<String, Report> {
    let place = attachment(program).ok_or_else(|| {
        Report::new(Exit::Machine, format!("no profile can name the path {}", program.display()))
            .hint("put the program at a path of plain letters, as /usr/local/bin/eadem")
    })?;
    Ok(format!(
        "{MARK}\n\
         # It confines nothing; it lets this one program make user namespaces.\n\
         abi <abi/4.0>,\n\
         include <tunables/global>\n\n\
         profile eadem {place} flags=(unconfined) {{\n  userns,\n\n  include if exists <local/eadem>\n}}\n"
    ))
}

/// A path as profiles write it: quoted, and what would be a pattern escaped.
fn attachment(program: &Path) -> Option<String> {
    let text = program.to_str()?;
    if text.chars().any(char::is_control) {
        return None;
    }
    let special = |c: char| "\\\"*?[]{}^@".contains(c);
    let escaped: String =
        text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect();
    Some(format!("\"{escaped}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root directory that has these files.
    fn machine(files: &[(&str, &str)], is_root: bool) -> (tempfile::TempDir, Machine) {
        let dir = tempfile::tempdir().expect("a directory");
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("it has one")).expect("made");
            fs::write(path, text).expect("written");
        }
        let machine = Machine { root: dir.path().to_owned(), is_root };
        (dir, machine)
    }

    const UBUNTU: [(&str, &str); 3] =
        [("sys/module/apparmor/parameters/enabled", "Y\n"), (SWITCH, "1\n"), (LANGUAGE, "")];

    fn fixed(machine: &Machine) -> Result<Fixed, Report> {
        let program = Path::new("/opt/eadem");
        machine.fix(&profile(program).expect("a plain path"), program)
    }

    #[test]
    fn the_profile_names_the_program_and_the_one_rule() {
        let text = profile(Path::new("/opt/my tools/eadem")).expect("a good path");
        assert!(text.contains("abi <abi/4.0>,\n"));
        assert!(
            text.contains("profile eadem \"/opt/my tools/eadem\" flags=(unconfined) {\n  userns,\n"),
            "{text}"
        );
        assert_eq!(attachment(Path::new("/a*b[c]{d}\"e")).expect("text"), "\"/a\\*b\\[c\\]\\{d\\}\\\"e\"");
        assert_eq!(attachment(Path::new("/a\nprofile x /** {}")), None);
    }

    #[test]
    fn the_profile_is_written_once_and_follows_the_program() {
        let (dir, machine) = machine(&UBUNTU, true);
        let path = dir.path().join(PROFILE);
        assert_eq!(fixed(&machine).expect("fixed"), Fixed::Written(path.clone()));
        assert_eq!(fixed(&machine).expect("fixed"), Fixed::AsBefore(path.clone()));
        let moved = profile(Path::new("/elsewhere/eadem")).expect("a plain path");
        assert_eq!(
            machine.fix(&moved, Path::new("/elsewhere/eadem")).expect("fixed"),
            Fixed::Written(path.clone())
        );
        assert_eq!(fs::read_to_string(&path).expect("there"), moved);
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o644);
        assert_eq!(fs::read_dir(path.parent().expect("a directory")).expect("readable").count(), 2);
    }

    #[test]
    fn a_foreign_file_is_not_overwritten() {
        let (dir, machine) = machine(&[&UBUNTU[..], &[(PROFILE, "profile mine {}")]].concat(), true);
        let report = fixed(&machine).expect_err("it is somebody's");
        assert!(report.line().ends_with("is not eadem's, so it stays as it is"), "{}", report.line());
        assert_eq!(fs::read_to_string(dir.path().join(PROFILE)).expect("there"), "profile mine {}");
    }

    #[test]
    fn an_ordinary_user_is_told_what_to_type() {
        let (dir, machine) = machine(&UBUNTU, false);
        let report = fixed(&machine).expect_err("not root");
        assert_eq!(report.first_hint().as_deref(), Some("sudo /opt/eadem doctor --fix-apparmor"));
        assert!(!dir.path().join(PROFILE).exists());
    }

    #[test]
    fn where_nothing_is_restricted_nothing_is_written() {
        let off = [UBUNTU[0], (SWITCH, "0\n"), UBUNTU[2]];
        for files in [&[][..], &UBUNTU[..1], &UBUNTU[..2], &off[..]] {
            let (dir, machine) = machine(files, true);
            assert!(matches!(fixed(&machine).expect("nothing to do"), Fixed::Needless(_)), "{files:?}");
            assert!(!dir.path().join(PROFILE).exists());
        }
    }
}
