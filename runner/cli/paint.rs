//! Makes text from outside fit for a terminal; reports do so in the same way.

pub(crate) use eadem_report::text::{bytes, line, plain};
