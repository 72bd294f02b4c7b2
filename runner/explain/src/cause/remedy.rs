//! What to change.

use eadem_model::Reason;

/// The line to change or the flag to add, in words.
pub fn remedy(reason: &Reason) -> &'static str {
    match reason {
        Reason::BuildPath => {
            "map it: `--remap-path-prefix=DIR=.` of rustc, `-ffile-prefix-map=DIR=.` of C compilers; or do not embed it"
        }
        Reason::Timestamp => "take the time from SOURCE_DATE_EPOCH, or leave it out",
        Reason::Hostname => "leave the machine's name out",
        Reason::User => "leave the user's name out",
        Reason::Home => "leave the home directory out, or map it like the build's path",
        Reason::TemporaryName => "give the file a name that is the same each time, or do not embed it",
        Reason::Order => "sort before writing, by bytes (`LC_ALL=C`), and use maps that have an order",
        Reason::Owner => "`tar --owner=0 --group=0 --numeric-owner`, `ar D`, or the like",
        Reason::Mode => "set the permissions explicitly, or build with one umask",
        Reason::Packing => "pack with the same program, version, level and number of threads",
        Reason::BuildId => "mend what it follows from",
        Reason::NameHash => "find what the compiler was given otherwise: often the path, see above",
        Reason::Random => "use a fixed seed, or derive it from the content",
        Reason::Known(_) => "do not depend on this value",
        Reason::Code | Reason::Unknown => "look at both sides",
    }
}
