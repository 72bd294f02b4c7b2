//! The loader's cache is not made: without it the loader searches its built-in directories, where
//! the distribution's libraries are. Configuration that names others is refused.

use super::FixupError;
use crate::root::Root;

pub(super) fn check(root: &Root) -> Result<(), FixupError> {
    let files = root.below("etc/ld.so.conf.d");
    for file in files.iter().filter(|file| file.ends_with(".conf")) {
        let text = root.read(file)?.unwrap_or_default();
        for dir in String::from_utf8_lossy(&text).lines().map(str::trim).filter(|line| is_directory(line)) {
            // A directory without a library needs no cache: `/usr/local` is the usual one.
            let is_needed = root.below(dir.trim_matches('/')).iter().any(|path| path.contains(".so"));
            if is_needed && !is_searched(dir) {
                return Err(FixupError::Loader { file: file.clone(), dir: dir.to_owned() });
            }
        }
    }
    Ok(())
}

fn is_directory(line: &str) -> bool {
    !line.is_empty() && !line.starts_with('#')
}

/// Whether the loader searches a directory by itself.
fn is_searched(dir: &str) -> bool {
    let dir = dir.trim_end_matches('/');
    let rest = dir.strip_prefix("/usr").unwrap_or(dir);
    let Some(rest) = rest.strip_prefix("/lib") else { return false };
    // fakeroot's own script names its library by path.
    let rest = rest.strip_suffix("/libfakeroot").unwrap_or(rest);
    // Either `/lib` itself or `/lib/TRIPLET`.
    rest.is_empty()
        || rest
            .strip_prefix('/')
            .is_some_and(|triplet| !triplet.contains('/') && triplet.ends_with("-linux-gnu"))
}

#[cfg(test)]
mod tests {
    use eadem_store::Node;

    use super::*;

    fn check_with(conf: &str, library: &str) -> Result<(), FixupError> {
        let mut root = Root::new(0, 0);
        root.make("etc/ld.so.conf.d/x.conf", Node::file(conf, 0)).expect("new");
        root.make(library, Node::file("", 0)).expect("new");
        check(&root)
    }

    #[test]
    fn only_directories_with_libraries_that_need_a_cache_are_refused() {
        assert!(
            check_with(
                "# a comment\n/usr/lib/x86_64-linux-gnu\n/usr/local/lib\n",
                "usr/lib/x86_64-linux-gnu/liba.so.1"
            )
            .is_ok()
        );
        let error = check_with("/usr/lib/x86_64-linux-gnu/other\n", "usr/lib/x86_64-linux-gnu/other/a.so");
        assert!(matches!(error, Err(FixupError::Loader { .. })));
        assert!(matches!(check_with("/opt/x/lib", "opt/x/lib/liba.so.3"), Err(FixupError::Loader { .. })));
    }
}
