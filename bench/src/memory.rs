//! How much memory this process takes, where Linux tells.

/// Forgets the highest mark so far.
pub(crate) fn forget_peak() {
    // Elsewhere there is no such file, and no peak is told.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The most that was resident since the mark was forgotten, in MiB.
pub(crate) fn peak_mib() -> Option<f64> {
    of_status("VmHWM")
}

/// What is resident now, in MiB.
pub(crate) fn resident_mib() -> Option<f64> {
    of_status("VmRSS")
}

fn of_status(name: &str) -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some((kib / 1_024.0).round())
}
