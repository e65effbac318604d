//! The binary `sillage`.

/// A command allocates some hundred small things and frees them in other threads: measured in docs/adr/0010.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    platform::telemetry::install_crypto();
    cli::main()
}
