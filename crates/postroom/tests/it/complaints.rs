//! Reports that are no complaints of ours, told to the binary: nothing is done, and it says why.

use crate::contacts::Room;

#[test]
fn what_is_no_report_of_ours_is_refused_in_words() {
    let room = Room::new();
    let list = room.file("people.csv", b"email\nkim@a.example\n");
    room.says(&["import", &list]);
    let letter = room.file("stop.eml", b"Subject: Re: Spring\r\n\r\nstop writing to me\r\n");
    let (code, error) = room.fails(&["complaints", &letter]);
    assert!(code == 2 && error.contains("stop.eml") && error.contains("no complaint report"), "{code} {error}");
    let foreign = room.file("fbl.eml", b"Feedback-Type: abuse\r\nVersion: 1\r\nOriginal-Rcpt-To: kim@a.example\r\n");
    let (code, error) = room.fails(&["complaints", &foreign]);
    assert!(code == 2 && error.contains("no message that was sent from here"), "{code} {error}");
    assert_eq!(room.says(&["suppress", "list"]), "");
}
