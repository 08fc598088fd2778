//! Replies of a server: cutting the bytes differently must change nothing, and an error ends it.

#![cfg_attr(feature = "libfuzzer", no_main)]

use model::Reply;
use smtp::reply::ReplyReader;

fn read(pieces: &[&[u8]]) -> (Vec<Reply>, bool) {
    let (mut reader, mut replies) = (ReplyReader::default(), Vec::new());
    for piece in pieces {
        reader.push(piece);
        while let Some(next) = reader.next() {
            match next {
                Ok(reply) => replies.push(reply),
                Err(_) => {
                    reader.push(b"250 too late\r\n");
                    assert!(reader.next().is_none(), "nothing follows an error");
                    return (replies, true);
                }
            }
        }
    }
    (replies, false)
}

fuzz::target!(|input: (u8, &[u8])| {
    let (seed, bytes) = input;
    let at = usize::from(seed) * bytes.len() / 256;
    let (front, back) = bytes.split_at(at);
    assert_eq!(read(&[bytes]), read(&[front, back]));
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(read(&[bytes]), read(&single));
});
