//! Whether the servers that eadem would ask can be reached at all.

use reqwest::{Url, header::DATE};
use tokio::{runtime::Runtime, time::timeout};

use crate::{
    client::Client,
    error::NetworkError,
    options::NetworkOptions,
    place::{below, web_address},
    registry::Registry,
    shown::shown,
    trouble::Trouble,
};

/// The servers that options name. Nothing that they answer is kept.
pub struct Reach {
    runtime: Runtime,
    client: Client,
    servers: Vec<Server>,
}

/// A server that eadem would ask for something.
pub struct Server {
    /// What it has and where it is, without credentials.
    pub name: String,
    url: Url,
    accepts: Accepts,
}

/// Which answers show that a server does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accepts {
    /// The file that was asked for, and nothing else.
    File,
    /// Any word of a server that does not refuse us: not every mirror lists its directories.
    Word,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// The status, as `200 OK`.
    pub status: String,
    /// Its clock, as HTTP writes times.
    pub date: Option<String>,
}

impl Reach {
    /// Lists the servers of `options`, those first that are asked first; asks nobody yet.
    ///
    /// # Errors
    /// An address that cannot be used, or no means to ask anybody.
    pub fn new(options: &NetworkOptions) -> Result<Self, NetworkError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self {
            runtime: runtime.map_err(NetworkError::Threads)?,
            client: Client::new(options).map_err(NetworkError::Client)?,
            servers: servers(options)?,
        })
    }

    /// The servers.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Asks one server once.
    ///
    /// # Errors
    /// Why it is of no use, in words.
    pub fn ask(&self, server: &Server) -> Result<Greeting, String> {
        let words = |trouble: Trouble| trouble.into_fault().to_string();
        self.runtime.block_on(self.greet(server)).map_err(words)
    }

    async fn greet(&self, server: &Server) -> Result<Greeting, Trouble> {
        let asked = timeout(self.client.stall(), self.client.head(&server.url)).await;
        let answer = asked.map_err(|_| Trouble::stalled(self.client.stall()))??;
        let status = answer.status();
        let refused = matches!(status.as_u16(), 401 | 403 | 407 | 500..=599);
        if refused || (server.accepts == Accepts::File && !status.is_success()) {
            return Err(Trouble::status(status, None));
        }
        let date = answer.headers().get(DATE).and_then(|date| date.to_str().ok()).map(str::to_owned);
        Ok(Greeting { status: status.to_string(), date })
    }
}

fn servers(options: &NetworkOptions) -> Result<Vec<Server>, NetworkError> {
    let mut servers = Vec::new();
    for text in &options.package_mirrors {
        let base = web_address(text)?;
        servers.push(server("packages at", &base, below(&base, "dists/"), Accepts::Word));
    }
    if let Some(text) = &options.snapshots {
        let base = web_address(text)?;
        servers.push(server("old packages at", &base, below(&base, ""), Accepts::Word));
    }
    for text in &options.crate_mirrors {
        // The rest is a template that only a crate's name makes an address.
        let base = web_address(text)?.join("/").expect("web addresses have a root");
        servers.push(server("crates at", &base, base.clone(), Accepts::Word));
    }
    let index = Registry::new(options.crate_index.as_deref())?;
    servers.push(server(
        "the crate index at",
        index.base(),
        below(index.base(), "config.json"),
        Accepts::File,
    ));
    Ok(servers)
}

fn server(what: &str, base: &Url, url: Url, accepts: Accepts) -> Server {
    Server { name: format!("{what} {}", shown(base)), url, accepts }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
        thread,
        time::Duration,
    };

    use super::*;
    use crate::options::Proxy;

    /// Answers one question in these words.
    fn listener(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("somebody asks");
            let n = stream.read(&mut [0; 4096]).expect("a question");
            assert!(n > 0);
            stream.write_all(answer.as_bytes()).expect("the asker listens");
        });
        format!("http://{address}/")
    }

    fn asked(mirror: String, index: String) -> Vec<Result<Greeting, String>> {
        let options = NetworkOptions {
            package_mirrors: vec![mirror],
            crate_index: Some(index),
            snapshots: None,
            proxy: Proxy::None,
            stall_timeout: Duration::from_secs(20),
            ..NetworkOptions::default()
        };
        let reach = Reach::new(&options).expect("good addresses");
        reach.servers().iter().map(|server| reach.ask(server)).collect()
    }

    #[test]
    fn a_server_that_answers_tells_its_time() {
        const WORD: &str = "HTTP/1.1 404 Not Found\r\nDate: Sat, 21 Nov 2026 09:28:45 GMT\r\n\r\n";
        const FILE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        let greetings = asked(listener(WORD), listener(FILE));
        let date = Some("Sat, 21 Nov 2026 09:28:45 GMT".to_owned());
        assert_eq!(greetings[0], Ok(Greeting { status: "404 Not Found".to_owned(), date }));
        assert_eq!(greetings[1], Ok(Greeting { status: "200 OK".to_owned(), date: None }));
    }

    #[test]
    fn a_server_that_refuses_or_is_not_there_is_of_no_use() {
        let gone = {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            format!("http://{}/", listener.local_addr().expect("it is bound"))
        };
        let greetings = asked(gone, listener("HTTP/1.1 404 Not Found\r\n\r\n"));
        let why = greetings[0].as_ref().expect_err("nobody listens");
        assert!(why.starts_with("no connection: "), "{why}");
        assert_eq!(greetings[1], Err("the server answered 404 Not Found".to_owned()));
    }

    #[test]
    fn every_kind_of_server_is_listed_without_credentials() {
        let options = NetworkOptions {
            package_mirrors: vec!["http://me:secret@one.invalid/debian".to_owned()],
            crate_mirrors: vec!["https://two.invalid/{crate}/{version}".to_owned()],
            crate_index: Some("sparse+https://three.invalid/index/".to_owned()),
            snapshots: None,
            ..NetworkOptions::default()
        };
        let reach = Reach::new(&options).expect("good addresses");
        let names: Vec<_> = reach.servers().iter().map(|server| server.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "packages at http://one.invalid/debian",
                "crates at https://two.invalid/",
                "the crate index at https://three.invalid/index/",
            ]
        );
    }
}
