//! Reads what a runtime says of its own failures.

use serde_json::Value;

/// Longer messages are cut: they travel in one report.
const LONGEST: usize = 2000;

/// The last error of a log of JSON lines, or its last line if no line is an error.
pub(crate) fn last_error(text: &str) -> Option<String> {
    let mut errors = text.lines().filter_map(|line| error(&serde_json::from_str(line).ok()?));
    let last_line = || text.lines().rfind(|line| !line.trim().is_empty()).map(str::to_owned);
    errors.next_back().or_else(last_line).map(|message| message.chars().take(LONGEST).collect())
}

/// The message of an error; some runtimes put it one level deeper.
fn error(line: &Value) -> Option<String> {
    let level = line.get("level")?.as_str()?.to_ascii_lowercase();
    let message = line.get("msg").or_else(|| line.get("fields")?.get("message"))?.as_str()?;
    ["error", "fatal", "panic"].contains(&level.as_str()).then(|| message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_error_is_found_in_the_words_of_each_runtime() {
        for (text, message) in [
            ("{\"level\":\"warning\",\"msg\":\"a\"}\n{\"level\":\"error\",\"msg\":\"b\"}\n", Some("b")),
            ("{\"level\":\"error\",\"msg\":\"b\"}\n{\"level\":\"info\",\"msg\":\"c\"}\n", Some("b")),
            ("{\"level\":\"ERROR\",\"fields\":{\"message\":\"d\"}}\n", Some("d")),
            ("no JSON\nat all\n\n", Some("at all")),
            ("", None),
        ] {
            assert_eq!(last_error(text).as_deref(), message, "{text}");
        }
    }
}
