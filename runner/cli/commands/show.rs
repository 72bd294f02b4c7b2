//! `eadem show`

use eadem_image::rfc3339;
use eadem_model::{
    Applied, Digest, Entry, Isolation, Plan, Record, RoundRecord, Tree, UnitKind, UnitsRecord,
};
use eadem_report::{blamed, setting};
use eadem_store::Store;
use serde_json::json;

use crate::{
    Done,
    args::Show,
    commands::{ls::worded, unit},
    console::Console,
    exit::Exit,
    history, paint,
    report::Report,
};

/// Shows records whole.
pub(crate) fn run(show: &Show, console: &Console, store: &Store) -> Done {
    let records = history::records(console, store)?;
    let meant = match history::choose(&records, &show.words) {
        Ok(meant) => meant,
        Err(report) => return unit_of(&show.words, report, console, store),
    };
    for (index, record) in meant.into_iter().enumerate() {
        let made_of = MadeOf::find(record, store)?;
        if console.is_json() {
            console.json(&value(record, &made_of, store));
            continue;
        }
        if index > 0 {
            console.print("");
        }
        lines(record, &made_of, store).iter().for_each(|line| console.print(line));
    }
    Ok(Exit::Done)
}

/// What is no run may be a unit.
fn unit_of(words: &[String], report: Report, console: &Console, store: &Store) -> Done {
    let [word] = words else { return Err(report) };
    match &unit::matches(word, store)?[..] {
        [] => Err(report.fact("no unit has such a key, or is of such a package")),
        units => unit::show(units, console, store),
    }
}

/// What a record's plan says, as far as the store still has it.
struct MadeOf {
    image: Option<String>,
    rootfs: Vec<Digest>,
    sources: Vec<Digest>,
}

impl MadeOf {
    fn find(record: &Record, store: &Store) -> Result<Self, Report> {
        let Some(Plan { rootfs, inputs, .. }) = store.plan(&record.plan)? else {
            return Ok(Self { image: None, rootfs: Vec::new(), sources: Vec::new() });
        };
        let mut sources: Vec<Digest> = inputs.iter().map(|input| input.layer).collect();
        sources.dedup();
        Ok(Self { image: image(&rootfs, store)?, rootfs, sources })
    }
}

/// The image that has these layers; the store may have another one under its name by now.
fn image(rootfs: &[Digest], store: &Store) -> Result<Option<String>, Report> {
    for name in store.images()?.into_keys() {
        let report = eadem_image::inspect(store, &name).map_err(eadem_flow::FlowError::from)?;
        let is_it = |report: &eadem_image::ImageReport| {
            report.layers.iter().map(|layer| &layer.diff_id).eq(rootfs.iter())
        };
        if report.as_ref().is_some_and(is_it) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn value(record: &Record, made_of: &MadeOf, store: &Store) -> serde_json::Value {
    let round = |round: &RoundRecord| {
        let outputs = round.tree.iter().flat_map(|tree| &tree.entries).map(|(path, entry)| {
            let file =
                if let Entry::File { digest, .. } = entry { Some(store.file_path(digest)) } else { None };
            json!({"path": path, "entry": entry, "file": file})
        });
        json!({
            "engine": round.engine,
            "started": rfc3339(round.started),
            "setting": round.setting,
            "outcome": round.outcome,
            "tree": round.tree.as_ref().map(Tree::digest),
            "outputs": outputs.collect::<Vec<_>>(),
            "units": round.units,
            "log": store.log_path(&round.log),
        })
    };
    json!({
        "result": "record",
        "run": record.run,
        "recipe": record.recipe,
        "verdict": record.verdict,
        "plan": record.plan,
        "image": made_of.image,
        "rootfs": made_of.rootfs,
        "sources": made_of.sources,
        "needs": record.needs,
        "rounds": record.rounds.iter().map(round).collect::<Vec<_>>(),
    })
}

fn lines(record: &Record, made_of: &MadeOf, store: &Store) -> Vec<String> {
    let mut lines = vec![
        format!("run       {}", record.run),
        format!("recipe    {}", record.recipe),
        format!("plan      {}", record.plan),
    ];
    lines.extend(record.verdict.map(|verdict| format!("verdict   {verdict}")));
    lines.extend(made_of.image.iter().map(|name| format!("image     {name}")));
    lines.extend(made_of.rootfs.iter().map(|layer| format!("layer     {layer}")));
    lines.extend(made_of.sources.iter().map(|layer| format!("sources   {layer}")));
    lines.extend(
        record.needs.iter().map(|one| format!("needs     {}  {} at {}", one.tree, one.recipe, one.supply.at)),
    );
    for (index, round) in record.rounds.iter().enumerate() {
        lines.push(format!("round {}", index + 1));
        lines.extend(about(round, store).into_iter().map(|(key, text)| format!("  {key:12}{text}")));
    }
    lines
}

type Line = (&'static str, String);

fn about(round: &RoundRecord, store: &Store) -> Vec<Line> {
    let outcome = &round.outcome;
    let usage = &outcome.usage;
    let seconds = |millis: u64| millis as f64 / 1e3;
    let mut lines = vec![
        ("engine", round.engine.clone()),
        ("started", rfc3339(round.started)),
        ("ending", worded(&outcome.ending)),
        (
            "used",
            format!(
                "{:.1} s, {:.1} s of processors, {} at most in one process",
                seconds(usage.wall_ms),
                seconds(usage.cpu_ms),
                paint::bytes(usage.peak_kib * 1024)
            ),
        ),
    ];
    if outcome.isolation == Isolation::Weak {
        lines.push(("rooms", "weak isolation".to_owned()));
    }
    lines.extend(setting::values(&round.setting));
    lines.extend(outcome.limits.iter().map(|limit: &Applied| ("limit", limit.to_string())));
    let skipped = outcome.skipped.iter().map(|one| format!("{}: {}", one.variation, one.reason));
    lines.extend(skipped.map(|text| ("skipped", text)));
    lines.extend(outcome.lacks.iter().map(|lack| ("lacks", lack.clone())));
    lines.extend(round.units.iter().flat_map(|units| cut(units, store)));
    lines.extend(round.tree.iter().flat_map(|tree| outputs(tree, store)));
    lines.push(("log", store.log_path(&round.log).display().to_string()));
    lines
}

/// How a round was cut, and its units as far as the store still has them.
fn cut(units: &UnitsRecord, store: &Store) -> Vec<Line> {
    let UnitsRecord { rung, total, hits, .. } = units;
    let mut lines = vec![("units", format!("{total} {rung}, {hits} from the store"))];
    lines.extend(units.fell.iter().map(|why| ("fell", why.clone())));
    lines.extend(units.also.iter().map(|why| ("also", why.clone())));
    for key in &units.keys {
        match store.unit_record(key).unwrap_or_default() {
            Some(record) if record.kind == UnitKind::Query => {}
            Some(record) => lines.push(("unit", unit::listed(key, &record))),
            None => lines.push(("unit", format!("{}  is not in the store any more", key.short()))),
        }
    }
    if let Some(check) = &units.check {
        lines.push(("checked", format!("{} by proofs, {} by a second run", check.proofs, check.ran)));
        lines.extend(blamed(check).into_iter().map(|line| ("units", line)));
    }
    lines
}

fn outputs(tree: &Tree, store: &Store) -> Vec<Line> {
    let line = |(path, entry): (&eadem_model::TreePath, &Entry)| match entry {
        Entry::File { digest, .. } => {
            Some(("output", format!("{digest}  {path}  {}", store.file_path(digest).display())))
        }
        Entry::Symlink { target } => Some(("output", format!("-> {target}  {path}"))),
        Entry::Directory => None,
    };
    tree.entries.iter().filter_map(line).collect()
}
