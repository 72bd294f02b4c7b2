//! What a crate would leave if it were compiled: names alone, for a walk that compiles nothing.

use crate::Call;

/// The names of the files that a call of the compiler writes to its output directory, in byte order.
///
/// The names are the compiler's own rules for systems with ELF files.
pub(crate) fn names(call: &Call) -> Vec<String> {
    let crate_name = call.crate_name.as_deref().unwrap_or_default();
    let stem = format!("{crate_name}{}", call.extra_filename.as_deref().unwrap_or_default());
    let mut names: Vec<String> = call.emit.iter().flat_map(|emit| emitted(call, emit, &stem)).collect();
    names.sort();
    names.dedup();
    names
}

fn emitted(call: &Call, emit: &str, stem: &str) -> Vec<String> {
    match emit {
        "dep-info" => vec![format!("{stem}.d")],
        "metadata" => vec![format!("lib{stem}.rmeta")],
        // A program of tests has no type.
        "link" if call.crate_types.is_empty() => vec![stem.to_owned()],
        "link" => call.crate_types.iter().map(|kind| linked(kind, stem)).collect(),
        _ => Vec::new(),
    }
}

fn linked(kind: &str, stem: &str) -> String {
    match kind {
        "lib" | "rlib" => format!("lib{stem}.rlib"),
        "dylib" | "cdylib" | "proc-macro" => format!("lib{stem}.so"),
        "staticlib" => format!("lib{stem}.a"),
        _ => stem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kinds: &[&str], emit: &[&str]) -> Vec<String> {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        names(&Call {
            crate_name: Some("a_b".to_owned()),
            extra_filename: Some("-1f".to_owned()),
            crate_types: owned(kinds),
            emit: owned(emit),
            ..Call::default()
        })
    }

    #[test]
    fn a_library_leaves_itself_what_describes_it_and_a_list_of_files() {
        let all = ["dep-info", "metadata", "link"];
        assert_eq!(of(&["lib"], &all), ["a_b-1f.d", "liba_b-1f.rlib", "liba_b-1f.rmeta"]);
        assert_eq!(
            of(&["cdylib", "staticlib", "rlib"], &["link"]),
            ["liba_b-1f.a", "liba_b-1f.rlib", "liba_b-1f.so"]
        );
        assert_eq!(of(&["proc-macro"], &["dep-info", "link"]), ["a_b-1f.d", "liba_b-1f.so"]);
    }

    #[test]
    fn a_program_has_its_own_name_also_one_of_tests() {
        assert_eq!(of(&["bin"], &["dep-info", "link"]), ["a_b-1f", "a_b-1f.d"]);
        assert_eq!(of(&[], &["link"]), ["a_b-1f"]);
    }
}
