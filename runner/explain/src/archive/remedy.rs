//! What to change where an archive is made.

use eadem_model::Reason;

use crate::kind::Kind;

/// The flags of the program that makes archives of a kind; none if the reason's own remedy says all.
pub(super) fn of(kind: Kind, reason: &Reason) -> Option<String> {
    let words = match (kind, reason) {
        (Kind::Tar, Reason::Timestamp) => "`tar --mtime=@$SOURCE_DATE_EPOCH --format=gnu`",
        (Kind::Tar, Reason::Owner) => "`tar --owner=0 --group=0 --numeric-owner`",
        (Kind::Tar, Reason::Mode) => "`tar --mode=go=rX,u+rw,a-s`",
        (Kind::Ar, Reason::Timestamp | Reason::Owner | Reason::Mode) => "`ar D`, as `ar crD`: without `U`",
        (Kind::Cpio, Reason::Timestamp) => {
            "`touch -d @$SOURCE_DATE_EPOCH` what goes in, `cpio --reproducible`"
        }
        (Kind::Cpio, Reason::Owner) => "`cpio --owner=0:0 --reproducible`",
        (Kind::Zip, Reason::Timestamp) => {
            "`TZ=UTC touch -d @$SOURCE_DATE_EPOCH` what goes in, `TZ=UTC zip -X`"
        }
        (Kind::Zip, Reason::Known(name)) if name == "timezone" => "pack with `TZ=UTC`: `TZ=UTC zip -X`",
        _ => return None,
    };
    Some(words.to_owned())
}
