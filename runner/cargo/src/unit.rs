//! A unit as cargo asks for it.

use std::collections::BTreeMap;

use eadem_model::UnitKind;

use crate::{Built, Call, Graph, Needs, Shape, environment::cleaned, wire::Request};

/// One call of cargo's, understood.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) kind: UnitKind,
    /// What the compiler was called for, if it was.
    pub(crate) call: Call,
    /// The package and its version.
    pub(crate) package: String,
    pub(crate) argv: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) cwd: String,
    /// Where it writes; a question writes nothing.
    pub(crate) out_dir: Option<String>,
    pub(crate) needs: Needs,
    /// What it will be to those that use it.
    pub(crate) built: Built,
    /// Whether it is of a package that was asked for by name.
    pub(crate) is_primary: bool,
}

/// Gives the root of the sources that a path belongs to.
type RootOf<'a> = &'a dyn Fn(&str) -> Result<String, Shape>;

/// A request in text.
struct Asked {
    argv: Vec<String>,
    env: BTreeMap<String, String>,
    cwd: String,
}

impl Unit {
    /// Reads a request of the proxy, which has this path if it stands for the compiler; `root` gives the root of the
    /// sources that a path belongs to.
    pub(crate) fn read(
        request: Request,
        proxy: &str,
        graph: &Graph,
        root: RootOf<'_>,
    ) -> Result<Self, Shape> {
        let Asked { mut argv, env, cwd } = Asked::of(request)?;
        let is_compiler = argv.first().is_some_and(|program| program == proxy);
        let package = package(&env);
        let source = env.get("CARGO_MANIFEST_DIR").map(|dir| root(dir)).transpose()?;
        let is_primary = env.contains_key("CARGO_PRIMARY_PACKAGE");
        let own_out = env.get("OUT_DIR").cloned();
        let env = cleaned(env, |path| graph.is_script_output(path));
        let built = Built::of(source, own_out.clone());
        let rest = Self {
            kind: UnitKind::RunScript,
            call: Call::default(),
            package,
            argv: Vec::new(),
            env,
            cwd,
            out_dir: own_out,
            needs: Needs::default(),
            built,
            is_primary,
        };
        if is_compiler {
            argv.remove(0);
            rest.compiler(argv, graph, root)
        } else {
            rest.script(argv, graph, root)
        }
    }

    fn compiler(mut self, argv: Vec<String>, graph: &Graph, root: RootOf<'_>) -> Result<Self, Shape> {
        if argv.is_empty() {
            return Err(Shape::new("cargo calls no compiler"));
        }
        let call = Call::read(&argv[1..])?;
        self.kind = call.kind();
        self.argv = argv;
        if self.kind == UnitKind::Query {
            // Cargo asks from anywhere; the answer does not depend on it.
            (self.out_dir, self.built, self.env) = (None, Built::default(), questions(self.env));
            return Ok(self);
        }
        let out_dir = call.out_dir.as_deref().ok_or_else(|| Shape::new("a crate without an --out-dir"))?;
        self.out_dir = Some(absolute(&self.cwd, out_dir));
        self.built.proc_macro = call.is_proc_macro();
        self.needs = graph.needs(&call, &mut self.built)?;
        // A build script may have said that a library lies among its package's sources.
        self.needs.sources.extend(call.search.iter().filter_map(|dir| root(dir).ok()));
        self.call = call;
        Ok(self)
    }

    fn script(mut self, argv: Vec<String>, graph: &Graph, root: RootOf<'_>) -> Result<Self, Shape> {
        let program = argv.first().ok_or_else(|| Shape::new("cargo runs nothing"))?;
        if self.out_dir.is_none() {
            return Err(Shape::new(format!("cargo runs `{program}`, which is no build script")));
        }
        let package = |text: &str| root(text).ok();
        self.needs = graph.script_needs(program, &self.env, package)?;
        self.needs.sources.extend(self.built.source.clone());
        self.argv = argv;
        Ok(self)
    }
}

impl Asked {
    fn of(request: Request) -> Result<Self, Shape> {
        let env = request.env.into_iter().map(|(name, value)| Ok((text(name)?, text(value)?)));
        Ok(Self {
            argv: request.argv.into_iter().map(text).collect::<Result<_, _>>()?,
            env: env.collect::<Result<_, Shape>>()?,
            cwd: text(request.cwd)?,
        })
    }
}

fn text(bytes: Vec<u8>) -> Result<String, Shape> {
    String::from_utf8(bytes)
        .map_err(|error| Shape::new(format!("{:?} is no text", String::from_utf8_lossy(error.as_bytes()))))
}

/// The compiler's answers depend on how it is found, and on nothing of a package.
fn questions(env: BTreeMap<String, String>) -> BTreeMap<String, String> {
    env.into_iter().filter(|(name, _)| name == "PATH").collect()
}

fn package(env: &BTreeMap<String, String>) -> String {
    let part = |name: &str| env.get(name).map_or("", String::as_str);
    format!("{} {}", part("CARGO_PKG_NAME"), part("CARGO_PKG_VERSION")).trim().to_owned()
}

fn absolute(cwd: &str, path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("{cwd}/{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "/home/builder/proxy";

    fn unit(env: [(&str, &str); 1], words: &str) -> Unit {
        let bytes = |text: &str| text.as_bytes().to_vec();
        let argv = [PROXY, "rustc"].into_iter().chain(words.split(' ')).map(bytes).collect();
        let env = env.map(|(name, value)| (bytes(name), bytes(value))).into();
        let request = Request { argv, env, cwd: bytes("/build/src") };
        let root = |path: &str| match path.strip_prefix("/build/cargo/vendor/") {
            Some(below) => Ok(format!("/build/cargo/vendor/{}", below.split('/').next().unwrap_or_default())),
            None => Err(Shape::new(path.to_owned())),
        };
        Unit::read(request, PROXY, &Graph::default(), &root).expect("cargo may ask so")
    }

    #[test]
    fn a_directory_of_sources_that_libraries_are_looked_for_in_is_needed() {
        let words = "--crate-name a --crate-type bin --out-dir /build/target/release/deps \
                     -L native=/build/cargo/vendor/b-1.0.0/lib -L dependency=/build/target/release/deps";
        let unit = unit([("CARGO_MANIFEST_DIR", "/build/cargo/vendor/a-1.0.0")], words);
        let sources: Vec<_> = unit.needs.sources.iter().map(String::as_str).collect();
        assert_eq!(sources, ["/build/cargo/vendor/a-1.0.0", "/build/cargo/vendor/b-1.0.0"]);
    }
}
