//! The in-flight file (signatures; filled in next).

use crate::error::Result;
use model::{DeliveryId, Timestamp};

/// How the last bytes of a message go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The dot that ends DATA.
    FinalDot,
    /// BDAT LAST.
    LastChunk,
}

/// The file of conversations between their last byte and their settlement.
#[derive(Clone, Debug)]
pub struct InFlight {}

/// A place in the file, held by one conversation.
#[derive(Debug)]
pub struct Slot {}

/// A conversation that a dead process left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Its place in the file; freed with [`InFlight::free_recovered`] after the settlement is written.
    pub index: u32,
    /// Which delivery.
    pub delivery: DeliveryId,
    /// Which attempt.
    pub number: u16,
    /// What was about to go out.
    pub phase: Phase,
    /// When it was recorded.
    pub at: Timestamp,
    /// The final reply, if it was recorded; without it the delivery is in doubt.
    pub reply: Option<Vec<u8>>,
}

/// The longest reply a slot keeps, in bytes; what is longer is cut.
pub const SLOT_REPLY_BYTES_MAX: usize = 896;

impl InFlight {
    /// Waits for a free slot. Refused with [`crate::StoreError::Closed`] when the ledger is closing.
    pub async fn take_slot(&self) -> Result<Slot> {
        todo!()
    }
    /// Records that the last bytes of attempt `number` are about to go out. When it returns they may.
    pub async fn record(
        &self,
        slot: &Slot,
        delivery: DeliveryId,
        number: u16,
        phase: Phase,
        now: Timestamp,
    ) -> Result<()> {
        let _ = (slot, delivery, number, phase, now);
        todo!()
    }
    /// Writes the final reply into the slot, before its settlement joins the group commit.
    pub fn reply(&self, slot: &Slot, reply: &[u8]) -> Result<()> {
        let _ = (slot, reply);
        todo!()
    }
    /// Gives the slot back, after the settlement was written (or when nothing went out).
    pub fn free(&self, slot: Slot) {
        let _ = slot;
    }
    /// What a dead process left behind; each stays until [`InFlight::free_recovered`].
    pub fn recovered(&self) -> Vec<Recovered> {
        todo!()
    }
    /// Gives a recovered place back, after its delivery was settled.
    pub fn free_recovered(&self, index: u32) {
        let _ = index;
    }
}
