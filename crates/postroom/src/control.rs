//! How a command reaches the process that owns the data directory: a Unix socket inside it.
//!
//! One request a connection, one answer: a line of JSON each way. The answer is sent when the owner has obeyed, so a
//! paused campaign is paused when `pause` returns. Who may open the directory may give orders; there is no other key.
//! Invariants: a line is bounded on both sides; a socket left behind by a dead owner is nobody's, and the next owner
//! (who holds the lock, so there is only one) takes its place. Nobody waits for an owner that is stopped: one that is at
//! work on an order gives a sign of life every few seconds, so an order may take as long as it takes, and silence is told.

use crate::failure::{Exit, Failure};
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
use tokio::net::unix::OwnedWriteHalf;
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
/// An owner that says nothing for so long does not answer; a question is answered within it or not at all.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(10);
/// How often an owner that is at work on an order says so.
const SIGN_EVERY: Duration = Duration::from_secs(2);
/// What it says: JSON lets white space stand before a value, so whoever knows of no signs reads past them.
const SIGN: u8 = b' ';
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

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// Nobody owns the directory: the order can be carried out by whoever takes the lock.
    NoOwner,
    /// Somebody owns it and says nothing: this process, where the system tells. Its order may yet be carried out.
    Silent { process: Option<u32> },
}

/// Hands an order to the owner of `dir` and waits until it has obeyed. An owner that gives no sign of life for
/// [`SILENCE_MAX`], or has no answer to a question within it, is silent.
pub(crate) async fn ask(dir: &Path, request: &Request) -> Result<Answer, Unanswered> {
    let Ok(socket) = Address::of(dir) else { return Err(Unanswered::NoOwner) };
    let stream = match UnixStream::connect(&socket.path).await {
        Ok(stream) => stream,
        // As many as may wait to be heard wait already.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(Unanswered::Silent { process: None }),
        Err(_) => return Err(Unanswered::NoOwner),
    };
    let process = stream.peer_cred().ok().and_then(|owner| u32::try_from(owner.pid()?).ok());
    let talk = talk(stream, request);
    let said = match request.order.is_question() {
        true => timeout(SILENCE_MAX, talk).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
        false => talk.await,
    };
    let lost = |error: io::Error| {
        Failure::own("the process that owns the data directory did not answer", error)
            .advise("it may have stopped at this moment: run the command again")
    };
    match said {
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(Unanswered::Silent { process }),
        Err(error) => Ok(Err(lost(error))),
        Ok(answer) => Ok(answer),
    }
}

/// Says the request and listens for the answer, as long as there are signs of life.
async fn talk(stream: UnixStream, request: &Request) -> io::Result<Answer> {
    let (read, mut write) = stream.into_split();
    let mut line = serde_json::to_vec(request).map_err(io::Error::other)?;
    line.push(b'\n');
    timeout(SILENCE_MAX, write.write_all(&line)).await??;
    let mut read = BufReader::new(read.take(LINE_BYTES_MAX));
    let mut answer = Vec::new();
    loop {
        let heard = timeout(SILENCE_MAX, read.fill_buf()).await??;
        let end = heard.iter().position(|octet| *octet == b'\n');
        let (count, is_over) = (end.map_or(heard.len(), |end| end + 1), end.is_some() || heard.is_empty());
        answer.extend_from_slice(heard.get(..count).unwrap_or_default());
        read.consume(count);
        if is_over {
            return serde_json::from_slice::<Answer>(&answer).map_err(io::Error::other);
        }
    }
}

impl Unanswered {
    /// Does somebody own the directory who does not answer?
    pub(crate) const fn is_silence(self) -> bool {
        matches!(self, Unanswered::Silent { .. })
    }
}

/// What is told of an order to an owner that does not answer: nobody here can know what becomes of it. Given again it would
/// be carried out twice when that process goes on, so nobody is told to.
pub(crate) fn unheard(order: &Order, process: Option<u32>) -> Failure {
    let (named, stopped) = match process {
        Some(process) => {
            (format!("process {process}"), format!(" (kill -CONT {process} lets one go on that was stopped)"))
        }
        None => ("the process".to_owned(), String::new()),
    };
    let waited = SILENCE_MAX.as_secs();
    let message = format!(
        "{named} that owns the data directory has given no sign of life for {waited} seconds: whether the order is carried \
         out is not known"
    );
    let failure = Failure { exit: Exit::OwnFailure, message, advice: Vec::new() }
        .advise(format!("it is stopped, or its disk does not answer{stopped}"))
        .advise("when it goes on it may still carry out the order: look what came of it before you give it again");
    match process {
        Some(process) if order.stops() => failure.advise(format!(
            "if sending must stop now: kill -9 {process}, then give the order again; a process that is killed loses nobody"
        )),
        _ => failure,
    }
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
        Ok(request) => obeyed(request, obey, &write).await?,
        Err(_) => Err(Failure::bad_input("the running postroom does not know this order")
            .advise("it may be of another version: use the same program for both")),
    };
    let mut line = serde_json::to_vec(&answer).map_err(io::Error::other)?;
    line.push(b'\n');
    write.write_all(&line).await
}

/// Carries out an order, with signs of life meanwhile. Fails when whoever put a question has hung up: an order goes on.
async fn obeyed<F, O>(request: Request, obey: &O, asker: &OwnedWriteHalf) -> io::Result<Answer>
where
    O: Fn(Request) -> F,
    F: Future<Output = Answer>,
{
    let is_question = request.order.is_question();
    let work = obey(request);
    tokio::pin!(work);
    let mut listens = true;
    loop {
        tokio::select! {
            biased;
            answer = &mut work => return Ok(answer),
            () = tokio::time::sleep(SIGN_EVERY), if listens => match asker.try_write(&[SIGN]) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock && is_question => return Err(error),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => listens = false,
                _ => {}
            },
        }
    }
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

    #[tokio::test(start_paused = true)]
    async fn an_owner_that_is_stopped_is_silent_and_is_waited_for_no_longer_than_that() {
        let dir = tempfile::tempdir().unwrap();
        // It listens, and comes to nothing.
        let _stopped = Desk::open(dir.path()).unwrap();
        for order in [Order::Adopt, Order::Status] {
            let before = tokio::time::Instant::now();
            let asked = ask(dir.path(), &Request { order, ..request() }).await;
            assert!(matches!(asked, Err(Unanswered::Silent { .. })), "{asked:?}");
            assert_eq!(before.elapsed().as_secs(), SILENCE_MAX.as_secs());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_may_take_as_long_as_it_takes_and_a_question_may_not() {
        for (order, is_waited_for) in [(Order::Adopt, true), (Order::Status, false)] {
            let dir = tempfile::tempdir().unwrap();
            let socket = UnixListener::bind(dir.path().join(SOCKET)).unwrap();
            let owner = async {
                let (mut stream, _) = socket.accept().await.unwrap();
                for _ in 0..100 {
                    tokio::time::sleep(SIGN_EVERY).await;
                    stream.write_all(&[SIGN]).await.unwrap_or_default();
                }
                stream.write_all(b"{\"Ok\":7}\n").await.unwrap_or_default();
            };
            let request = Request { order, ..request() };
            let (asked, ()) = tokio::join!(ask(dir.path(), &request), owner);
            match is_waited_for {
                true => assert_eq!(asked.unwrap(), Ok(json!(7))),
                false => assert!(asked.unwrap_err().is_silence()),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_owner_at_work_gives_signs_that_stand_before_its_answer() {
        let (mut asker, owner) = UnixStream::pair().unwrap();
        let obey = |_: Request| async {
            tokio::time::sleep(SIGN_EVERY * 4 + SIGN_EVERY / 2).await;
            Ok(json!(7))
        };
        let asks = async {
            let line = serde_json::to_string(&request()).unwrap();
            asker.write_all(format!("{line}\n").as_bytes()).await.unwrap();
            let mut told = String::new();
            asker.read_to_string(&mut told).await.unwrap();
            told
        };
        let (attended, told) = tokio::join!(attend(owner, &obey), asks);
        attended.unwrap();
        assert_eq!(told, "    {\"Ok\":7}\n");
    }

    #[tokio::test(start_paused = true)]
    async fn who_hangs_up_ends_a_question_and_no_order() {
        for (order, goes_on) in [(Order::Adopt, true), (Order::Status, false)] {
            let (mut asker, owner) = UnixStream::pair().unwrap();
            let done = std::cell::Cell::new(false);
            let obey = |_: Request| async {
                tokio::time::sleep(SIGN_EVERY * 9).await;
                done.set(true);
                Ok(json!(7))
            };
            let line = serde_json::to_string(&Request { order, ..request() }).unwrap();
            asker.write_all(format!("{line}\n").as_bytes()).await.unwrap();
            drop(asker);
            attend(owner, &obey).await.unwrap_err();
            assert_eq!(done.get(), goes_on);
        }
    }

    #[test]
    fn nobody_is_told_to_give_an_order_again_that_may_yet_be_carried_out() {
        let pause = Order::Pause { campaign: model::CampaignId(1), why: None };
        let told = unheard(&pause, Some(812)).to_string();
        assert!(
            told.starts_with("process 812 that owns the data directory has given no sign of life for 10 s"),
            "{told}"
        );
        assert!(told.contains("kill -CONT 812") && told.contains("kill -9 812"), "{told}");
        let told = unheard(&Order::Adopt, None).to_string();
        assert!(told.contains("before you give it again") && !told.contains("kill"), "{told}");
    }
}
