//! A server on the loopback that answers as a test tells it to, badly if need be.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What a server does with a request.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Sends a status line's rest, header lines and a body of the announced length.
    Full(&'static str, Vec<String>, Vec<u8>),
    /// Announces so many bytes, sends these, and closes.
    Truncated(usize, Vec<u8>),
    /// Sends these without announcing a length, and closes.
    Unannounced(Vec<u8>),
    /// Announces so many bytes, sends these, and keeps silent until the client goes.
    Stalled(usize, Vec<u8>),
    /// Sends the same byte without end, until the client goes.
    Endless,
}

impl Answer {
    /// A good answer.
    pub(crate) fn ok(body: &[u8]) -> Self {
        Self::Full("200 OK", Vec::new(), body.to_vec())
    }

    /// A status without a body.
    pub(crate) fn status(status: &'static str) -> Self {
        Self::Full(status, Vec::new(), Vec::new())
    }

    /// A redirect.
    pub(crate) fn redirect(to: &str) -> Self {
        Self::Full("302 Found", vec![format!("Location: {to}")], Vec::new())
    }
}

/// A running server; it stops when it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Answers to each path in turn; the last one stays.
    answers: BTreeMap<String, Vec<Answer>>,
    asked: Vec<String>,
    stopped: bool,
}

impl Server {
    /// A server that has nothing yet: every path gives 404.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        thread::spawn(move || accept(&listener, &shared));
        Self { address, state }
    }

    /// Sets what a path answers, in turn; the last answer stays.
    pub(crate) fn at(self, path: &str, answers: &[Answer]) -> Self {
        self.set(path, answers);
        self
    }

    /// As [`Server::at`], for answers that must know the server's own address.
    pub(crate) fn set(&self, path: &str, answers: &[Answer]) {
        self.state.lock().expect("no test panics here").answers.insert(path.to_owned(), answers.to_vec());
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The paths that were asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.lock().expect("no test panics here").asked.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(mut state) = self.state.lock() {
            state.stopped = true;
        }
        // Wakes the listener so that it sees that it is to stop.
        let _ = TcpStream::connect(self.address);
    }
}

fn accept(listener: &TcpListener, state: &Arc<Mutex<State>>) {
    for stream in listener.incoming().map_while(Result::ok) {
        if state.lock().is_ok_and(|state| state.stopped) {
            return;
        }
        let state = state.clone();
        thread::spawn(move || serve(stream, &state));
    }
}

/// Serves one request; clients that break the connection off are part of the tests.
fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let Some(path) = request(&stream) else { return };
    let answer = state.lock().expect("no test panics here").next(&path);
    let _ = send(&mut stream, answer);
}

fn request(stream: &TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    lines.map_while(Result::ok).find(String::is_empty)?;
    first.split(' ').nth(1).map(str::to_owned)
}

impl State {
    fn next(&mut self, path: &str) -> Answer {
        self.asked.push(path.to_owned());
        match self.answers.get_mut(path) {
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers[0].clone(),
            None => Answer::status("404 Not Found"),
        }
    }
}

fn send(stream: &mut TcpStream, answer: Answer) -> std::io::Result<()> {
    match answer {
        Answer::Full(status, lines, body) => {
            let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            head(stream, status, &format!("{lines}Content-Length: {}\r\n", body.len()))?;
            stream.write_all(&body)
        }
        Answer::Truncated(n, body) => {
            head(stream, "200 OK", &format!("Content-Length: {n}\r\n"))?;
            stream.write_all(&body)
        }
        Answer::Unannounced(body) => {
            head(stream, "200 OK", "")?;
            stream.write_all(&body)
        }
        Answer::Stalled(n, body) => {
            head(stream, "200 OK", &format!("Content-Length: {n}\r\n"))?;
            stream.write_all(&body)?;
            stream.read_to_end(&mut Vec::new()).map(drop)
        }
        Answer::Endless => {
            head(stream, "200 OK", "")?;
            loop {
                stream.write_all(&[b'x'; 4096])?;
            }
        }
    }
}

fn head(stream: &mut TcpStream, status: &str, lines: &str) -> std::io::Result<()> {
    stream.write_all(format!("HTTP/1.1 {status}\r\n{lines}Connection: close\r\n\r\n").as_bytes())
}
