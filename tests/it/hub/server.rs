//! A hub on this machine that answers as the real one does.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

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

pub struct Hub {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Hub {
    pub fn start(plan: Plan) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let (mut plan, log) = (plan, requests.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (path, headers) = request(&stream);
                if path == "/stop" {
                    return;
                }
                log.lock().expect("the log").push(path.clone());
                answer(&mut plan, address, &path, &headers, stream);
            }
        });
        Self { address, requests, thread: Some(thread) }
    }

    /// The paths asked for so far.
    pub fn requests(&self) -> Vec<String> {
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

/// The path and the headers, names in lower case.
fn request(stream: &TcpStream) -> (String, BTreeMap<String, String>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let headers = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_lowercase(), value.to_string()))
    });
    let headers = headers.collect();
    (first.split(' ').nth(1).unwrap_or_default().to_string(), headers)
}

fn answer(
    plan: &mut Plan,
    address: SocketAddr,
    path: &str,
    headers: &BTreeMap<String, String>,
    mut stream: TcpStream,
) {
    let mut send = |head: String, body: &str| {
        let head = format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n{body}");
        stream.write_all(head.as_bytes()).expect("the client reads");
    };
    let allowed = plan.token.is_none_or(|token| {
        headers.get("authorization").is_some_and(|given| *given == format!("Bearer {token}"))
    });
    let busy = plan.busy > 0;
    plan.busy = plan.busy.saturating_sub(1);
    let refusal = plan.broken.or((!allowed).then_some(401)).or(busy.then_some(429));
    let (_, file) =
        path.split_once("/at/").or(path.split_once("/resolve/")).unwrap_or_default();
    let (revision, name) = file.split_once('/').unwrap_or_default();
    let (None, Some(body)) = (refusal, plan.files.get(name)) else {
        let status = refusal.unwrap_or(404);
        return send(format!("{status} No\r\nContent-Length: 0"), "");
    };
    // of a large file the hub knows the SHA-256
    let etag: String = if name.ends_with(".safetensors") {
        Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
    } else {
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        format!("{:x}", hasher.finish())
    };
    let foreign = plan.other_commit && revision == COMMIT;
    let commit = if foreign { COMMIT.replace('0', "f") } else { COMMIT.to_string() };
    let about = format!("x-repo-commit: {commit}\r\nx-linked-etag: \"{etag}\"");
    if path.contains("/resolve/") {
        // small files move within the hub, large ones to a store with a host name
        let host = if name.ends_with(".safetensors") {
            format!("http://{address}")
        } else {
            String::new()
        };
        let place = format!("Location: {host}/at/{revision}/{name}\r\nContent-Length: 0");
        return send(format!("302 Found\r\n{about}\r\n{place}"), "");
    }
    let range =
        headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let (start, end) = range.expect("hf-hub asks for ranges");
    let start: usize = start.parse().expect("a number");
    let end = end.parse().map_or(body.len(), |end: usize| end + 1);
    let head = format!(
        "206 Partial Content\r\n{about}\r\nContent-Range: bytes {start}-{}/{}\r\nContent-Length: {}",
        end - 1,
        body.len(),
        end - start
    );
    if end - start > 1 && plan.damaged.take_if(|damaged| *damaged == name).is_some() {
        return send(head, &body[start..end].to_uppercase());
    }
    let whole = end - start == 1 || plan.cut.take_if(|cut| *cut == name).is_none();
    send(head, &body[start..if whole { end } else { end / 2 }]);
}
