//! The names of functions, as they were written.

/// The longest name that is demangled, in bytes.
const LONGEST: usize = 2048;

/// A symbol's name for people, without the compiler's hash.
pub(crate) fn demangled(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(&name[..name.len().min(LONGEST)]);
    if let Ok(rust) = rustc_demangle::try_demangle(&text) {
        return crate::window::short(&format!("{rust:#}"));
    }
    let cpp = text.starts_with("_Z").then(|| cpp_demangle::Symbol::new(text.as_bytes()).ok()).flatten();
    crate::window::short(&cpp.and_then(|symbol| symbol.demangle().ok()).unwrap_or_else(|| text.into_owned()))
}

/// A symbol's name without what a compiler's hash makes different: the same for the same item.
pub(crate) fn stable(name: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(&name[..name.len().min(LONGEST)]);
    match rustc_demangle::try_demangle(&text) {
        Ok(rust) => format!("{rust:#}").into_bytes(),
        Err(_) => without_digits(name),
    }
}

/// A compiler's own names end with a number or a hash.
fn without_digits(name: &[u8]) -> Vec<u8> {
    let end = name.iter().rposition(|byte| *byte == b'.').filter(|at| *at > 0).unwrap_or(name.len());
    name[..end].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_sources() {
        assert_eq!(demangled(b"_ZN4main3run17h0123456789abcdefE"), "main::run");
        assert_eq!(demangled(b"_ZN3abc3runEi"), "abc::run(int)");
        assert_eq!(demangled(b"main"), "main");
        assert_eq!(stable(b"_ZN1a1b17h0123456789abcdefE"), stable(b"_ZN1a1b17hfedcba9876543210E"));
    }
}
