//! Reading back what has landed.
//!
//! Only by command so far: the author's own few lines know best how rows are read from their
//! system. [`command`] says how it is called, [`process`] runs it, [`rows`] reads what it prints, and
//! [`held`] keeps it. [`inventory`] asks the author's command for all that there is.

pub mod command;
pub mod held;
pub mod inventory;
pub mod process;
pub mod reader;
pub mod rows;
