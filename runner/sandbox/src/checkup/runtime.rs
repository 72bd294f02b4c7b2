//! Which runtimes of the Open Container Initiative are installed.

use std::path::Path;

use eadem_model::{Ability, Level};

const RUNTIMES: [&str; 6] = ["runc", "crun", "youki", "runsc", "kata-runtime", "kata"];

/// Where distributions put programs; the environment decides nothing here.
const PROGRAM_DIRS: [&str; 4] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];

/// Lists the runtimes; none is started.
pub(crate) fn look() -> Ability {
    let place =
        |name: &str| PROGRAM_DIRS.iter().map(|dir| Path::new(dir).join(name)).find(|path| path.is_file());
    let found: Vec<String> =
        RUNTIMES.iter().filter_map(|name| Some(place(name)?.display().to_string())).collect();
    if found.is_empty() {
        let remedy = Some("apt-get install runc".to_owned());
        let found = "none is installed; only --engine oci wants one";
        return Ability::flawed("oci runtimes", Level::Missing, found, remedy);
    }
    Ability::good("oci runtimes", found.join(", "))
}
