//! Files of a commit of the user's own project, read by git.
//!
//! git is the user's, and so is the configuration outside of the repository, which says whose repositories it opens.
//! Nothing that the repository names runs: the commands that are used here look at objects alone, and what would
//! bring missing ones is forbidden.

use std::{
    env, io,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A commit of a repository that holds a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    dir: PathBuf,
    id: String,
}

/// Why git did not say.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no git.
    #[error("git cannot be started")]
    NoProgram(#[source] io::Error),
    /// It refused.
    #[error("git says: {said}")]
    Refused {
        /// What it said.
        said: String,
    },
}

/// What of the user's environment says where git's configuration is.
const OF_USER: [&str; 3] = ["PATH", "HOME", "XDG_CONFIG_HOME"];

/// Configuration that wins over the repository's.
const LOCKED_DOWN: [&str; 6] =
    ["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never"];

impl Commit {
    /// Finds the commit that a word names in the repository that holds `dir`.
    ///
    /// # Errors
    /// [`GitError`], also if there is no repository or no such commit.
    pub fn find(dir: &Path, word: &str) -> Result<Self, GitError> {
        if word.starts_with('-') {
            // It would be an option, and options can start programs.
            return Err(GitError::Refused { said: format!("`{word}` names no commit") });
        }
        let id = ask(dir, &["rev-parse", "--verify", &format!("{word}^{{commit}}")])?;
        let id = String::from_utf8_lossy(&id).trim().to_owned();
        Ok(Self { dir: dir.to_owned(), id })
    }

    /// Its name: 40 or 64 hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it has as a file at a path below the directory; nothing if it has none there.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let listed = ask(&self.dir, &["ls-tree", "-z", &self.id, "--", path])?;
        let listed = String::from_utf8_lossy(&listed).into_owned();
        // MODE TYPE OBJECT, a tab and the path; a link is no file.
        let words: Vec<&str> = listed.split(['\t', '\0']).next().unwrap_or_default().split(' ').collect();
        match words[..] {
            ["100644" | "100755", "blob", object] => ask(&self.dir, &["cat-file", "blob", object]).map(Some),
            _ => Ok(None),
        }
    }
}

fn ask(dir: &Path, words: &[&str]) -> Result<Vec<u8>, GitError> {
    let mut git = Command::new("git");
    git.env_clear().envs(OF_USER.iter().filter_map(|name| Some((name, env::var_os(name)?))));
    git.envs([
        ("LC_ALL", "C"),
        ("GIT_NO_LAZY_FETCH", "1"),
        ("GIT_NO_REPLACE_OBJECTS", "1"),
        ("GIT_OPTIONAL_LOCKS", "0"),
    ]);
    git.arg("-C").arg(dir).args(["--no-pager", "--literal-pathspecs"]).args(LOCKED_DOWN).args(words);
    let Output { status, stdout, stderr } = git.output().map_err(GitError::NoProgram)?;
    if status.success() {
        return Ok(stdout);
    }
    Err(GitError::Refused { said: String::from_utf8_lossy(&stderr).trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn git(dir: &Path, words: &[&str]) {
        let who = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"];
        let done = Command::new("git").arg("-C").arg(dir).args(who).args(words).output().expect("git runs");
        assert!(done.status.success(), "{words:?}: {done:?}");
    }

    /// A repository with a project in a directory of it, and the second commit of it.
    fn repository(dir: &Path) -> PathBuf {
        let project = dir.join("project");
        fs::create_dir_all(project.join("recipes")).expect("ours");
        git(dir, &["init", "--quiet"]);
        for text in ["one", "two"] {
            fs::write(project.join("recipes/a.yaml"), text).expect("ours");
            git(dir, &["add", "."]);
            git(dir, &["commit", "--quiet", "--message", text]);
        }
        project
    }

    #[test]
    fn a_file_is_read_as_it_was_at_a_commit() {
        let dir = tempfile::tempdir().expect("a directory");
        let project = repository(dir.path());
        fs::write(project.join("recipes/a.yaml"), "three").expect("ours");
        let read =
            |word, path| Commit::find(&project, word).expect("it is there").read(path).expect("it is read");
        assert_eq!(read("HEAD", "recipes/a.yaml").as_deref(), Some(&b"two"[..]));
        assert_eq!(read("HEAD~1", "recipes/a.yaml").as_deref(), Some(&b"one"[..]));
        assert_eq!(read("HEAD", "recipes/b.yaml"), None);
        assert_eq!(read("HEAD", "recipes"), None, "a directory is no file");
        assert_eq!(Commit::find(&project, "HEAD").expect("it is there").id().len(), 40);
    }

    #[test]
    fn what_names_no_commit_is_told_in_the_words_of_git() {
        let dir = tempfile::tempdir().expect("a directory");
        let project = repository(dir.path());
        for word in ["nothing", "--help", "", "HEAD:project"] {
            assert!(matches!(Commit::find(&project, word), Err(GitError::Refused { .. })), "{word}");
        }
        let bare = tempfile::tempdir().expect("a directory");
        let said = Commit::find(bare.path(), "HEAD").expect_err("no repository").to_string();
        assert!(said.contains("not a git repository"), "{said}");
    }

    #[test]
    fn what_the_repository_configures_does_not_run() {
        let dir = tempfile::tempdir().expect("a directory");
        let project = repository(dir.path());
        let mark = dir.path().join("ran");
        let touch = format!("touch {}", mark.display());
        for key in [
            "core.fsmonitor",
            "core.pager",
            "core.sshCommand",
            "diff.external",
            "core.editor",
            "alias.cat-file",
        ] {
            git(&project, &["config", key, &touch]);
        }
        git(&project, &["config", "alias.ls-tree", &format!("!{touch}")]);
        fs::write(project.join(".gitattributes"), "* filter=x diff=x export-subst\n").expect("ours");
        for key in ["filter.x.smudge", "filter.x.clean", "diff.x.textconv"] {
            git(&project, &["config", key, &touch]);
        }
        let commit = Commit::find(&project, "HEAD").expect("it is there");
        assert_eq!(commit.read("recipes/a.yaml").expect("it is read").as_deref(), Some(&b"two"[..]));
        assert!(!mark.exists());
    }
}
