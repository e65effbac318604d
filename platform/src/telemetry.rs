//! Logs, metrics and the crypto provider: set up once, first thing in `main`.

use clap::ValueEnum;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::io::IsTerminal as _;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people at a terminal.
    #[default]
    Pretty,
    /// One JSON object per line, for log pipelines.
    Json,
}

/// How often samples are moved from the hot path into their buckets.
const UPKEEP: Duration = Duration::from_secs(5);

/// Upper bounds of the buckets of every histogram named `…_seconds`: 0.5 ms to 30 s.
const SECONDS: [f64; 15] = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];

/// Upper bounds of the buckets of all other histograms: counts and sizes by powers of four.
const COUNTS: [f64; 12] =
    [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0, 16_777_216.0];

/// Why there is no telemetry.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("reading the log filter {filter:?}; an example is info,sqlx=warn")]
    Filter {
        /// What was given.
        filter: String,
        /// Why.
        #[source]
        source: ParseError,
    },
    /// Somebody had already set up logs.
    #[error("setting up logs")]
    Logs(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Somebody had already set up metrics.
    #[error("setting up metrics")]
    Metrics(#[source] BuildError),
}

/// Sends log lines to standard output. `filter` is in the language of `RUST_LOG`: `info,sqlx=warn`.
///
/// # Errors
/// The filter cannot be read, or logs are already set up.
pub fn start_logs(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    let filter =
        EnvFilter::try_new(filter).map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })?;
    let coloured = std::io::stdout().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(coloured);
    match format {
        LogFormat::Pretty => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
    }
    .map_err(TelemetryError::Logs)
}

/// What has been measured, to be shown as Prometheus text.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Everything measured so far, in Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// A recorder of its own that nobody writes to, for tests.
    #[cfg(test)]
    pub(crate) fn unregistered() -> Self {
        Self(PrometheusBuilder::new().build_recorder().handle())
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

/// Makes this process's metrics readable. Before the first server starts: earlier handles measure nothing.
///
/// Histograms named `…_seconds` and `…_ms` have buckets for durations, all others for counts and bytes. A task keeps the
/// memory of unread samples bounded until `shutdown`.
///
/// # Errors
/// Metrics are already set up.
///
/// # Panics
/// Outside of a Tokio runtime.
pub fn start_metrics(shutdown: CancellationToken) -> Result<Metrics, TelemetryError> {
    let handle = builder().and_then(PrometheusBuilder::install_recorder).map_err(TelemetryError::Metrics)?;
    describe();
    let upkeep = handle.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            upkeep.run_upkeep();
        }
    });
    Ok(Metrics(handle))
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets(&COUNTS)?
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_ms".to_owned()), &SECONDS.map(|seconds| seconds * 1000.0))
}

fn describe() {
    metrics::describe_counter!("http_requests_total", "Requests by method, route and status.");
    metrics::describe_histogram!(
        "http_request_duration_seconds",
        metrics::Unit::Seconds,
        "From the end of the headers to the start of the answer, by method and route."
    );
}

/// Chooses aws-lc-rs for TLS. With two providers compiled in and none chosen, the first connection would panic.
pub fn install_crypto() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_counts_have_buckets_that_fit() {
        let recorder = builder().unwrap().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            metrics::histogram!("a_seconds").record(0.003);
            metrics::histogram!("b_ms").record(3.0);
            metrics::histogram!("c_events").record(300.0);
            metrics::counter!("d_total").increment(2);
        });
        let text = handle.render();
        for line in [
            "a_seconds_bucket{le=\"0.002\"} 0",
            "a_seconds_bucket{le=\"0.005\"} 1",
            "b_ms_bucket{le=\"2\"} 0",
            "b_ms_bucket{le=\"5\"} 1",
            "c_events_bucket{le=\"256\"} 0",
            "c_events_bucket{le=\"1024\"} 1",
            "d_total 2",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_named() {
        let error = start_logs(LogFormat::Json, "info,=x=y").unwrap_err();
        assert!(error.to_string().contains("info,=x=y"), "{error}");
    }
}
