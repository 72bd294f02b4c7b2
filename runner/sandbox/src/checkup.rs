//! What this machine has for rooms, seen without making one.

mod confinement;
mod control_group;
mod runtime;
mod sub_id;

use eadem_model::Ability;

use crate::weak;

/// What can be told without a room.
pub(crate) fn checkup() -> Vec<Ability> {
    vec![
        sub_id::look(),
        control_group::look(),
        confinement::system_calls(),
        confinement::landlock(),
        runtime::look(),
        weak::look(),
    ]
}
