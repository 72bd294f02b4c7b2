//! The rounds of a verification, side by side.

use maud::{Markup, html};

use eadem_model::{Isolation, Record, RoundRecord};

use super::{shown, wide};
use crate::{Case, setting};

/// What each round was, and in what they differed on purpose.
pub(super) fn section(case: &Case) -> Markup {
    html! {
        @if let Some(record) = &case.record {
            section {
                h3 { "Rounds" }
                (wide(&format!("Rounds of {}", case.recipe), &table(case, record)))
                (shortcomings(record))
                p.small { "Run " code { (record.run) } ", plan " code.digest { (record.plan) } }
            }
        }
    }
}

/// The place of a round's log in the page.
pub(super) fn log_id(case: &Case, n_round: usize) -> String {
    format!("{}-log-{n_round}", case.recipe)
}

fn table(case: &Case, record: &Record) -> Markup {
    html! {
        table {
            thead {
                tr {
                    th scope="col" { "variation" }
                    @for n in 1..=record.rounds.len() { th scope="col" { "round " (n) } }
                }
            }
            tbody {
                (row("engine", &record.rounds, |round| shown(&round.engine)))
                (row("time", &record.rounds, |round| seconds(round.outcome.usage.wall_ms)))
                @for (at, (name, _)) in variations(record).iter().enumerate() { (variation(record, at, name)) }
                (log_row(case, record))
            }
        }
    }
}

fn row(name: &str, rounds: &[RoundRecord], value: impl Fn(&RoundRecord) -> String) -> Markup {
    html! { tr { th scope="row" { (name) } @for round in rounds { td { (value(round)) } } } }
}

fn seconds(millis: u64) -> String {
    format!("{}.{} s", millis / 1000, millis % 1000 / 100)
}

fn variations(record: &Record) -> Vec<(&'static str, String)> {
    record.rounds.first().map(|round| setting::values(&round.setting)).unwrap_or_default()
}

/// One variation; what was not applied is said at its place.
fn variation(record: &Record, at: usize, name: &str) -> Markup {
    let value = |round: &RoundRecord| setting::values(&round.setting).swap_remove(at).1;
    let first = record.rounds.first().map(value);
    let skipped = |round: &RoundRecord| round.outcome.skipped.iter().any(|one| one.variation == name);
    let varies = record.rounds.iter().any(|round| Some(value(round)) != first);
    html! {
        tr.varied[varies] {
            th scope="row" { (name) @if varies { span.vary { " varies" } } }
            @for round in &record.rounds {
                td { code { (shown(&value(round))) } @if skipped(round) { " " strong { "not applied" } } }
            }
        }
    }
}

/// Leads to the logs that are in the page.
fn log_row(case: &Case, record: &Record) -> Markup {
    let has = |n: usize| case.logs.iter().any(|log| log.n_round == n);
    html! {
        tr {
            th scope="row" { "log" }
            @for n in 1..=record.rounds.len() {
                td { @if has(n) { a href=(format!("#{}", log_id(case, n))) { "log of round " (n) } } @else { "–" } }
            }
        }
    }
}

/// What rooms went without, and why variations were not applied.
fn shortcomings(record: &Record) -> Markup {
    let of_round = |(index, round): (usize, &RoundRecord)| {
        let skipped = round.outcome.skipped.iter();
        let skipped = skipped.map(|one| format!("`{}` was not applied: {}", one.variation, one.reason));
        let lacks = round.outcome.lacks.iter().cloned();
        let weak = (round.outcome.isolation == Isolation::Weak).then(|| "weak isolation".to_owned());
        let lines = skipped.chain(lacks).chain(weak);
        lines.map(|line| format!("round {}: {line}", index + 1)).collect::<Vec<_>>()
    };
    let lines: Vec<String> = record.rounds.iter().enumerate().flat_map(of_round).collect();
    html! {
        @if !lines.is_empty() {
            h4 { "What the rooms went without" }
            ul { @for line in &lines { li { (shown(line)) } } }
        }
    }
}
