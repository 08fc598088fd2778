//! Letters that answer no message of ours, told to the binary: nothing is done, and it says why.

use crate::contacts::Room;

#[test]
fn what_answers_no_message_of_ours_is_refused_in_words() {
    let room = Room::new();
    let list = room.file("people.csv", b"email\nkim@a.example\n");
    room.says(&["import", &list]);
    let text = room.file("note.txt", b"thanks\n");
    let (code, error) = room.fails(&["replies", &text]);
    assert!(code == 2 && error.contains("note.txt") && error.contains("this is no mail"), "{code} {error}");
    let letter = room.file("re.eml", b"From: kim@a.example\r\nSubject: Re: Spring\r\n\r\nthanks\r\n");
    let (code, error) = room.fails(&["replies", &letter]);
    assert!(code == 2 && error.contains("no message that was sent from here"), "{code} {error}");
    assert_eq!(room.says(&["suppress", "list"]), "");
}
