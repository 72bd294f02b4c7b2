//! What the sources' own configuration asks of cargo that units cannot give.

use std::fs;

use eadem_model::{Plan, Root};
use eadem_store::Store;

use crate::Shape;

/// Where cargo looks for it below the directory that it starts in; the first one counts.
const FILES: [&str; 2] = [".cargo/config", ".cargo/config.toml"];

/// Refuses sources that name a wrapper of the compiler: the proxy stands in its place, so units would be built
/// without it, and have other bytes than a build in one room.
///
/// # Errors
/// [`Shape`] that names the file and the key.
pub fn fits_units(store: &Store, plan: &Plan) -> Result<(), Shape> {
    for input in plan.inputs.iter().filter(|input| input.at == Root::Source) {
        let dir = store.layer_dir(&input.layer).join(input.subpath.as_str());
        for file in FILES {
            let text = fs::read_to_string(dir.join(file)).unwrap_or_default();
            if let Some(key) = foreign(&text) {
                return Err(Shape::new(format!(
                    "the sources' {file} sets `{key}`, which units have no place for"
                )));
            }
        }
    }
    Ok(())
}

/// The key that units cannot heed. A text that cannot be read is for cargo to complain of.
fn foreign(text: &str) -> Option<&'static str> {
    let table: toml::Table = text.parse().ok()?;
    // Another file may hold anything.
    if table.contains_key("include") {
        return Some("include");
    }
    let build = table.get("build")?.as_table()?;
    build.contains_key("rustc-wrapper").then_some("build.rustc-wrapper")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapper_is_found_however_it_is_written_and_nothing_else_is_minded() {
        assert_eq!(foreign("[build]\nrustc-wrapper = 'x'"), Some("build.rustc-wrapper"));
        assert_eq!(foreign("build.rustc-wrapper = 'x'"), Some("build.rustc-wrapper"));
        assert_eq!(foreign("build = {\"rustc-\\u0077rapper\" = 'x'}"), Some("build.rustc-wrapper"));
        assert_eq!(foreign("include = ['other.toml']"), Some("include"));
        for text in ["", "[build]\nrustflags = ['-g']", "[env]\nRUSTC_WRAPPER = 'x'", "not [ toml"] {
            assert_eq!(foreign(text), None, "{text}");
        }
    }
}
