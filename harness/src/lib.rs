//! touchdown: a conformance test harness for Airbyte destination connectors.
//!
//! ```text
//!  fixtures ──> Scenario ──> Subject ──> Transcript ─┐
//!               (what is     (a command)  (all that  ├─> checks ──> verdicts ──> reports
//!                sent)                     happened) │   (pure
//!                   │                     Landed ────┘   functions)
//!                   └──> model ──> expected rows
//! ```
//!
//! Data goes one way. A check sees evidence, never a process; a report sees events, never a check.
//! A saved transcript can therefore be judged again without the destination.
//!
//! | room | what is in it |
//! |---|---|
//! | [`protocol`] | messages, the catalog, the protocol's schema, exact JSON |
//! | [`scenario`] | what is sent; packing into few launches |
//! | [`generate`] | scenarios that nobody wrote: drawing them, and making them smaller |
//! | [`model`], [`compare`] | what must have landed, and how it differs from what has |
//! | [`bounds`], [`aftermath`] | the same for syncs that did not all succeed |
//! | [`subject`], [`readback`] | starting the destination; reading back its rows |
//! | [`transcript`], [`evidence`], [`ledger`] | what happened; which state belongs to which |
//! | [`checks`] | one row a rule: the registry |
//! | [`spec`] | the spec by itself: configs drawn from it, what changed in it |
//! | [`snapshots`] | answers that were reviewed |
//! | [`config`], [`session`], [`judging`] | what is to be done; doing it; judging it |
//! | [`event`], [`report`], [`folder`] | what is told, and how; what is kept of a failure |
//! | [`cli`] | one file a subcommand |

pub mod aftermath;
pub mod bounds;
pub mod checks;
pub mod cli;
pub mod compare;
pub mod config;
pub mod configs;
pub mod event;
pub mod evidence;
pub mod folder;
pub mod generate;
pub mod judging;
pub mod ledger;
pub mod model;
pub mod protocol;
pub mod readback;
pub mod redact;
pub mod report;
pub mod scenario;
pub mod session;
pub mod snapshots;
pub mod spec;
pub mod subject;
#[cfg(test)]
mod testing;
pub mod transcript;
