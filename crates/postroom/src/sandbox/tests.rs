//! What is removed with a sandbox, and what never is.

use super::*;

#[test]
fn only_what_bears_the_mark_is_deleted() {
    let data = tempfile::tempdir().unwrap();
    let (mine, theirs) = (data.path().join("mine"), data.path().join("theirs"));
    fs::create_dir_all(mine.join("uploads")).unwrap();
    fs::write(mine.join(MARK), MARK_TEXT).unwrap();
    fs::write(mine.join("uploads/a.csv"), "a").unwrap();
    fs::write(mine.join("ledger.db"), "old").unwrap();
    fs::create_dir(&theirs).unwrap();
    fs::write(theirs.join("ledger.db"), "precious").unwrap();
    for dir in [&mine, &theirs, &data.path().join("nothing")] {
        delete(dir).unwrap();
    }
    assert!(!mine.exists());
    assert_eq!(fs::read_to_string(theirs.join("ledger.db")).unwrap(), "precious");
}

#[test]
fn a_link_out_of_it_is_deleted_and_not_followed() {
    let data = tempfile::tempdir().unwrap();
    let (mine, outside) = (data.path().join("mine"), data.path().join("outside"));
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join(MARK), MARK_TEXT).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("kept"), "kept").unwrap();
    std::os::unix::fs::symlink(&outside, mine.join("link")).unwrap();
    delete(&mine).unwrap();
    assert!(!mine.exists() && outside.join("kept").exists());
}
