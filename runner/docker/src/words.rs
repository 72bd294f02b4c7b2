//! An error of the client in words for a user: what its cause is, and nothing of the client's own parts.

use std::{error::Error as StdError, io, iter::successors};

use bollard::errors::Error;

type Cause<'a> = &'a (dyn StdError + 'static);

/// The reason that lies deepest, since it is nearest to what happened.
pub(crate) fn words(error: &Error) -> String {
    match error {
        Error::SocketNotFoundError(_) => "there is no such socket".to_owned(),
        Error::RequestTimeoutError => "no answer came in time".to_owned(),
        Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        Error::JsonDataError { .. } | Error::JsonSerdeError { .. } => FOREIGN.to_owned(),
        error => causes(error).filter_map(plain).last().unwrap_or_else(|| error.to_string()),
    }
}

const FOREIGN: &str = "what answers there is no daemon of Docker or Podman";

/// An error and all that it comes from.
pub(crate) fn causes(error: &Error) -> impl Iterator<Item = Cause<'_>> {
    // The client hands these on as its own, without naming them as causes.
    let first: Cause<'_> = match error {
        Error::IOError { err } => err,
        Error::HyperResponseError { err } => err,
        Error::HyperLegacyError { err } => err,
        error => error,
    };
    successors(Some(first), |cause| deeper(*cause))
}

fn deeper(cause: Cause<'_>) -> Option<Cause<'_>> {
    match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => cause.source(),
    }
}

/// What one cause says, if that is anything to a user.
fn plain(cause: Cause<'_>) -> Option<String> {
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        return Some(of_system(error));
    }
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(of_tls(error));
    }
    let error = cause.downcast_ref::<hyper::Error>()?;
    match () {
        () if error.is_parse() => Some(FOREIGN.to_owned()),
        () if error.is_incomplete_message() || error.is_closed() || error.is_canceled() => {
            Some("it closed the connection".to_owned())
        }
        () => None,
    }
}

/// Without the number, which says the same.
fn of_system(error: &io::Error) -> String {
    let text = error.to_string();
    match error.raw_os_error() {
        Some(_) => text.split(" (os error").next().unwrap_or_default().to_owned(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => "it closed the connection".to_owned(),
        None => text,
    }
}

fn of_tls(error: &rustls::Error) -> String {
    use rustls::{CertificateError, Error as Tls};
    match error {
        Tls::AlertReceived(_) => "it does not accept the certificate".to_owned(),
        // Of an authority that has the same name the signature alone is wrong.
        Tls::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "its certificate is of an unknown authority".to_owned()
        }
        Tls::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "its certificate is for another name".to_owned(),
        Tls::InvalidCertificate(error) => format!("its certificate is not valid: {error}"),
        Tls::InvalidMessage(_) => "what answers there does not speak TLS".to_owned(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_reason_is_told_without_its_number() {
        let refused = io::Error::from_raw_os_error(111);
        let wrapped = io::Error::other(refused);
        assert_eq!(words(&wrapped.into()), "Connection refused");
        assert_eq!(words(&io::Error::other("said by ssh").into()), "said by ssh");
        assert_eq!(words(&io::Error::from(io::ErrorKind::UnexpectedEof).into()), "it closed the connection");
    }

    #[test]
    fn refusals_of_tls_are_told_in_words() {
        let tls = |error: rustls::Error| words(&io::Error::new(io::ErrorKind::InvalidData, error).into());
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::BadCertificate);
        assert_eq!(tls(alert), "it does not accept the certificate");
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        assert_eq!(tls(unknown), "its certificate is of an unknown authority");
    }
}
