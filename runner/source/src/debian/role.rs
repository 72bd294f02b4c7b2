//! What each file of a source package is, by its name.

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// Everything, of a native package.
    Native,
    /// What the authors published.
    Original,
    /// More of it, for a directory of its own.
    Component(String),
    /// What the distribution adds: the directory `debian`.
    Debian,
    /// What the distribution changes, as one patch.
    Diff,
    /// A description or a signature.
    Other,
}

impl Role {
    /// Tells the role of `NAME_VERSION.orig.tar.xz` and the like.
    pub(super) fn of(name: &str) -> Self {
        if name.ends_with(".asc") || name.ends_with(".sig") || name.ends_with(".dsc") {
            return Self::Other;
        }
        if name.ends_with(".diff.gz") {
            return Self::Diff;
        }
        let Some((stem, _)) = name.rsplit_once(".tar.") else { return Self::Other };
        if stem.ends_with(".orig") {
            return Self::Original;
        }
        if stem.ends_with(".debian") {
            return Self::Debian;
        }
        let component = stem.rsplit_once(".orig-").map(|(_, component)| component);
        match component.filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')) {
            Some(component) => Self::Component(component.to_owned()),
            None => Self::Native,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_roles() {
        let roles = [
            ("a_1.0.orig.tar.xz", Role::Original),
            ("a_1.0.orig.tar.gz.asc", Role::Other),
            ("a_1.0.orig-po-4a.tar.gz", Role::Component("po-4a".to_owned())),
            ("a_1.0-2.debian.tar.xz", Role::Debian),
            ("a_1.0-2.diff.gz", Role::Diff),
            ("a_1.0-2.dsc", Role::Other),
            ("netbase_6.5.tar.xz", Role::Native),
            ("a_1.0.orig-x.y.tar.gz", Role::Native),
        ];
        for (name, role) in roles {
            assert_eq!(Role::of(name), role, "{name}");
        }
    }
}
