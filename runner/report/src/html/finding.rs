//! The places that differ, and why.

use maud::{Markup, html};

use eadem_model::{Cause, Change, Confidence, Explanation, Finding, Hunk};

use super::{bytes, shown, wide};
use crate::{Case, finding};

/// All findings of a verification.
pub(super) fn section(case: &Case) -> Markup {
    let explanation = case.record.as_ref().and_then(|record| record.explanation.as_ref());
    html! {
        @if let Some(explanation) = explanation {
            section {
                h3 { "Findings" }
                @for (n, finding) in explanation.findings.iter().enumerate() {
                    (one(finding, &format!("{}, finding {}", case.recipe, n + 1)))
                }
                (normalised(explanation))
                (bounds(explanation))
            }
        }
    }
}

fn one(found: &Finding, label: &str) -> Markup {
    html! {
        section.finding {
            h4 { (shown(&finding::place(&found.place))) }
            @for cause in &found.causes { (because(cause)) }
            @if !found.follows.is_empty() {
                p { "Follows from " (shown(&found.follows.join(", "))) "." }
            }
            (change(&found.change, label))
        }
    }
}

fn because(cause: &Cause) -> Markup {
    let sure = finding::sure(cause.confidence);
    html! {
        p {
            span class=(format!("sure {sure}")) { (sure) } " "
            strong { (shown(&finding::reason(&cause.cause))) } ": " (shown(&cause.evidence))
        }
        @if cause.confidence != Confidence::Unknown { p.remedy { "Remedy: " (shown(&cause.remedy)) } }
    }
}

fn change(change: &Change, label: &str) -> Markup {
    match change {
        Change::Bytes { sizes, differing, total, windows } => html! {
            p { (finding::bytes_head(sizes, *differing, *total)) }
            @for (n, window) in windows.iter().enumerate() {
                (wide(&format!("{label}, bytes {}", n + 1), &bytes::table(window)))
            }
            @if let Some(more) = finding::more(*total, windows.len()) { p { (more) } }
        },
        Change::Lines { hunks, total } => html! {
            @for (n, hunk) in hunks.iter().enumerate() { (wide(&format!("{label}, lines {}", n + 1), &lines(hunk))) }
            @if let Some(more) = finding::more(*total, hunks.len()) { p { (more) } }
        },
        other => html! { @for line in finding::change(other) { p { (shown(&line)) } } },
    }
}

/// Lines beside each other.
fn lines(hunk: &Hunk) -> Markup {
    let side = |n: usize, lines: &[String]| {
        html! {
            td { @for (index, line) in lines.iter().enumerate() {
                div.line { span.at { (hunk.lines[n] + index) } " " code { (shown(line)) } }
            } }
        }
    };
    html! {
        table.sides {
            thead { tr { th scope="col" { "round 1" } th scope="col" { "round 2" } } }
            tbody { tr { (side(0, &hunk.first)) (side(1, &hunk.second)) } }
        }
    }
}

fn normalised(explanation: &Explanation) -> Markup {
    let lines = finding::normalised(explanation);
    html! {
        @if !lines.is_empty() {
            h4 { "Equal after normalisation" }
            ul { @for line in &lines { li { (shown(line)) } } }
        }
    }
}

fn bounds(explanation: &Explanation) -> Markup {
    let notes: Vec<&String> = explanation.bounded.iter().chain(&explanation.unread).collect();
    html! {
        @if !notes.is_empty() {
            h4 { "What was not looked into" }
            ul { @for note in notes { li { (shown(note)) } } }
        }
    }
}
