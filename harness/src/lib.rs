//! touchdown
pub mod cli { 
    //! cli
    /// main
    #[must_use] pub fn main() -> std::process::ExitCode { std::process::ExitCode::SUCCESS } }
