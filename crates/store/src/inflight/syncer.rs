//! A thread that writes slots and syncs them, all that ask within a few milliseconds together.
//!
//! Apart from the slots because it is the one place that waits for the disk. Invariant: whoever is told that its slot is
//! recorded can lose the power; after a failed sync everybody whose slot was written for it is told so.

use super::{Files, SLOT_BYTES, slot_at};
use crate::disk::DiskFile;
use crate::error::{Result, StoreError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Slots that ask to be synced within this time of each other are synced together: a sync costs the same for one as
/// for many.
const GATHER: Duration = Duration::from_millis(4);

/// The thread.
pub(super) struct Syncer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    ready: Condvar,
}

#[derive(Default)]
struct Queue {
    asked: Vec<Asked>,
    closed: bool,
}

struct Asked {
    index: u32,
    slot: [u8; SLOT_BYTES],
    done: oneshot::Sender<std::io::Result<()>>,
}

impl Syncer {
    pub(super) fn start(files: Arc<Files>) -> Result<Syncer> {
        let shared = Arc::new(Shared::default());
        let mine = shared.clone();
        let thread = std::thread::Builder::new()
            .name("inflight-sync".to_owned())
            .spawn(move || sync_loop(files.slots.as_ref(), &mine))?;
        Ok(Syncer { shared, thread: Some(thread) })
    }

    /// Writes a slot; returns when it will survive a loss of power.
    pub(super) async fn synced(&self, index: u32, slot: [u8; SLOT_BYTES]) -> Result<()> {
        let (done, wait) = oneshot::channel();
        let is_first = {
            let mut queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.closed {
                return Err(StoreError::Closed);
            }
            queue.asked.push(Asked { index, slot, done });
            queue.asked.len() == 1
        };
        if is_first {
            self.shared.ready.notify_one();
        }
        Ok(wait.await.map_err(|_| StoreError::Closed)??)
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.shared.ready.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            thread.join().ok();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a thread of its own, which the simulator never starts")]
fn sync_loop(file: &dyn DiskFile, shared: &Shared) {
    loop {
        {
            let mut queue = shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
            while queue.asked.is_empty() {
                if queue.closed {
                    return;
                }
                queue = shared.ready.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
        }
        std::thread::sleep(GATHER);
        let mut asked = std::mem::take(&mut shared.queue.lock().unwrap_or_else(PoisonError::into_inner).asked);
        asked.sort_unstable_by_key(|one| one.index);
        let outcome = write(file, &asked).and_then(|()| file.sync());
        for one in asked {
            let answer = match &outcome {
                Ok(()) => Ok(()),
                Err(error) => Err(std::io::Error::new(error.kind(), error.to_string())),
            };
            // Whoever waited may have gone away.
            one.done.send(answer).ok();
        }
    }
}

/// Writes slots in order of place; neighbours in one go.
fn write(file: &dyn DiskFile, asked: &[Asked]) -> std::io::Result<()> {
    let mut bytes = Vec::with_capacity(asked.len() * SLOT_BYTES);
    for run in asked.chunk_by(|one, next| one.index + 1 == next.index) {
        bytes.clear();
        run.iter().for_each(|one| bytes.extend_from_slice(&one.slot));
        file.write_at(&bytes, slot_at(run.first().map_or(0, |one| one.index)))?;
    }
    Ok(())
}
