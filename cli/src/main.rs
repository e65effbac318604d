//! The binary `sillage`.

fn main() -> std::process::ExitCode {
    platform::telemetry::install_crypto();
    cli::main()
}
