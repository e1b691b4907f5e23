//! The `touchdown` binary again: cargo sets `CARGO_BIN_EXE_*` only for a package's own binaries.
fn main() -> std::process::ExitCode {
    touchdown::cli::main()
}
