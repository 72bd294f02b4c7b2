//! Makes text from outside fit to be read: by a terminal, and by whoever reads a page.

/// Replaces control characters, so that a build's log cannot drive the terminal.
pub fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_sequence(&mut rest),
            '\t' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// A text with the names of others in it, as one line that says what it holds: what would break the line,
/// drive the terminal or turn the writing round is escaped.
pub fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_control() || is_turn(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// Separators of lines, and marks of direction, beyond the control characters.
fn is_turn(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Passes over one escape sequence: CSI to its final letter, OSC to its end, else one character.
fn skip_sequence(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match rest.next() {
        Some('[') => while rest.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
        Some(']') => while rest.next().is_some_and(|c| c != '\u{7}' && c != '\u{1b}') {},
        _ => {}
    }
}

/// A line of a build's log as it stands in a report: nothing that colours it, and nothing that turns it round.
pub fn log_line(text: &str) -> String {
    line(&plain(text))
}

/// A number of bytes in words.
pub fn bytes(n: u64) -> String {
    match n {
        0..1_000 => format!("{n} B"),
        1_000..1_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.2} GB", n as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_cannot_drive_the_terminal() {
        assert_eq!(plain("\u{1b}[31mred\u{1b}[0m\u{7}"), "red");
        assert_eq!(plain("\u{1b}]0;title\u{7}text\r"), "text");
        assert_eq!(plain("a\tb"), "a b");
    }

    #[test]
    fn a_name_stays_on_its_line() {
        assert_eq!(line("a\nb\tc\u{1b}[2Jd"), "a\\nb\\tc\\u{1b}[2Jd");
        assert_eq!(line("x\u{202e}fdp.\u{2028}"), "x\\u{202e}fdp.\\u{2028}");
        assert_eq!(line("ä \\ 'ü' \u{1f980}"), "ä \\ 'ü' \u{1f980}");
    }

    #[test]
    fn sizes_are_worded() {
        assert_eq!([bytes(9), bytes(1_500), bytes(197_000_000)], ["9 B", "1.5 kB", "197.0 MB"]);
    }
}
