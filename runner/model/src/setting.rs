//! What differs between rounds on purpose.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Digest, RoomPath, Root, Variation};

/// Where a round puts the roots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roots {
    /// See [`Root::Source`].
    pub source: RoomPath,
    /// See [`Root::Cargo`].
    pub cargo: RoomPath,
    /// See [`Root::Target`].
    pub target: RoomPath,
}

/// Who the build believes to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Login name, also `USER` and `LOGNAME`.
    pub name: String,
    /// User id as the build sees it.
    pub uid: u32,
    /// Group id as the build sees it.
    pub gid: u32,
    /// `HOME`; see [`Root::Home`].
    pub home: RoomPath,
}

/// How many processors the build may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Processors {
    /// All that eadem itself may use.
    All,
    /// One fewer than all, but at least one.
    OneFewer,
}

/// In which order the read-only inputs list their entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DirectoryOrder {
    /// As the store's file system has it.
    AsStored,
    /// Shuffled by this seed, on a file system in memory.
    Shuffled(u64),
}

/// Which release the kernel says that it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kernel {
    /// Its own.
    #[default]
    Own,
    /// 2.6 and its own minor number, which Linux tells whoever asks for `UNAME26`.
    TwoSix,
}

impl Kernel {
    /// Whether it is its own; what a record does not tell is as it always was.
    pub(crate) fn is_own(&self) -> bool {
        *self == Self::Own
    }
}

/// The values of a round's variations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Build paths.
    pub roots: Roots,
    /// Host name.
    pub hostname: String,
    /// User name, ids and home.
    pub user: User,
    /// File mode creation mask.
    pub umask: u32,
    /// `LC_ALL` and `LANG`.
    pub locale: String,
    /// `TZ`.
    pub timezone: String,
    /// Variables that mean nothing.
    pub noise: BTreeMap<String, String>,
    /// Processors.
    pub processors: Processors,
    /// Order of directory entries.
    pub order: DirectoryOrder,
    /// Seconds by which the build's wall clock is ahead of the machine's; 0 is the machine's own clock.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clock_offset: i64,
    /// The kernel's release.
    #[serde(default, skip_serializing_if = "Kernel::is_own")]
    pub kernel: Kernel,
}

/// What a record does not tell is as it always was.
pub(crate) fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Fifteen years of the calendar, in seconds: from any day on which this runs, past the 19th of January 2038,
/// when seconds since 1970 need more than 31 bits.
const FIFTEEN_YEARS: i64 = 15 * 31_556_952;

impl Setting {
    /// The setting of `eadem build` and of every first round.
    pub fn baseline() -> Self {
        Self {
            roots: Roots {
                source: room_path("/build/src"),
                cargo: room_path("/build/cargo"),
                target: room_path("/build/target"),
            },
            hostname: "eadem".to_owned(),
            user: User { name: "builder".to_owned(), uid: 1000, gid: 1000, home: room_path("/home/builder") },
            umask: 0o022,
            locale: "C.UTF-8".to_owned(),
            timezone: "UTC".to_owned(),
            noise: BTreeMap::new(),
            processors: Processors::All,
            order: DirectoryOrder::AsStored,
            clock_offset: 0,
            kernel: Kernel::Own,
        }
    }

    /// A setting that differs from the baseline in everything; the same `seed` gives the same values.
    ///
    /// The values are improbable on purpose, so that they can be searched for in outputs. The
    /// source's path keeps the length of the baseline's, the others are longer: some faults show
    /// with one kind only.
    pub fn varied(seed: &Digest) -> Self {
        let word = Words { hex: seed.hex() };
        Self {
            roots: Roots {
                source: room_path(&format!("/{}/src", word.letters(0, 5))),
                cargo: room_path(&format!("/b{}/{}/cargo", word.letters(5, 9), word.letters(14, 6))),
                target: room_path(&format!("/b{}/{}/target", word.letters(20, 11), word.letters(31, 4))),
            },
            hostname: format!("h{}", word.letters(35, 9)),
            user: User {
                name: format!("u{}", word.letters(44, 7)),
                uid: 2000 + u32::from(seed.bytes()[0]),
                gid: 3000 + u32::from(seed.bytes()[1]),
                home: room_path(&format!("/home/{}", word.letters(48, 12))),
            },
            umask: 0o077,
            locale: "C".to_owned(),
            timezone: "<+1245>-12:45".to_owned(),
            noise: BTreeMap::from([("EADEM_NOISE".to_owned(), word.letters(0, 40))]),
            processors: Processors::OneFewer,
            order: DirectoryOrder::Shuffled(u64::from_be_bytes(
                seed.bytes()[8..16].try_into().expect("eight bytes"),
            )),
            clock_offset: clock_offset(seed),
            kernel: Kernel::TwoSix,
        }
    }

    /// What differs between two settings.
    pub fn variations(&self, other: &Self) -> BTreeSet<Variation> {
        let differs = |one: &Variation| self.clone().with(other, &[*one].into()) != *self;
        Variation::ALL.into_iter().filter(differs).collect()
    }

    /// This setting, but with the other one's values of some variations.
    #[must_use]
    pub fn with(mut self, other: &Self, these: &BTreeSet<Variation>) -> Self {
        these.iter().for_each(|one| self.take(other, *one));
        self
    }

    fn take(&mut self, other: &Self, one: Variation) {
        match one {
            Variation::Source => self.roots.source = other.roots.source.clone(),
            Variation::Cargo => self.roots.cargo = other.roots.cargo.clone(),
            Variation::Target => self.roots.target = other.roots.target.clone(),
            Variation::Hostname => self.hostname.clone_from(&other.hostname),
            Variation::User => self.user.name.clone_from(&other.user.name),
            Variation::Uid => self.user.uid = other.user.uid,
            Variation::Gid => self.user.gid = other.user.gid,
            Variation::Home => self.user.home = other.user.home.clone(),
            Variation::Umask => self.umask = other.umask,
            Variation::Locale => self.locale.clone_from(&other.locale),
            Variation::Timezone => self.timezone.clone_from(&other.timezone),
            Variation::Environment => self.noise = other.noise.clone(),
            Variation::Processors => self.processors = other.processors,
            Variation::Order => self.order = other.order,
            Variation::Clock => self.clock_offset = other.clock_offset,
            Variation::Kernel => self.kernel = other.kernel,
        }
    }

    /// This setting, but with the roots where the other one has them.
    #[must_use]
    pub fn with_roots_of(self, other: &Self) -> Self {
        let roots = [Variation::Source, Variation::Cargo, Variation::Target, Variation::Home];
        self.with(other, &roots.into())
    }

    /// Every directory that a room of it has besides those of the image.
    pub(crate) fn directories(&self) -> [RoomPath; 4] {
        [Root::Source, Root::Cargo, Root::Target, Root::Home].map(|root| self.place(root).clone())
    }

    /// Where this setting puts a root.
    pub fn place(&self, root: Root) -> &RoomPath {
        match root {
            Root::Source => &self.roots.source,
            Root::Cargo => &self.roots.cargo,
            Root::Target => &self.roots.target,
            Root::Home => &self.user.home,
        }
    }
}

/// Another year for certain, and up to 200 days more: month, day, hour, minute and second differ as well.
///
/// Forward, since a build whose files are younger than its clock is told so by make and tar.
fn clock_offset(seed: &Digest) -> i64 {
    const STEP: i64 = 263;
    FIFTEEN_YEARS + STEP * i64::from(u16::from_be_bytes([seed.bytes()[2], seed.bytes()[3]]))
}

fn room_path(text: &str) -> RoomPath {
    text.parse().expect("built from clean parts")
}

/// Letters drawn from a digest.
struct Words {
    hex: String,
}

impl Words {
    /// `n` letters from position `at`; hex digits are shifted to letters so that no word is a number.
    fn letters(&self, at: usize, n: usize) -> String {
        let digits = self.hex.bytes().cycle().skip(at).take(n);
        digits
            .map(|digit| char::from(if digit.is_ascii_digit() { digit - b'0' + b'k' } else { digit }))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_varied_setting_differs_in_every_field() {
        let (base, other) = (Setting::baseline(), Setting::varied(&Digest::of(b"x")));
        assert_eq!(base.variations(&other), Variation::ALL.into());
        assert_eq!(base.variations(&base), [].into());
        assert_eq!(base.clone().with(&other, &Variation::ALL.into()), other);
        let moved = other.clone().with_roots_of(&base);
        let roots = [Variation::Source, Variation::Cargo, Variation::Target, Variation::Home];
        assert_eq!(moved.variations(&other), roots.into());
    }

    #[test]
    fn one_path_keeps_its_length_and_the_others_do_not() {
        for seed in [b"a", b"b", b"c"] {
            let (base, other) = (Setting::baseline(), Setting::varied(&Digest::of(seed)));
            assert_eq!(base.roots.source.as_str().len(), other.roots.source.as_str().len());
            assert!(base.roots.cargo.as_str().len() < other.roots.cargo.as_str().len());
            assert!(base.roots.target.as_str().len() < other.roots.target.as_str().len());
        }
    }

    #[test]
    fn the_varied_clock_is_past_2038_whenever_this_runs() {
        const WRITTEN: i64 = 1_767_225_600;
        for seed in [b"a", b"b", b"c"] {
            let offset = Setting::varied(&Digest::of(seed)).clock_offset;
            assert!(WRITTEN + offset > i64::from(i32::MAX));
            assert!((FIFTEEN_YEARS..FIFTEEN_YEARS + 200 * 86_400).contains(&offset));
        }
    }

    #[test]
    fn a_setting_of_a_record_without_a_clock_is_read_as_the_machines() {
        let text = serde_json::to_string(&Setting::baseline()).expect("is text");
        assert!(!text.contains("clock"));
        assert_eq!(serde_json::from_str::<Setting>(&text).expect("is read"), Setting::baseline());
        let varied = Setting::varied(&Digest::of(b"x"));
        let text = serde_json::to_string(&varied).expect("is text");
        assert_eq!(serde_json::from_str::<Setting>(&text).expect("is read"), varied);
    }
}
