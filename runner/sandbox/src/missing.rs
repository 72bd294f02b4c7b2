//! Words a program that cannot be started.

use std::io;

/// The exit statuses of shells for such a program.
const NOT_EXECUTABLE: i32 = 126;
const NOT_FOUND: i32 = 127;

/// The exit status.
pub(crate) fn status(error: &io::Error) -> i32 {
    if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE }
}

/// A line for the log: which program, and where it was looked for.
pub(crate) fn words(name: &str, path: Option<&String>, error: &io::Error) -> String {
    let is_looked_up = !name.contains('/') && error.kind() == io::ErrorKind::NotFound;
    match path.filter(|_| is_looked_up) {
        Some(path) => {
            let dirs = path.split(':').map(|dir| if dir.is_empty() { "." } else { dir });
            let dirs = dirs.collect::<Vec<_>>().join(", ");
            format!("eadem: cannot start `{name}`: it is in none of the directories of PATH: {dirs}\n")
        }
        None if is_looked_up => {
            format!(
                "eadem: cannot start `{name}`: it is not in the working directory, and there is no PATH\n"
            )
        }
        None => format!("eadem: cannot start `{name}`: {error}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_of_a_name_are_told() {
        let nowhere = io::Error::from_raw_os_error(libc::ENOENT);
        let path = "/usr/bin::/bin".to_owned();
        assert_eq!(
            words("cc", Some(&path), &nowhere),
            "eadem: cannot start `cc`: it is in none of the directories of PATH: /usr/bin, ., /bin\n"
        );
        assert!(words("cc", None, &nowhere).ends_with("and there is no PATH\n"));
        assert!(
            words("/bin/cc", Some(&path), &nowhere).ends_with(": No such file or directory (os error 2)\n")
        );
        let refused = io::Error::from_raw_os_error(libc::EACCES);
        assert!(words("cc", Some(&path), &refused).ends_with(": Permission denied (os error 13)\n"));
        assert_eq!((status(&nowhere), status(&refused)), (127, 126));
    }
}
