//! `eadem store pin`, `eadem store unpin`

use std::collections::BTreeSet;

use eadem_model::{Digest, Plan, document::Version1};
use eadem_store::{Pin, Store};
use serde_json::json;

use crate::{Done, commands::unit, console::Console, exit::Exit, history, report::Report};

/// Pins what the words name, or lists all pins.
pub(crate) fn add(words: &[String], console: &Console, store: &Store) -> Done {
    for word in words {
        let pin = find(word, console, store)?;
        store.put_pin(&pin)?;
        console.talk(&format!("pinned {}", pin.name));
    }
    if words.is_empty() {
        store.pins()?.iter().for_each(|pin| say(pin, console));
    }
    Ok(Exit::Done)
}

/// Lets go of pins.
pub(crate) fn remove(words: &[String], console: &Console, store: &Store) -> Done {
    for word in words {
        let name = word.strip_prefix("sha256:").unwrap_or(word);
        let names: Vec<String> = store.pins()?.into_iter().map(|pin| pin.name).collect();
        if !store.remove_pin(name)? {
            let report = Report::new(Exit::Usage, format!("`{word}` is not pinned"));
            let pinned = format!("pinned: {}", names.join(", "));
            return Err(if names.is_empty() { report } else { report.fact(pinned) });
        }
        console.talk(&format!("unpinned {name}"));
    }
    Ok(Exit::Done)
}

fn say(pin: &Pin, console: &Console) {
    if console.is_json() {
        let runs: Vec<_> = pin.runs.iter().map(|(plan, run)| json!({"plan": plan, "run": run})).collect();
        console.json(&json!({"result": "pin", "name": pin.name, "digests": pin.digests, "runs": runs}));
    } else {
        let runs: Vec<String> = pin.runs.iter().map(|(_, run)| format!("run {run}")).collect();
        let digests = pin.digests.iter().map(Digest::to_string);
        let what: Vec<String> = runs.into_iter().chain(digests).take(1).collect();
        console.print(&format!("{}  {}", pin.name, what.concat()));
    }
}

/// What a word names: a digest, an image, a recipe or a run, a unit; in this order.
fn find(word: &str, console: &Console, store: &Store) -> Result<Pin, Report> {
    let pin = |name: &str, digests: BTreeSet<Digest>| {
        Ok(Pin { eadem_pin: Version1, name: name.to_owned(), digests, runs: Vec::new() })
    };
    if let Ok(digest) = word.parse::<Digest>() {
        if store.has_blob(&digest) || store.has_layer(&digest) || store.unit_record(&digest)?.is_some() {
            return pin(&digest.hex(), [digest].into());
        }
        return Err(Report::new(Exit::Usage, format!("{word} is not in the store")));
    }
    if let Some(image) = store.images()?.get(word) {
        return pin(word, store.image_blobs(&image.manifest));
    }
    let records = history::records(console, store)?;
    let meant = if records.is_empty() {
        Vec::new()
    } else {
        history::choose(&records, &[word.to_owned()]).or_else(|report| {
            if unit::matches(word, store)?.is_empty() { Err(report) } else { Ok(Vec::new()) }
        })?
    };
    if meant.is_empty() {
        let [(key, _)] = &unit::matches(word, store)?[..] else {
            return Err(Report::new(
                Exit::Usage,
                format!("nothing in the store, or more than one unit, is `{word}`"),
            )
            .hint("eadem ls, eadem image ls and eadem show PACKAGE list what there is"));
        };
        return pin(&key.hex(), [*key].into());
    }
    let mut digests = BTreeSet::new();
    for record in &meant {
        if let Some(Plan { rootfs, inputs, needs, .. }) = store.plan(&record.plan)? {
            let needs = needs.into_iter().map(|supply| supply.layer);
            digests
                .extend(rootfs.into_iter().chain(inputs.into_iter().map(|input| input.layer)).chain(needs));
        }
    }
    let runs = meant.iter().map(|record| (record.plan, record.run.clone())).collect();
    Ok(Pin { eadem_pin: Version1, name: word.to_owned(), digests, runs })
}
