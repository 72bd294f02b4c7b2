//! What a page says of one recipe.

use maud::{Markup, html};

use eadem_model::{Blame, Entry, Record, Verdict};

use super::{badge, crates, finding, rounds, shown, wide};
use crate::{Case, Fault, Log, blame, note, output};

/// All of it.
pub(super) fn article(case: &Case) -> Markup {
    let name = case.recipe.as_str();
    html! {
        article id=(name) aria-labelledby=(format!("{name}-title")) {
            h2 id=(format!("{name}-title")) { (name) " " (badge(case.standing(), case.standing().as_str())) }
            p { (shown(&case.sentence())) }
            @if let Some(fault) = &case.fault { (told(case, fault)) }
            (outputs(case))
            (blamed(case))
            (finding::section(case))
            (besides(case))
            (rounds::section(case))
            (crates::section(case))
            (logs(case))
        }
    }
}

fn told(case: &Case, fault: &Fault) -> Markup {
    let label = format!("{}: what is known about it", case.recipe);
    html! {
        section.fault {
            h3 { "What went wrong" }
            p { strong { (shown(&fault.message)) } }
            @for cause in &fault.causes { p { "caused by: " (shown(cause)) } }
            @if !fault.facts.is_empty() {
                (wide(&label, &html! { pre { @for fact in &fault.facts { (shown(fact)) "\n" } } }))
            }
            @for hint in &fault.hints { p { "hint: " code { (shown(hint)) } } }
        }
    }
}

/// What differs, or what all rounds left.
fn outputs(case: &Case) -> Markup {
    html! {
        @if !case.differences.is_empty() {
            section {
                h3 { "Outputs that differ" }
                dl {
                    @for difference in &case.differences {
                        dt { code { (shown(difference.entries.path.as_str())) } }
                        @for line in output::lines(difference) { dd { (shown(&line)) } }
                    }
                }
            }
        } @else if case.verdict == Some(Verdict::Reproducible) {
            section { h3 { "Outputs" } (left(case)) }
        }
    }
}

fn left(case: &Case) -> Markup {
    let tree = case.record.iter().flat_map(|record| &record.rounds).find_map(|round| round.tree.as_ref());
    html! {
        dl {
            @for (path, entry) in tree.iter().flat_map(|tree| &tree.entries) {
                @match entry {
                    Entry::File { digest, size, .. } => {
                        dt { code { (shown(path.as_str())) } }
                        dd { code.digest { (digest) } ", " (crate::text::bytes(*size)) }
                    }
                    Entry::Symlink { target } => {
                        dt { code { (shown(path.as_str())) } }
                        dd { "a link to " code { (shown(target)) } }
                    }
                    Entry::Directory => {}
                }
            }
        }
    }
}

fn blamed(case: &Case) -> Markup {
    let units = case.record.iter().flat_map(|record| &record.rounds).filter_map(|round| round.units.as_ref());
    let check = units.filter_map(|units| units.check.as_ref()).next_back();
    let follows = |blame: &Blame| format!("the {} of {}", blame.duty, blame.package);
    html! {
        @if let Some(check) = check.filter(|check| !check.guilty.is_empty()) {
            section {
                h3 { "Where it begins" }
                ul { @for unit in &check.guilty { li { (shown(&blame::worded(unit))) } } }
                @if !check.followers.is_empty() {
                    p { "These differ because of what they were given:" }
                    ul { @for unit in &check.followers { li { (shown(&follows(unit))) } } }
                }
            }
        }
    }
}

/// Exceptions, trials, and what was published.
fn besides(case: &Case) -> Markup {
    let told = |record: &Record| note::notes(record).into_iter().chain(note::stale(record)).collect();
    let lines: Vec<String> = case.record.as_ref().map(told).unwrap_or_default();
    let label = format!("{}: trials, exceptions and what was published", case.recipe);
    html! {
        @if !lines.is_empty() {
            section {
                h3 { "What was tried, expected and published" }
                (wide(&label, &html! { pre { @for line in &lines { (shown(line)) "\n" } } }))
            }
        }
    }
}

fn logs(case: &Case) -> Markup {
    html! {
        @if !case.logs.is_empty() {
            section {
                h3 { "Logs" }
                @for log in &case.logs { (one_log(case, log)) }
            }
        }
    }
}

fn one_log(case: &Case, log: &Log) -> Markup {
    let label = format!("Log of {}, round {}", case.recipe, log.n_round);
    html! {
        details id=(rounds::log_id(case, log.n_round)) {
            summary { "Round " (log.n_round) ": " (counted(log)) }
            p { "All of it: " code { (shown(&log.command)) } }
            (wide(&label, &html! { pre { @for line in &log.lines { (crate::text::log_line(line)) "\n" } } }))
        }
    }
}

fn counted(log: &Log) -> String {
    match (log.n_before, log.lines.len()) {
        (0, 1) => "one line".to_owned(),
        (0, n) => format!("{n} lines"),
        (before, n) => format!("the last {n} of {} lines", before + n),
    }
}
