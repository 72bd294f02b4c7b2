//! The project's files: recipes, images and their locks.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use eadem_flow::Job;
use eadem_model::{At, Digest, Image, ImageLock, Name, Recipe, RecipeLock, document};
use eadem_store::Claims;
use serde::{Serialize, de::DeserializeOwned};

use crate::{exit::Exit, report::Report};

/// The directory that holds `recipes/`.
pub(crate) struct Project {
    root: PathBuf,
    /// Reads its files as they were, if they are not those on disk.
    past: Option<Past>,
}

/// Reads a file of another time by its path below the root; nothing if there was none.
pub(crate) type Past = Box<dyn Fn(&str) -> Result<Option<Vec<u8>>, Report>>;

impl Project {
    /// Finds the project at or above `start`, or takes `given` as it is.
    pub(crate) fn find(given: Option<&Path>, start: &Path) -> Result<Self, Report> {
        if let Some(root) = given {
            return match root.canonicalize() {
                Ok(root) if root.join("recipes").is_dir() || root.join("images").is_dir() => {
                    Ok(Self { root, past: None })
                }
                _ => Err(Report::new(Exit::Usage, format!("{} is no project", root.display()))
                    .hint("name a directory that holds `recipes/` or `images/`")),
            };
        }
        match start.ancestors().find(|dir| dir.join("recipes").is_dir()) {
            Some(root) => Ok(Self { root: root.to_owned(), past: None }),
            None => Err(Report::new(Exit::Usage, "no directory here or above holds `recipes/`")
                .hint("name the project by -C DIR")),
        }
    }

    /// The same project as it was at another time.
    pub(crate) fn before(&self, past: Past) -> Self {
        Self { root: self.root.clone(), past: Some(past) }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The recipes that `words` name; all of the project if there are none.
    pub(crate) fn recipes(&self, words: &[String]) -> Result<Vec<RecipeFile>, Report> {
        self.recipe_words(words)?.iter().map(|word| self.recipe(word)).collect()
    }

    /// The words themselves, or the names of all recipes if there are none.
    pub(crate) fn recipe_words(&self, words: &[String]) -> Result<Vec<String>, Report> {
        if !words.is_empty() {
            return Ok(words.to_vec());
        }
        let names = self.names("recipes")?;
        if names.is_empty() {
            return Err(Report::new(Exit::Usage, "the project has no recipes"));
        }
        Ok(names)
    }

    /// The names of all images.
    pub(crate) fn images(&self, words: &[String]) -> Result<Vec<String>, Report> {
        if words.is_empty() { self.names("images") } else { Ok(words.to_vec()) }
    }

    fn names(&self, dir: &str) -> Result<Vec<String>, Report> {
        let files = self.files(dir, "yaml")?;
        let stems = files.iter().filter_map(|path| path.file_stem());
        Ok(stems.map(|stem| stem.to_string_lossy().into_owned()).collect())
    }

    /// The files of a directory that have an ending, in byte order.
    fn files(&self, dir: &str, ending: &str) -> Result<Vec<PathBuf>, Report> {
        let dir = self.root.join(dir);
        let mut files = Vec::new();
        if !dir.is_dir() {
            return Ok(files);
        }
        for entry in fs::read_dir(&dir).at(&dir)? {
            let path = entry.at(&dir)?.path();
            if path.extension().is_some_and(|extension| extension == ending) {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }

    /// Reads the recipe that a word names: a name of the project, or the path of a file.
    pub(crate) fn recipe(&self, word: &str) -> Result<RecipeFile, Report> {
        let is_path = word.contains('/') || word.ends_with(".yaml");
        let path = if is_path { word.into() } else { self.root.join("recipes").join(format!("{word}.yaml")) };
        let Some(recipe) = self.read::<Recipe>(&path)? else {
            return Err(self.unknown("recipe", "recipes", word));
        };
        check_name(&recipe.name, &path)?;
        if let Some(why) = recipe.contradiction() {
            return Err(Report::new(
                Exit::Invalid,
                format!("{} contradicts itself: {why}", self.shown(&path)),
            ));
        }
        Ok(RecipeFile { recipe, path })
    }

    /// A recipe's file as the user would write it.
    pub(crate) fn place(&self, file: &RecipeFile) -> String {
        self.shown(&file.path)
    }

    /// Reads an image's definition.
    pub(crate) fn image(&self, name: &str) -> Result<Image, Report> {
        let path = self.root.join("images").join(format!("{name}.yaml"));
        let Some(image) = self.read::<Image>(&path)? else {
            return Err(self.unknown("image", "images", name));
        };
        check_name(&image.name, &path)?;
        Ok(image)
    }

    fn unknown(&self, noun: &str, dir: &str, word: &str) -> Report {
        let known = self.names(dir).unwrap_or_default();
        let report =
            Report::new(Exit::Usage, format!("there is no {noun} `{word}` in {}", self.root.display()));
        if known.is_empty() { report } else { report.fact(format!("it has: {}", known.join(", "))) }
    }

    /// Reads the keys that may sign an image's packages, and checks them.
    pub(crate) fn keyring(&self, image: &Image) -> Result<Vec<u8>, Report> {
        let path = self.root.join("images").join(image.debian.keyring.file.as_str());
        let bytes = fs::read(&path).at(&path)?;
        let (wanted, found) = (image.debian.keyring.sha256, Digest::of(&bytes));
        if wanted == found {
            return Ok(bytes);
        }
        Err(Report::new(
            Exit::Integrity,
            format!("the keyring {} is not the one that the image names", path.display()),
        )
        .fact(format!("wanted {wanted}"))
        .fact(format!("found  {found}")))
    }

    /// What the locks of a project name, so far as they are there.
    ///
    /// # Errors
    /// A lock that cannot be read: what it needs is not known.
    pub(crate) fn claim(root: &Path, claims: &mut Claims) -> Result<(), Report> {
        let project = Self { root: root.to_owned(), past: None };
        for path in project.files("images", "lock")? {
            project.read(&path)?.iter().for_each(|lock| claims.add_image(lock));
        }
        for path in project.files("recipes", "lock")? {
            project.read(&path)?.iter().for_each(|lock| claims.add_recipe(lock));
        }
        Ok(())
    }

    /// Reads an image's lock.
    pub(crate) fn image_lock(&self, name: &str) -> Result<ImageLock, Report> {
        let path = self.image_lock_path(name);
        self.read(&path)?.ok_or_else(|| missing(&self.shown(&path), &format!("eadem lock --image {name}")))
    }

    /// Puts a recipe together with its locks.
    pub(crate) fn pinned(&self, file: &RecipeFile) -> Result<Job, Report> {
        let path = file.lock_path();
        let remedy = format!("eadem lock {}", file.recipe.name);
        let lock = self.read::<RecipeLock>(&path)?.ok_or_else(|| missing(&self.shown(&path), &remedy))?;
        let name = file.recipe.image.as_str();
        Ok(Job::new(file.recipe.clone(), lock, &self.image(name)?, self.image_lock(name)?)?)
    }

    pub(crate) fn image_lock_path(&self, name: &str) -> PathBuf {
        self.root.join("images").join(format!("{name}.lock"))
    }

    /// Reads a document if it is there.
    fn read<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>, Report> {
        if let Some(past) = &self.past {
            return self.parse(path, past(&self.shown(path))?);
        }
        // A pipe would be waited for without end.
        if path.exists() && !path.is_file() {
            return Err(Report::new(Exit::Invalid, format!("{} is not a file", self.shown(path))));
        }
        match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Err::<(), _>(error).at(path).expect_err("it is an error").into()),
            Ok(bytes) => self.parse(path, Some(bytes)),
        }
    }

    fn parse<T: DeserializeOwned>(&self, path: &Path, bytes: Option<Vec<u8>>) -> Result<Option<T>, Report> {
        let Some(bytes) = bytes else { return Ok(None) };
        let no_text = |_| Report::new(Exit::Invalid, format!("{} is not UTF-8", self.shown(path)));
        let text = String::from_utf8(bytes).map_err(no_text)?;
        Ok(Some(document::parse(&self.shown(path), &text)?))
    }

    /// A path as the user would write it.
    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}

/// A recipe and where it stands.
pub(crate) struct RecipeFile {
    pub(crate) recipe: Recipe,
    path: PathBuf,
}

impl RecipeFile {
    /// The lock lies beside the recipe.
    pub(crate) fn lock_path(&self) -> PathBuf {
        self.path.with_extension("lock")
    }
}

/// Writes a lock; a reader sees the old one or the new one.
pub(crate) fn write_lock(path: &Path, lock: &impl Serialize, made_by: &str) -> Result<(), Report> {
    write(path, &format!("# Made by `{made_by}`; not to be edited.\n{}", document::render(lock)))
}

/// Writes a file; a reader sees the old one or the new one.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Report> {
    // A name that nobody can foresee: the project may hold a link at any fixed one.
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mode = fs::Permissions::from_mode(0o644);
    let mut new = tempfile::Builder::new().permissions(mode).tempfile_in(dir).at(dir)?;
    new.write_all(text.as_bytes()).at(path)?;
    new.persist(path).map_err(|error| error.error).at(path)?;
    Ok(())
}

fn missing(shown: &str, remedy: &str) -> Report {
    Report::new(Exit::Lock, format!("{shown} is missing")).hint(remedy)
}

/// A file that holds something of another name would be found under two names.
fn check_name(name: &Name, path: &Path) -> Result<(), Report> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    if name.as_str() == stem {
        return Ok(());
    }
    Err(Report::new(
        Exit::Invalid,
        format!("{} holds the name `{name}`, which is not its own", path.display()),
    )
    .hint(format!("write `name: {stem}`, or rename the file to {name}.yaml")))
}
