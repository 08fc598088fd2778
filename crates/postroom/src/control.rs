//! How a command reaches the process that owns the data directory: a Unix socket inside it.
//!
//! One request a connection, one answer: a line of JSON each way. The answer is sent when the owner has obeyed, so a
//! paused campaign is paused when `pause` returns. Who may open the directory may give orders; there is no other key.
//! Invariants: a line is bounded on both sides; a socket left behind by a dead owner is nobody's, and the next owner
//! (who holds the lock, so there is only one) takes its place.

use crate::failure::Failure;
use crate::order::Order;
use model::Actor;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{self, File, Permissions};
use std::future::Future;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{Duration, timeout};

/// The socket's name in the data directory.
const SOCKET: &str = "control.sock";
/// The longest request or answer, in bytes.
const LINE_BYTES_MAX: u64 = 1024 * 1024;
/// How long a peer may take to send its request.
const REQUEST_WAIT: Duration = Duration::from_secs(10);
/// How many orders are carried out at once.
const ORDERS_AT_ONCE: usize = 16;
/// The longest path a socket address holds on every system (`sun_path`).
const SOCKET_PATH_BYTES_MAX: usize = 100;

/// An order and who gives it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// Who.
    pub(crate) actor: Actor,
    /// What.
    pub(crate) order: Order,
}

/// What came of an order: the answer as the command shows it, or the failure.
pub(crate) type Answer = Result<Value, Failure>;

/// Nobody owns the directory: the order can be carried out by whoever takes the lock.
#[derive(Debug)]
pub(crate) struct NoOwner;

/// Hands an order to the owner of `dir` and waits until it has obeyed.
pub(crate) async fn ask(dir: &Path, request: &Request) -> Result<Answer, NoOwner> {
    let Ok(socket) = Address::of(dir) else { return Err(NoOwner) };
    let Ok(stream) = UnixStream::connect(&socket.path).await else { return Err(NoOwner) };
    let talk = async {
        let (read, mut write) = stream.into_split();
        let mut line = serde_json::to_vec(request).map_err(io::Error::other)?;
        line.push(b'\n');
        write.write_all(&line).await?;
        let mut answer = String::new();
        BufReader::new(read.take(LINE_BYTES_MAX)).read_line(&mut answer).await?;
        serde_json::from_str::<Answer>(&answer).map_err(io::Error::other)
    };
    let lost = |error: io::Error| {
        Failure::own("the process that owns the data directory did not answer", error)
            .advise("it may have stopped at this moment: run the command again")
    };
    Ok(talk.await.unwrap_or_else(|error| Err(lost(error))))
}

/// The owner's end. The socket goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Desk {
    listener: UnixListener,
    socket: Address,
}

impl Desk {
    /// Opens the desk of a directory this process owns.
    pub(crate) fn open(dir: &Path) -> io::Result<Desk> {
        let socket = Address::of(dir)?;
        match fs::remove_file(&socket.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&socket.path)?;
        fs::set_permissions(&socket.path, Permissions::from_mode(0o600))?;
        Ok(Desk { listener, socket })
    }

    /// Carries out orders with `obey` until the future is dropped. An order that has begun goes on when its asker
    /// hangs up.
    pub(crate) async fn serve<F, O>(&self, obey: O)
    where
        O: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = Answer> + Send,
    {
        let obey = Arc::new(obey);
        let places = Arc::new(Semaphore::new(ORDERS_AT_ONCE));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let obey = Arc::clone(&obey);
                    tokio::spawn(async move {
                        attend(stream, obey.as_ref()).await.unwrap_or_default();
                        drop(place);
                    });
                }
                // Out of file descriptors: wait for some to come free.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        fs::remove_file(&self.socket.path).unwrap_or_default();
    }
}

async fn attend<F, O>(stream: UnixStream, obey: &O) -> io::Result<()>
where
    O: Fn(Request) -> F,
    F: Future<Output = Answer>,
{
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(read.take(LINE_BYTES_MAX));
    timeout(REQUEST_WAIT, reader.read_line(&mut line)).await.map_err(io::Error::other)??;
    let answer = match serde_json::from_str::<Request>(&line) {
        Ok(request) => obey(request).await,
        Err(_) => Err(Failure::bad_input("the running postroom does not know this order")
            .advise("it may be of another version: use the same program for both")),
    };
    let mut line = serde_json::to_vec(&answer).map_err(io::Error::other)?;
    line.push(b'\n');
    write.write_all(&line).await
}

/// Where the socket is, by a path short enough for a socket address.
#[derive(Debug)]
struct Address {
    path: PathBuf,
    /// Keeps the directory open while `path` leads through it.
    _dir: Option<File>,
}

impl Address {
    /// Long directories are reached through the process's own open files (Linux).
    fn of(dir: &Path) -> io::Result<Address> {
        let path = dir.join(SOCKET);
        if path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
            return Ok(Address { path, _dir: None });
        }
        let open = File::open(dir)?;
        let path = Path::new("/proc/self/fd").join(open.as_raw_fd().to_string()).join(SOCKET);
        Ok(Address { path, _dir: Some(open) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request() -> Request {
        Request { actor: Actor::CommandLine("anna".to_owned()), order: Order::Adopt }
    }

    #[tokio::test]
    async fn an_order_reaches_the_owner_and_its_answer_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("x".repeat(120));
        fs::create_dir(&deep).unwrap();
        for place in [dir.path(), &deep] {
            let desk = Desk::open(place).unwrap();
            let obey = |request: Request| async move {
                match request.order {
                    Order::Adopt => Ok(json!({ "by": request.actor.as_text() })),
                    _ => Err(Failure::refused("no")),
                }
            };
            let answer = tokio::select! { biased;
                answer = async { ask(place, &request()).await } => answer,
                () = desk.serve(obey) => panic!("serving ends only when dropped"),
            };
            assert_eq!(answer.unwrap(), Ok(json!({ "by": "cli:anna" })));
        }
    }

    #[tokio::test]
    async fn a_socket_nobody_listens_at_is_nobodys() {
        let dir = tempfile::tempdir().unwrap();
        assert!(ask(dir.path(), &request()).await.is_err());
        let desk = Desk::open(dir.path()).unwrap();
        let left_behind = fs::hard_link(dir.path().join(SOCKET), dir.path().join("kept"));
        drop(desk);
        left_behind.unwrap();
        fs::rename(dir.path().join("kept"), dir.path().join(SOCKET)).unwrap();
        assert!(ask(dir.path(), &request()).await.is_err());
        assert!(Desk::open(dir.path()).is_ok());
    }
}
