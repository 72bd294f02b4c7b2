//! Other spellings of bytes that name the roots of a setting.

use eadem_model::{Root, Setting};

/// Every root that a round places.
const ROOTS: [(Root, &[u8]); 4] = [
    (Root::Source, b"\0eadem source\0"),
    (Root::Cargo, b"\0eadem cargo\0"),
    (Root::Target, b"\0eadem target\0"),
    (Root::Home, b"\0eadem home\0"),
];

/// Bytes to be found, and what is to be put in their place.
pub(crate) struct Respelling(Vec<(Vec<u8>, Vec<u8>)>);

impl Respelling {
    /// From the places of one setting to those of another.
    pub(crate) fn between(from: &Setting, to: &Setting) -> Self {
        Self(ROOTS.map(|(root, _)| (place(from, root), place(to, root))).into())
    }

    /// From the places of a setting to marks that nothing else holds.
    pub(crate) fn to_marks(from: &Setting) -> Self {
        Self(ROOTS.map(|(root, mark)| (place(from, root), mark.to_owned())).into())
    }

    /// From marks to the places of a setting.
    pub(crate) fn from_marks(to: &Setting) -> Self {
        Self(ROOTS.map(|(root, mark)| (mark.to_owned(), place(to, root))).into())
    }

    /// The bytes with all replaced, if there is anything to replace.
    pub(crate) fn apply(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut result: Option<Vec<u8>> = None;
        for (from, to) in &self.0 {
            if let Some(replaced) = replaced(result.as_deref().unwrap_or(bytes), from, to) {
                result = Some(replaced);
            }
        }
        result
    }
}

/// Whether bytes hold what marks are told by.
pub(crate) fn has_marks(bytes: &[u8]) -> bool {
    ROOTS.iter().any(|(_, mark)| find(bytes, mark).is_some())
}

fn place(setting: &Setting, root: Root) -> Vec<u8> {
    setting.place(root).as_str().as_bytes().to_owned()
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Option<Vec<u8>> {
    let (mut result, mut rest) = (Vec::new(), bytes);
    while let Some(at) = find(rest, from) {
        result.extend_from_slice(&rest[..at]);
        result.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    if rest.len() == bytes.len() {
        return None;
    }
    result.extend_from_slice(rest);
    Some(result)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use eadem_model::Digest;

    use super::*;

    #[test]
    fn a_template_made_in_one_setting_gives_the_bytes_of_any() {
        let (base, one) = (Setting::baseline(), Setting::varied(&Digest::of(b"one")));
        let two = Setting::varied(&Digest::of(b"two"));
        let text = |setting: &Setting| {
            let at = |root| setting.place(root).as_str();
            format!("in={}:{}/x out={} /build/src", at(Root::Source), at(Root::Home), at(Root::Target))
        };
        let template = Respelling::to_marks(&one).apply(text(&one).as_bytes()).expect("it names roots");
        assert!(has_marks(&template) && !has_marks(text(&one).as_bytes()));
        for setting in [&base, &two] {
            let made = Respelling::from_marks(setting).apply(&template).expect("it has marks");
            assert_eq!(String::from_utf8(made).expect("text"), text(setting));
        }
    }

    #[test]
    fn bytes_that_name_no_root_are_left_alone() {
        let one = Setting::varied(&Digest::of(b"one"));
        assert_eq!(Respelling::between(&one, &Setting::baseline()).apply(b"/build/src"), None);
    }
}
