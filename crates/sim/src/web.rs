//! Web servers of the simulated internet: where policies are fetched (RFC 8461) and reports delivered (RFC 8460).
//!
//! As little HTTP as its one client needs, written apart from that client's library so that they check each other: one
//! request on a connection, a body by its length.

use net::{Stream, TlsServer};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Octets of a request's head.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Octets of what is delivered.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How long a client may take for a request.
const PATIENCE: Duration = Duration::from_secs(30);

/// A document, or what is said instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The status code.
    pub status: u16,
    /// The media type.
    pub content_type: String,
    /// The body.
    pub body: String,
}

impl Document {
    /// A text that is found.
    pub fn text(body: &str) -> Document {
        Document { status: 200, content_type: "text/plain; charset=utf-8".to_owned(), body: body.to_owned() }
    }
}

/// A web server.
#[derive(Clone, Debug)]
pub struct WebServer {
    /// What it shows.
    pub identity: TlsServer,
    /// What it has, by path; anything else is not found.
    pub documents: BTreeMap<String, Document>,
    /// Is it reachable and silent?
    pub silent: bool,
}

/// Something that was delivered to a web server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// To which path.
    pub path: String,
    /// As what.
    pub content_type: String,
    /// What.
    pub body: Vec<u8>,
}

/// Serves one connection; what was delivered on it, if anything.
pub async fn serve(server: WebServer, plain: Box<dyn Stream>) -> io::Result<Option<Delivered>> {
    if server.silent {
        tokio::time::sleep(60 * PATIENCE).await;
        return Ok(None);
    }
    let (mut stream, _) = server.identity.accept(plain).await.map_err(io::Error::other)?;
    let Request { method, path, content_type, body } = tokio::time::timeout(PATIENCE, read(&mut stream)).await??;
    let nothing = Document { status: 404, content_type: "text/plain".to_owned(), body: "nothing here\n".to_owned() };
    let delivered = (method == "POST").then(|| Delivered { path: path.clone(), content_type, body });
    let document = server.documents.get(&path).cloned().unwrap_or(nothing);
    let head = format!(
        "HTTP/1.1 {} Said\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        document.status,
        document.content_type,
        document.body.len()
    );
    stream.write_all(&[head.as_bytes(), document.body.as_bytes()].concat()).await?;
    stream.shutdown().await?;
    Ok(delivered.filter(|_| document.status < 300))
}

struct Request {
    method: String,
    path: String,
    content_type: String,
    body: Vec<u8>,
}

async fn read(stream: &mut Box<dyn Stream>) -> io::Result<Request> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4_096];
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        let read = stream.read(&mut piece).await?;
        if read == 0 || bytes.len() > HEAD_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        bytes.extend_from_slice(piece.get(..read).unwrap_or_default());
    };
    let mut body = bytes.split_off(head_end + 4);
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let length: usize = field(&head, "content-length").parse().unwrap_or(0);
    if length > BODY_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    while body.len() < length {
        let read = stream.read(&mut piece).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        body.extend_from_slice(piece.get(..read).unwrap_or_default());
    }
    let content_type = field(&head, "content-type");
    Ok(Request { method: method.to_owned(), path: path.to_owned(), content_type, body })
}

fn field(head: &str, name: &str) -> String {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let value = fields.filter(|(field, _)| field.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim());
    value.last().unwrap_or_default().to_owned()
}
