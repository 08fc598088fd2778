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

/// Something that was asked of a web server, or delivered to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// How: `POST` delivers, `GET` asks.
    pub method: String,
    /// To which path.
    pub path: String,
    /// As what.
    pub content_type: String,
    /// The head of the request.
    pub head: String,
    /// What.
    pub body: Vec<u8>,
}

impl Delivered {
    /// A field of the head; empty when it is not there.
    pub fn header(&self, name: &str) -> String {
        field(&self.head, name)
    }
}

/// Serves one connection; what was asked or delivered on it, if it was taken.
pub async fn serve(server: WebServer, plain: Box<dyn Stream>) -> io::Result<Option<Delivered>> {
    if server.silent {
        tokio::time::sleep(60 * PATIENCE).await;
        return Ok(None);
    }
    let (mut stream, _) = server.identity.accept(plain).await.map_err(io::Error::other)?;
    let Request { method, path, content_type, head: said, body } =
        tokio::time::timeout(PATIENCE, read(&mut stream)).await??;
    let nothing = Document { status: 404, content_type: "text/plain".to_owned(), body: "nothing here\n".to_owned() };
    let delivered = Delivered { method, path: path.clone(), content_type, head: said, body };
    let document = server.documents.get(&path).cloned().unwrap_or(nothing);
    let head = format!(
        "HTTP/1.1 {} Said\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        document.status,
        document.content_type,
        document.body.len()
    );
    stream.write_all(&[head.as_bytes(), document.body.as_bytes()].concat()).await?;
    stream.shutdown().await?;
    Ok((document.status < 300).then_some(delivered))
}

struct Request {
    method: String,
    path: String,
    content_type: String,
    head: String,
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
    let (method, path) = (method.to_owned(), path.to_owned());
    Ok(Request { method, path, content_type, head, body })
}

fn field(head: &str, name: &str) -> String {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut value = fields.filter(|(field, _)| field.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim());
    value.next_back().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates::{Shows, identity};
    use crate::world::SimWorld;
    use net::{FetchFailure, FetchLimits, Fetched, Outgoing, TlsFault};

    const LIMITS: FetchLimits = FetchLimits { body_bytes: 1_000, timeout: Duration::from_secs(60) };

    /// A world with a web server that has a page, a detour and a long story.
    fn world(shows: Shows, silent: bool) -> SimWorld {
        let sim = SimWorld::new(7);
        let detour = Document { status: 302, ..Document::text("elsewhere\n") };
        let documents = BTreeMap::from([
            ("/page".to_owned(), Document::text("hello\n")),
            ("/detour".to_owned(), detour),
            ("/long".to_owned(), Document::text(&"a".repeat(1_001))),
        ]);
        let identity = identity(&["web.test"], shows).server;
        sim.internet.open_web_server("web.test", WebServer { identity, documents, silent });
        sim
    }

    async fn get(sim: &SimWorld, url: &str) -> Result<Fetched, FetchFailure> {
        sim.world.fetch.get(url, LIMITS).await
    }

    #[tokio::test(start_paused = true)]
    async fn the_client_takes_what_there_is_and_follows_nobody() {
        let sim = world(Shows::Valid, false);
        let page = get(&sim, "https://web.test/page").await.unwrap();
        assert_eq!((page.status, &*page.body), (200, &b"hello\n"[..]));
        assert_eq!(page.content_type.as_deref(), Some("text/plain"));
        assert_eq!(get(&sim, "https://WEB.test:443/detour").await.unwrap().status, 302);
        assert_eq!(get(&sim, "https://web.test").await.unwrap().status, 404);
        assert_eq!(get(&sim, "https://web.test/long").await, Err(FetchFailure::TooLong(1_000)));
        let for_you = Outgoing {
            content_type: "text/plain",
            headers: vec![("x-kind", "gift".to_owned())],
            body: b"for you".to_vec(),
        };
        let posted = sim.world.fetch.post("https://web.test/page", for_you, LIMITS).await;
        assert_eq!(posted.unwrap().status, 200);
        let delivered = &sim.internet.delivered_to_web()[0];
        assert_eq!((&*delivered.body, &*delivered.header("X-Kind")), (&b"for you"[..], "gift"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_client_trusts_only_good_certificates_and_waits_only_so_long() {
        for (shows, fault) in [(Shows::SelfSigned, TlsFault::NotTrusted), (Shows::Expired, TlsFault::Expired)] {
            let failure = get(&world(shows, false), "https://web.test/page").await.unwrap_err();
            assert!(matches!(&failure, FetchFailure::Tls(tls) if tls.fault == fault), "{failure:?}");
        }
        let began = tokio::time::Instant::now();
        let failure = get(&world(Shows::Valid, true), "https://web.test/page").await.unwrap_err();
        assert_eq!((failure, began.elapsed().as_secs()), (FetchFailure::TimedOut, 60));
        let sim = world(Shows::Valid, false);
        assert!(matches!(get(&sim, "https://nobody.test/").await, Err(FetchFailure::Dns(_))));
        for no_address in ["http://web.test/page", "https://user@web.test/page", "ftp://x/", "page", "https:///page"] {
            assert!(matches!(get(&sim, no_address).await, Err(FetchFailure::Address(_))), "{no_address}");
        }
    }
}
