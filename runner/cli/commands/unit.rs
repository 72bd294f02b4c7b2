//! Units, for `eadem show`.

use eadem_model::{Digest, Entry, TreePath, UnitRecord};
use eadem_store::Store;
use serde_json::json;

use crate::{Done, console::Console, exit::Exit, paint, report::Report};

/// Fewer digits are no name of a unit: they would be words, too.
const SHORTEST: usize = 4;

/// The units that a word means: by the first digits of a key, or by their package.
pub(crate) fn matches(word: &str, store: &Store) -> Result<Vec<(Digest, UnitRecord)>, Report> {
    let digits = word.strip_prefix("sha256:").unwrap_or(word);
    let is_key =
        digits.len() >= SHORTEST && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut found = Vec::new();
    for key in store.unit_keys()? {
        // What is damaged is for `eadem store check` to say.
        let Some(record) = store.unit_record(&key).unwrap_or_default() else { continue };
        if is_key && key.hex().starts_with(digits) || is_of(&record, word) {
            found.push((key, record));
        }
    }
    found.sort_by(|left, right| order(left).cmp(&order(right)));
    Ok(found)
}

fn order((key, record): &(Digest, UnitRecord)) -> (&str, eadem_model::UnitKind, &Digest) {
    (&record.package, record.kind, key)
}

/// Whether a unit is of PACKAGE or PACKAGE@VERSION.
fn is_of(record: &UnitRecord, word: &str) -> bool {
    let (name, version) = record.package.split_once(' ').unwrap_or((&record.package, ""));
    match word.split_once('@') {
        Some((wanted, of)) => name == wanted && version == of,
        None => !name.is_empty() && name == word,
    }
}

/// Shows one unit whole, or lists several.
pub(crate) fn show(units: &[(Digest, UnitRecord)], console: &Console, store: &Store) -> Done {
    match units {
        _ if console.is_json() => units.iter().for_each(|unit| console.json(&value(unit, store))),
        [unit] => lines(unit, store).iter().for_each(|line| console.print(line)),
        units => units.iter().for_each(|(key, record)| console.print(&listed(key, record))),
    }
    Ok(Exit::Done)
}

/// `KEY  PACKAGE  WHAT IT DOES  SIZE`
pub(crate) fn listed(key: &Digest, record: &UnitRecord) -> String {
    let sizes = record.tree.entries.values().map(|entry| match entry {
        Entry::File { size, .. } => *size,
        _ => 0,
    });
    let package = if record.package.is_empty() { "-" } else { &record.package };
    format!("{}  {package}  {}  {}", key.short(), record.kind, paint::bytes(sizes.sum()))
}

fn value((key, record): &(Digest, UnitRecord), store: &Store) -> serde_json::Value {
    let output = |(path, entry): (&TreePath, &Entry)| {
        let file = if let Entry::File { digest, .. } = entry { Some(store.file_path(digest)) } else { None };
        json!({"path": path, "entry": entry, "file": file})
    };
    let mut value = serde_json::to_value(record).expect("records have only text keys");
    value["result"] = "unit".into();
    value["key"] = key.to_string().into();
    value["tree"] = record.tree.digest().to_string().into();
    value["outputs"] = record.tree.entries.iter().map(output).collect();
    value
}

fn lines((key, record): &(Digest, UnitRecord), store: &Store) -> Vec<String> {
    let usage = &record.usage;
    let mut lines = vec![
        format!("unit      {key}"),
        format!("package   {}", if record.package.is_empty() { "-" } else { &record.package }),
        format!("kind      {}", record.kind),
        format!(
            "used      {:.1} s, {:.1} s of processors, {} at most in one process",
            usage.wall_ms as f64 / 1e3,
            usage.cpu_ms as f64 / 1e3,
            paint::bytes(usage.peak_kib * 1024)
        ),
        format!("tree      {}", record.tree.digest()),
    ];
    for (path, entry) in &record.tree.entries {
        match entry {
            Entry::File { digest, size, .. } => {
                lines.push(format!("output    {digest}  {path}  {}", paint::bytes(*size)));
            }
            Entry::Symlink { target } => lines.push(format!("output    -> {target}  {path}")),
            Entry::Directory => {}
        }
    }
    lines.push(format!("stdout    {}", store.file_path(&record.stdout).display()));
    lines.push(format!("stderr    {}", store.file_path(&record.stderr).display()));
    lines
}
