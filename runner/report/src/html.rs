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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn body(page: &str) -> &str {
        page.split_once("<body>").expect("a body").1
    }

    #[test]
    fn a_failed_build_is_told_in_a_few_lines() {
        let page = page(&example::report(vec![example::failed()]));
        let wanted = "<header><h1>eadem verify</h1><p class=\"summary\"><span class=\"badge bad\">\
                      <span aria-hidden=\"true\">✗ </span>1 build-failed</span> </p></header><main>\
                      <article id=\"bad\" aria-labelledby=\"bad-title\"><h2 id=\"bad-title\">bad \
                      <span class=\"badge bad\"><span aria-hidden=\"true\">✗ </span>build-failed</span></h2>\
                      <p>The build itself failed.</p><section class=\"fault\"><h3>What went wrong</h3>\
                      <p><strong>the build of `bad` failed with status 101</strong></p>\
                      <div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"bad: what is known about it\">\
                      <pre>error: mismatched types\n</pre></div>\
                      <p>hint: <code>eadem log bad</code></p></section></article></main>\
                      <footer><p>Written by eadem 0.1.0.</p></footer></body></html>\n";
        assert_eq!(body(&page), wanted);
    }

    #[test]
    fn the_page_is_one_file_that_loads_and_runs_nothing() {
        let page = page(&example::report(vec![example::good(), example::differing(), example::hostile()]));
        for text in [
            "<script",
            "<link",
            "<img",
            "<iframe",
            "src=",
            "http://",
            "https://",
            "url(",
            "@import",
            " style=\"",
        ] {
            assert!(!page.contains(text), "{text}");
        }
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn a_page_shows_bytes_causes_blame_and_crates() {
        let page = page(&example::report(vec![example::differing()]));
        let wanted = [
            "<h4>bin/one → .rodata</h4><p><span class=\"sure proven\">proven</span> <strong>the machine's name</strong>: \
             `hq83` stands there</p><p class=\"remedy\">Remedy: leave it out</p>",
            "<td class=\"at\">10</td><td><code>68 <mark>71</mark> <mark>38</mark> <mark>33</mark> </code>",
            "<li>the build script of one 1.0.0: `gen.rs` differs</li>",
            "<g class=\"guilty\"><rect",
            "<td><a href=\"#one-log-1\">log of round 1</a></td>",
            "<details id=\"one-log-1\"><summary>Round 1: the last 1 of 4 lines</summary>",
            "<tr class=\"varied\"><th scope=\"row\">hostname<span class=\"vary\"> varies</span></th><td><code>eadem</code>",
        ];
        for text in wanted {
            assert!(page.contains(text), "{text}\n{page}");
        }
    }

    #[test]
    fn hostile_texts_are_shown_as_they_are_spelled() {
        let page = page(&example::report(vec![example::hostile()]));
        assert!(body(&page).contains("&lt;script&gt;alert(1)&lt;/script&gt;]]&gt;&amp;&quot;'\\u{1b}[31m"));
        // In a log, what colours a line is left out.
        assert!(page.contains("alert(1)&lt;/script&gt;]]&gt;&amp;&quot;'\\u{202e}"), "{page}");
        let is_plain = |c: char| c == '\n' || !c.is_control() && c != '\u{202e}';
        assert!(page.chars().all(is_plain));
    }
}
