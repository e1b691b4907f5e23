//! A complete Airbyte destination on SQLite that keeps every rule of the protocol, and breaks any
//! one of them on request.
//!
//! ```text
//! stdin ─ input ─ message ─┬─ records ─ sync ─ store ─> SQLite
//!                          │             │ commit
//!                          └─ states ── state ─ output ─> stdout
//! ```
//!
//! Two promises shape it. A state is printed only after the commit that covers everything before
//! it (`sync`). What is only passed on, a record's data and a state, stays the text that it was
//! (`json`, `state`), so that no number and no escape can change on the way.
//!
//! [`faults`] lists what it can do wrong.

#![allow(
    clippy::doc_markdown,
    reason = "SQLite is a name, and a fault's explanation is shown as text"
)]

pub mod faults;

mod catalog;
mod check;
mod cli;
mod config;
mod error;
mod input;
mod json;
mod message;
mod order;
mod output;
mod protocol;
mod read;
mod spec;
mod state;
mod store;
mod subtle;
mod sync;
mod write;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

/// Runs one command: `args[0]` is a program name, and the command follows it.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    cli::run(args)
}
