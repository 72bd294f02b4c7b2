//! Why the trees of two rounds differ: what differed between the rounds on purpose is known.

use eadem_explain::{Bounds, Known};
use eadem_model::{Explanation, RoundRecord, Setting, Tree};
use eadem_store::Store;

use crate::side::Side;

/// Explains how what two rounds left differs; nothing if one of them left nothing.
pub(crate) fn of_rounds(store: &Store, first: &RoundRecord, second: &RoundRecord) -> Option<Explanation> {
    let (left, right) = (first.tree.as_ref()?, second.tree.as_ref()?);
    Some(compared(store, [left, right], &known(&first.setting, &second.setting)))
}

/// Explains how two trees of the store differ.
pub fn explain_trees(store: &Store, first: &Tree, second: &Tree, known: &[Known]) -> Explanation {
    compared(store, [first, second], known)
}

fn compared(store: &Store, trees: [&Tree; 2], known: &[Known]) -> Explanation {
    let [first, second] = trees.map(|tree| Side::new(tree, store));
    eadem_explain::trees(first.of(), second.of(), known, Bounds::default())
}

/// The values of both rounds that can be searched for.
pub(crate) fn known(first: &Setting, second: &Setting) -> Vec<Known> {
    let value = |name: &str, of: &dyn Fn(&Setting) -> String| Known {
        name: name.to_owned(),
        values: [of(first), of(second)],
    };
    vec![
        value("source", &|setting| setting.roots.source.to_string()),
        value("cargo", &|setting| setting.roots.cargo.to_string()),
        value("target", &|setting| setting.roots.target.to_string()),
        value("hostname", &|setting| setting.hostname.clone()),
        value("user", &|setting| setting.user.name.clone()),
        value("home", &|setting| setting.user.home.to_string()),
        value("locale", &|setting| setting.locale.clone()),
        value("timezone", &|setting| setting.timezone.clone()),
    ]
}
