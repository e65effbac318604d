//! How much of the machine others were using: numbers from a shared machine must say so.

use std::collections::HashMap;
use std::time::Instant;

/// Ticks of `/proc` in a second; part of Linux' interface, whatever the kernel was built with.
const TICKS_PER_SECOND: f64 = 100.0;

/// What everybody and what this run has used so far. Linux tells; elsewhere nothing is known.
pub(crate) struct Usage {
    at: Instant,
    everybody: u64,
    ours: u64,
}

impl Usage {
    pub(crate) fn now() -> Option<Self> {
        let everybody = busy(&std::fs::read_to_string("/proc/stat").ok()?)?;
        Some(Self { at: Instant::now(), everybody, ours: ours()? })
    }

    /// What others have used since, in percent of one core: compilers and tests beside us, and a little of the kernel.
    pub(crate) fn others_since(before: &Self) -> Option<f64> {
        let now = Self::now()?;
        let everybody = now.everybody.saturating_sub(before.everybody);
        let ticks = everybody.saturating_sub(now.ours.saturating_sub(before.ours));
        let seconds = f64::from(u32::try_from(ticks).ok()?) / TICKS_PER_SECOND;
        Some((100.0 * seconds / (now.at - before.at).as_secs_f64()).round())
    }
}

/// Ticks in which some core was not idle, from `/proc/stat`.
fn busy(stat: &str) -> Option<u64> {
    let fields: Vec<u64> =
        stat.lines().next()?.split_whitespace().skip(1).map_while(|field| field.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal; guests are part of user.
    Some(fields.iter().take(8).sum::<u64>() - fields.get(3)? - fields.get(4)?)
}

/// Ticks of this process and all its descendants, those that have ended included.
fn ours() -> Option<u64> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut ticks = HashMap::new();
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may have ended meanwhile.
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        if let Some((parent, used)) = process(&stat) {
            children.entry(parent).or_default().push(pid);
            ticks.insert(pid, used);
        }
    }
    let mut family = vec![std::process::id()];
    let mut sum = 0;
    while let Some(pid) = family.pop() {
        sum += ticks.get(&pid).copied().unwrap_or_default();
        family.extend(children.remove(&pid).unwrap_or_default());
    }
    Some(sum)
}

/// Parent and ticks of a process with those of its children that it has seen end, from `/proc/<pid>/stat`.
fn process(stat: &str) -> Option<(u32, u64)> {
    // The name, in parentheses, may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11..15)?.iter().map(|field| field.parse::<u64>().unwrap_or_default()).sum();
    Some((fields.get(1)?.parse().ok()?, ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_and_waiting_cores_are_not_busy() {
        assert_eq!(busy("cpu  10 1 5 1000 50 2 3 4 0 0\ncpu0 1 1 1 1\n"), Some(25));
        assert_eq!(busy("intr 1"), None);
    }

    #[test]
    fn a_name_with_parentheses_and_spaces_misleads_nobody() {
        let stat = "42 (a ) b) S 7 42 42 0 -1 4194304 1 2 3 4 100 20 30 4 20 0 1 0 12345";
        assert_eq!(process(stat), Some((7, 154)));
    }
}
