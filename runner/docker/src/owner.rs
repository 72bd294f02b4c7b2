//! Who made a container, so that the dead's can be told from the living's.

use std::{fmt, fs, io, str::FromStr};

/// A process: of which machine, since which start of it, in which namespace, which number, since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Empty where the machine has no name of its own; then it is like no other.
    machine: String,
    boot: String,
    namespace: String,
    pid: u32,
    since: u64,
}

/// What became of an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It runs.
    Alive,
    /// It ended.
    Dead,
    /// This machine was started anew since.
    Elsewhere,
    /// It cannot be seen from here.
    Unknown,
}

impl Owner {
    /// This process.
    pub(crate) fn this() -> io::Result<Self> {
        let pid = std::process::id();
        let since = since(pid).ok_or(io::ErrorKind::NotFound)?;
        Ok(Self { machine: machine(), boot: boot()?, namespace: namespace()?, pid, since })
    }

    /// What became of an owner, seen from `self`.
    pub(crate) fn fate_of(&self, other: &Self) -> Fate {
        if other.boot != self.boot {
            let same = !self.machine.is_empty() && other.machine == self.machine;
            return if same { Fate::Elsewhere } else { Fate::Unknown };
        } else if other.namespace != self.namespace {
            return Fate::Unknown;
        }
        match since(other.pid) {
            Some(since) if since == other.since => Fate::Alive,
            Some(_) => Fate::Dead,
            None if shows_others() => Fate::Dead,
            None => Fate::Unknown,
        }
    }
}

/// Whether processes of other users show in `/proc`, which some machines hide.
fn shows_others() -> bool {
    since(1).is_some()
}

fn machine() -> String {
    fs::read_to_string("/etc/machine-id").unwrap_or_default().trim().to_owned()
}

fn boot() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// The number of the namespace of processes.
fn namespace() -> io::Result<String> {
    let link = fs::read_link("/proc/self/ns/pid")?;
    Ok(link.to_string_lossy().chars().filter(char::is_ascii_digit).collect())
}

/// When a living process started, in ticks since the kernel did.
fn since(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces; the time is the twenty-second field, the twentieth behind the name.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    // What nobody has buried yet does nothing any more.
    let is_dead = matches!(fields.first(), Some(&("Z" | "X")));
    fields.get(19).filter(|_| !is_dead)?.parse().ok()
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { machine, boot, namespace, pid, since } = self;
        write!(f, "{machine}:{boot}:{namespace}:{pid}:{since}")
    }
}

impl FromStr for Owner {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let parts: Vec<&str> = text.split(':').collect();
        let [machine, boot, namespace, pid, since] = parts[..] else { return Err(()) };
        let (pid, since) = (pid.parse().map_err(drop)?, since.parse().map_err(drop)?);
        let [machine, boot, namespace] = [machine, boot, namespace].map(str::to_owned);
        Ok(Self { machine, boot, namespace, pid, since })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_read_as_it_was_written() {
        let this = Owner::this().expect("is there");
        assert_eq!(this.to_string().parse(), Ok(this));
        assert_eq!("a:b:c:d".parse::<Owner>(), Err(()));
    }

    #[test]
    fn the_living_and_the_dead_are_told_apart() {
        let this = Owner { machine: "m".into(), ..Owner::this().expect("is there") };
        assert_eq!(this.fate_of(&this), Fate::Alive);
        // Another process has the number now.
        let past = Owner { since: this.since - 1, ..this.clone() };
        assert_eq!(this.fate_of(&past), Fate::Dead);
        let hidden = Owner { namespace: "1".into(), ..this.clone() };
        assert_eq!(this.fate_of(&hidden), Fate::Unknown);
        let other = Owner { boot: "before".into(), ..this.clone() };
        assert_eq!(this.fate_of(&other), Fate::Elsewhere);
        // It may live, with a socket to the same daemon.
        let foreign = Owner { machine: "n".into(), ..other.clone() };
        assert_eq!(this.fate_of(&foreign), Fate::Unknown);
        let nameless = Owner { machine: String::new(), ..other };
        assert_eq!(nameless.fate_of(&Owner { boot: "now".into(), ..nameless.clone() }), Fate::Unknown);
    }
}
