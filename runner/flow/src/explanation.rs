//! Why the trees of two rounds differ: what differed between the rounds on purpose is known.

use std::collections::BTreeMap;

use eadem_explain::{Bounds, Knowledge, Known, Span};
use eadem_model::{Explanation, Kernel, Processors, RoundRecord, Setting, Tree};
use eadem_store::Store;

use crate::{Bench, Machine, side::Side};

/// Explains how what two rounds left differs; nothing if one of them left nothing.
pub(crate) fn of_rounds(bench: &Bench<'_>, first: &RoundRecord, second: &RoundRecord) -> Option<Explanation> {
    let (left, right) = (first.tree.as_ref()?, second.tree.as_ref()?);
    Some(compared(bench.store, [left, right], &knowledge(bench.machine, first, second)))
}

/// What is known of two rounds.
pub(crate) fn knowledge(machine: &Machine, first: &RoundRecord, second: &RoundRecord) -> Knowledge {
    let values = values(machine, &first.setting, &second.setting);
    Knowledge { values, spans: Some(spans(first, second)) }
}

/// What is known of the first round and of an equal one. What the first one took from the store may be as old as it
/// likes, so the time has to be that of the other one.
pub(crate) fn knowledge_of_equals(first: &RoundRecord, again: &RoundRecord) -> Knowledge {
    let [of_first, of_again] = spans(first, again);
    Knowledge { values: Vec::new(), spans: Some([Span { start: 0, ..of_first }, of_again]) }
}

/// Explains how two trees of the store differ.
pub fn explain_trees(store: &Store, first: &Tree, second: &Tree, known: &Knowledge) -> Explanation {
    compared(store, [first, second], known)
}

fn compared(store: &Store, trees: [&Tree; 2], known: &Knowledge) -> Explanation {
    let [first, second] = trees.map(|tree| Side::new(tree, store));
    eadem_explain::trees(first.of(), second.of(), known, Bounds::default())
}

/// The values of both rounds that can be searched for.
fn values(machine: &Machine, first: &Setting, second: &Setting) -> Vec<Known> {
    let value = |name: &str, of: &dyn Fn(&Setting) -> String| Known {
        name: name.to_owned(),
        values: [of(first), of(second)],
    };
    let mut values = vec![
        value("source", &|setting| setting.roots.source.to_string()),
        value("cargo", &|setting| setting.roots.cargo.to_string()),
        value("target", &|setting| setting.roots.target.to_string()),
        value("hostname", &|setting| setting.hostname.clone()),
        value("user", &|setting| setting.user.name.clone()),
        value("home", &|setting| setting.user.home.to_string()),
        value("uid", &|setting| setting.user.uid.to_string()),
        value("gid", &|setting| setting.user.gid.to_string()),
        value("umask", &|setting| format!("{:04o}", setting.umask)),
        value("umask", &|setting| format!("{:03o}", setting.umask)),
        value("locale", &|setting| setting.locale.clone()),
        value("timezone", &|setting| setting.timezone.clone()),
        value("timezone", &|setting| zone(&setting.timezone).0),
        value("kernel", &|setting| release(machine, setting.kernel)),
        value("processors", &|setting| n_processors(machine, setting.processors).to_string()),
    ];
    values.extend(noise(first, second));
    values
}

/// Variables that mean nothing; a side that has none of a name has an empty value.
fn noise(first: &Setting, second: &Setting) -> Vec<Known> {
    let names: BTreeMap<&String, ()> =
        first.noise.keys().chain(second.noise.keys()).map(|name| (name, ())).collect();
    let value = |setting: &Setting, name: &String| setting.noise.get(name).cloned().unwrap_or_default();
    let known = |name: &String| Known {
        name: "environment".to_owned(),
        values: [value(first, name), value(second, name)],
    };
    names.into_keys().map(known).collect()
}

/// As many processors as a room on this machine has.
fn n_processors(machine: &Machine, processors: Processors) -> usize {
    match processors {
        Processors::All => machine.processors,
        Processors::OneFewer => machine.processors.saturating_sub(1).max(1),
    }
}

/// The release that the kernel tells in a room on this machine.
fn release(Machine { release, .. }: &Machine, kernel: Kernel) -> String {
    match kernel {
        Kernel::Own => release.clone(),
        Kernel::TwoSix => two_six(release),
    }
}

/// What Linux makes of its release for `UNAME26`: its third number is 60 more than its second one was.
fn two_six(own: &str) -> String {
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let rest = own.trim_start_matches(is_number);
    let minor: u32 = own.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or_default();
    format!("2.6.{}{rest}", minor + 60)
}

/// When the rounds ran. Of units, the second round has two passes, of which the record tells the last.
fn spans(first: &RoundRecord, second: &RoundRecord) -> [Span; 2] {
    let end = |round: &RoundRecord| seconds(round.started + round.outcome.usage.wall_ms.div_ceil(1000));
    let span = |start: u64, round: &RoundRecord| Span {
        start: seconds(start),
        end: end(round),
        ahead: round.setting.clock_offset,
        east: zone(&round.setting.timezone).1,
    };
    [span(first.started, first), span(first.started, second)]
}

fn seconds(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The name of a time zone as programs print it, and the seconds by which it is east of Greenwich.
///
/// Reads `UTC` and what POSIX calls `<+1245>-12:45`; of others nothing is known.
fn zone(timezone: &str) -> (String, i64) {
    let read = || {
        let (name, west) = timezone.strip_prefix('<')?.split_once('>')?;
        let (hours, minutes) = west.split_once(':').unwrap_or((west, "0"));
        let sign = if hours.starts_with('-') { 1 } else { -1 };
        let hours: i64 = hours.trim_start_matches(['-', '+']).parse().ok()?;
        Some((name.to_owned(), sign * (hours * 3600 + minutes.parse::<i64>().ok()? * 60)))
    };
    read().unwrap_or_else(|| (timezone.to_owned(), 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use eadem_model::Digest;

    #[test]
    fn a_zone_tells_how_far_east_it_is() {
        assert_eq!(zone("UTC"), ("UTC".to_owned(), 0));
        assert_eq!(zone("<+1245>-12:45"), ("+1245".to_owned(), 45_900));
        assert_eq!(zone("<-03>3"), ("-03".to_owned(), -10_800));
    }

    #[test]
    fn a_release_of_two_six_keeps_the_minor_number_and_the_end() {
        assert_eq!(two_six("6.12.48+deb13-amd64"), "2.6.72+deb13-amd64");
        assert_eq!(two_six("6.18.44-fc-v769"), "2.6.78-fc-v769");
    }

    #[test]
    fn every_value_of_both_settings_can_be_searched_for() {
        let (first, second) = (Setting::baseline(), Setting::varied(&Digest::of(b"x")));
        let machine = Machine { processors: 2, release: "6.12.48".to_owned() };
        let values = values(&machine, &first, &second);
        let of = |name: &str| values.iter().find(|one| one.name == name).expect("it is known").values.clone();
        assert_eq!(of("uid"), ["1000".to_owned(), second.user.uid.to_string()]);
        assert_eq!(of("umask"), ["0022", "0077"]);
        assert_eq!(of("environment"), ["", second.noise["EADEM_NOISE"].as_str()]);
        assert!(values.iter().all(|one| one.values[0] != one.values[1]));
    }
}
