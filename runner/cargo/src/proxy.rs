//! The proxy's program, and where the driver's room has it.

use eadem_model::{Root, Setting};

/// A static program; see `proxy/main.rs`.
pub(crate) const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/proxy"));

/// Its name in the driver's home.
pub(crate) const NAME: &str = "eadem-proxy";

/// Where the driver's room of a setting has it.
pub(crate) fn path(setting: &Setting) -> String {
    format!("{}/{NAME}", setting.place(Root::Home))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kinds of an ELF file's segments.
    fn segments() -> Vec<u32> {
        let number = |at: usize, n: usize| {
            PROGRAM[at..at + n].iter().rev().fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
        };
        let (first, size, n) = (number(32, 8), number(54, 2), number(56, 2));
        (0..n).map(|index| u32::try_from(number(first + index * size, 4)).expect("four bytes")).collect()
    }

    #[test]
    fn the_proxy_asks_no_image_for_a_library() {
        const LOAD: u32 = 1;
        const INTERPRETER: u32 = 3;
        assert!(PROGRAM.starts_with(b"\x7fELF\x02\x01"));
        assert!(segments().contains(&LOAD) && !segments().contains(&INTERPRETER), "{:?}", segments());
    }

    #[test]
    fn the_proxy_knows_the_door() {
        let door = eadem_model::DOOR.as_bytes();
        assert!(PROGRAM.windows(door.len()).any(|bytes| bytes == door));
    }
}
