//! Certificates, made by openssl.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::run::Run;

/// Somebody who vouches for others, in a directory of its own.
pub(crate) struct Authority {
    dir: PathBuf,
}

/// What a certificate is for.
pub(crate) const OF_SERVER: &str = "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n";
pub(crate) const OF_CLIENT: &str = "extendedKeyUsage=clientAuth\n";

impl Authority {
    pub(crate) fn new(dir: &Path) -> Self {
        fs::create_dir(dir).expect("a free name");
        let authority = Self { dir: dir.to_owned() };
        authority.openssl(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem",
        );
        authority
    }

    /// Makes `NAME.pem` and `NAME.key`.
    pub(crate) fn vouch_for(&self, name: &str, purpose: &str) {
        fs::write(self.path("purpose"), purpose).expect("ours");
        self.openssl(&format!("req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out wish"));
        self.openssl(&format!(
            "x509 -req -in wish -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile purpose -out {name}.pem"
        ));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn openssl(&self, words: &str) {
        let mut openssl = Command::new("openssl");
        openssl.args(words.split(' ')).current_dir(&self.dir);
        drop(Run::of(&mut openssl).exit(0));
    }
}

/// Makes a directory as `DOCKER_CERT_PATH` names it.
pub(crate) fn directory(dir: &Path, trusted: &Authority, client: &Authority) -> PathBuf {
    fs::create_dir(dir).expect("a free name");
    for (from, name) in [
        (trusted.path("ca.pem"), "ca.pem"),
        (client.path("client.pem"), "cert.pem"),
        (client.path("client.key"), "key.pem"),
    ] {
        fs::copy(from, dir.join(name)).expect("was made");
    }
    dir.to_owned()
}
