//! The DNS side of the sink: an answer computed from the name (RFC 1035), nothing stored.
//!
//! `dK.bench.test` has the one mail server `mxS.bench.test`, S = K modulo the number of sites; `mxS.bench.test` has
//! the address of its site. Every other name of the zone exists and has no such record; every name elsewhere does not
//! exist. So two hundred thousand domains cost nothing to set up.

use super::site_address;
use crate::audience::ZONE;
use std::net::UdpSocket;

/// Octets of the largest question without extensions (RFC 1035 section 4.2.1).
const QUESTION_OCTETS_MAX: usize = 512;

const TYPE_A: u16 = 1;
const TYPE_MX: u16 = 15;
const TTL_S: u32 = 3_600;
const HEADER: usize = 12;

pub(super) fn serve(socket: &UdpSocket, sites: u8) {
    let mut question = [0_u8; QUESTION_OCTETS_MAX];
    while let Ok((length, sender)) = socket.recv_from(&mut question) {
        if let Some(reply) = question.get(..length).and_then(|question| answer(question, sites)) {
            // A lost answer is asked for again.
            socket.send_to(&reply, sender).ok();
        }
    }
}

/// The whole reply to one question; `None` for what is not a question.
fn answer(question: &[u8], sites: u8) -> Option<Vec<u8>> {
    let (name, end) = read_name(question)?;
    let asked = u16::from_be_bytes(question.get(end..end + 2)?.try_into().ok()?);
    let record = record(&name, asked, sites);
    let in_zone = name == ZONE || name.ends_with(&format!(".{ZONE}"));
    let mut reply = question.get(..2)?.to_vec();
    // A reply, authoritative, recursion as asked and available; name error outside the zone.
    reply.extend([0x84 | (question.get(2)? & 0x01), 0x80 | if in_zone { 0 } else { 3 }]);
    reply.extend([0, 1, 0, u8::from(record.is_some()), 0, 0, 0, 0]);
    reply.extend(question.get(HEADER..end + 4)?);
    if let Some(data) = record {
        reply.extend([0xC0, HEADER as u8]);
        reply.extend(asked.to_be_bytes());
        reply.extend([0, 1]);
        reply.extend(TTL_S.to_be_bytes());
        reply.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
        reply.extend(data);
    }
    Some(reply)
}

fn record(name: &str, asked: u16, sites: u8) -> Option<Vec<u8>> {
    let label = name.strip_suffix(ZONE)?.strip_suffix('.')?;
    let number = |prefix: &str| label.strip_prefix(prefix)?.parse::<u64>().ok();
    match asked {
        TYPE_MX => {
            let site = number("d")? % u64::from(sites);
            let mut data = vec![0, 10];
            for part in format!("mx{site}.{ZONE}").split('.') {
                data.push(u8::try_from(part.len()).ok()?);
                data.extend(part.as_bytes());
            }
            data.push(0);
            Some(data)
        }
        TYPE_A => {
            let site = number("mx").filter(|site| *site < u64::from(sites))?;
            Some(site_address(u8::try_from(site).ok()?).octets().to_vec())
        }
        _ => None,
    }
}

/// The name of the first question in lower case, and where it ends.
fn read_name(question: &[u8]) -> Option<(String, usize)> {
    let (mut at, mut name) = (HEADER, String::new());
    loop {
        let length = usize::from(*question.get(at)?);
        at += 1;
        if length == 0 {
            return Some((name, at));
        }
        let label = question.get(at..at + length)?;
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(&String::from_utf8_lossy(label).to_ascii_lowercase());
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(name: &str, kind: u16) -> Vec<u8> {
        let mut question = vec![7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            question.push(u8::try_from(label.len()).expect("short labels"));
            question.extend(label.as_bytes());
        }
        question.push(0);
        question.extend(kind.to_be_bytes());
        question.extend([0, 1]);
        question
    }

    #[test]
    fn domains_lead_to_their_site_and_other_names_do_not_exist() {
        let mail = answer(&ask("D123.bench.test", TYPE_MX), 10).expect("an answer");
        assert_eq!((mail[3] & 0x0f, mail[7]), (0, 1));
        assert!(mail.windows(4).any(|window| window == b"\x03mx3"));
        let address = answer(&ask("mx3.bench.test", TYPE_A), 10).expect("an answer");
        assert!(address.ends_with(&[127, 0, 1, 4]));
        let nothing = answer(&ask("mx3.bench.test", 28), 10).expect("an answer");
        assert_eq!((nothing[3] & 0x0f, nothing[7]), (0, 0));
        let elsewhere = answer(&ask("example.org", TYPE_MX), 10).expect("an answer");
        assert_eq!(elsewhere[3] & 0x0f, 3);
    }
}
