//! `eadem image`

use eadem_image::ImageReport;
use serde_json::json;

use crate::{
    Done, args::Image, commands::Desk, console::Console, exit::Exit, paint, report::Report, wiring::Wiring,
};

/// Builds, shows or lists images; only building needs a project.
pub(crate) fn run<'a>(
    image: &Image,
    console: &Console,
    wiring: &Wiring,
    desk: impl FnOnce() -> Result<Desk<'a>, Report>,
) -> Done {
    match image {
        Image::Build { names } => build(names, &desk()?),
        Image::Inspect { name } => inspect(name, console, wiring),
        Image::Ls => list(console, wiring),
    }
}

fn build(names: &[String], desk: &Desk<'_>) -> Done {
    for name in desk.project.images(names)? {
        let (image, lock) = (desk.project.image(&name)?, desk.project.image_lock(&name)?);
        let built = desk.at_bench(|bench| eadem_flow::build_image(bench, &image, &lock))?;
        if desk.console.is_json() {
            desk.console.json(&json!({"result": "image", "name": name, "manifest": built.manifest}));
        } else {
            desk.console.print(&format!("{}  {name}", built.manifest));
        }
    }
    Ok(Exit::Done)
}

fn inspect(name: &str, console: &Console, wiring: &Wiring) -> Done {
    let Some(report) = eadem_image::inspect(&wiring.store, name).map_err(eadem_flow::FlowError::from)? else {
        return Err(Report::new(Exit::Usage, format!("the store has no image `{name}`"))
            .hint(format!("eadem image build {name}")));
    };
    if console.is_json() {
        console.json(&value(&report));
    } else {
        lines(&report).iter().for_each(|line| console.print(line));
    }
    Ok(Exit::Done)
}

fn value(report: &ImageReport) -> serde_json::Value {
    let layer = |layer: &eadem_store::StoredLayer| json!({"diff_id": layer.diff_id, "blob": layer.blob, "size": layer.size});
    json!({
        "result": "image",
        "name": report.name,
        "manifest": report.manifest,
        "config": report.config,
        "layers": report.layers.iter().map(layer).collect::<Vec<_>>(),
        "packages": report.packages,
    })
}

fn lines(report: &ImageReport) -> Vec<String> {
    let mut lines = vec![
        format!("name      {}", report.name),
        format!("manifest  {}", report.manifest),
        format!("config    {}", report.config),
    ];
    let layer = |layer: &eadem_store::StoredLayer| {
        format!("layer     {}  {}", layer.diff_id, paint::bytes(layer.size))
    };
    lines.extend(report.layers.iter().map(layer));
    lines.extend(report.packages.iter().map(|(name, version)| format!("package   {name} {version}")));
    lines
}

fn list(console: &Console, wiring: &Wiring) -> Done {
    for (name, entry) in wiring.store.images()? {
        if console.is_json() {
            console.json(&json!({"result": "image", "name": name, "manifest": entry.manifest}));
        } else {
            console.print(&format!("{}  {name}", entry.manifest));
        }
    }
    Ok(Exit::Done)
}
