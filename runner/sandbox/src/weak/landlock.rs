//! A second fence where the kernel has one: the payload writes where it may, and reaches nobody outside.

use std::path::PathBuf;

use eadem_model::Room;
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use crate::weak::root::OPEN;

/// The newest version whose rules are asked for; an older kernel keeps those that it knows.
const NEWEST: ABI = ABI::V6;

/// Whether the fence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fence {
    Stands,
    Absent,
}

/// Confines this process and its children; it stands in the room's root already.
pub(crate) fn confine(room: &Room) -> Result<Fence, RulesetError> {
    let writing = AccessFs::from_write(NEWEST);
    let rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(writing)?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    let own = room.scratch.iter().map(|path| PathBuf::from(path.as_str()));
    let shared = OPEN.iter().chain(&["dev"]).map(|path| PathBuf::from(format!("/{path}")));
    let confined = own.chain(shared).try_fold(rules, |rules, path| {
        // All of them were just made; one that is gone cannot be written to either.
        match PathFd::new(path) {
            Ok(dir) => rules.add_rule(PathBeneath::new(dir, writing)),
            Err(_) => Ok(rules),
        }
    })?;
    let fence = confined.restrict_self()?.ruleset;
    Ok(if fence == RulesetStatus::NotEnforced { Fence::Absent } else { Fence::Stands })
}
