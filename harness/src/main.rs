//! The `touchdown` binary: a shim over the library.
fn main() -> std::process::ExitCode {
    touchdown::cli::main()
}
