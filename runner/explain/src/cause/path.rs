//! The rule of paths: absolute ones with the same end and another start.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::{Sides, cause, quoted};
use eadem_model::{Cause, Confidence, Reason};

/// What stands for the differing part of a path.
const MARK: &str = "\u{1}path\u{1}";

static PATHS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("/[0-9A-Za-z_.+@~%-]+(?:/[0-9A-Za-z_.+@~%-]+)*").expect("the expression is a constant")
});

/// Takes the differing starts of paths out of both sides, if there are as many paths.
pub(super) fn take(sides: &mut Sides) -> Vec<Cause> {
    let paths = sides.each_ref().map(|side| found(side));
    if paths[0].len() != paths[1].len() {
        return Vec::new();
    }
    let parts: Vec<Option<Parts>> =
        paths[0].iter().zip(&paths[1]).map(|(left, right)| Parts::of(left, right)).collect();
    let causes = parts.iter().flatten().map(Parts::cause).collect();
    *sides = sides.each_ref().map(|side| without(side, &parts));
    causes
}

fn found(side: &str) -> Vec<String> {
    PATHS.find_iter(side).map(|it| it.as_str().to_owned()).collect()
}

/// Puts marks in the place of those parts of paths that differ.
fn without(side: &str, parts: &[Option<Parts>]) -> String {
    let mut next = parts.iter();
    let marked = |captures: &Captures<'_>| match next.next() {
        Some(Some(parts)) => format!("{}{MARK}{}", parts.before, parts.behind),
        _ => captures[0].to_owned(),
    };
    PATHS.replace_all(side, marked).into_owned()
}

/// Two paths that differ in their middle.
struct Parts {
    before: String,
    middles: Sides,
    behind: String,
}

impl Parts {
    /// None if they are equal, or have neither a start nor an end in common.
    fn of(first: &str, second: &str) -> Option<Self> {
        let (left, right): (Vec<&str>, Vec<&str>) = (first.split('/').collect(), second.split('/').collect());
        let before = left.iter().zip(&right).take_while(|(left, right)| left == right).count();
        let most = left.len().min(right.len()) - before;
        let behind = left.iter().rev().zip(right.iter().rev()).take(most).take_while(|(l, r)| l == r).count();
        // A directory that one side has more is told with the one below it.
        let is_inserted = before + behind == left.len().min(right.len()) && behind > 0;
        let behind = if is_inserted { behind - 1 } else { behind };
        let middle = |all: &[&str]| all[before..all.len() - behind].join("/");
        let parts = Self {
            before: left[..before].join("/"),
            middles: [middle(&left), middle(&right)],
            behind: left[left.len() - behind..].join("/"),
        };
        let alike = before > 1 || behind > 0 || is_inserted;
        (first != second && alike).then_some(parts)
    }

    fn cause(&self) -> Cause {
        let sides = self.middles.each_ref().map(|middle| format!("{}/{middle}", self.before));
        cause(self.reason(&sides), quoted(&sides), Confidence::Likely)
    }

    fn reason(&self, sides: &Sides) -> Reason {
        let home = |path: &String| {
            let name = path.strip_prefix("/home/");
            path == "/root" || name.is_some_and(|name| !name.contains('/'))
        };
        let temporary = ["/tmp", "/var/tmp", "/dev/shm"].contains(&self.before.as_str())
            || self.middles.iter().all(|name| name.starts_with("tmp"));
        match () {
            () if sides.iter().all(home) => Reason::Home,
            () if temporary && are_made_up(&self.middles) => Reason::TemporaryName,
            () => Reason::BuildPath,
        }
    }
}

/// Whether two names look as if a program had made them up: equally long, with letters in no order.
fn are_made_up([first, second]: &Sides) -> bool {
    let differing: Vec<(u8, u8)> =
        first.bytes().zip(second.bytes()).filter(|(left, right)| left != right).collect();
    let odd = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    first.len() == second.len()
        && differing.len() >= 3
        && differing.iter().any(|(left, right)| odd(*left) || odd(*right))
}
