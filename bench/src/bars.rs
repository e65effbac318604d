//! The bars that the project has set itself, for `--check`.

use crate::report::Line;

/// Which bars the line misses, in words.
pub(crate) fn missed(line: &Line) -> Vec<String> {
    let at_least = |what: &str, is: f64, bar: f64| {
        (is < bar).then(|| format!("{}: {what} is {is}, the bar is at least {bar}", line.name))
    };
    let at_most = |what: &str, is: Option<f64>, bar: f64| {
        is.filter(|is| *is > bar).map(|is| format!("{}: {what} is {is}, the bar is at most {bar}", line.name))
    };
    let (p50_ms, p99_ms) = (line.latency.map(|l| l.p50_ms), line.latency.map(|l| l.p99_ms));
    let found = match line.name.as_str() {
        "store_append_1" => vec![at_least("the ratio", line.ratio, 0.6)],
        "store_append_64" => vec![
            at_least("the ratio", line.ratio, 2.0),
            // Where the machine gives the baseline 10,000/s; a slower machine is held to the ratio alone.
            (line.baseline >= 10_000.0).then(|| at_least("the subject", line.subject, 18_000.0)).flatten(),
        ],
        "http_command_64" => vec![at_least("the ratio", line.ratio, 1.8), at_most("p99 in ms", p99_ms, 25.0)],
        // Where the machine sends 450,000 payloads/s; a slower machine is held to the same share of what it sends.
        "fold_rows" => vec![at_least("the subject", line.subject, 100_000.0 * (line.baseline / 450_000.0).min(1.0))],
        "full_auth" => vec![at_least("the ratio", line.ratio, 0.9)],
        "rls_get_by_id" => vec![at_least("the ratio", line.ratio, 0.8)],
        // Where the machine sends 430,000 payloads/s, as 0.35 of it is 150,000; a slower machine is held to that share.
        "rebuild_tickets" | "rebuild_doors" => vec![
            at_least("the subject", line.subject, 150_000.0 * (line.baseline / 430_000.0).min(1.0)),
            at_least("the ratio", line.ratio, 0.35),
            at_most("peak memory in MiB", number(line, "peak_memory_mib"), 1_024.0),
        ],
        "rebuild_under_load" => vec![
            at_most("p99 of commands, times the quiet one,", Some(line.ratio), 1.5),
            at_most("p99 of reads, times the quiet one,", number(line, "read_ratio"), 2.0),
            at_most("reads that failed", number(line, "read_errors"), 0.0),
        ],
        // Where the bare fold reaches 68,000/s; a slower machine is held to the same share of what it reaches.
        "live_projection" => vec![
            at_least("the subject", line.subject, 40_000.0 * (line.baseline / 68_000.0).min(1.0)),
            at_most("p99 of the lag in ms", p99_ms, 30.0),
        ],
        // As above: where the machine sends as many rows of these columns.
        "verify_log" => vec![at_least("the subject", line.subject, 200_000.0 * (line.baseline / 500_000.0).min(1.0))],
        // As fold_rows: a slower machine is held to the same share of what it sends.
        "export_parquet" => {
            vec![at_least("the subject", line.subject, 100_000.0 * (line.baseline / 450_000.0).min(1.0))]
        }
        "as_of_1000" => vec![at_most("p99 in ms", p99_ms, 20.0)],
        "ticket_list" => vec![
            at_most("p95 of lists in ms", number(line, "list_p95_ms"), 100.0),
            at_most("p95 of following pages in ms", number(line, "next_page_p95_ms"), 100.0),
            at_most("p95 of details in ms", number(line, "detail_p95_ms"), 20.0),
        ],
        "visible_latency" => vec![at_most("p50 in ms", p50_ms, 6.0), at_most("p99 in ms", p99_ms, 30.0)],
        "visible_latency_without_nats" => vec![at_most("p99 in ms", p99_ms, 1_500.0)],
        _ => Vec::new(),
    };
    found.into_iter().flatten().collect()
}

/// One of the further numbers of a line.
fn number(line: &Line, name: &str) -> Option<f64> {
    line.more.get(name).and_then(serde_json::Value::as_f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, subject: f64, baseline: f64) -> Line {
        Line::new(name.into(), "events/s", subject, baseline, subject / baseline)
    }

    #[test]
    fn a_bar_is_missed_below_it_and_met_on_it() {
        assert!(missed(&line("store_append_64", 20_000.0, 10_000.0)).is_empty());
        assert_eq!(missed(&line("store_append_64", 17_000.0, 10_000.0)).len(), 2);
        assert_eq!(missed(&line("store_append_64", 9_000.0, 5_000.0)).len(), 1);
        assert!(missed(&line("store_append_1", 600.0, 1_000.0)).is_empty());
        assert_eq!(missed(&line("store_append_1", 599.0, 1_000.0)).len(), 1);
    }
}
