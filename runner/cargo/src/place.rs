//! Paths of a driver's room, told by their roots.

use eadem_model::{Root, Setting, SourceDir, Text, TreePath};

/// Where a round put the roots; a text that names them becomes one with placeholders.
#[derive(Debug, Clone)]
pub struct Places {
    roots: [(Root, String); 4],
}

impl Places {
    /// The places of a setting.
    pub fn of(setting: &Setting) -> Self {
        let at = |root| (root, setting.place(root).as_str().to_owned());
        Self { roots: [Root::Source, Root::Cargo, Root::Target, Root::Home].map(at) }
    }

    /// The root that a path lies below, and the way from there; none for the root itself.
    pub fn locate(&self, path: &str) -> Option<(Root, Option<TreePath>)> {
        self.roots.iter().find_map(|(root, at)| match path.strip_prefix(at.as_str())? {
            "" => Some((*root, None)),
            rest => Some((*root, Some(rest.strip_prefix('/')?.parse().ok()?))),
        })
    }

    /// Where a root lies.
    pub fn at(&self, root: Root) -> &str {
        self.roots.iter().find(|(known, _)| *known == root).map_or("", |(_, at)| at)
    }

    /// Where a directory of the recipe's own sources lies.
    pub fn of_source(&self, dir: &SourceDir) -> String {
        dir.0.iter().fold(self.at(Root::Source).to_owned(), |at, below| format!("{at}/{below}"))
    }

    /// The text with placeholders.
    ///
    /// A mapping of paths, `FROM=TO`, says what outputs are told: TO stays as it is, wherever roots lie.
    pub fn text(&self, text: &str) -> Text {
        let (mut result, mut literal, mut rest) = (Text::default(), String::new(), text);
        while let Some(first) = rest.chars().next() {
            if let Some((root, at)) = self.starts(rest) {
                result = if literal.is_empty() { result } else { result.then(&std::mem::take(&mut literal)) };
                result = result.then_root(root);
                rest = &rest[at.len()..];
                let target = rest.strip_prefix('=').and_then(|target| self.starts(target));
                if let Some((_, at)) = target {
                    literal.push_str(&rest[..=at.len()]);
                    rest = &rest[1 + at.len()..];
                }
            } else {
                literal.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
        if literal.is_empty() { result } else { result.then(&literal) }
    }

    /// The root at the start of a text, unless its name only begins like that of a root.
    fn starts(&self, text: &str) -> Option<(Root, &str)> {
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || "-_.".contains(c));
        let found = self.roots.iter().find(|(_, at)| text.strip_prefix(at.as_str()).is_some_and(ends));
        found.map(|(root, at)| (*root, at.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use eadem_model::Digest;
    use proptest::prelude::*;

    use super::*;

    fn json(text: &Text) -> String {
        serde_json::to_string(text).expect("texts are plain")
    }

    #[test]
    fn roots_become_placeholders_and_what_only_looks_like_one_does_not() {
        let places = Places::of(&Setting::baseline());
        let text = places.text("dependency=/build/target/release/deps:/build/targets:/build/src");
        assert_eq!(
            json(&text),
            r#"["dependency=",{"root":"target"},"/release/deps:/build/targets:",{"root":"source"}]"#
        );
    }

    #[test]
    fn the_target_of_a_mapping_is_the_same_wherever_roots_lie() {
        let (base, other) = (Setting::baseline(), Setting::varied(&Digest::of(b"x")));
        let flag =
            |setting: &Setting| format!("--remap-path-prefix={}=/build/src", setting.place(Root::Source));
        let one = Places::of(&base).text(&flag(&base));
        assert_eq!(one, Places::of(&other).text(&flag(&other)));
        assert_eq!(one.resolve(|_| "/x".to_owned()), "--remap-path-prefix=/x=/build/src");
    }

    #[test]
    fn a_path_is_told_by_its_root() {
        let places = Places::of(&Setting::baseline());
        assert_eq!(places.locate("/build/src"), Some((Root::Source, None)));
        let way = "vendor/libc-0.2".parse().expect("clean");
        assert_eq!(places.locate("/build/cargo/vendor/libc-0.2"), Some((Root::Cargo, Some(way))));
        assert_eq!(places.locate("/build/source"), None);
        assert_eq!(places.locate("/build/src/../x"), None);
    }

    proptest! {
        #[test]
        fn every_text_comes_back_as_it_was(
            parts in prop::collection::vec("(/build/src|/build/target|/home/builder|=|:|/|[a-z/. é]{0,5})", 0..12)
        ) {
            let setting = Setting::baseline();
            let text = parts.concat();
            let back = Places::of(&setting).text(&text).resolve(|root| setting.place(root).as_str().to_owned());
            prop_assert_eq!(back, text);
        }
    }
}
