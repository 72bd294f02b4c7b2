//! What to change.

use eadem_model::Reason;

/// The line to change or the flag to add, in words.
pub fn remedy(reason: &Reason) -> String {
    match reason {
        Reason::Known(name) => of_variation(name),
        other => of(other).to_owned(),
    }
}

fn of(reason: &Reason) -> &'static str {
    match reason {
        Reason::BuildPath => {
            "map it: `--remap-path-prefix=DIR=.` of rustc, `-ffile-prefix-map=DIR=.` of C compilers; or do not embed it"
        }
        Reason::Timestamp => "take the time from SOURCE_DATE_EPOCH, or leave it out",
        Reason::Hostname => "leave the machine's name (`hostname`, `uname -n`) out",
        Reason::User => "leave the user's name (`whoami`, USER) out",
        Reason::Home => "leave the home directory out, or map it like the build's path",
        Reason::TemporaryName => "give the file a name that is the same each time, or do not embed it",
        Reason::Order => "sort before writing, by bytes (`LC_ALL=C`), and use maps that have an order",
        Reason::Owner => "`tar --owner=0 --group=0 --numeric-owner`, `ar D`, or the like",
        Reason::Mode => "set the permissions explicitly (`install -m 644`), or build with one umask",
        Reason::Packing => "pack with the same program, version, level and number of threads",
        Reason::BuildId => "mend what it follows from",
        Reason::NameHash => "find what the compiler was given otherwise: often the path, see above",
        Reason::Random => "use a fixed seed, or derive it from the content",
        Reason::Address => "write what stands there, not where: no `%p`, no pointers in what is dumped",
        Reason::Padding => "set the bytes between fields first (`calloc`, `memset`), or write field by field",
        Reason::Known(_) => "do not depend on this value",
        Reason::Code | Reason::Unknown => "look at both sides",
    }
}

/// Of a variation without a reason of its own.
fn of_variation(name: &str) -> String {
    let words = match name {
        "uid" | "gid" => "leave the number of the user or group (`id`, `stat`) out, or write 0",
        "umask" => "set the permissions and masks that are written to fixed ones",
        "locale" => "run the program that wrote it with `LC_ALL=C.UTF-8`",
        "timezone" => "tell times in Greenwich's zone: `TZ=UTC`, `date -u`, `gmtime`",
        "processors" => "cut the work into a fixed number of parts, not by `nproc`",
        "environment" => "write the variables that matter by their names, not the whole environment",
        "kernel" => "leave the kernel's release (`uname -r`) out",
        _ => "do not depend on this value",
    };
    words.to_owned()
}
