//! `eadem store gc`

use std::path::Path;

use eadem_store::{Alone, Claims, Holder, Keep, Store};
use serde_json::json;

use crate::{
    Done,
    args::Gc,
    commands::store::{Claimed, by_kind, claimed, row},
    console::Console,
    exit::Exit,
    paint,
    report::Report,
    wiring,
};

const DAY: u64 = 24 * 60 * 60;

/// For how many days what was built or used stays, if nothing is said.
pub(crate) const KEEP_DAYS: u32 = 30;

/// Removes what nobody needs, or says what that is.
pub(crate) fn run(words: &Gc, console: &Console, store: &Store) -> Done {
    // While others write, what they wrote is named by nothing yet.
    let alone = if words.dry_run { None } else { Some(alone(words, console, store)?) };
    let Claimed { claims, gone, faults } = claimed(store)?;
    faults.into_iter().next().map_or(Ok(()), Err)?;
    gone.iter().for_each(|root| console.warn(&format!("the project {} is gone", root.display())));
    let (since, cold_since) = (ago(words.keep_days), ago(words.compress_days));
    let max_bytes = words.max_size.map(|size| size.0);
    let found = store.find_garbage(&Keep { claims: &claims, since, cold_since, max_bytes })?;
    let mut saved = 0;
    if let Some(alone) = &alone {
        store.remove_garbage(alone, &found)?;
        saved = found.cold.iter().map(|blob| store.freeze(alone, blob)).sum::<Result<u64, _>>()?;
        gone.iter().try_for_each(|root| store.forget_project(root))?;
    }
    for garbage in found.garbage.iter().filter(|_| console.is_json()) {
        console.json(&json!({
            "result": "garbage", "kind": garbage.kind, "path": garbage.path, "bytes": garbage.bytes,
        }));
    }
    say(words, console, &found, saved);
    if max_bytes.is_some_and(|max| found.left > max) {
        console.warn(&format!(
            "the store takes {}: the rest is named by locks, images and pins, or was kept for `eadem shell`",
            paint::bytes(found.left)
        ));
    }
    Ok(Exit::Done)
}

/// The bytes that `gc` would free if nothing else is said.
pub(crate) fn reclaimable(claims: &Claims, store: &Store) -> Result<u64, Report> {
    let keep = Keep { claims, since: ago(KEEP_DAYS), cold_since: 0, max_bytes: None };
    Ok(store.find_garbage(&keep)?.garbage.iter().map(|garbage| garbage.bytes).sum())
}

/// Of no days, not even this second is kept.
fn ago(days: u32) -> u64 {
    (wiring::now() + 1).saturating_sub(u64::from(days) * DAY)
}

fn say(words: &Gc, console: &Console, found: &eadem_store::Collection, saved: u64) {
    let bytes: u64 = found.garbage.iter().map(|garbage| garbage.bytes).sum();
    if console.is_json() {
        console.json(&json!({
            "result": "gc", "removed": !words.dry_run, "bytes": bytes, "left": found.left - saved,
            "cold": found.cold.len(), "saved": saved,
        }));
        return;
    }
    for (kind, n, bytes) in by_kind(found.garbage.iter().map(|garbage| (garbage.kind, garbage.bytes))) {
        console.print(&row(&kind.to_string(), &n.to_string(), bytes));
    }
    let did = if words.dry_run { "would free" } else { "freed" };
    if words.dry_run && !found.cold.is_empty() {
        console.print(&format!("would compress {} outputs of units", found.cold.len()));
    }
    if saved > 0 {
        console.print(&format!("saved {} by compressing", paint::bytes(saved)));
    }
    console.print(&format!("{did} {}; {} stay", paint::bytes(bytes), paint::bytes(found.left - saved)));
}

/// The store for this process alone.
fn alone<'a>(words: &Gc, console: &Console, store: &'a Store) -> Result<Alone<'a>, Report> {
    if let Some(alone) = store.alone()? {
        return Ok(alone);
    }
    let holders = worded(&store.holders());
    if words.no_wait {
        let report = Report::new(Exit::Machine, format!("the store is in use by {holders}"));
        return Err(report.hint("eadem store gc waits until it is not"));
    }
    console.talk(&format!("waiting for {holders}"));
    Ok(store.wait_alone()?)
}

fn worded(holders: &[Holder]) -> String {
    let holder = |Holder { pid, words }: &Holder| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.split_first() {
            Some((program, rest)) => {
                let program = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
                format!("`{program} {}` ({pid})", rest.join(" "))
            }
            None => format!("process {pid}"),
        }
    };
    match holders {
        [] => "another eadem".to_owned(),
        holders => holders.iter().map(holder).collect::<Vec<_>>().join(", "),
    }
}
