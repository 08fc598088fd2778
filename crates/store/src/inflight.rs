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

mod syncer;

use crate::disk::DiskFile;
use crate::error::{Result, StoreError};
use model::{DeliveryId, SourceId, Timestamp};
use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use syncer::{Coming, Syncer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Octets of one slot: which attempt.
const SLOT_BYTES: usize = 64;
/// Octets of it that the checksum covers.
const SLOT_BODY_BYTES: usize = 47;
/// Octets of it that are ever used; the rest are zeros.
const SLOT_USED_BYTES: usize = SLOT_BODY_BYTES + 8;
/// The same as [`SLOT_BODY_BYTES`] of a slot as it was written before it named its source.
const SLOT_BODY_BYTES_BEFORE: usize = 39;
/// Octets of the place for a slot's reply.
const REPLY_BYTES: usize = 1_024;
/// Octets of a reply's place before its text: delivery, attempt, length, checksum.
const REPLY_HEAD_BYTES: usize = 20;
/// Slots that are used in turn before others are touched: more than are usually held between two commits.
const ROUND_SLOTS: usize = 512;
/// The longest reply a slot keeps, in octets; what is longer is cut.
pub const SLOT_REPLY_BYTES_MAX: usize = 896;
/// Marks a written slot.
const MAGIC: u32 = 0x494E_464D;
/// Marked one that does not name its source.
const MAGIC_BEFORE: u32 = 0x494E_464C;

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
    /// By which source.
    pub source: SourceId,
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

/// Leave to use a place in the file, held by one conversation. Which place is decided when it is written.
#[derive(Debug)]
pub struct Slot {
    index: OnceLock<u32>,
    coming: Coming,
    permit: OwnedSemaphorePermit,
}

/// The places nobody holds. They are given out in a round, next to each other, so that what is synced together lies on
/// one page or two.
#[derive(Debug, Default)]
struct Places {
    free: BTreeSet<u32>,
    /// Beyond the round: given out, and taken into it, only when the round is used up.
    spare: VecDeque<u32>,
    /// Where the round goes on.
    next: u32,
    /// Given back while they say what is not true: a record could not be taken back. Nobody gets them until it is.
    stained: BTreeSet<u32>,
}

impl Places {
    fn new(places: impl Iterator<Item = u32>) -> Places {
        let mut places: VecDeque<u32> = places.collect();
        let round = places.len().min(ROUND_SLOTS);
        Places { free: places.drain(..round).collect(), spare: places, ..Places::default() }
    }

    fn take(&mut self) -> Option<u32> {
        let place = self.free.range(self.next..).next().or_else(|| self.free.first()).copied();
        let place = place.or_else(|| self.spare.pop_front())?;
        self.free.remove(&place);
        self.next = place + 1;
        Some(place)
    }
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
    places: Mutex<Places>,
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
            // It never shrinks: how large it was is how it is known that nothing of it is gone.
            // Sized, not written: zeros written at once share one large page in the cache, and every sync of one slot
            // would then write all of it. A disk too full for a slot is said by `record`.
            let (octets, wanted) = (files.slots.size()?, slot_at(slots));
            if octets < wanted {
                files.slots.set_size(wanted)?;
            }
        }
        let taken: BTreeSet<u32> = recovered.iter().map(|found| found.index).collect();
        let permits = Arc::new(Semaphore::new(slots as usize - taken.len()));
        let places = Mutex::new(Places::new((0..slots).filter(|index| !taken.contains(index))));
        let files = files.map(Arc::new);
        let syncer = match &files {
            Some(files) if keeping.power && keeping.threads => Some(Syncer::start(files.clone())?),
            _ => None,
        };
        let sync_here = keeping.power && !keeping.threads;
        let inner = Inner { files, places, permits, recovered: Mutex::new(recovered), syncer, sync_here };
        Ok(InFlight { inner: Arc::new(inner) })
    }

    /// How many octets the slots have; `None`: in memory.
    pub(crate) fn octets(&self) -> Result<Option<u64>> {
        Ok(self.inner.files.as_ref().map(|files| files.slots.size()).transpose()?)
    }

    /// Returns when the file of the slots, as it is, will survive a loss of power.
    pub(crate) fn secure(&self) -> Result<()> {
        Ok(self.inner.files.as_ref().map_or(Ok(()), |files| files.slots.sync())?)
    }

    /// Does what is recorded here outlive a loss of power? Replies never do, but they outlive the process.
    pub fn survives_power(&self) -> bool {
        self.inner.syncer.is_some() || self.inner.sync_here
    }

    /// Waits for a free slot.
    pub async fn take_slot(&self) -> Result<Slot> {
        let permit = self.inner.permits.clone().acquire_owned().await.map_err(|_| StoreError::Closed)?;
        Ok(self.slot(permit))
    }

    /// A free slot, if there is one now.
    pub fn try_slot(&self) -> Option<Slot> {
        let permit = self.inner.permits.clone().try_acquire_owned().ok()?;
        Some(self.slot(permit))
    }

    fn slot(&self, permit: OwnedSemaphorePermit) -> Slot {
        let coming = self.inner.syncer.as_ref().map_or_else(Coming::unnoticed, Syncer::coming);
        Slot { index: OnceLock::new(), coming, permit }
    }

    /// Records that the last bytes of an attempt are about to go out. When it returns they may; if it fails, they must
    /// not.
    pub async fn record(&self, slot: &Slot, going: Going, now: Timestamp) -> Result<()> {
        self.put(slot, slot_bytes(going, now)).await
    }

    async fn put(&self, slot: &Slot, bytes: [u8; SLOT_BYTES]) -> Result<()> {
        if self.inner.files.is_none() {
            return Ok(());
        }
        slot.coming.asks();
        self.put_at(self.place_of(slot)?, bytes).await
    }

    /// Writes a place; under `power` it is durable when this returns.
    async fn put_at(&self, index: u32, bytes: [u8; SLOT_BYTES]) -> Result<()> {
        let Some(files) = &self.inner.files else { return Ok(()) };
        if let Some(syncer) = &self.inner.syncer {
            return syncer.synced(index, bytes).await;
        }
        files.slots.write_at(&bytes, slot_at(index))?;
        if self.inner.sync_here {
            files.slots.sync()?;
        }
        Ok(())
    }

    /// The slot's place, chosen when it is first asked for. There are as many as there is leave to use one.
    fn place_of(&self, slot: &Slot) -> Result<u32> {
        if let Some(index) = slot.index.get() {
            return Ok(*index);
        }
        let index = self.places().take().ok_or(StoreError::Closed)?;
        Ok(*slot.index.get_or_init(|| index))
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.inner.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Can slots be recorded? First takes back what could not be taken back before; then tries it on one that nobody
    /// holds. If all are held, there is nothing to say against it.
    pub async fn probe(&self) -> Result<()> {
        let stained: Vec<u32> = self.places().stained.iter().copied().collect();
        for index in stained {
            self.put_at(index, [0; SLOT_BYTES]).await?;
            let mut places = self.places();
            places.stained.remove(&index);
            places.free.insert(index);
            self.inner.permits.add_permits(1);
        }
        if self.inner.permits.available_permits() == 0 {
            return Ok(());
        }
        let slot = self.take_slot().await?;
        let outcome = self.put(&slot, [0; SLOT_BYTES]).await;
        self.free(slot);
        outcome
    }

    /// Writes the final reply of an attempt beside its slot, before its settlement joins the group commit. Without a
    /// record there is nothing to write beside.
    pub fn reply(&self, slot: &Slot, delivery: DeliveryId, number: u16, reply: &[u8]) -> Result<()> {
        let (Some(files), Some(index)) = (&self.inner.files, slot.index.get()) else { return Ok(()) };
        let bytes = reply_bytes(delivery, number, reply);
        Ok(files.replies.write_at(&bytes, u64::from(*index) * REPLY_BYTES as u64)?)
    }

    /// Gives the slot back, after the settlement was written (or when nothing went out).
    pub fn free(&self, slot: Slot) {
        if let Some(index) = slot.index.get() {
            self.places().free.insert(*index);
        }
        drop(slot.permit);
    }

    /// Takes a record back and gives the slot back: the last bytes did *not* go out after all, whatever became of the
    /// record. On a disk that refuses this too, the place is out of use until [`InFlight::probe`] has done it: given to
    /// somebody else later or never, it would call in doubt what was never sent.
    pub async fn withdraw(&self, slot: Slot) {
        if let Some(index) = slot.index.get().copied()
            && self.put_at(index, [0; SLOT_BYTES]).await.is_err()
        {
            self.places().stained.insert(index);
            slot.permit.forget();
            return;
        }
        self.free(slot);
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
            self.places().free.insert(index);
            self.inner.permits.add_permits(1);
        }
    }
}

/// Where a slot lies in its file.
fn slot_at(index: u32) -> u64 {
    u64::from(index) * SLOT_BYTES as u64
}

fn slot_bytes(going: Going, now: Timestamp) -> [u8; SLOT_BYTES] {
    let mut bytes = [0; SLOT_BYTES];
    let mut at = 0;
    let mut put = |field: &[u8]| {
        bytes[at..at + field.len()].copy_from_slice(field);
        at += field.len();
    };
    put(&MAGIC.to_le_bytes());
    put(&going.number.to_le_bytes());
    put(&[if going.phase == Phase::FinalDot { 1 } else { 2 }]);
    put(&going.delivery.0.to_le_bytes());
    put(&now.as_millis().to_le_bytes());
    put(&as_v6(going.peer).octets());
    put(&going.source.0.to_le_bytes());
    let sum = checksum(&bytes[..SLOT_BODY_BYTES]);
    bytes[SLOT_BODY_BYTES..SLOT_BODY_BYTES + 8].copy_from_slice(&sum.to_le_bytes());
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
    /// The places that hold what was never written there: something else wrote to the file, or the disk lost it.
    pub(crate) fn foreign(&self) -> Result<Vec<u32>> {
        let places = u32::try_from(self.slots.size()? / SLOT_BYTES as u64).unwrap_or(u32::MAX);
        let mut found = Vec::new();
        for index in 0..places {
            let mut slot = [0; SLOT_BYTES];
            self.slots.read_at(&mut slot, slot_at(index))?;
            if is_foreign(&slot) {
                found.push(index);
            }
        }
        Ok(found)
    }

    /// Empties places that hold what was never written there.
    pub(crate) fn clear(&self, places: &[u32]) -> Result<()> {
        places.iter().try_for_each(|index| self.slots.write_at(&[0; SLOT_BYTES], slot_at(*index)))?;
        Ok(())
    }

    /// Reads a slot and its reply; `None` if it was never written, was taken back, or was torn before the dot could go
    /// out.
    fn read(&self, index: u32) -> Result<Option<Recovered>> {
        let mut slot = [0; SLOT_BYTES];
        self.slots.read_at(&mut slot, slot_at(index))?;
        let Some((going, at)) = parse_slot(&slot) else { return Ok(None) };
        let mut place = [0; REPLY_BYTES];
        let length = self.replies.read_at(&mut place, u64::from(index) * REPLY_BYTES as u64)?;
        let reply = parse_reply(place.get(..length).unwrap_or_default(), going);
        Ok(Some(Recovered { index, going, at, reply }))
    }
}

/// Was this never written here? Whatever a loss of power makes of two records and of zeros, octet by octet, begins as they
/// do and ends with zeros.
fn is_foreign(slot: &[u8; SLOT_BYTES]) -> bool {
    let marks = MAGIC.to_le_bytes().into_iter().zip(MAGIC_BEFORE.to_le_bytes());
    let begins = slot.iter().zip(marks).all(|(octet, (mark, before))| [0, mark, before].contains(octet));
    let ends = slot.iter().skip(SLOT_USED_BYTES).all(|octet| *octet == 0);
    !(begins && ends)
}

fn parse_slot(bytes: &[u8]) -> Option<(Going, Timestamp)> {
    let length = match Fields(bytes).array::<4>().map(u32::from_le_bytes)? {
        MAGIC => SLOT_BODY_BYTES,
        MAGIC_BEFORE => SLOT_BODY_BYTES_BEFORE,
        _ => return None,
    };
    let (body, rest) = bytes.split_at_checked(length)?;
    if Fields(rest).array::<8>().map(u64::from_le_bytes)? != checksum(body) {
        return None;
    }
    let mut body = Fields(body);
    body.array::<4>()?;
    let number = body.array::<2>().map(u16::from_le_bytes)?;
    let phase = match body.array::<1>()? {
        [1] => Phase::FinalDot,
        [2] => Phase::LastChunk,
        _ => return None,
    };
    let delivery = DeliveryId(body.array::<8>().map(i64::from_le_bytes)?);
    let at = Timestamp::from_millis(body.array::<8>().map(i64::from_le_bytes)?);
    let peer = IpAddr::V6(Ipv6Addr::from(body.array::<16>()?)).to_canonical();
    // A process of before sent by whatever source; this machine is what stands for those that are not named.
    let source = body.array::<8>().map_or(SourceId::THIS_MACHINE, |id| SourceId(i64::from_le_bytes(id)));
    Some((Going { delivery, number, phase, peer, source }, at))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_out_in_a_round_and_others_only_when_it_is_used_up() {
        let mut places = Places::new(0..1_000);
        let mut taken: Vec<u32> = (0..300).filter_map(|_| places.take()).collect();
        assert_eq!(taken, (0..300).collect::<Vec<u32>>());
        places.free.extend(taken.drain(..).rev());
        assert_eq!((places.take(), places.take()), (Some(300), Some(301)), "what was given back waits its turn");
        let rest: Vec<u32> = std::iter::from_fn(|| places.take()).collect();
        assert_eq!(rest.len(), 998);
        let round = u32::try_from(ROUND_SLOTS).unwrap();
        assert_eq!((rest[0], rest[209], rest[210], rest[510]), (302, round - 1, 0, round));
    }

    #[test]
    fn what_records_can_be_torn_into_is_not_foreign_and_other_octets_are() {
        let (peer, source) = (IpAddr::from([255, 255, 255, 255]), SourceId(-1));
        let going = Going { delivery: DeliveryId(-1), number: u16::MAX, phase: Phase::LastChunk, peer, source };
        let full = slot_bytes(going, Timestamp::from_millis(-1));
        let mut before = full;
        before[..4].copy_from_slice(&MAGIC_BEFORE.to_le_bytes());
        for (one, other) in [(full, [0; SLOT_BYTES]), (before, full), ([0; SLOT_BYTES], before)] {
            for torn_at in 0..=SLOT_BYTES {
                let mut torn = one;
                torn[torn_at..].copy_from_slice(&other[torn_at..]);
                assert!(!is_foreign(&torn), "{torn:?}");
            }
        }
        assert!(is_foreign(&[7; SLOT_BYTES]));
        for at in [0, 3, SLOT_USED_BYTES, SLOT_BYTES - 1] {
            let mut other = full;
            other[at] = 1;
            assert!(is_foreign(&other), "octet {at}");
        }
    }

    #[test]
    fn a_torn_slot_says_nothing_and_a_torn_or_foreign_reply_is_doubt() {
        let peer = IpAddr::from([192, 0, 2, 7]);
        let source = SourceId(1 << 50);
        let going = Going { delivery: DeliveryId(77), number: 3, phase: Phase::FinalDot, peer, source };
        let at = Timestamp::from_millis(5);
        let mut slot = slot_bytes(going, at);
        assert_eq!((slot.len(), parse_slot(&slot)), (SLOT_BYTES, Some((going, at))));
        // As it was written before it named the source.
        let mut before = slot;
        before[..4].copy_from_slice(&MAGIC_BEFORE.to_le_bytes());
        let sum = checksum(&before[..SLOT_BODY_BYTES_BEFORE]);
        before[SLOT_BODY_BYTES_BEFORE..SLOT_BODY_BYTES_BEFORE + 8].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(parse_slot(&before), Some((Going { source: SourceId::THIS_MACHINE, ..going }, at)));
        for octet in [6, SLOT_BODY_BYTES - 1] {
            slot[octet] ^= 1;
            assert_eq!(parse_slot(&slot), None);
            slot[octet] ^= 1;
        }
        let mut reply = reply_bytes(DeliveryId(77), 3, b"250 ok");
        assert_eq!(parse_reply(&reply, going).as_deref(), Some(b"250 ok".as_slice()));
        assert_eq!(parse_reply(&reply, Going { number: 4, ..going }), None);
        assert_eq!(parse_reply(&reply[..REPLY_HEAD_BYTES + 2], going), None);
        reply[REPLY_HEAD_BYTES] ^= 1;
        assert_eq!(parse_reply(&reply, going), None);
    }
}
