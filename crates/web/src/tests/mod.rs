//! The API as a stranger meets it: requests go through the whole router.

mod house;
mod keys;
mod strangers;
mod suppressions;
