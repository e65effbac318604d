//! What is printed: one JSON object per line, or a table for people.

use hdrhistogram::Histogram;
use serde::Serialize;
use serde_json::{Map, Value};

/// One measured benchmark. The names of the fields are a contract with scripts.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) subject: f64,
    pub(crate) baseline: f64,
    pub(crate) ratio: f64,
    #[serde(flatten)]
    pub(crate) latency: Option<Quantiles>,
    /// What others used of the machine meanwhile, in percent of one core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) others_cpu_percent: Option<f64>,
    /// What else is worth knowing about this one.
    #[serde(flatten)]
    pub(crate) more: Map<String, Value>,
}

/// Latencies of the subject.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

impl Quantiles {
    /// From a histogram of microseconds.
    pub(crate) fn of(microseconds: &Histogram<u64>) -> Self {
        Self { p50_ms: quantile_ms(microseconds, 0.5), p99_ms: quantile_ms(microseconds, 0.99) }
    }
}

/// Milliseconds with three decimals, from a histogram of microseconds.
pub(crate) fn quantile_ms(microseconds: &Histogram<u64>, quantile: f64) -> f64 {
    let microseconds = u32::try_from(microseconds.value_at_quantile(quantile)).unwrap_or(u32::MAX);
    f64::from(microseconds) / 1_000.0
}

impl Line {
    pub(crate) fn new(name: String, unit: &'static str, subject: f64, baseline: f64, ratio: f64) -> Self {
        let rounded = |value: f64| (value * 10.0).round() / 10.0;
        Self {
            name,
            unit,
            subject: rounded(subject),
            baseline: rounded(baseline),
            ratio: (ratio * 1_000.0).round() / 1_000.0,
            latency: None,
            others_cpu_percent: None,
            more: Map::new(),
        }
    }
}

/// Prints as it goes, so that whoever waits sees something.
pub(crate) struct Report {
    json: bool,
}

impl Report {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// What the numbers were measured on.
    pub(crate) fn machine(&self, machine: &Map<String, Value>) {
        if self.json {
            println!("{}", Value::Object(machine.clone()));
            return;
        }
        for (name, value) in machine.iter().filter(|(name, _)| *name != "name") {
            println!("{name:<20} {}", value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned));
        }
        println!();
        println!(
            "{:<30} {:>12} {:>12} {:>8} {:>10} {:>10} {:>7}  unit",
            "name", "subject", "baseline", "ratio", "p50 ms", "p99 ms", "others"
        );
    }

    pub(crate) fn line(&self, line: &Line) {
        if self.json {
            println!("{}", serde_json::json!(line));
            return;
        }
        let latency =
            |of: fn(&Quantiles) -> f64| line.latency.as_ref().map_or(String::new(), |l| format!("{:.2}", of(l)));
        println!(
            "{:<30} {:>12.0} {:>12.0} {:>8.2} {:>10} {:>10} {:>6}%  {}",
            line.name,
            line.subject,
            line.baseline,
            line.ratio,
            latency(|l| l.p50_ms),
            latency(|l| l.p99_ms),
            line.others_cpu_percent.map_or_else(|| "?".to_owned(), |percent| percent.to_string()),
            line.unit,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_fields_that_scripts_read() {
        let mut line = Line::new("x".into(), "events/s", 2.0, 1.0, 2.0);
        line.latency = Some(Quantiles { p50_ms: 1.0, p99_ms: 2.0 });
        line.more.insert("rounds".into(), 3.into());
        let value = serde_json::to_value(&line).unwrap();
        for field in ["name", "unit", "subject", "baseline", "ratio", "p50_ms", "p99_ms", "rounds"] {
            assert!(value.get(field).is_some(), "{field}");
        }
    }
}
