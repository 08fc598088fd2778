//! The octets after BDAT (RFC 3030): counted, not looked at.
//!
//! Invariant: exactly as many octets as were announced belong to the chunk, whatever becomes of it; only then is the next
//! command read. A message over its limit is read and dropped, as with DATA; room is made for what has come, never for
//! what was announced.

use super::command::Fault;
use super::event::Event;
use super::{Pending, Server, State};
use crate::stuffing;
use model::Reply;

/// A chunk on its way.
#[derive(Debug)]
pub(super) struct Chunk {
    left: u64,
    last: bool,
    /// Why it is dropped, if it is.
    fault: Option<Fault>,
}

impl Server {
    pub(super) fn on_bdat(&mut self, octets: u64, last: bool) -> Result<(), Fault> {
        if !self.config.chunking {
            return Err(Fault(502, "5.5.1 Command not implemented"));
        }
        let fault = match &self.transaction {
            _ if self.config.chunks_refused => Some(Fault(503, "5.5.1 Bad sequence of commands")),
            None => Some(Fault(503, "5.5.1 Say MAIL first")),
            Some(transaction) if transaction.recipients == 0 => Some(Fault(554, "5.5.1 No valid recipients")),
            Some(_) => None,
        };
        self.state = State::Chunk(Chunk { left: octets, last, fault });
        Ok(())
    }

    /// Takes in what belongs to the chunk; `false`: there is more to come.
    pub(super) fn read_chunk(&mut self) -> bool {
        let State::Chunk(chunk) = &mut self.state else { return false };
        let bytes = self.buffer.get(self.start..).unwrap_or_default();
        let used = usize::try_from(chunk.left).unwrap_or(usize::MAX).min(bytes.len());
        if let (Some(transaction), None) = (&mut self.transaction, chunk.fault) {
            let octets = transaction.message.len() as u64 + used as u64;
            if octets > self.config.message_octets_max() {
                chunk.fault = Some(Fault(552, "5.3.4 The message is too large"));
                transaction.message = Vec::new();
            } else {
                transaction.message.extend_from_slice(bytes.get(..used).unwrap_or_default());
            }
        }
        chunk.left -= used as u64;
        self.start += used;
        self.searched = self.start;
        if chunk.left > 0 {
            return false;
        }
        let (last, fault) = (chunk.last, chunk.fault);
        self.state = State::Command;
        match fault {
            Some(fault) => self.refuse_message(fault),
            None if last => self.on_last_chunk(),
            None => self.say(&Reply::new(250, "2.0.0 Go on"), ""),
        }
        true
    }

    fn on_last_chunk(&mut self) {
        let message = self.transaction.as_mut().map(|transaction| std::mem::take(&mut transaction.message));
        match stuffing::with_last_line_ended(message.unwrap_or_default()) {
            Ok(bytes) => self.ask(Event::Message { bytes }, Pending::Message),
            Err(_) => self.refuse_message(Fault(554, "5.6.0 The message has a bare CR or LF")),
        }
    }
}
