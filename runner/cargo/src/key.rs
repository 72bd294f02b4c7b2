//! What decides a unit's bytes, and the digest of it.

use std::collections::BTreeMap;

use eadem_model::{Digest, Plan, Supply, Text, UnitKind};
use serde::Serialize;

/// Rises when a unit's room, or what is taken out of it, changes its meaning: old records answer no more.
const ROOM: u32 = 3;

/// What an input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputKind {
    /// A file that another unit wrote.
    File,
    /// The directory that a build script wrote.
    Tree,
    /// The sources of a package or a workspace.
    Source,
}

/// Everything that decides a unit's bytes; roots stand as placeholders.
#[derive(Debug, Clone, Serialize)]
pub struct UnitKey<'a> {
    /// What it does.
    pub kind: UnitKind,
    /// The program and its arguments.
    pub argv: &'a [Text],
    /// The environment, [`cleaned`](crate::environment::cleaned).
    pub env: &'a BTreeMap<String, Text>,
    /// Where it starts.
    pub cwd: &'a Text,
    /// Every place that it may read besides the image, and the digest of what is there.
    pub inputs: Vec<(Text, InputKind, Digest)>,
}

/// The key with what it shares with the whole build.
#[derive(Serialize)]
struct Form<'a> {
    eadem_unit_key: u32,
    rootfs: &'a [Digest],
    architecture: eadem_model::Architecture,
    users: eadem_model::Users,
    epoch: u64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    needs: &'a [Supply],
    #[serde(flatten)]
    key: &'a UnitKey<'a>,
}

impl UnitKey<'_> {
    /// The key's digest, in the build of a plan.
    pub fn digest(&mut self, plan: &Plan) -> Digest {
        self.inputs.sort();
        let Plan { rootfs, architecture, users, epoch, needs, .. } = plan;
        let (architecture, users, epoch) = (*architecture, *users, *epoch);
        let form = Form { eadem_unit_key: ROOM, rootfs, architecture, users, epoch, needs, key: self };
        Digest::of(&serde_json::to_vec(&form).expect("keys have only text keys"))
    }
}
