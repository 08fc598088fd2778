//! The SMTP side of the sink: as little work per message as the standard allows.
//!
//! Pipelining (RFC 2920) is honoured: replies are collected and written when no complete command is left. Commands
//! are recognised by their first letters and never refused, but for people who are gone. This is a measuring stick, not a
//! server to imitate.

use super::{Counters, GONE};
use std::io::{Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

/// One read; larger than the benchmark's message.
const READ_BYTES: usize = 64 * 1_024;

/// What ends a message.
const END_OF_DATA: &[u8] = b"\r\n.\r\n";

pub(super) fn serve(listener: &TcpListener, counters: &Arc<Counters>) {
    for stream in listener.incoming().flatten() {
        counters.connections.fetch_add(1, Ordering::Relaxed);
        let counters = Arc::clone(counters);
        // A lost connection is the sender's story to tell.
        thread::spawn(move || converse(stream, &counters).ok());
    }
}

fn converse(mut stream: TcpStream, counters: &Counters) -> Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"220 sink.bench.test ESMTP\r\n")?;
    let mut chunk = vec![0_u8; READ_BYTES];
    let (mut waiting, mut replies) = (Vec::with_capacity(READ_BYTES), Vec::new());
    let mut talk = Talk::default();
    loop {
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            return Ok(());
        }
        waiting.extend_from_slice(chunk.get(..read).unwrap_or_default());
        let mut used = 0;
        while let Some(taken) = take(waiting.get(used..).unwrap_or_default(), &mut talk, &mut replies, counters) {
            used += taken;
        }
        waiting.drain(..used);
        stream.write_all(&replies)?;
        if replies.starts_with(b"221") || replies.ends_with(b"221 2.0.0 Bye\r\n") {
            return Ok(());
        }
        replies.clear();
    }
}

/// Where a conversation stands.
#[derive(Default)]
struct Talk {
    in_data: bool,
    /// The recipient is gone, so that no message follows.
    is_refused: bool,
}

/// Takes one command, or the rest of a message, off the front; the number of octets taken.
fn take(waiting: &[u8], talk: &mut Talk, replies: &mut Vec<u8>, counters: &Counters) -> Option<usize> {
    if talk.in_data {
        let length = end_of_message(waiting)?;
        talk.in_data = false;
        let number = counters.messages.fetch_add(1, Ordering::Relaxed);
        if let Some(directory) = &counters.keep {
            // Whoever misses a message says so.
            std::fs::write(directory.join(number.to_string()), waiting.get(..length).unwrap_or_default()).ok();
        }
        counters.bytes.fetch_add(length as u64, Ordering::Relaxed);
        replies.extend_from_slice(b"250 2.0.0 Taken\r\n");
        return Some(length);
    }
    let length = waiting.iter().position(|octet| *octet == b'\n')? + 1;
    let verb = waiting.first().map(u8::to_ascii_uppercase);
    replies.extend_from_slice(match verb {
        Some(b'M') => {
            talk.is_refused = false;
            b"250 2.0.0 OK\r\n"
        }
        Some(b'R') if is_gone(waiting) => {
            talk.is_refused = true;
            b"550 5.1.1 No such user here\r\n"
        }
        Some(b'D') if talk.is_refused => b"554 5.5.1 No valid recipients\r\n",
        Some(b'E') => b"250-sink.bench.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n",
        Some(b'D') => {
            talk.in_data = true;
            b"354 Go ahead\r\n"
        }
        Some(b'Q') => b"221 2.0.0 Bye\r\n",
        _ => b"250 2.0.0 OK\r\n",
    });
    Some(length)
}

/// Does a recipient's command name somebody who is gone?
fn is_gone(line: &[u8]) -> bool {
    let address = line.iter().position(|octet| *octet == b'<').and_then(|at| line.get(at + 1..));
    address.is_some_and(|address| address.starts_with(GONE.as_bytes()))
}

/// The length of the message with its final dot. Nearly always the dot is the last thing that came; when commands
/// follow it, they are looked for once their last line is whole, which spares searching every part of a message.
fn end_of_message(waiting: &[u8]) -> Option<usize> {
    if waiting.ends_with(END_OF_DATA) {
        return Some(waiting.len());
    }
    if !waiting.ends_with(b"\n") {
        return None;
    }
    waiting.windows(END_OF_DATA.len()).position(|window| window == END_OF_DATA).map(|at| at + END_OF_DATA.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipelined_group_after_a_message_is_understood() {
        let (counters, mut replies, mut talk) = (Counters::default(), Vec::new(), Talk::default());
        let talked = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nSubject: x\r\n\r\n..\r\n.\r\nMAIL FROM:<a@b>\r\n";
        let mut used = 0;
        while let Some(taken) = take(&talked[used..], &mut talk, &mut replies, &counters) {
            used += taken;
        }
        assert_eq!(used, talked.len());
        assert_eq!(counters.messages.load(Ordering::Relaxed), 1);
        assert_eq!(String::from_utf8_lossy(&replies).lines().count(), 5);
    }

    #[test]
    fn whoever_is_gone_gets_no_message_and_the_next_one_does() {
        let (counters, mut replies, mut talk) = (Counters::default(), Vec::new(), Talk::default());
        let talked = b"MAIL FROM:<a@b>\r\nRCPT TO:<gone7@d>\r\nDATA\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n";
        let mut used = 0;
        while let Some(taken) = take(&talked[used..], &mut talk, &mut replies, &counters) {
            used += taken;
        }
        let said = String::from_utf8_lossy(&replies).into_owned();
        let codes: Vec<&str> = said.lines().filter_map(|line| line.get(..3)).collect();
        assert_eq!(codes, ["250", "550", "554", "250", "250", "354"]);
    }
}
