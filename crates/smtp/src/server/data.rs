//! Message data.
