//! Findings in words, a few lines each.

use eadem_model::{Cause, Change, Confidence, Explanation, Finding, Hunk, Normalised, Reason, Spot, Window};

use crate::text;

/// Bytes in a row.
const ROW: usize = 16;

/// All findings, indented below a verdict, and what is equal once it is normalised.
pub fn lines(explanation: &Explanation) -> Vec<String> {
    let normalised = normalised(explanation).into_iter().map(|line| format!("  {line}"));
    explanation.findings.iter().flat_map(finding).chain(normalised).collect()
}

/// The second tier: outputs that are equal once named things are taken out, a line each. They still differ.
pub(crate) fn normalised(explanation: &Explanation) -> Vec<String> {
    explanation.normalised.iter().map(without).collect()
}

fn without(Normalised { output, normalisations }: &Normalised) -> String {
    let output = output.as_deref().unwrap_or("the file");
    let names: Vec<String> = normalisations.iter().map(ToString::to_string).collect();
    format!("{output} is equal after normalisation, and not reproducible; taken out: {}", names.join(", "))
}

/// The same of the output that a finding is in.
pub(crate) fn normalised_at(explanation: &Explanation, place: &[Spot]) -> Option<String> {
    let is_it = |one: &&Normalised| match (&one.output, place.first()) {
        (Some(output), Some(Spot::File(name))) => output == name,
        (output, _) => output.is_none(),
    };
    explanation.normalised.iter().find(is_it).map(without)
}

fn finding(finding: &Finding) -> Vec<String> {
    let mut lines = vec![format!("  {}", place(&finding.place))];
    let mut add = |line: String| lines.push(format!("    {line}"));
    let is_consequence = !finding.follows.is_empty() && finding.causes.is_empty();
    let shown = if is_consequence { 1 } else { usize::MAX };
    change(&finding.change).into_iter().take(shown).for_each(&mut add);
    if !finding.follows.is_empty() {
        add(format!("follows from {}", finding.follows.join(", ")));
    }
    finding.causes.iter().flat_map(cause).for_each(&mut add);
    lines
}

/// Where it is, from the file inwards.
pub(crate) fn place(steps: &[Spot]) -> String {
    let step = |step: &Spot| match step {
        Spot::File(name) | Spot::Section(name) | Spot::Symbol(name) => name.clone(),
        Spot::Member(name) => format!("member {name}"),
        Spot::Packed(name) => format!("unpacked {name}"),
    };
    if steps.is_empty() {
        "the file".to_owned()
    } else {
        steps.iter().map(step).collect::<Vec<_>>().join(" → ")
    }
}

/// How the two sides differ, a line or more.
pub(crate) fn change(change: &Change) -> Vec<String> {
    match change {
        Change::Only { side } => {
            vec![format!("is on the {} side alone", if *side == 1 { "first" } else { "second" })]
        }
        Change::Kind { values: [first, second] } => vec![format!("is {first}, and {second}")],
        Change::Attribute { name, values: [first, second], members } => {
            let others = match members {
                0 | 1 => String::new(),
                2 => ", and differs in one other member".to_owned(),
                n => format!(", and differs in {} other members", n - 1),
            };
            vec![format!("{name} is `{first}`, and `{second}`{others}")]
        }
        Change::Order { parts, values: [first, second] } => {
            vec![format!("the same {parts} in another order: `{first}`, and `{second}` in its place")]
        }
        Change::Lines { hunks, total } => {
            hunks.iter().flat_map(hunk).chain(more(*total, hunks.len())).collect()
        }
        Change::Bytes { sizes, differing, total, windows } => {
            let windows_lines = windows.iter().flat_map(window);
            let head = bytes_head(sizes, *differing, *total);
            std::iter::once(head).chain(windows_lines).chain(more(*total, windows.len())).collect()
        }
        Change::Moved { addresses: 1 } => vec!["one address of what moved".to_owned()],
        Change::Moved { addresses } => vec![format!("{addresses} addresses of what moved")],
        Change::Packing => vec!["the content is the same, packed otherwise".to_owned()],
    }
}

/// How many bytes differ, and at how many places.
pub(crate) fn bytes_head(sizes: &[u64; 2], differing: u64, total: usize) -> String {
    format!("{}, {}", sized(sizes, differing), places(total))
}

fn sized([first, second]: &[u64; 2], differing: u64) -> String {
    if first == second {
        format!("{differing} of {} differ", text::bytes(*first))
    } else {
        format!("{differing} of {first} and {second} bytes differ")
    }
}

fn places(total: usize) -> String {
    if total == 1 { "at one place".to_owned() } else { format!("at {total} places") }
}

/// Says that there is more than is shown, if there is.
pub(crate) fn more(total: usize, shown: usize) -> Option<String> {
    (total > shown).then(|| format!("and at {} more", places(total - shown).trim_start_matches("at ")))
}

fn hunk(hunk: &Hunk) -> Vec<String> {
    let [first, second] = hunk.lines;
    let head = if first == second { format!("line {first}") } else { format!("line {first}, and {second}") };
    let minus = hunk.first.iter().map(|line| format!("- {line}"));
    let plus = hunk.second.iter().map(|line| format!("+ {line}"));
    std::iter::once(head).chain(minus).chain(plus).collect()
}

/// Texts one below the other; other bytes beside each other.
fn window(window: &Window) -> Vec<String> {
    let [first, second] = window.offsets;
    let at =
        if first == second { format!("at {first:#x}") } else { format!("at {first:#x}, and {second:#x}") };
    if let Some([first, second]) = &window.texts {
        return vec![at, format!("- {first}"), format!("+ {second}")];
    }
    std::iter::once(at).chain(rows(&window.hex)).collect()
}

fn rows([first, second]: &[String; 2]) -> Vec<String> {
    let row = |hex: &String, n: usize| {
        let digits: Vec<&str> =
            (0..ROW).filter_map(|at| hex.get(n * 2 * ROW + at * 2..n * 2 * ROW + at * 2 + 2)).collect();
        digits.join(" ")
    };
    let n_rows = first.len().max(second.len()).div_ceil(2 * ROW);
    let pairs = (0..n_rows).map(|n| (row(first, n), row(second, n)));
    let width = 3 * ROW - 1;
    pairs
        .filter(|(left, right)| left != right)
        .map(|(left, right)| format!("{left:width$}  |  {right}"))
        .collect()
}

/// A cause, and what to do about it.
pub(crate) fn cause(cause: &Cause) -> Vec<String> {
    let Cause { cause, evidence, remedy, confidence } = cause;
    let sure = sure(*confidence);
    let remedy = (*confidence != Confidence::Unknown).then(|| format!("remedy: {remedy}"));
    std::iter::once(format!("cause: {} ({sure}): {evidence}", reason(cause))).chain(remedy).collect()
}

/// How sure a cause is, in a word.
pub(crate) const fn sure(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Proven => "proven",
        Confidence::Likely => "likely",
        Confidence::Unknown => "unsure",
    }
}

/// What a cause is, in words.
pub fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Known(name) => name.clone(),
        Reason::BuildPath => "the build's path".to_owned(),
        Reason::Timestamp => "the time".to_owned(),
        Reason::Hostname => "the machine's name".to_owned(),
        Reason::User => "the user's name".to_owned(),
        Reason::Home => "the home directory".to_owned(),
        Reason::TemporaryName => "a temporary name".to_owned(),
        Reason::Order => "order alone".to_owned(),
        Reason::Owner => "the owner".to_owned(),
        Reason::Mode => "permissions".to_owned(),
        Reason::Packing => "the packing program".to_owned(),
        Reason::BuildId => "the build-id".to_owned(),
        Reason::NameHash => "a hash in names".to_owned(),
        Reason::Random => "random, or a digest".to_owned(),
        Reason::Address => "an address in memory".to_owned(),
        Reason::Padding => "bytes that nobody has set".to_owned(),
        Reason::Code => "other code".to_owned(),
        Reason::Unknown => "unknown".to_owned(),
    }
}
