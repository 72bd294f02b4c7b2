//! One self-contained page. It loads nothing and runs nothing, and its policy forbids both.

mod bytes;
mod case;
mod crates;
mod finding;
mod rounds;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::{Report, Standing, standing::Weight, text};

const STYLE: &str = include_str!("html/style.css");

/// Whatever a name or a log smuggles in, nothing is loaded or run.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The page.
pub(crate) fn page(report: &Report) -> String {
    let title = format!("eadem verify: {}", summary(report));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { h1 { "eadem verify" } (summary_line(report)) (contents(report)) }
                main { @for case in &report.cases { (case::article(case)) } }
                footer { p { "Written by eadem " (shown(&report.version)) "." } }
            }
        }
    };
    page.into_string() + "\n"
}

/// `1 differs, 2 reproducible`.
pub(crate) fn summary(report: &Report) -> String {
    let counts = report.counts();
    let words = counts.iter().map(|(standing, n)| format!("{n} {}", standing.as_str()));
    if counts.is_empty() { "no recipes".to_owned() } else { words.collect::<Vec<_>>().join(", ") }
}

fn summary_line(report: &Report) -> Markup {
    html! {
        p.summary {
            @for (standing, n) in report.counts() { (badge(standing, &format!("{n} {}", standing.as_str()))) " " }
        }
    }
}

/// Links to the recipes, if there are several.
fn contents(report: &Report) -> Markup {
    html! {
        @if report.cases.len() > 1 {
            nav aria-label="Recipes" {
                ul {
                    @for case in &report.cases {
                        li {
                            a href=(format!("#{}", case.recipe)) { (case.recipe) } " "
                            (badge(case.standing(), case.standing().as_str()))
                        }
                    }
                }
            }
        }
    }
}

/// A standing as a word with a sign and a colour.
fn badge(standing: Standing, word: &str) -> Markup {
    let class = match standing.weight() {
        Weight::Good => "badge good",
        Weight::Bad => "badge bad",
        Weight::Open => "badge open",
    };
    html! { span class=(class) { span aria-hidden="true" { (standing.sign()) " " } (word) } }
}

/// A text of others, safe to be read; maud does the rest.
fn shown(text: &str) -> String {
    text::line(text)
}

/// A part that is too wide for a narrow page moves by itself, also with the keyboard.
fn wide(label: &str, content: &Markup) -> Markup {
    html! { div.wide role="region" tabindex="0" aria-label=(label) { (content) } }
}
