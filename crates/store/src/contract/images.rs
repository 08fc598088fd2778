//! Pictures are found by what is in them, and every workspace has its own list.

use super::*;
use crate::StoreError;
use crate::image::{IMAGE_BYTES_MAX, NewImage};

fn picture(tag: u8, name: &str) -> NewImage {
    NewImage { hash: [tag; 32], kind: "image/png", name: name.to_owned(), bytes: vec![tag; 10] }
}

#[test]
fn a_picture_is_kept_once_and_named_by_each_workspace() {
    let store = empty();
    let other = now(store.make_workspace("other", &ME, at(0))).unwrap().id;
    let kept = now(store.keep_image(W, picture(2, "logo"), &ME, at(1))).unwrap();
    assert_eq!((kept.size_bytes, kept.kind.as_str(), kept.at), (10, "image/png", at(1)));
    now(store.keep_image(other, picture(2, "their logo"), &ME, at(2))).unwrap();
    let renamed = now(store.keep_image(W, picture(2, "head"), &ME, at(3))).unwrap();
    assert_eq!((renamed.name.as_str(), renamed.at), ("head", at(1)));
    now(store.keep_image(W, picture(1, "foot"), &ME, at(3))).unwrap();
    let names = |workspace, after, limit| -> Vec<String> {
        now(store.images(workspace, after, limit)).unwrap().into_iter().map(|image| image.name).collect()
    };
    assert_eq!(names(W, None, 9), ["foot", "head"]);
    assert_eq!(names(W, Some([1; 32]), 9), ["head"]);
    assert_eq!(names(other, None, 9), ["their logo"]);
    assert_eq!(now(store.image_content([2; 32])).unwrap(), Some(("image/png".to_owned(), vec![2; 10])));
    assert_eq!(now(store.image_content([3; 32])).unwrap(), None);
}

#[test]
fn a_picture_that_is_too_long_is_refused() {
    let store = empty();
    let long = NewImage { bytes: vec![0; IMAGE_BYTES_MAX + 1], ..picture(1, "x") };
    assert!(matches!(now(store.keep_image(W, long, &ME, at(1))), Err(StoreError::Refused(_))));
    assert_eq!(now(store.images(W, None, 9)).unwrap(), []);
}
