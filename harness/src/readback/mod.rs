//! Reading back what has landed.
//!
//! Only by command so far: the author's own few lines know best how rows are read from their
//! system.

pub mod command;
