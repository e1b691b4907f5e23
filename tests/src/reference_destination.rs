//! The `reference-destination` binary again: cargo sets `CARGO_BIN_EXE_*` only for a package's own.
fn main() -> std::process::ExitCode {
    reference_destination::main()
}
