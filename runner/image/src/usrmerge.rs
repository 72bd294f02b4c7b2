//! `/bin`, `/sbin` and `/lib*` are links into `/usr`: packages of before that time are read so.

use eadem_model::TreePath;

/// The directories that moved.
pub(crate) const MOVED: [&str; 7] = ["bin", "lib", "lib32", "lib64", "libo32", "libx32", "sbin"];

/// Where a path really lies; `bin` itself moves only if it is a directory.
pub(crate) fn place(path: &TreePath, is_directory: bool) -> TreePath {
    let text = path.as_str();
    let (first, below) = text.split_once('/').map_or((text, is_directory), |(first, _)| (first, true));
    if below && MOVED.contains(&first) {
        return format!("usr/{text}").parse().expect("a clean path stays clean below usr");
    }
    path.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_a_moved_directory_moves_and_the_link_itself_stays() {
        for (path, is_directory, expected) in [
            ("bin/sh", false, "usr/bin/sh"),
            ("lib64/ld.so", false, "usr/lib64/ld.so"),
            ("lib", true, "usr/lib"),
            ("bin", false, "bin"),
            ("usr/bin/sh", false, "usr/bin/sh"),
            ("binary/x", false, "binary/x"),
        ] {
            let path: TreePath = path.parse().expect("clean");
            assert_eq!(place(&path, is_directory).as_str(), expected);
        }
    }
}
