//! Reports: the same events, told in different ways.

pub mod json;
pub mod progress;
pub mod replayed;
pub mod snapshot;
pub mod terminal;
