//! Gives up every power that making the room needed.

use eadem_model::Users;
use rustix::{
    io::{Errno, Result},
    process::{DumpableBehavior, Signal, set_dumpable_behavior, set_parent_process_death_signal},
    thread::{
        CapabilitiesSecureBits, CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
        configure_capability_in_ambient_set, remove_capability_from_bounding_set, set_capabilities,
        set_capabilities_secure_bits, set_no_new_privs,
    },
};

use crate::failure::{Attempt, Failure};

/// What a build may do to files, and to itself, where a room has many users: give files away, read and
/// change those of its other users, and become one of them, root included.
///
/// It has these powers as whatever user, since no id means power; they reach the ids of its room and what
/// these own, which is its scratch directories. It still can neither mount nor make devices, bind low
/// ports, trace, or kill what is not its own.
const OVER_USERS: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID);

/// Leaves this process and all that come from it without capabilities, for ever; but where a room has
/// many users, with those over its users.
///
/// Pid 1 does this before there is a payload, so that there is no moment in which the payload could
/// meet a process of its own user with more power than itself.
pub(crate) fn drop_all(users: Users) -> std::result::Result<(), Failure> {
    let kept = kept(users);
    drop_bounding_set(kept).machine("emptying the bounding set")?;
    keep_over_exec(kept).machine("dropping ambient capabilities")?;
    set_capabilities_secure_bits(locked()).machine("locking the secure bits")?;
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: kept };
    set_capabilities(None, sets).machine("dropping capabilities")?;
    set_no_new_privs(true).machine("forbidding new privileges")?;
    hide()
}

/// The powers that a build has.
pub(crate) fn kept(users: Users) -> CapabilitySet {
    if users == Users::Range { OVER_USERS } else { CapabilitySet::empty() }
}

/// Lets nobody look into this process, and ties its life to its keeper's.
pub(crate) fn hide() -> std::result::Result<(), Failure> {
    // Its memory holds paths of the host; now nobody in the room can open /proc/1/mem and the like.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).machine("hiding pid 1")?;
    // Beside the pipe that pid 1 watches, this works even when pid 1 is stopped. The keeper has one
    // thread, so its death is its thread's. Losing capabilities clears the wish, so it comes last.
    set_parent_process_death_signal(Some(Signal::KILL)).machine("tying pid 1 to its keeper")
}

/// Takes away what programs with capabilities of their own could give.
pub(crate) fn drop_bounding_set(kept: CapabilitySet) -> Result<()> {
    let all = (0..64).map(|bit| CapabilitySet::from_bits_retain(1 << bit));
    for capability in all.filter(|capability| !kept.contains(*capability)) {
        match remove_capability_from_bounding_set(capability) {
            // The first number that this kernel does not know.
            Err(Errno::INVAL) => break,
            dropped => dropped?,
        }
    }
    Ok(())
}

/// Ambient capabilities are the ones that a program has after exec.
fn keep_over_exec(kept: CapabilitySet) -> Result<()> {
    clear_ambient_capability_set()?;
    let sets = capabilities(None)?;
    set_capabilities(None, CapabilitySets { inheritable: kept, ..sets })?;
    kept.iter().try_for_each(|capability| configure_capability_in_ambient_set(capability, true))
}

/// No user id means power any more, and no bit can be changed back.
fn locked() -> CapabilitiesSecureBits {
    type Bits = CapabilitiesSecureBits;
    let set = Bits::NO_ROOT | Bits::NO_SETUID_FIXUP | Bits::NO_CAP_AMBIENT_RAISE;
    let locked = Bits::NO_ROOT_LOCKED
        | Bits::NO_SETUID_FIXUP_LOCKED
        | Bits::NO_CAP_AMBIENT_RAISE_LOCKED
        | Bits::KEEP_CAPS_LOCKED;
    set | locked
}
