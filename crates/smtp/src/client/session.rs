//! Setting a session up.
