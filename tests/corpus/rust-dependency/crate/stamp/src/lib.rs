//! Tells where it was built.

/// The machine.
pub fn host() -> &'static str {
    env!("HOST_OF_BUILD")
}
