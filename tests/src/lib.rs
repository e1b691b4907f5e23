//! What the acceptance tests share.

pub mod images;
pub mod venv;
