//! An output that differs, in words.

use eadem_model::{Difference, Entry, OutputDifference};

/// What each side is, and where they part, a line each.
pub fn lines(difference: &OutputDifference) -> Vec<String> {
    let Difference { first, second, .. } = &difference.entries;
    let mut lines =
        vec![format!("round 1: {}", worded(first.as_ref())), format!("round 2: {}", worded(second.as_ref()))];
    lines.extend(difference.first_offset.map(|offset| format!("first difference at byte {offset}")));
    lines
}

fn worded(entry: Option<&Entry>) -> String {
    match entry {
        None => "absent".to_owned(),
        Some(Entry::Directory) => "a directory".to_owned(),
        Some(Entry::Symlink { target }) => format!("a link to {target}"),
        Some(Entry::File { digest, size, executable }) => {
            let kind = if *executable { "an executable" } else { "a file" };
            format!("{kind} of {size} bytes, {digest}")
        }
    }
}
