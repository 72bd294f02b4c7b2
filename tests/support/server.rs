//! A mirror on the loopback that may lie.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What a path answers; what has no answer is not found.
#[derive(Clone)]
pub(crate) enum Answer {
    /// These bytes.
    Whole(Vec<u8>),
    /// The announcement of these bytes, half of them, and the end.
    Half(Vec<u8>),
}

type Answers = Arc<Mutex<BTreeMap<String, Answer>>>;

/// A server; it ends with the tests.
pub(crate) struct Server {
    address: SocketAddr,
    answers: Answers,
}

impl Server {
    /// Serves nothing yet.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let answers = Answers::default();
        let shared = Arc::clone(&answers);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let answers = Arc::clone(&shared);
                // A client that breaks off is its own affair.
                thread::spawn(move || drop(answer(&stream, &answers)));
            }
        });
        Self { address, answers }
    }

    /// Serves a path, which begins with `/`.
    pub(crate) fn serve(self, path: &str, answer: Answer) -> Self {
        self.answers.lock().expect("no holder panics").insert(path.to_owned(), answer);
        self
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Host and port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

fn answer(mut stream: &TcpStream, answers: &Answers) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    // The rest of the request tells nothing; it ends with an empty line.
    let _ = lines.find(|line| line.as_ref().map_or(true, String::is_empty));
    let path = first.split(' ').nth(1).unwrap_or_default();
    let answer = answers.lock().expect("no holder panics").get(path).cloned();
    match answer {
        None => head(stream, "404 Not Found", 0),
        Some(Answer::Whole(bytes)) => {
            head(stream, "200 OK", bytes.len()).and_then(|()| stream.write_all(&bytes))
        }
        Some(Answer::Half(bytes)) => {
            head(stream, "200 OK", bytes.len())?;
            stream.write_all(&bytes[..bytes.len() / 2])
        }
    }
}

fn head(mut stream: &TcpStream, status: &str, length: usize) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
}

/// An address of the loopback where nobody listens.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound")
}
