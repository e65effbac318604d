//! What a run found, as one line for the table of reliability.

use super::Plan;
use super::checks::Violation;
use super::history::{Operation, Outcome};
use serde::Serialize;
use std::time::Duration;

/// What a run found.
#[derive(Debug)]
pub struct Report {
    /// Every promise that was broken.
    pub violations: Vec<Violation>,
    line: Line,
}

/// The line.
#[derive(Debug, Serialize)]
struct Line {
    row: u32,
    victim: String,
    seed: u64,
    n: usize,
    violations: usize,
    figure: Figure,
    pass: bool,
}

/// How much was tried, and how fast it healed.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Figure {
    /// Strikes.
    pub rounds: u32,
    /// Acknowledged commands that had to be sent more than once.
    pub retried: usize,
    /// Commands that the domain refused.
    pub refused: usize,
    /// Events in the log.
    pub events: usize,
    /// Answered keys that were asked again after the storm.
    pub repeated: usize,
    /// From the repair to the next acknowledged command, at worst.
    pub healed_ms: u64,
    /// From the strike until another process had taken the read models over, at worst.
    pub taken_over_ms: u64,
    /// The whole run.
    pub took_ms: u64,
}

impl Figure {
    /// Counts what the clients did.
    #[must_use]
    pub fn of(mut self, operations: &[Operation]) -> Self {
        let count = |wanted: fn(&&Operation) -> bool| operations.iter().filter(wanted).count();
        self.retried = count(|operation| operation.attempts > 1 && operation.answer().is_some());
        self.refused = count(|operation| matches!(operation.outcome, Outcome::Refused(_)));
        self
    }
}

/// A time for the line.
pub fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Report {
    /// What a run over so many acknowledged commands found.
    pub fn new(plan: &Plan, acknowledged: usize, violations: Vec<Violation>, figure: Figure) -> Self {
        let line = Line {
            row: plan.victim.row(),
            victim: format!("{:?}", plan.victim).to_lowercase(),
            seed: plan.seed,
            n: acknowledged,
            violations: violations.len(),
            figure,
            pass: violations.is_empty(),
        };
        Self { violations, line }
    }

    /// The figures.
    pub const fn figure(&self) -> &Figure {
        &self.line.figure
    }

    /// Acknowledged commands.
    pub const fn acknowledged(&self) -> usize {
        self.line.n
    }

    /// How many violations one checker found.
    pub fn found_by(&self, check: &str) -> usize {
        self.violations.iter().filter(|violation| violation.check == check).count()
    }

    /// The line: `{"row":1,"victim":"server","seed":7,"n":…,"violations":0,"figure":{…},"pass":true}`.
    pub fn line(&self) -> String {
        serde_json::to_string(&self.line).unwrap_or_default()
    }
}
