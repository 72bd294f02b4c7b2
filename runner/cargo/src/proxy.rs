//! The proxy's program, and where the driver's room has it.

/// A static program; see `proxy/main.rs`.
pub(crate) const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/proxy"));

/// Its name in the driver's home.
pub(crate) const NAME: &str = "eadem-proxy";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_asks_no_image_for_a_library() {
        assert!(PROGRAM.starts_with(b"\x7fELF"));
        let names = |text: &[u8]| PROGRAM.windows(text.len()).any(|bytes| bytes == text);
        assert!(!names(b"libc.so.6"), "it is linked to a libc of the image");
        assert!(names(b"/dev/eadem"), "it knows its door");
    }
}
