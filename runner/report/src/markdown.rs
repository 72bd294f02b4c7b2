//! Markdown, as forges show it: below a build, or in a comment.

use eadem_model::{Cause, Confidence, Entry, Explanation, Finding, OutputDifference, Verdict};

use crate::{Case, Fault, Report, blamed, finding, html, note, output, setting, text};

/// Findings of one recipe that are told; there may be thousands, and a forge takes a mebibyte.
const MOST_FINDINGS: usize = 20;
/// Outputs of one recipe that are told.
const MOST_OUTPUTS: usize = 100;
/// Lines of a log that are told.
const MOST_LINES: usize = 30;

/// The document.
pub(crate) fn document(report: &Report) -> String {
    let mut out = format!("# eadem verify: {}\n\n", html::summary(report));
    if report.cases.len() > 1 {
        out += "| recipe | verdict |\n|---|---|\n";
        for case in &report.cases {
            let standing = case.standing();
            out +=
                &format!("| {} | {} {} |\n", prose(case.recipe.as_str()), standing.sign(), standing.as_str());
        }
        out += "\n";
    }
    report.cases.iter().for_each(|case| out += &section(case));
    out
}

fn section(case: &Case) -> String {
    let standing = case.standing();
    let head = format!("## {} {}: {}", standing.sign(), prose(case.recipe.as_str()), standing.as_str());
    let parts = [
        head,
        prose(&case.sentence()),
        case.fault.as_ref().map(fault).unwrap_or_default(),
        outputs(case),
        blame(case),
        case.record.iter().filter_map(|record| record.explanation.as_ref()).map(findings).collect(),
        besides(case),
        rounds(case),
        logs(case),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).map(|part| part + "\n\n").collect()
}

fn fault(fault: &Fault) -> String {
    let mut lines = vec![format!("**{}**", prose(&fault.message))];
    lines.extend(fault.causes.iter().map(|cause| format!("\ncaused by: {}", prose(cause))));
    if !fault.facts.is_empty() {
        let from = fault.facts.len().saturating_sub(MOST_LINES);
        lines.push(format!("\n{}", fenced(fault.facts[from..].iter().map(|fact| text::log_line(fact)))));
    }
    lines.extend(fault.hints.iter().map(|hint| format!("\nhint: {}", code(hint))));
    lines.join("\n")
}

fn outputs(case: &Case) -> String {
    let difference = |difference: &OutputDifference| {
        let lines =
            output::lines(difference).iter().map(|line| format!("\n  - {}", prose(line))).collect::<String>();
        format!("- {}{lines}", code(difference.entries.path.as_str()))
    };
    if !case.differences.is_empty() {
        let mut parts: Vec<String> = case.differences.iter().take(MOST_OUTPUTS).map(difference).collect();
        if case.differences.len() > MOST_OUTPUTS {
            parts.push(format!("- and {} more outputs", case.differences.len() - MOST_OUTPUTS));
        }
        return parts.join("\n");
    }
    let tree = case.record.iter().flat_map(|record| &record.rounds).find_map(|round| round.tree.as_ref());
    let files = tree.into_iter().flat_map(|tree| &tree.entries).filter_map(|(path, entry)| match entry {
        Entry::File { digest, .. } => {
            Some(format!("- {} {}", code(path.as_str()), code(&digest.to_string())))
        }
        _ => None,
    });
    if case.verdict == Some(Verdict::Reproducible) {
        files.collect::<Vec<_>>().join("\n")
    } else {
        String::new()
    }
}

fn blame(case: &Case) -> String {
    let units = case.record.iter().flat_map(|record| &record.rounds).filter_map(|round| round.units.as_ref());
    let check = units.filter_map(|units| units.check.as_ref()).next_back();
    let lines = check.map(blamed).unwrap_or_default();
    lines.iter().map(|line| format!("- {}", prose(line))).collect::<Vec<_>>().join("\n")
}

fn findings(explanation: &Explanation) -> String {
    let all = &explanation.findings;
    let mut parts: Vec<String> = all.iter().take(MOST_FINDINGS).map(one_finding).collect();
    if all.len() > MOST_FINDINGS {
        parts.push(format!("and {} more findings", all.len() - MOST_FINDINGS));
    }
    parts.extend(finding::normalised(explanation).iter().map(|line| format!("- {}", prose(line))));
    parts.extend(
        explanation.bounded.iter().chain(&explanation.unread).map(|note| format!("- {}", prose(note))),
    );
    parts.join("\n\n")
}

/// Exceptions, trials, and what was published.
fn besides(case: &Case) -> String {
    let Some(record) = &case.record else { return String::new() };
    let lines: Vec<String> = note::notes(record).into_iter().chain(note::stale(record)).collect();
    if lines.is_empty() { String::new() } else { fenced(lines.iter().map(|line| text::line(line))) }
}

fn one_finding(found: &Finding) -> String {
    let mut parts = vec![format!("### {}", prose(&finding::place(&found.place)))];
    parts.extend(found.causes.iter().map(cause));
    if !found.follows.is_empty() {
        parts.push(format!("Follows from {}.", prose(&found.follows.join(", "))));
    }
    parts.push(fenced(finding::change(&found.change).iter().map(|line| text::line(line))));
    parts.join("\n\n")
}

fn cause(Cause { cause, evidence, remedy, confidence }: &Cause) -> String {
    let reason = prose(&finding::reason(cause));
    let head = format!("**{reason}** ({}): {}", finding::sure(*confidence), prose(evidence));
    if *confidence == Confidence::Unknown { head } else { format!("{head}\n\nRemedy: {}", prose(remedy)) }
}

fn rounds(case: &Case) -> String {
    let Some(record) = &case.record else { return String::new() };
    let settings: Vec<_> = record.rounds.iter().map(|round| setting::values(&round.setting)).collect();
    let [first, others @ ..] = &settings[..] else { return String::new() };
    let heads: String = (1..=settings.len()).map(|n| format!(" round {n} |")).collect();
    let mut table = format!("| variation |{heads}\n|---|{}\n", "---|".repeat(settings.len()));
    for (at, (name, value)) in first.iter().enumerate() {
        if others.iter().any(|other| other[at].1 != *value) {
            let cells: String =
                settings.iter().map(|setting| format!(" {} |", cell(&setting[at].1))).collect();
            table += &format!("| {name} |{cells}\n");
        }
    }
    let skipped = record.rounds.iter().flat_map(|round| &round.outcome.skipped);
    let skipped =
        skipped.map(|one| format!("\n- {} was not applied: {}", prose(&one.variation), prose(&one.reason)));
    let skipped = skipped.collect::<String>();
    format!(
        "<details><summary>What differed between the rounds on purpose</summary>\n\n{table}{skipped}\n</details>"
    )
}

/// Logs of builds that failed stand with the fault; these are the commands that print the rest.
fn logs(case: &Case) -> String {
    let line = |log: &crate::Log| format!("- log of round {}: {}", log.n_round, code(&log.command));
    case.logs.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A text of others as plain words: nothing in it is markup.
fn prose(text: &str) -> String {
    let mut out = String::new();
    for c in text::line(text).chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            // A name right after this sign calls somebody.
            '@' => out += "@<!-- -->",
            c if c.is_ascii_punctuation()
                && !matches!(c, '.' | ',' | ':' | ';' | '/' | '-' | '\'' | '?' | '%' | '=') =>
            {
                out.extend(['\\', c]);
            }
            c => out.push(c),
        }
    }
    out
}

/// A text of others as code in a line: between more ticks than it has in a row.
fn code(text: &str) -> String {
    let text = text::line(text);
    let ticks = "`".repeat(longest_run(&text) + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{space}{text}{space}{ticks}")
}

/// Code in the cell of a table, where a bar would end the cell even there.
fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// Lines of others as a block of code, which none of them ends.
fn fenced(lines: impl Iterator<Item = String>) -> String {
    let text: String = lines.map(|line| line + "\n").collect();
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    format!("{fence}text\n{text}{fence}")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use pulldown_cmark::{Event, Options, Parser, Tag};

    use super::*;
    use crate::example;

    #[test]
    fn a_name_is_no_markup() {
        assert_eq!(prose("<script>"), "&lt;script&gt;");
        assert_eq!(prose("[x](y) *z* |"), "\\[x\\]\\(y\\) \\*z\\* \\|");
        assert_eq!(prose("@all #1 \u{202e}"), "@<!-- -->all \\#1 \\\\u\\{202e\\}");
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`"), "`` ` ``");
    }

    #[test]
    fn a_line_of_a_log_does_not_end_its_block() {
        let lines = ["````", "# no heading"].map(str::to_owned);
        assert_eq!(fenced(lines.into_iter()), "`````text\n````\n# no heading\n`````");
    }

    #[test]
    fn a_difference_is_told_from_the_verdict_to_the_bytes() {
        let mut case = example::differing();
        case.record.as_mut().expect("there is one").rounds.truncate(1);
        let text = document(&example::report(vec![case]));
        let digest = |bytes: &[u8]| eadem_model::Digest::of(bytes).to_string();
        let wanted = "# eadem verify: 1 differs

## ✗ one: differs

The rounds left different bytes.

- `bin/one`
  - round 1: an executable of 4 bytes, ONE
  - round 2: an executable of 4 bytes, TWO
  - first difference at byte 1

### bin/one → .rodata

**the machine's name** (proven): \\`hq83\\` stands there

Remedy: leave it out

```text
3 of 4 B differ, at one place
at 0x10
- hq83
+ hxyz
```

### bin/one → .text

Follows from .rodata.

```text
2 addresses of what moved
```

<details><summary>What differed between the rounds on purpose</summary>

| variation | round 1 |
|---|---|

</details>

- log of round 1: `eadem log 1790000000-00000001 one --round 1`

";
        assert_eq!(text, wanted.replace("ONE", &digest(b"hq83")).replace("TWO", &digest(b"hxyz")));
    }

    #[test]
    fn hostile_texts_are_no_markup_and_call_nobody() {
        let text = document(&example::report(vec![example::hostile()]));
        let mut words = String::new();
        for event in Parser::new_ext(&text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
            match event {
                Event::Html(html) | Event::InlineHtml(html) => {
                    let is_ours =
                        ["<details>", "</details>", "<!-- -->"].iter().any(|ours| html.starts_with(ours));
                    assert!(is_ours, "{html}");
                }
                Event::Start(Tag::Link { .. } | Tag::Image { .. }) => panic!("a link: {text}"),
                Event::Text(part) => words += &part,
                _ => words.push('\n'),
            }
        }
        assert!(words.contains("<script>alert(1)</script>]]>&\"'\\u{1b}[31m"), "{words}");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{text}");
    }
}
