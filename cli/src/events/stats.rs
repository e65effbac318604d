//! `sillage events stats`: how many events of what, and how large.

use super::arguments::Stats;
use super::selection::Selection;
use crate::failure::Failure;
use crate::operator::{open, unreadable};
use crate::terminal::{Meter, print, table};
use chrono::{DateTime, Utc};
use clap::ValueEnum;
use event_store::ReadError;
use futures_util::StreamExt as _;
use kernel::{EventData, Recorded};
use serde::Serialize;
use std::collections::BTreeMap;
use std::pin::pin;

/// Per what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// Category and type.
    Type,
    /// Category.
    Category,
    /// The day of recording, UTC.
    Day,
    /// Tenant.
    Tenant,
}

/// One group.
#[derive(Clone, Debug, Serialize)]
struct Group {
    name: String,
    events: u64,
    payload_bytes: u64,
    first_recorded_at: DateTime<Utc>,
    last_recorded_at: DateTime<Utc>,
}

impl Group {
    fn new(name: String, event: &Recorded<EventData>) -> Self {
        let at = event.recorded_at;
        Self { name, events: 0, payload_bytes: 0, first_recorded_at: at, last_recorded_at: at }
    }

    fn add(&mut self, event: &Recorded<EventData>) {
        self.events += 1;
        self.payload_bytes += event.event.data.len() as u64;
        self.last_recorded_at = event.recorded_at;
    }

    /// Events per second between the first and the last.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    fn rate(&self) -> f64 {
        let seconds = (self.last_recorded_at - self.first_recorded_at).as_seconds_f64();
        if seconds > 0.0 { self.events as f64 / seconds } else { 0.0 }
    }

    fn row(&self) -> [String; 6] {
        [
            self.name.clone(),
            self.events.to_string(),
            self.payload_bytes.to_string(),
            self.payload_bytes.checked_div(self.events).unwrap_or_default().to_string(),
            format!("{:.3}", self.rate()),
            self.last_recorded_at.format("%Y-%m-%d %H:%M:%S").to_string(),
        ]
    }
}

fn name(by: By, event: &Recorded<EventData>) -> String {
    match by {
        By::Type => format!("{}.{}", event.category, event.event.event_type),
        By::Category => event.category.clone(),
        By::Day => event.recorded_at.date_naive().to_string(),
        By::Tenant => event.tenant_id.to_string(),
    }
}

pub(super) async fn run(arguments: &Stats) -> Result<(), Failure> {
    let opened = open(&arguments.on).await?;
    let groups = async {
        let selection = Selection::of(&opened, &arguments.wanted).await?;
        let meter = Meter::new("counting", "events", selection.up_to.0 - selection.after.0, arguments.on.quiet);
        let counted = count(&selection, arguments.by, &meter).await.map_err(unreadable)?;
        meter.end();
        Ok::<_, Failure>(counted)
    };
    let groups = groups.await;
    opened.close().await;
    let (groups, total) = groups?;
    if arguments.json {
        print(&serde_json::to_string_pretty(&groups).unwrap_or_default());
        return Ok(());
    }
    let rows: Vec<[String; 6]> = groups.iter().chain(&total).map(Group::row).collect();
    print(&table(["WHAT", "EVENTS", "PAYLOAD_BYTES", "BYTES_EACH", "EVENTS_PER_S", "LAST"], &rows));
    Ok(())
}

async fn count(selection: &Selection, by: By, meter: &Meter) -> Result<(Vec<Group>, Option<Group>), ReadError> {
    /// Positions per scan: each must end before a statement may take too long.
    const STRETCH: i64 = 500_000;
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let mut total: Option<Group> = None;
    let mut after = selection.after;
    while after < selection.up_to {
        let to = selection.up_to.min(kernel::Position(after.0 + STRETCH));
        let mut events = pin!(selection.log.scan(after, to, &[]));
        while let Some(chunk) = events.next().await {
            for event in chunk?.iter().filter(|event| selection.filter.matches(event)) {
                let name = name(by, event);
                groups.entry(name.clone()).or_insert_with(|| Group::new(name, event)).add(event);
                total.get_or_insert_with(|| Group::new("TOTAL".to_owned(), event)).add(event);
            }
        }
        after = to;
        meter.at(after.0 - selection.after.0);
    }
    Ok((groups.into_values().collect(), total))
}
