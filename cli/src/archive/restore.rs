//! Bringing archives back, the last one first, each in one transaction.

use super::files;
use crate::events::Moment;
use crate::failure::Failure;
use crate::operator::Opened;
use crate::terminal::{Meter, print};
use event_store::archive::{self, Archive, Restore};
use std::path::Path;

pub(super) async fn run(
    opened: &Opened,
    from: Moment,
    moved_to: Option<&Path>,
    operator: &str,
    quiet: bool,
) -> Result<(), Failure> {
    let owner = opened.database.probe();
    let all = archive::list(owner).await.map_err(super::unknown)?;
    let is_needed = |archive: &Archive| {
        archive.detached_at.is_some()
            && match from {
                Moment::Position(position) => archive.last >= position,
                Moment::Time(time) => archive.last_recorded_at >= time,
            }
    };
    let needed: Vec<Archive> = all.into_iter().filter(is_needed).collect();
    if needed.is_empty() {
        print("Nothing to bring back: that part of the log is in the database.");
    }
    for archive in needed.iter().rev() {
        one(opened, archive, moved_to, operator, quiet).await?;
        print(&format!("{} to {}: back in the database", archive.first, archive.last));
    }
    Ok(())
}

async fn one(
    opened: &Opened,
    archive: &Archive,
    moved_to: Option<&Path>,
    operator: &str,
    quiet: bool,
) -> Result<(), Failure> {
    let failed = || Failure::failed(format!("the archive {} to {} did not come back", archive.first, archive.last));
    let folder = files::folder_of(archive, moved_to);
    let bad = |error: files::Trouble| {
        failed().because(error).remedy("--in names the folder that the archives were moved to; a copy may be good.")
    };
    let manifest = files::manifest_of(archive, &folder).map_err(bad)?;
    let refused = |error| failed().because(error).remedy("The log is as it was. The same command tries again.");
    let mut restore = Restore::begin(opened.database.probe(), archive).await.map_err(refused)?;
    let meter = Meter::new("bringing back", "events", archive.last.0 - manifest.after.0, quiet);
    let mut at = manifest.after;
    for part in &manifest.files {
        let events = files::events_of(&folder, part, at).map_err(bad)?;
        restore.put(&events).await.map_err(refused)?;
        at = part.last_position;
        meter.at(at.0 - manifest.after.0);
    }
    meter.end();
    restore.finish(operator).await.map_err(refused)
}
