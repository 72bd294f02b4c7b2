//! The HTTP client.

use std::{error::Error, fmt, time::Duration};

use reqwest::{Response, StatusCode, Url, header::RETRY_AFTER, redirect};
use tokio::time::timeout;

use crate::{
    options::{NetworkOptions, Proxy},
    trouble::{Remedy, Trouble},
};

/// Redirects that are followed for one file.
const MAX_REDIRECTS: usize = 10;

/// Bytes of an index entry, a registry's configuration or an `InRelease`; real ones are far smaller.
const MAX_DOCUMENT: usize = 32 << 20;

/// Asks servers; takes bytes as they are: no content coding is undone.
pub(crate) struct Client {
    http: reqwest::Client,
    stall: Duration,
}

impl Client {
    /// Makes a client that trusts the certificates that the system trusts.
    pub(crate) fn new(options: &NetworkOptions) -> Result<Self, reqwest::Error> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("eadem/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(options.connect_timeout)
            .redirect(redirect::Policy::custom(follow))
            .referer(false);
        let builder = match options.proxy {
            Proxy::System => builder,
            Proxy::None => builder.no_proxy(),
        };
        Ok(Self { http: builder.build()?, stall: options.stall_timeout })
    }

    /// Asks for a file and gives its body once the server has agreed to send it.
    pub(crate) async fn get(&self, url: &Url) -> Result<Body, Trouble> {
        let answer = timeout(self.stall, self.http.get(url.clone()).send()).await;
        let answer = answer.map_err(|_| Trouble::stalled(self.stall))?;
        let answer = answer.map_err(|error| Trouble::transport(&error))?;
        match answer.status() {
            StatusCode::OK => Ok(Body { answer, stall: self.stall }),
            status => Err(Trouble::status(status, pause(&answer))),
        }
    }

    /// Asks whether a file is there, whatever the answer.
    pub(crate) async fn head(&self, url: &Url) -> Result<Response, Trouble> {
        self.http.head(url.clone()).send().await.map_err(|error| Trouble::transport(&error))
    }

    /// How long a server may send no byte.
    pub(crate) fn stall(&self) -> Duration {
        self.stall
    }

    /// Reads a small file whole.
    pub(crate) async fn document(&self, url: &Url) -> Result<Vec<u8>, Trouble> {
        let mut body = self.get(url).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = body.chunk().await? {
            bytes.extend_from_slice(chunk.as_ref());
            if bytes.len() > MAX_DOCUMENT {
                let why = format!("more than {MAX_DOCUMENT} bytes came");
                return Err(Trouble::unavailable(why, Remedy::Elsewhere));
            }
        }
        Ok(bytes)
    }
}

/// The bytes of a file while they come.
pub(crate) struct Body {
    answer: Response,
    stall: Duration,
}

impl Body {
    /// How many bytes the server says it will send.
    pub(crate) fn length(&self) -> Option<u64> {
        self.answer.content_length()
    }

    /// The next bytes, or `None` at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, Trouble> {
        match timeout(self.stall, self.answer.chunk()).await {
            Ok(chunk) => chunk.map_err(|error| Trouble::transport(&error)),
            Err(_) => Err(Trouble::stalled(self.stall)),
        }
    }
}

/// The pause that the server asks for; dates are not read, since eadem asks no clock.
fn pause(answer: &Response) -> Option<Duration> {
    let text = answer.headers().get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let secure = attempt.previous().iter().any(|url| url.scheme() == "https");
    if attempt.previous().len() > MAX_REDIRECTS {
        attempt.error(BadRedirect::TooMany)
    } else if secure && attempt.url().scheme() != "https" {
        attempt.error(BadRedirect::Insecure)
    } else {
        attempt.follow()
    }
}

/// Why a redirect is not followed.
#[derive(Debug, Clone, Copy)]
enum BadRedirect {
    TooMany,
    Insecure,
}

impl fmt::Display for BadRedirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => write!(f, "more than {MAX_REDIRECTS} redirects"),
            Self::Insecure => f.write_str("a redirect leads from https to http"),
        }
    }
}

impl Error for BadRedirect {}
