//! The bars that the project has set itself, for `--check`.

use crate::report::Line;

/// Which bars the line misses, in words.
pub(crate) fn missed(line: &Line) -> Vec<String> {
    let at_least = |what: &str, is: f64, bar: f64| {
        (is < bar).then(|| format!("{}: {what} is {is}, the bar is at least {bar}", line.name))
    };
    let found = match line.name.as_str() {
        "store_append_1" => vec![at_least("the ratio", line.ratio, 0.6)],
        "store_append_64" => vec![
            at_least("the ratio", line.ratio, 2.0),
            // Where the machine gives the baseline 10,000/s; a slower machine is held to the ratio alone.
            (line.baseline >= 10_000.0).then(|| at_least("the subject", line.subject, 18_000.0)).flatten(),
        ],
        _ => Vec::new(),
    };
    found.into_iter().flatten().collect()
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
