//! Gives up every power that making the room needed.

use rustix::{
    io::{Errno, Result},
    process::{DumpableBehavior, Signal, set_dumpable_behavior, set_parent_process_death_signal},
    thread::{
        CapabilitiesSecureBits, CapabilitySet, CapabilitySets, clear_ambient_capability_set,
        remove_capability_from_bounding_set, set_capabilities, set_capabilities_secure_bits,
        set_no_new_privs,
    },
};

use crate::failure::{Attempt, Failure};

/// Leaves this process and all that come from it without capabilities, for ever.
///
/// Pid 1 does this before there is a payload, so that there is no moment in which the payload could
/// meet a process of its own user with more power than itself.
pub(crate) fn drop_all() -> std::result::Result<(), Failure> {
    drop_bounding_set().machine("emptying the bounding set")?;
    set_capabilities_secure_bits(locked()).machine("locking the secure bits")?;
    clear_ambient_capability_set().machine("dropping ambient capabilities")?;
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    set_capabilities(None, sets).machine("dropping capabilities")?;
    set_no_new_privs(true).machine("forbidding new privileges")?;
    // Its memory holds paths of the host; now nobody in the room can open /proc/1/mem and the like.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).machine("hiding pid 1")?;
    // Beside the pipe that pid 1 watches, this works even when pid 1 is stopped. The keeper has one
    // thread, so its death is its thread's. Losing capabilities clears the wish, so it comes last.
    set_parent_process_death_signal(Some(Signal::KILL)).machine("tying pid 1 to its keeper")
}

fn drop_bounding_set() -> Result<()> {
    for bit in 0..64 {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit)) {
            // The first number that this kernel does not know.
            Err(Errno::INVAL) => break,
            dropped => dropped?,
        }
    }
    Ok(())
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
