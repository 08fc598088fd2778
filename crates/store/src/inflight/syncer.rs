//! A thread that writes slots and syncs them, all that ask within a few milliseconds together: it begins when half of the
//! conversations under way have asked, so that the other half keeps the processor busy meanwhile.
//!
//! Apart from the slots because it is the one place that waits for the disk. Invariant: whoever is told that its slot is
//! recorded can lose the power; after a failed sync everybody whose slot was written for it is told so.

use super::{Files, SLOT_BYTES, slot_at};
use crate::disk::DiskFile;
use crate::error::{Result, StoreError};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Whoever asks for its slot to be synced waits for others at most so long: a sync costs the same for one as for many.
const GATHER_MAX: Duration = Duration::from_millis(8);

/// The thread.
pub(super) struct Syncer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    ready: Condvar,
    /// Conversations that hold a slot and have not asked for it to be synced.
    coming: AtomicUsize,
}

#[derive(Debug, Default)]
struct Queue {
    asked: Vec<Asked>,
    closed: bool,
    /// The thread waits to be told that there is enough.
    watched: bool,
}

#[derive(Debug)]
struct Asked {
    index: u32,
    slot: [u8; SLOT_BYTES],
    done: oneshot::Sender<std::io::Result<()>>,
}

/// A conversation that is going to ask for its slot to be synced. It is one of those waited for until it has asked or
/// is gone.
#[derive(Debug)]
pub(super) struct Coming {
    among: Option<Arc<Shared>>,
    is_over: AtomicBool,
}

impl Coming {
    /// Nobody waits for it.
    pub(super) fn unnoticed() -> Coming {
        Coming { among: None, is_over: AtomicBool::new(false) }
    }

    /// It asks now.
    pub(super) fn asks(&self) {
        if let Some(among) = self.among.as_ref().filter(|_| !self.is_over.swap(true, Ordering::Relaxed)) {
            among.coming.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.asks();
    }
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

    /// Somebody took a slot.
    pub(super) fn coming(&self) -> Coming {
        self.shared.coming.fetch_add(1, Ordering::Relaxed);
        Coming { among: Some(self.shared.clone()), is_over: AtomicBool::new(false) }
    }

    /// Writes a slot; returns when it will survive a loss of power.
    pub(super) async fn synced(&self, index: u32, slot: [u8; SLOT_BYTES]) -> Result<()> {
        let (done, wait) = oneshot::channel();
        let wake = {
            let mut queue = self.shared.lock();
            if queue.closed {
                return Err(StoreError::Closed);
            }
            queue.asked.push(Asked { index, slot, done });
            let is_first = queue.asked.len() == 1;
            queue.watched && (is_first || self.shared.is_enough(&queue)) && std::mem::take(&mut queue.watched)
        };
        if wake {
            self.shared.ready.notify_one();
        }
        Ok(wait.await.map_err(|_| StoreError::Closed)??)
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.ready.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            thread.join().ok();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As many have asked as may still come: the others have work until the disk is done with these.
    fn is_enough(&self, queue: &Queue) -> bool {
        queue.asked.len() >= self.coming.load(Ordering::Relaxed)
    }

    /// Those who ask next, when there are enough of them or the first has waited long enough; `None`: nobody will.
    fn gather(&self) -> Option<Vec<Asked>> {
        let nobody = |queue: &mut Queue| {
            queue.watched = queue.asked.is_empty() && !queue.closed;
            queue.watched
        };
        let too_few = |queue: &mut Queue| {
            queue.watched = !self.is_enough(queue) && !queue.closed;
            queue.watched
        };
        let queue = self.ready.wait_while(self.lock(), nobody).unwrap_or_else(PoisonError::into_inner);
        let waited = self.ready.wait_timeout_while(queue, GATHER_MAX, too_few);
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        queue.watched = false;
        Some(std::mem::take(&mut queue.asked)).filter(|asked| !asked.is_empty())
    }
}

fn sync_loop(file: &dyn DiskFile, shared: &Shared) {
    while let Some(mut asked) = shared.gather() {
        asked.sort_unstable_by_key(|one| one.index);
        let outcome = write_synced(file, &asked);
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

/// Writes slots in order of place, and syncs them; neighbours in one go, and that is nearly always all of them.
fn write_synced(file: &dyn DiskFile, asked: &[Asked]) -> std::io::Result<()> {
    let runs: Vec<&[Asked]> = asked.chunk_by(|one, next| one.index + 1 == next.index).collect();
    let mut bytes = Vec::with_capacity(asked.len() * SLOT_BYTES);
    for run in &runs {
        bytes.clear();
        run.iter().for_each(|one| bytes.extend_from_slice(&one.slot));
        let at = slot_at(run.first().map_or(0, |one| one.index));
        if runs.len() == 1 {
            return file.write_synced_at(&bytes, at);
        }
        file.write_at(&bytes, at)?;
    }
    file.sync()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Asked {
        Asked { index: 0, slot: [0; SLOT_BYTES], done: oneshot::channel().0 }
    }

    fn shared(asking: usize, coming: usize) -> Shared {
        let queue = Queue { asked: (0..asking).map(|_| asked()).collect(), ..Queue::default() };
        Shared { queue: Mutex::new(queue), coming: AtomicUsize::new(coming), ..Shared::default() }
    }

    #[test]
    fn half_of_the_conversations_are_enough_and_the_others_are_waited_for_in_vain() {
        for (asking, coming, enough) in [(1, 0, true), (1, 1, true), (1, 2, false), (20, 20, true), (19, 21, false)] {
            let shared = shared(asking, coming);
            assert_eq!(shared.is_enough(&shared.lock()), enough, "{asking} ask, {coming} may come");
            assert_eq!(shared.gather().map(|asked| asked.len()), Some(asking), "in time whatever happens");
            assert!(!shared.lock().watched);
        }
    }

    #[test]
    fn who_has_asked_or_is_gone_is_not_waited_for() {
        let shared = Arc::new(shared(0, 2));
        let coming = || Coming { among: Some(shared.clone()), is_over: AtomicBool::new(false) };
        let (one, other) = (coming(), coming());
        one.asks();
        one.asks();
        drop(one);
        assert_eq!(shared.coming.load(Ordering::Relaxed), 1);
        drop(other);
        assert_eq!(shared.coming.load(Ordering::Relaxed), 0);
        shared.lock().closed = true;
        assert!(shared.gather().is_none());
    }
}
