//! Files of people that are sent in: kept beside the ledger under the hash of their content until they were imported,
//! or for a week.
//!
//! Invariants: a file is there whole or not at all; how long one may be, and all of a workspace together, is bounded;
//! nobody but this process's user reads them.

use crate::App;
use crate::extract::body_problem;
use crate::problem::{Code, Problem};
use aws_lc_rs::digest::{Context, SHA256};
use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use model::{JobId, Timestamp, WorkspaceId};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Octets of one file.
pub(crate) const FILE_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Octets of all files of a workspace that wait to be imported.
const WAITING_BYTES_MAX: u64 = 8 * 1024 * 1024 * 1024;
/// How long a file waits, and how long rejected rows are kept.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// Pieces of a body between the network and the disk.
const PIECES_MAX: usize = 16;
/// What a file is called until it is whole.
const PART: &str = "part-";

/// The folder of a workspace.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn of(app: &App, workspace: WorkspaceId) -> Folder {
        Folder(app.config.uploads.join(workspace.to_string()))
    }

    /// Keeps what is sent in: the name it is found by again, which is the hash of its content in hexadecimal.
    pub(crate) async fn take(&self, app: &App, mut body: Body) -> Result<String, Problem> {
        let mut taking = self.begin(app);
        while let Some(frame) = body.frame().await {
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => return taking.give_up(body_problem(&error)).await,
            };
            if let Ok(piece) = frame.into_data()
                && !taking.piece(piece).await
            {
                break;
            }
        }
        taking.end().await
    }

    /// Begins to keep a file.
    pub(crate) fn begin(&self, app: &App) -> Taking {
        let part = self.0.join(format!("{PART}{:016x}", app.world.entropy.u64("uploaded file")));
        let (pieces, waiting) = mpsc::channel(PIECES_MAX);
        let writing = {
            let (folder, part, now) = (self.clone(), part.clone(), app.now());
            beside(move || folder.write(&part, waiting, now))
        };
        Taking { folder: self.0.clone(), part, size_bytes: 0, pieces, writing }
    }

    /// Writes the pieces; the hash of all of them.
    fn write(&self, part: &Path, mut pieces: mpsc::Receiver<Bytes>, now: Timestamp) -> io::Result<String> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        if self.sweep(now)? > WAITING_BYTES_MAX {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part)?;
        let mut context = Context::new(&SHA256);
        while let Some(piece) = pieces.blocking_recv() {
            context.update(&piece);
            file.write_all(&piece)?;
        }
        file.sync_all()?;
        Ok(context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Removes what nobody came back for; the octets of what stays.
    fn sweep(&self, now: Timestamp) -> io::Result<u64> {
        let mut size_bytes = 0;
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let known = entry.metadata()?;
            let written = known.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            let written = Timestamp::from_millis(i64::try_from(written.as_millis()).unwrap_or(i64::MAX));
            if now.since(written) > KEPT {
                fs::remove_file(entry.path())?;
            } else {
                size_bytes += known.len();
            }
        }
        Ok(size_bytes)
    }

    /// The file with this name.
    pub(crate) fn find(&self, name: &str) -> Option<PathBuf> {
        let is_hash = name.len() == 64 && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let path = self.0.join(name);
        (is_hash && path.is_file()).then_some(path)
    }

    /// Where the rejected rows of a job are.
    pub(crate) fn rejects(&self, job: JobId) -> PathBuf {
        self.0.join(format!("{job}.rejects.csv"))
    }
}

/// A file that is being sent in.
pub(crate) struct Taking {
    folder: PathBuf,
    part: PathBuf,
    size_bytes: u64,
    pieces: mpsc::Sender<Bytes>,
    writing: JoinHandle<io::Result<String>>,
}

impl Taking {
    /// Takes a piece. Is more of it wanted? If not, [`Taking::end`] says why.
    pub(crate) async fn piece(&mut self, piece: Bytes) -> bool {
        self.size_bytes += piece.len() as u64;
        self.size_bytes <= FILE_BYTES_MAX && self.pieces.send(piece).await.is_ok()
    }

    /// It is whole: the name it is found by.
    pub(crate) async fn end(self) -> Result<String, Problem> {
        if self.size_bytes > FILE_BYTES_MAX {
            let detail = format!("a file has at most {} MB; send it in parts", FILE_BYTES_MAX >> 20);
            return self.give_up(Problem::new(Code::TooLarge, detail)).await;
        }
        let Taking { folder, part, pieces, writing, .. } = self;
        drop(pieces);
        let kept = match writing.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(name) => fs::rename(&part, folder.join(&name)).map(|()| name).map_err(|error| disk(&error)),
            Err(error) if error.kind() == io::ErrorKind::QuotaExceeded => {
                Err(Problem::new(Code::Refused, "too many files wait to be imported; import them, or wait a week"))
            }
            Err(error) => Err(disk(&error)),
        };
        if kept.is_err() {
            fs::remove_file(&part).unwrap_or_default();
        }
        kept
    }

    /// It broke off, or is too long.
    pub(crate) async fn give_up<T>(self, problem: Problem) -> Result<T, Problem> {
        drop(self.pieces);
        self.writing.await.map(drop).unwrap_or_default();
        fs::remove_file(&self.part).unwrap_or_default();
        Err(problem)
    }
}

/// Work that reads and writes files, beside the threads that answer requests.
#[expect(clippy::disallowed_methods, reason = "files come and go over real sockets alone, never in the simulator")]
pub(crate) fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    tokio::task::spawn_blocking(work)
}

/// The disk would not: what exactly is for the log.
pub(crate) fn disk(error: &io::Error) -> Problem {
    tracing::error!(%error, "a file that was sent in cannot be kept");
    Problem::from(Code::CannotRecord)
}
