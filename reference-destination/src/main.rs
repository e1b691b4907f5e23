//! The `reference-destination` binary: a shim over the library.
fn main() -> std::process::ExitCode {
    reference_destination::main()
}
