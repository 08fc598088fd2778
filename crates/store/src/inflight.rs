//! The in-flight slots: conversations between the last byte of a message and its settlement.
//!
//! Before the final dot (or BDAT LAST) goes out, a slot says which attempt of which delivery it is; the final reply is
//! written beside it before its settlement joins the group commit. After a kill: a slot with a reply is settled by it, one
//! without is in doubt, everything else is queued. Guarantee: a slot whose attempt the ledger already knows is stale and
//! means nothing, so giving a slot back costs no write.
//!
//! Two files, because they are held on to differently. Under `power` the slots that wait are synced together before their
//! dots go out; they are small, so that many share a page. Replies are never synced: a reply that a loss of power takes
//! is a delivery in doubt, and no more.

use crate::disk::DiskFile;
use crate::error::{Result, StoreError};
use model::{DeliveryId, Timestamp};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Octets of one slot: which attempt.
const SLOT_BYTES: usize = 64;
/// Octets of it that the checksum covers.
const SLOT_BODY_BYTES: usize = 39;
/// Octets of the place for a slot's reply.
const REPLY_BYTES: usize = 1_024;
/// Octets of a reply's place before its text: delivery, attempt, length, checksum.
const REPLY_HEAD_BYTES: usize = 20;
/// Slots that ask to be synced within this time of each other are synced together.
const SYNC_GATHER: Duration = Duration::from_millis(2);
/// The longest reply a slot keeps, in octets; what is longer is cut.
pub const SLOT_REPLY_BYTES_MAX: usize = 896;
/// Marks a written slot.
const MAGIC: u32 = 0x494E_464C;

/// How the last bytes of a message go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The dot that ends DATA (RFC 5321 section 4.1.1.4).
    FinalDot,
    /// BDAT LAST (RFC 3030).
    LastChunk,
}

/// What is about to go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Going {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// Which attempt.
    pub number: u16,
    /// How its last bytes go out.
    pub phase: Phase,
    /// To which server: what is in doubt can be asked about there.
    pub peer: IpAddr,
}

/// A conversation that a dead process left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Its place in the file; given back with [`InFlight::free_recovered`] after the settlement is written.
    pub index: u32,
    /// What was about to go out.
    pub going: Going,
    /// When it was recorded.
    pub at: Timestamp,
    /// The final reply, if it was recorded; without it the delivery is in doubt.
    pub reply: Option<Vec<u8>>,
}

/// A place in the file, held by one conversation.
#[derive(Debug)]
pub struct Slot {
    index: u32,
    permit: OwnedSemaphorePermit,
}

/// The two files.
pub(crate) struct Files {
    /// The slots.
    pub(crate) slots: Box<dyn DiskFile>,
    /// Their replies.
    pub(crate) replies: Box<dyn DiskFile>,
}

struct Inner {
    /// `None`: in memory, where nothing outlives the process and nothing needs to be written.
    files: Option<Arc<Files>>,
    free: Mutex<Vec<u32>>,
    permits: Arc<Semaphore>,
    recovered: Mutex<Vec<Recovered>>,
    syncer: Option<Syncer>,
    /// Sync in the caller's thread (power, inline).
    sync_here: bool,
}

/// The file of conversations between their last byte and their settlement. Cloning is cheap.
#[derive(Clone)]
pub struct InFlight {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for InFlight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InFlight").field("free", &self.inner.permits.available_permits()).finish_non_exhaustive()
    }
}

/// How an in-flight file is kept.
pub(crate) struct Keeping {
    pub(crate) slots: u32,
    /// Survive loss of power.
    pub(crate) power: bool,
    /// Sync on a thread of its own; otherwise on the caller's.
    pub(crate) threads: bool,
}

impl InFlight {
    /// Opens the files (`None`: memory). `is_settled` says whether the ledger knows an attempt already.
    pub(crate) fn open(
        files: Option<Files>,
        keeping: &Keeping,
        is_settled: impl Fn(DeliveryId, u16) -> Result<bool>,
    ) -> Result<InFlight> {
        let mut recovered = Vec::new();
        let mut slots = keeping.slots.max(1);
        if let Some(files) = &files {
            let written = u32::try_from(files.slots.size()? / SLOT_BYTES as u64).unwrap_or(u32::MAX);
            for index in 0..written {
                if let Some(found) = files.read(index)?
                    && !is_settled(found.going.delivery, found.going.number)?
                {
                    recovered.push(found);
                }
            }
            // A file once larger keeps its places: what it recovered must not be written over.
            slots = slots.max(recovered.last().map_or(0, |found| found.index + 1));
            // Sized, not written: zeros written at once share one large page in the cache, and every sync of one slot
            // would then write all of it. A disk too full for a slot is said by `record`.
            files.slots.set_size(u64::from(slots) * SLOT_BYTES as u64)?;
        }
        let taken: std::collections::BTreeSet<u32> = recovered.iter().map(|found| found.index).collect();
        let free: Vec<u32> = (0..slots).rev().filter(|index| !taken.contains(index)).collect();
        let permits = Arc::new(Semaphore::new(free.len()));
        let files = files.map(Arc::new);
        let syncer = match &files {
            Some(files) if keeping.power && keeping.threads => Some(Syncer::start(files.clone())?),
            _ => None,
        };
        let sync_here = keeping.power && !keeping.threads;
        let inner =
            Inner { files, free: Mutex::new(free), permits, recovered: Mutex::new(recovered), syncer, sync_here };
        Ok(InFlight { inner: Arc::new(inner) })
    }

    /// Waits for a free slot.
    pub async fn take_slot(&self) -> Result<Slot> {
        let permit = self.inner.permits.clone().acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let index = self.inner.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(Slot { index: index.ok_or(StoreError::Closed)?, permit })
    }

    /// Records that the last bytes of an attempt are about to go out. When it returns they may; if it fails, they must
    /// not.
    pub async fn record(&self, slot: &Slot, going: Going, now: Timestamp) -> Result<()> {
        let Some(files) = &self.inner.files else { return Ok(()) };
        files.slots.write_at(&slot_bytes(going, now), u64::from(slot.index) * SLOT_BYTES as u64)?;
        if let Some(syncer) = &self.inner.syncer {
            return syncer.synced().await;
        }
        if self.inner.sync_here {
            files.slots.sync()?;
        }
        Ok(())
    }

    /// Writes the final reply of an attempt beside its slot, before its settlement joins the group commit.
    pub fn reply(&self, slot: &Slot, delivery: DeliveryId, number: u16, reply: &[u8]) -> Result<()> {
        let Some(files) = &self.inner.files else { return Ok(()) };
        let bytes = reply_bytes(delivery, number, reply);
        Ok(files.replies.write_at(&bytes, u64::from(slot.index) * REPLY_BYTES as u64)?)
    }

    /// Gives the slot back, after the settlement was written (or when nothing went out).
    pub fn free(&self, slot: Slot) {
        self.inner.free.lock().unwrap_or_else(PoisonError::into_inner).push(slot.index);
        drop(slot.permit);
    }

    /// Takes a record back: the last bytes did *not* go out after all. Call before [`InFlight::free`].
    pub fn withdraw(&self, slot: &Slot) -> Result<()> {
        let Some(files) = &self.inner.files else { return Ok(()) };
        Ok(files.slots.write_at(&[0; SLOT_BYTES], u64::from(slot.index) * SLOT_BYTES as u64)?)
    }

    /// What a dead process left behind; each stays until [`InFlight::free_recovered`].
    pub fn recovered(&self) -> Vec<Recovered> {
        self.inner.recovered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives a recovered place back, after its delivery was settled.
    pub fn free_recovered(&self, index: u32) {
        let mut recovered = self.inner.recovered.lock().unwrap_or_else(PoisonError::into_inner);
        let before = recovered.len();
        recovered.retain(|found| found.index != index);
        if recovered.len() < before {
            self.inner.free.lock().unwrap_or_else(PoisonError::into_inner).push(index);
            self.inner.permits.add_permits(1);
        }
    }
}

fn slot_bytes(going: Going, now: Timestamp) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SLOT_BYTES);
    bytes.extend_from_slice(&MAGIC.to_le_bytes());
    bytes.extend_from_slice(&going.number.to_le_bytes());
    bytes.push(if going.phase == Phase::FinalDot { 1 } else { 2 });
    bytes.extend_from_slice(&going.delivery.0.to_le_bytes());
    bytes.extend_from_slice(&now.as_millis().to_le_bytes());
    bytes.extend_from_slice(&as_v6(going.peer).octets());
    bytes.extend_from_slice(&checksum(&bytes).to_le_bytes());
    bytes.resize(SLOT_BYTES, 0);
    bytes
}

/// A reply carries whose it is: the place may still hold one of an earlier use of the slot.
fn reply_bytes(delivery: DeliveryId, number: u16, reply: &[u8]) -> Vec<u8> {
    let kept = reply.get(..SLOT_REPLY_BYTES_MAX).unwrap_or(reply);
    let mut bytes = Vec::with_capacity(REPLY_HEAD_BYTES + kept.len());
    bytes.extend_from_slice(&delivery.0.to_le_bytes());
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(&u16::try_from(kept.len()).unwrap_or(0).to_le_bytes());
    bytes.extend_from_slice(&checksum(kept).to_le_bytes());
    bytes.extend_from_slice(kept);
    bytes
}

/// Both families in sixteen octets.
fn as_v6(peer: IpAddr) -> Ipv6Addr {
    match peer {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

impl Files {
    /// Reads a slot and its reply; `None` if it was never written, was taken back, or was torn before the dot could go
    /// out.
    fn read(&self, index: u32) -> Result<Option<Recovered>> {
        let mut slot = [0; SLOT_BYTES];
        self.slots.read_at(&mut slot, u64::from(index) * SLOT_BYTES as u64)?;
        let Some((going, at)) = parse_slot(&slot) else { return Ok(None) };
        let mut place = [0; REPLY_BYTES];
        let length = self.replies.read_at(&mut place, u64::from(index) * REPLY_BYTES as u64)?;
        let reply = parse_reply(place.get(..length).unwrap_or_default(), going);
        Ok(Some(Recovered { index, going, at, reply }))
    }
}

fn parse_slot(bytes: &[u8]) -> Option<(Going, Timestamp)> {
    let (body, rest) = bytes.split_at_checked(SLOT_BODY_BYTES)?;
    if Fields(rest).array::<8>().map(u64::from_le_bytes)? != checksum(body) {
        return None;
    }
    let mut body = Fields(body);
    if body.array::<4>().map(u32::from_le_bytes)? != MAGIC {
        return None;
    }
    let number = body.array::<2>().map(u16::from_le_bytes)?;
    let phase = match body.array::<1>()? {
        [1] => Phase::FinalDot,
        [2] => Phase::LastChunk,
        _ => return None,
    };
    let delivery = DeliveryId(body.array::<8>().map(i64::from_le_bytes)?);
    let at = Timestamp::from_millis(body.array::<8>().map(i64::from_le_bytes)?);
    let peer = IpAddr::V6(Ipv6Addr::from(body.array::<16>()?)).to_canonical();
    Some((Going { delivery, number, phase, peer }, at))
}

/// The reply of this very attempt, whole; `None` if there is none.
fn parse_reply(place: &[u8], going: Going) -> Option<Vec<u8>> {
    let mut fields = Fields(place);
    let delivery = DeliveryId(fields.array::<8>().map(i64::from_le_bytes)?);
    let number = fields.array::<2>().map(u16::from_le_bytes)?;
    let length = usize::from(fields.array::<2>().map(u16::from_le_bytes)?);
    let sum = fields.array::<8>().map(u64::from_le_bytes)?;
    let reply = fields.0.get(..length)?;
    let whole = length > 0 && (delivery, number) == (going.delivery, going.number) && checksum(reply) == sum;
    whole.then(|| reply.to_vec())
}

/// Reads fixed fields off the front of a slice.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }
}

/// FNV-1a, 64 bits: against torn writes, not against people.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Syncs the file for everybody who waits, together.
struct Syncer {
    shared: Arc<SyncShared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct SyncShared {
    waiting: Mutex<SyncQueue>,
    ready: Condvar,
}

#[derive(Default)]
struct SyncQueue {
    waiters: Vec<oneshot::Sender<std::io::Result<()>>>,
    closed: bool,
}

impl Syncer {
    fn start(files: Arc<Files>) -> Result<Syncer> {
        let shared = Arc::new(SyncShared::default());
        let mine = shared.clone();
        let thread = std::thread::Builder::new()
            .name("inflight-sync".to_owned())
            .spawn(move || sync_loop(files.slots.as_ref(), &mine))?;
        Ok(Syncer { shared, thread: Some(thread) })
    }

    async fn synced(&self) -> Result<()> {
        let (done, wait) = oneshot::channel();
        {
            let mut queue = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.closed {
                return Err(StoreError::Closed);
            }
            queue.waiters.push(done);
        }
        self.shared.ready.notify_one();
        Ok(wait.await.map_err(|_| StoreError::Closed)??)
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.shared.ready.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            thread.join().ok();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a thread of its own, which the simulator never starts")]
fn sync_loop(file: &dyn DiskFile, shared: &SyncShared) {
    loop {
        {
            let mut queue = shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            while queue.waiters.is_empty() {
                if queue.closed {
                    return;
                }
                queue = shared.ready.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
        }
        std::thread::sleep(SYNC_GATHER);
        let mut waiters = {
            let mut queue = shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut queue.waiters)
        };
        let outcome = file.sync();
        if outcome.is_err() {
            // Whoever wrote while it ran may have been dropped with the rest, and a later sync would not say so.
            let mut queue = shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiters.append(&mut queue.waiters);
        }
        for waiter in waiters {
            let answer = match &outcome {
                Ok(()) => Ok(()),
                Err(error) => Err(std::io::Error::new(error.kind(), error.to_string())),
            };
            // Whoever waited may have gone away.
            waiter.send(answer).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_slot_says_nothing_and_a_torn_or_foreign_reply_is_doubt() {
        let peer = IpAddr::from([192, 0, 2, 7]);
        let going = Going { delivery: DeliveryId(77), number: 3, phase: Phase::FinalDot, peer };
        let at = Timestamp::from_millis(5);
        let mut slot = slot_bytes(going, at);
        assert_eq!((slot.len(), parse_slot(&slot)), (SLOT_BYTES, Some((going, at))));
        slot[6] ^= 1;
        assert_eq!(parse_slot(&slot), None);
        let mut reply = reply_bytes(DeliveryId(77), 3, b"250 ok");
        assert_eq!(parse_reply(&reply, going).as_deref(), Some(b"250 ok".as_slice()));
        assert_eq!(parse_reply(&reply, Going { number: 4, ..going }), None);
        assert_eq!(parse_reply(&reply[..REPLY_HEAD_BYTES + 2], going), None);
        reply[REPLY_HEAD_BYTES] ^= 1;
        assert_eq!(parse_reply(&reply, going), None);
    }
}
