//! What the units of this build have given so far, and what the next one needs of it.

use std::collections::{BTreeMap, BTreeSet};

use eadem_model::{Entry, Tree};

use crate::{Call, Shape};

/// A crate that was compiled.
#[derive(Debug, Clone, Default)]
pub struct Built {
    /// What it wrote, by its paths in the driver's room.
    pub files: BTreeMap<String, Entry>,
    /// Whether the compiler loads and runs it.
    pub proc_macro: bool,
    /// The root of its sources.
    pub source: Option<String>,
    /// Where its build script wrote.
    pub out_dir: Option<String>,
    below: BTreeSet<usize>,
    hosts: BTreeSet<usize>,
}

/// Everything that was built.
#[derive(Debug, Default)]
pub struct Graph {
    built: Vec<Built>,
    by_file: BTreeMap<String, usize>,
    scripts: BTreeMap<String, (usize, Entry)>,
    out_dirs: BTreeMap<String, Tree>,
}

/// What a unit may read besides the image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Files by their paths.
    pub files: BTreeMap<String, Entry>,
    /// What build scripts wrote, by its directory.
    pub trees: BTreeMap<String, Tree>,
    /// Roots of sources.
    pub sources: BTreeSet<String>,
    /// Roots of sources where the compiler looks for lines to show in its messages: it compares them with what it
    /// knows of the crates that it reads, so no output hangs on them.
    pub quoted: BTreeSet<String>,
}

impl Built {
    /// A crate of these sources, with what its build script wrote, before it is compiled.
    pub fn of(source: Option<String>, out_dir: Option<String>) -> Self {
        Self { source, out_dir, ..Self::default() }
    }
}

impl Graph {
    /// What a call of the compiler needs, whose crate is not in the graph yet.
    ///
    /// # Errors
    /// [`Shape`] if it names a library that no unit has written.
    pub fn needs(&self, call: &Call, krate: &mut Built) -> Result<Needs, Shape> {
        self.connect(call, krate)?;
        let mut needs = Needs { sources: krate.source.iter().cloned().collect(), ..Needs::default() };
        for id in &krate.below {
            needs.quoted.extend(self.built[*id].source.clone());
            let wanted = |path: &&String| is_wanted(path, call.is_link());
            let files = &self.built[*id].files;
            needs.files.extend(files.keys().filter(wanted).map(|path| (path.clone(), files[path].clone())));
        }
        for path in &call.externs {
            needs.files.insert(path.clone(), self.file(path)?.clone());
        }
        let own = krate.out_dir.iter();
        own.chain(&call.search).for_each(|path| self.add_trees_at(path, &mut needs));
        // The compiler runs these: what they may read while they run.
        for id in krate.hosts.iter().filter(|id| self.built[**id].proc_macro) {
            self.add_surroundings(*id, &mut needs);
            // They may look for anything, and nobody could tell their looks from those of the compiler.
            needs.sources.append(&mut needs.quoted);
        }
        Ok(needs)
    }

    /// Finds out what a crate stands on. A proc macro holds what it was built from.
    fn connect(&self, call: &Call, krate: &mut Built) -> Result<(), Shape> {
        for path in &call.externs {
            let id = self.id(path)?;
            let other = &self.built[id];
            krate.below.insert(id);
            krate.hosts.extend(&other.hosts);
            if other.proc_macro {
                krate.hosts.extend(other.below.iter().chain([&id]));
            } else {
                krate.below.extend(&other.below);
            }
        }
        Ok(())
    }

    /// Takes a crate that was compiled.
    pub fn add(&mut self, krate: Built) -> usize {
        let id = self.built.len();
        self.by_file.extend(krate.files.keys().map(|path| (path.clone(), id)));
        self.built.push(krate);
        id
    }

    /// Takes the program of a build script, which will be called in this directory.
    pub fn add_script(&mut self, dir: &str, id: usize, program: Entry) {
        self.scripts.insert(dir.to_owned(), (id, program));
    }

    /// Takes what a build script wrote.
    pub fn add_out_dir(&mut self, dir: &str, tree: Tree) {
        self.out_dirs.insert(dir.to_owned(), tree);
    }

    /// What the run of a build script needs, called by this path.
    ///
    /// # Errors
    /// [`Shape`] if no unit has compiled it.
    pub fn script_needs(
        &self,
        program: &str,
        env: &BTreeMap<String, String>,
        package: impl Fn(&str) -> Option<String>,
    ) -> Result<Needs, Shape> {
        let dir = program.rsplit_once('/').map_or("", |(dir, _)| dir);
        let unknown = || Shape::new(format!("cargo runs `{program}`, which no unit has compiled"));
        let (id, entry) = self.scripts.get(dir).ok_or_else(unknown)?;
        let mut needs = Needs::default();
        needs.files.insert(program.to_owned(), entry.clone());
        needs.sources.extend(self.built[*id].source.clone());
        for (_, value) in env.iter().filter(|(name, _)| name.starts_with("DEP_")) {
            self.add_trees_in(value, &mut needs);
            // It may be a list of places.
            needs.sources.extend(value.split([':', ';', ',', ' ']).filter_map(&package));
        }
        // What is linked into it may read its own files.
        self.built[*id].below.iter().for_each(|id| self.add_surroundings(*id, &mut needs));
        Ok(needs)
    }

    /// Whether a directory is what a build script wrote, or below.
    pub fn is_script_output(&self, path: &str) -> bool {
        self.out_dirs.keys().any(|dir| lies_in(path, dir))
    }

    fn add_surroundings(&self, id: usize, needs: &mut Needs) {
        let krate = &self.built[id];
        needs.sources.extend(krate.source.clone());
        krate.out_dir.iter().for_each(|dir| self.add_trees_at(dir, needs));
    }

    fn add_trees_at(&self, path: &str, needs: &mut Needs) {
        self.add_trees(needs, |dir| lies_in(path, dir));
    }

    fn add_trees_in(&self, text: &str, needs: &mut Needs) {
        self.add_trees(needs, |dir| text.contains(dir));
    }

    fn add_trees(&self, needs: &mut Needs, is_meant: impl Fn(&str) -> bool) {
        let trees = self.out_dirs.iter().filter(|(dir, _)| is_meant(dir));
        needs.trees.extend(trees.map(|(dir, tree)| (dir.clone(), tree.clone())));
    }

    fn id(&self, path: &str) -> Result<usize, Shape> {
        let unknown = || Shape::new(format!("cargo names the library `{path}`, which no unit has written"));
        self.by_file.get(path).copied().ok_or_else(unknown)
    }

    fn file(&self, path: &str) -> Result<&Entry, Shape> {
        Ok(&self.built[self.id(path)?].files[path])
    }
}

/// Whether the compiler looks for a file of the crates that a crate stands on.
fn is_wanted(path: &str, link: bool) -> bool {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    extension == "so" || extension == if link { "rlib" } else { "rmeta" }
}

/// Whether a path is a directory or lies below it.
pub(crate) fn lies_in(path: &str, dir: &str) -> bool {
    path.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use eadem_model::Digest;

    use super::*;

    fn file(name: &str) -> Entry {
        Entry::File { digest: Digest::of(name.as_bytes()), size: 1, executable: false }
    }

    fn krate(files: &[&str], source: &str) -> Built {
        let files = files.iter().map(|name| ((*name).to_owned(), file(name))).collect();
        Built { files, source: Some(source.to_owned()), ..Built::default() }
    }

    fn call(externs: &[&str]) -> Call {
        Call { externs: externs.iter().map(|name| (*name).to_owned()).collect(), ..Call::default() }
    }

    fn add(graph: &mut Graph, mut krate: Built, externs: &[&str]) -> Needs {
        let needs = graph.needs(&call(externs), &mut krate).expect("everything is known");
        graph.add(krate);
        needs
    }

    fn names(needs: &Needs) -> Vec<&str> {
        needs.files.keys().map(String::as_str).collect()
    }

    #[test]
    fn a_link_needs_all_libraries_below_and_a_check_only_what_describes_them() {
        let mut graph = Graph::default();
        add(&mut graph, krate(&["a.rlib", "a.rmeta"], "/a"), &[]);
        let needs = add(&mut graph, krate(&["b.rlib", "b.rmeta"], "/b"), &["a.rmeta"]);
        assert_eq!(names(&needs), ["a.rmeta"]);
        let needs = add(&mut graph, krate(&["c"], "/c"), &["b.rlib"]);
        assert_eq!(names(&needs), ["a.rlib", "b.rlib"]);
        assert_eq!(needs.sources.iter().collect::<Vec<_>>(), ["/c"]);
    }

    #[test]
    fn a_proc_macro_brings_itself_and_what_it_may_read_but_no_libraries() {
        let mut graph = Graph::default();
        add(&mut graph, krate(&["syn.rlib", "syn.rmeta"], "/syn"), &[]);
        let macros = Built { proc_macro: true, out_dir: Some("/out".into()), ..krate(&["m.so"], "/m") };
        graph.add_out_dir("/out", Tree::default());
        add(&mut graph, macros, &["syn.rlib"]);
        let needs = add(&mut graph, krate(&["d.rlib", "d.rmeta"], "/d"), &["m.so"]);
        assert_eq!(names(&needs), ["m.so"]);
        assert_eq!(needs.sources.iter().collect::<Vec<_>>(), ["/d", "/m"]);
        assert_eq!(needs.trees.keys().collect::<Vec<_>>(), ["/out"]);
        // Whoever uses it is compiled with the macro's own crate in reach.
        let needs = add(&mut graph, krate(&["e"], "/e"), &["d.rlib"]);
        assert_eq!(names(&needs), ["d.rlib", "m.so"]);
    }

    #[test]
    fn a_build_script_sees_what_its_variables_name_and_what_is_linked_into_it() {
        let mut graph = Graph::default();
        graph.add_out_dir("/t/native/out", Tree::default());
        graph.add_out_dir("/t/other/out", Tree::default());
        add(&mut graph, krate(&["gen.rlib"], "/gen"), &[]);
        let mut script = krate(&["/t/user/build_script_build-1"], "/user");
        graph.needs(&call(&["gen.rlib"]), &mut script).expect("everything is known");
        let id = graph.add(script);
        graph.add_script("/t/user", id, file("script"));
        let env = [("DEP_NAT_INCLUDE", "/t/native/out/include:/v/a/x:/v/b"), ("X", "/t/other/out:/v/c")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let package = |path: &str| path.starts_with("/v/").then(|| path[..4].to_owned());
        let needs = graph.script_needs("/t/user/build-script-build", &env, package).expect("is known");
        assert_eq!(names(&needs), ["/t/user/build-script-build"]);
        assert_eq!(needs.trees.keys().collect::<Vec<_>>(), ["/t/native/out"]);
        assert_eq!(needs.sources.iter().collect::<Vec<_>>(), ["/gen", "/user", "/v/a", "/v/b"]);
        assert!(graph.script_needs("/t/evil/build-script-build", &env, |_| None).is_err());
    }

    #[test]
    fn a_library_that_no_unit_has_written_is_refused_by_name() {
        let fault = Graph::default().needs(&call(&["x.rlib"]), &mut Built::default());
        assert!(fault.expect_err("it is unknown").to_string().contains("`x.rlib`"));
    }
}
