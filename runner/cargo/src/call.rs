//! Reads how cargo calls the compiler; never writes it.

use eadem_model::UnitKind;

use crate::Shape;

/// What the arguments of one call of the compiler say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// `--crate-name`
    pub crate_name: Option<String>,
    /// `--crate-type`, each.
    pub crate_types: Vec<String>,
    /// `--out-dir`
    pub out_dir: Option<String>,
    /// `-C extra-filename`
    pub extra_filename: Option<String>,
    /// The paths of `--extern`; a crate without one is the compiler's own.
    pub externs: Vec<String>,
    /// The directories of `-L`, without their kinds.
    pub search: Vec<String>,
    /// What `--emit` asks for.
    pub emit: Vec<String>,
}

impl Call {
    /// Reads the arguments that follow the compiler's name.
    ///
    /// # Errors
    /// [`Shape`] for an option that lacks its value.
    pub fn read(arguments: &[String]) -> Result<Self, Shape> {
        let mut call = Self::default();
        let mut rest = arguments.iter();
        while let Some(word) = rest.next() {
            if UNREAD.contains(&word.as_str()) {
                next(word, &mut rest)?;
            } else if let Some((option, value)) = option(word, &mut rest)? {
                call.take(option, value);
            }
        }
        Ok(call)
    }

    fn take(&mut self, option: &str, value: &str) {
        match option {
            "--crate-name" => self.crate_name = Some(value.to_owned()),
            "--crate-type" => self.crate_types.extend(value.split(',').map(str::to_owned)),
            "--out-dir" => self.out_dir = Some(value.to_owned()),
            "--emit" => self.emit.extend(value.split(',').map(str::to_owned)),
            "--extern" => self.externs.extend(value.split_once('=').map(|(_, path)| path.to_owned())),
            "-L" => self.search.push(value.split_once('=').map_or(value, |(_, path)| path).to_owned()),
            "-C" => {
                if let Some(extra) = value.strip_prefix("extra-filename=") {
                    self.extra_filename = Some(extra.to_owned());
                }
            }
            _ => {}
        }
    }

    /// What the call is for. Cargo asks with an odd name, or with none.
    pub fn kind(&self) -> UnitKind {
        match self.crate_name.as_deref() {
            None | Some("___") => UnitKind::Query,
            Some(name) if name.starts_with("build_script_") && self.is_outside_programs() => {
                UnitKind::CompileScript
            }
            Some(_) => UnitKind::Compile,
        }
    }

    /// Whether it gives a program that lies where cargo runs it, and not among the programs of packages, which
    /// may be called like a build script. Cargo alone names the directory; sources can set any variable.
    fn is_outside_programs(&self) -> bool {
        let last = self.out_dir.as_deref().and_then(|dir| dir.rsplit('/').next());
        self.crate_types == ["bin"] && !matches!(last, Some("deps" | "examples"))
    }

    /// Whether the crate is one that the compiler itself loads and runs.
    pub fn is_proc_macro(&self) -> bool {
        self.crate_types.iter().any(|kind| kind == "proc-macro")
    }

    /// Whether whole libraries are needed, and not what describes them alone.
    pub fn is_link(&self) -> bool {
        self.externs.is_empty() || self.externs.iter().any(|path| path.ends_with(".rlib"))
    }
}

/// Options with a value that are looked at.
const LONG: [&str; 5] = ["--crate-name", "--crate-type", "--out-dir", "--emit", "--extern"];
const SHORT: [&str; 2] = ["-L", "-C"];

/// Options with a value that means nothing here: sources choose some of them, also such as look like options.
const UNREAD: [&str; 7] = ["--cap-lints", "--cfg", "--check-cfg", "--target", "-Z", "-l", "-o"];

fn option<'a>(
    word: &'a str,
    rest: &mut impl Iterator<Item = &'a String>,
) -> Result<Option<(&'static str, &'a str)>, Shape> {
    for option in LONG {
        match word.strip_prefix(option) {
            Some("") => return next(option, rest).map(Some),
            Some(value) if value.starts_with('=') => return Ok(Some((option, &value[1..]))),
            _ => {}
        }
    }
    for option in SHORT {
        match word.strip_prefix(option) {
            Some("") => return next(option, rest).map(Some),
            Some(value) => return Ok(Some((option, value))),
            None => {}
        }
    }
    Ok(None)
}

fn next<'o, 'a>(
    option: &'o str,
    rest: &mut impl Iterator<Item = &'a String>,
) -> Result<(&'o str, &'a str), Shape> {
    let value =
        rest.next().ok_or_else(|| Shape::new(format!("the compiler's option {option} has no value")))?;
    Ok((option, value))
}

#[cfg(test)]
mod tests;
