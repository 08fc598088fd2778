//! On whose thread SQL runs: a writer with two queues and a few readers, or everything on the caller's.
//!
//! Settlements go before everything else at the writer, and all that wait are committed together. Invariant: jobs are
//! bounded pieces of work (a chunk, a page), so nobody waits behind a long one; inline, no thread or timer exists.

use crate::error::{Result, StoreError};
use crate::settlement::{Settled, Settlement};
use crate::sqlite::Ledger;
use rusqlite::Connection;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::{Notify, oneshot};

/// Settlements committed together at most.
const GROUP_SETTLEMENTS_MAX: usize = 20_000;
/// Reader threads: one for what may take long, the others for pages.
pub(crate) const READERS: usize = 3;

type WriteJob = Box<dyn FnOnce(&mut Ledger) + Send>;
type ReadJob = Box<dyn FnOnce(&Connection) + Send>;
type SettleJob = (Arc<Vec<Settlement>>, oneshot::Sender<Result<Settled>>);

struct WriteQueues {
    settles: VecDeque<SettleJob>,
    rest: VecDeque<WriteJob>,
    closed: bool,
}

enum Write {
    Settle(SettleJob),
    Work(WriteJob),
}

struct ReadQueue {
    jobs: VecDeque<ReadJob>,
    closed: bool,
}

struct Shared<Q> {
    queue: Mutex<Q>,
    ready: Condvar,
}

impl<Q> Shared<Q> {
    fn lock(&self) -> MutexGuard<'_, Q> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared<WriteQueues> {
    fn push(&self, write: Write) -> Result<()> {
        let mut queue = self.lock();
        if queue.closed {
            return Err(StoreError::Closed);
        }
        match write {
            Write::Settle(job) => queue.settles.push_back(job),
            Write::Work(job) => queue.rest.push_back(job),
        }
        drop(queue);
        self.ready.notify_one();
        Ok(())
    }
}

impl Shared<ReadQueue> {
    fn push(&self, job: ReadJob) -> Result<()> {
        let mut queue = self.lock();
        if queue.closed {
            return Err(StoreError::Closed);
        }
        queue.jobs.push_back(job);
        drop(queue);
        self.ready.notify_one();
        Ok(())
    }
}

enum Writer {
    None,
    Inline(Box<Mutex<Ledger>>),
    Thread(Arc<Shared<WriteQueues>>),
}

enum Readers {
    /// Reads go to the writer's connection.
    Writer,
    Inline(Mutex<Connection>),
    Threads {
        pages: Arc<Shared<ReadQueue>>,
        /// What may take long has a connection of its own, so that nobody who reads a page waits for it.
        pondering: Arc<Shared<ReadQueue>>,
    },
}

/// For whom a reading connection is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Pages,
    Pondering,
}

/// Where work is handed in.
pub(crate) struct Lanes {
    writer: Writer,
    readers: Readers,
    threads: Vec<JoinHandle<()>>,
    /// Pieces of reading that were handed in.
    reads: AtomicU64,
    failure: Failure,
}

/// The latest write that could not be recorded, for the one who waits for it.
#[derive(Default)]
struct Failure {
    why: Mutex<Option<String>>,
    rings: Notify,
}

impl Failure {
    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lanes {
    /// Everything on the calling thread.
    pub(crate) fn inline(ledger: Option<Ledger>, reader: Option<Connection>) -> Lanes {
        let writer = ledger.map_or(Writer::None, |ledger| Writer::Inline(Box::new(Mutex::new(ledger))));
        let readers = reader.map_or(Readers::Writer, |conn| Readers::Inline(Mutex::new(conn)));
        Lanes { writer, readers, threads: Vec::new(), reads: AtomicU64::new(0), failure: Failure::default() }
    }

    /// A writer thread (for an owner) and one reader thread per connection, the first of them for what may take long
    /// (none: reads go to the writer).
    pub(crate) fn threads(ledger: Option<Ledger>, connections: Vec<Connection>) -> Result<Lanes> {
        let mut threads = Vec::new();
        let spawn = |name: &str, body: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(name.to_owned()).spawn(body).map_err(StoreError::Io)
        };
        let writer = match ledger {
            None => Writer::None,
            Some(ledger) => {
                let queue = WriteQueues { settles: VecDeque::new(), rest: VecDeque::new(), closed: false };
                let shared = Arc::new(Shared { queue: Mutex::new(queue), ready: Condvar::new() });
                let mine = shared.clone();
                threads.push(spawn("ledger-writer", Box::new(move || write_loop(ledger, &mine)))?);
                Writer::Thread(shared)
            }
        };
        let readers = if connections.is_empty() {
            Readers::Writer
        } else {
            let queue = || {
                let queue = ReadQueue { jobs: VecDeque::new(), closed: false };
                Arc::new(Shared { queue: Mutex::new(queue), ready: Condvar::new() })
            };
            let (pages, pondering) = (queue(), queue());
            for (at, conn) in connections.into_iter().enumerate() {
                let (name, mine) =
                    if at == 0 { ("ledger-ponder", pondering.clone()) } else { ("ledger-reader", pages.clone()) };
                threads.push(spawn(name, Box::new(move || read_loop(&conn, &mine)))?);
            }
            Readers::Threads { pages, pondering }
        };
        Ok(Lanes { writer, readers, threads, reads: AtomicU64::new(0), failure: Failure::default() })
    }

    /// Runs `work` in a transaction of its own at the writer.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Ledger) -> Result<T> + Send + 'static,
    {
        let done = self.at_writer(move |ledger| ledger.transact(work)).await;
        self.note_failure(&done);
        done
    }

    fn note_failure<T>(&self, done: &Result<T>) {
        if let Err(error) = done
            && error.is_transient()
        {
            *self.failure.lock() = Some(error.to_string());
            self.failure.rings.notify_one();
        }
    }

    /// As [`Lanes::write`], for what removes a person: nothing of it can be read from the ledger's files afterwards.
    pub(crate) async fn erase<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Ledger) -> Result<T> + Send + 'static,
    {
        let done = self.at_writer(move |ledger| ledger.erase(work)).await;
        self.note_failure(&done);
        done
    }

    /// Waits until a write could not be recorded, whoever wanted it; why. For one waiter.
    pub(crate) async fn until_write_fails(&self) -> String {
        loop {
            if let Some(why) = self.failure.lock().take() {
                return why;
            }
            self.failure.rings.notified().await;
        }
    }

    /// What failed before is over.
    pub(crate) fn forget_failure(&self) {
        self.failure.lock().take();
    }

    /// Runs `work` at the writer, outside a transaction.
    pub(crate) async fn at_writer<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Ledger) -> Result<T> + Send + 'static,
    {
        match &self.writer {
            Writer::None => Err(StoreError::ReadOnly),
            Writer::Inline(ledger) => work(&mut ledger.lock().unwrap_or_else(PoisonError::into_inner)),
            Writer::Thread(shared) => {
                let (reply, answer) = oneshot::channel();
                let job: WriteJob = Box::new(move |ledger| {
                    // The caller may have gone away; the work is done all the same.
                    reply.send(work(ledger)).ok();
                });
                shared.push(Write::Work(job))?;
                answer.await.map_err(|_| StoreError::Closed)?
            }
        }
    }

    /// Hands in a batch of settlements; those that wait together are committed together.
    pub(crate) async fn settle(&self, settlements: Arc<Vec<Settlement>>) -> Result<Settled> {
        match &self.writer {
            Writer::None => Err(StoreError::ReadOnly),
            Writer::Inline(ledger) => {
                let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
                ledger.transact(|ledger| ledger.settle_batch(&settlements))
            }
            Writer::Thread(shared) => {
                let (reply, answer) = oneshot::channel();
                shared.push(Write::Settle((settlements, reply)))?;
                answer.await.map_err(|_| StoreError::Closed)?
            }
        }
    }

    /// Runs `work` (a page) on a reading connection.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.at_reader(Reading::Pages, work).await
    }

    /// Runs `work`, which may take some seconds, on the reading connection kept for it.
    pub(crate) async fn ponder<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.at_reader(Reading::Pondering, work).await
    }

    /// So many pieces of reading were handed in.
    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    async fn at_reader<T, F>(&self, reading: Reading, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.reads.fetch_add(1, Ordering::Relaxed);
        match &self.readers {
            Readers::Writer => self.at_writer(move |ledger| work(&ledger.conn)).await,
            Readers::Inline(conn) => work(&conn.lock().unwrap_or_else(PoisonError::into_inner)),
            Readers::Threads { pages, pondering } => {
                let shared = if reading == Reading::Pages { pages } else { pondering };
                let (reply, answer) = oneshot::channel();
                let job: ReadJob = Box::new(move |conn| {
                    reply.send(work(conn)).ok();
                });
                shared.push(job)?;
                answer.await.map_err(|_| StoreError::Closed)?
            }
        }
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        if let Writer::Thread(shared) = &self.writer {
            shared.lock().closed = true;
            shared.ready.notify_all();
        }
        if let Readers::Threads { pages, pondering } = &self.readers {
            for shared in [pages, pondering] {
                shared.lock().closed = true;
                shared.ready.notify_all();
            }
        }
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so already.
            thread.join().ok();
        }
    }
}

enum Next {
    Settle(Vec<SettleJob>),
    Work(WriteJob),
    Stop,
}

fn next_write(shared: &Shared<WriteQueues>) -> Next {
    let mut queue = shared.lock();
    loop {
        if !queue.settles.is_empty() {
            let mut group = Vec::new();
            let mut rows = 0;
            while let Some((batch, _)) = queue.settles.front() {
                rows += batch.len();
                if !group.is_empty() && rows > GROUP_SETTLEMENTS_MAX {
                    break;
                }
                group.extend(queue.settles.pop_front());
            }
            return Next::Settle(group);
        }
        if let Some(job) = queue.rest.pop_front() {
            return Next::Work(job);
        }
        if queue.closed {
            return Next::Stop;
        }
        queue = shared.ready.wait(queue).unwrap_or_else(PoisonError::into_inner);
    }
}

fn write_loop(mut ledger: Ledger, shared: &Shared<WriteQueues>) {
    loop {
        match next_write(shared) {
            Next::Settle(group) => settle_group(&mut ledger, group),
            Next::Work(job) => job(&mut ledger),
            Next::Stop => break,
        }
    }
    // What stays behind is one file. A reader beside us may keep it from happening; the next opening then does it.
    ledger.checkpoint().ok();
}

/// One transaction for all batches that waited; if it fails, one for each, so that each gets its own answer.
fn settle_group(ledger: &mut Ledger, group: Vec<SettleJob>) {
    let together: Result<Vec<Settled>> =
        ledger.transact(|ledger| group.iter().map(|(batch, _)| ledger.settle_batch(batch)).collect());
    match together {
        Ok(all) => {
            for ((_, reply), settled) in group.into_iter().zip(all) {
                reply.send(Ok(settled)).ok();
            }
        }
        Err(_) => {
            for (batch, reply) in group {
                reply.send(ledger.transact(|ledger| ledger.settle_batch(&batch))).ok();
            }
        }
    }
}

fn read_loop(conn: &Connection, shared: &Shared<ReadQueue>) {
    loop {
        let mut queue = shared.lock();
        let job = loop {
            if let Some(job) = queue.jobs.pop_front() {
                break job;
            }
            if queue.closed {
                return;
            }
            queue = shared.ready.wait(queue).unwrap_or_else(PoisonError::into_inner);
        };
        drop(queue);
        job(conn);
    }
}
