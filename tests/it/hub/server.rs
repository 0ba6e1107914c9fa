//! A hub on this machine that answers as the real one does, unless a test twists its responses.

use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the hub holds and how it behaves.
#[derive(Clone, Default)]
pub struct Plan {
    pub files: BTreeMap<&'static str, &'static str>,
    pub token: Option<&'static str>,
    /// This status instead of everything.
    pub broken: Option<u16>,
    /// So many requests are answered with 429 first.
    pub busy: u32,
    /// Other bytes than those of this file, once.
    pub damaged: Option<&'static str>,
    /// Half of this file, once.
    pub cut: Option<&'static str>,
    /// This commit, whatever was asked for by commit.
    pub other_commit: bool,
}

/// A request, names of headers in lower case.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
}

impl Request {
    /// The revision and the file asked for.
    fn parts(&self) -> (&str, &str) {
        let path = &*self.path;
        let rest = path.split_once("/at/").or(path.split_once("/resolve/"));
        rest.and_then(|(_, rest)| rest.split_once('/')).unwrap_or_default()
    }

    /// The file asked for.
    pub fn file(&self) -> &str {
        self.parts().1
    }

    /// Whether it is for the bytes of `file`.
    pub fn is_get(&self, file: &str) -> bool {
        self.method == "GET" && self.file() == file && self.path.contains("/at/")
    }

    fn range(&self) -> Option<usize> {
        self.headers.get("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// How the bytes of a response are sent.
#[derive(Clone, Copy, Default, PartialEq)]
pub enum Pace {
    #[default]
    AtOnce,
    /// So many bytes, then the connection is closed.
    CutAfter(usize),
    /// So many bytes, then nothing.
    StallAfter(usize),
    /// So many bytes, then one byte each time.
    DripAfter(usize, Duration),
    /// The head, then bytes without end.
    Endless,
}

/// A response.
#[derive(Clone, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    pub pace: Pace,
    /// Sent instead of all that.
    pub raw: Option<Vec<u8>>,
}

impl Reply {
    pub fn of(status: u16) -> Self {
        Self { status, ..Self::default() }.with("content-length", "0")
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.set(name, value);
        self
    }

    pub fn set(&mut self, name: &str, value: impl ToString) {
        self.headers.insert(name.to_string(), value.to_string());
    }

    fn bytes(&self, method: &str) -> Vec<u8> {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let mut bytes =
            format!("HTTP/1.1 {} Is\r\nconnection: close\r\n", self.status).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        bytes.extend(b"\r\n");
        if method != "HEAD" {
            bytes.extend(&self.body);
        }
        bytes
    }

    fn send(&self, method: &str, mut stream: &TcpStream) -> std::io::Result<()> {
        let bytes = self.bytes(method);
        match self.pace {
            Pace::AtOnce => stream.write_all(&bytes),
            Pace::CutAfter(count) => stream.write_all(&bytes[..count.min(bytes.len())]),
            Pace::StallAfter(count) => {
                stream.write_all(&bytes[..count.min(bytes.len())])?;
                sleep(Duration::from_millis(900));
                Ok(())
            }
            Pace::DripAfter(count, pause) => {
                stream.write_all(&bytes[..count.min(bytes.len())])?;
                for byte in bytes.iter().skip(count) {
                    sleep(pause);
                    stream.write_all(&[*byte])?;
                }
                Ok(())
            }
            Pace::Endless => {
                stream.write_all(&bytes)?;
                loop {
                    stream.write_all(&[b'x'; 4096])?;
                }
            }
        }
    }
}

pub struct Hub {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    thread: Option<JoinHandle<()>>,
}

impl Hub {
    pub fn start(mut plan: Plan) -> Self {
        Self::serve(move |address, request| answer(&mut plan, address, request))
    }

    /// A server that answers with what `reply` makes of a request and its own address.
    pub fn serve(
        mut reply: impl FnMut(SocketAddr, &Request) -> Reply + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let log = requests.clone();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let request = request(&stream);
                if request.path == "/stop" {
                    return;
                }
                log.lock().expect("the log").push(request.clone());
                // a client that has heard enough hangs up
                let _ = reply(address, &request).send(&request.method, &stream);
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
        Self { address, requests, thread: Some(thread) }
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("the log").clone()
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Once dropped, nothing answers at the address.
impl Drop for Hub {
    fn drop(&mut self) {
        let asked =
            TcpStream::connect(self.address).map(|mut s| s.write_all(b"GET /stop x\r\n\r\n"));
        asked.expect("the hub listens").expect("the hub reads");
        self.thread.take().expect("started once").join().expect("the hub did not panic");
    }
}

fn request(stream: &TcpStream) -> Request {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let headers = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_lowercase(), value.to_string()))
    });
    let headers = headers.collect();
    let mut words = first.split(' ').map(str::to_string);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    Request { method, path, headers }
}

/// The hash by which the hub knows a file: SHA-256 of a large one, else as git computes it.
pub fn tag(name: &str, body: &str) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    if name.ends_with(".safetensors") {
        return hex(&Sha256::digest(body));
    }
    hex(&Sha1::digest(format!("blob {}\0{body}", body.len())))
}

/// What the real hub would say.
pub fn answer(plan: &mut Plan, address: SocketAddr, request: &Request) -> Reply {
    let allowed = plan.token.is_none_or(|token| {
        let given = request.headers.get("authorization");
        given.is_some_and(|given| *given == format!("Bearer {token}"))
    });
    let busy = plan.busy > 0;
    plan.busy = plan.busy.saturating_sub(1);
    let refusal = plan.broken.or((!allowed).then_some(401)).or(busy.then_some(429));
    let (revision, name) = request.parts();
    let (None, Some((&name, &body))) = (refusal, plan.files.get_key_value(name)) else {
        return Reply::of(refusal.unwrap_or(404));
    };
    let foreign = plan.other_commit && revision == COMMIT;
    let commit = if foreign { COMMIT.replace('0', "f") } else { COMMIT.to_string() };
    let about = |reply: Reply| {
        let reply = reply.with("x-repo-commit", &commit);
        reply.with("x-linked-etag", format!("\"{}\"", tag(name, body)))
    };
    if request.path.contains("/resolve/") {
        // small files move within the hub, large ones to a store with a host name
        let large = name.ends_with(".safetensors");
        let host = if large { format!("http://{address}") } else { String::new() };
        let redirect = about(Reply::of(302)).with("x-linked-size", body.len());
        return redirect.with("location", format!("{host}/at/{revision}/{name}"));
    }
    let start = request.range();
    let rest = &body.as_bytes()[start.unwrap_or(0).min(body.len())..];
    let mut reply = about(Reply::of(if start.is_some() { 206 } else { 200 }));
    if let Some(start) = start {
        reply.set("content-range", format!("bytes {start}-{}/{}", body.len() - 1, body.len()));
    }
    reply.set("content-length", rest.len());
    reply.body = rest.to_vec();
    if request.method == "GET" && plan.damaged.take_if(|damaged| *damaged == name).is_some() {
        reply.body.make_ascii_uppercase();
    }
    if request.method == "GET" && plan.cut.take_if(|cut| *cut == name).is_some() {
        reply.pace = Pace::CutAfter(reply.bytes("GET").len() - rest.len() / 2);
    }
    reply
}
