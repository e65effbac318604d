//! Archiving: write, read back, compare with the database, and only then take it out, one partition after the other.
//!
//! A run that ends anywhere is taken up by the next one: files are listed once they are whole, what is listed is read again,
//! and a partition goes in one transaction with the row that says where it lies.

use super::arguments::Make;
use super::files::{self, Content};
use super::plan;
use crate::events::Moment;
use crate::export::{Export, Format, Manifest, manifest};
use crate::failure::Failure;
use crate::operator::{Opened, unreadable};
use crate::terminal::{Meter, print};
use chrono::TimeDelta;
use event_store::analysis::Filter;
use event_store::archive::{self, Archive, Stretch};
use event_store::{Head, Log};
use kernel::Position;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Events per file.
const PER_FILE: i64 = 100_000;

pub(super) async fn run(opened: &Opened, make: &Make) -> Result<(), Failure> {
    let (Some(before), Some(to)) = (make.before, &make.to) else {
        return Err(Failure::usage("--before and --to are missing"));
    };
    let owner = opened.database.probe();
    let log = opened.log();
    let head = log.durable_head().await.map_err(unreadable)?;
    let up_to = match before {
        Moment::Position(position) => Position(position.0 - 1),
        Moment::Time(time) => log.position_at(time - TimeDelta::microseconds(1)).await.map_err(unreadable)?,
    };
    let stretches = plan::stretches(owner, up_to.min(head.position)).await?;
    if stretches.is_empty() {
        let all = archive::stretches(owner).await.unwrap_or_default();
        let oldest = all.first().map(|one| format!("; the oldest goes from {} to {}", one.first, one.last));
        print(&format!(
            "Nothing to archive: no whole partition lies at or before position {up_to}{}.",
            oldest.unwrap_or_default()
        ));
        return Ok(());
    }
    if make.dry_run {
        plan::print_plan(opened, &stretches).await?;
        return plan::refuse_what_is_needed(owner, stretches[stretches.len() - 1].last).await;
    }
    let to = folder(to)?;
    for stretch in stretches {
        plan::refuse_what_is_needed(owner, stretch.last).await?;
        let making =
            Making { log: &log, head: &head, stretch, folder: to.join(files::name(stretch.first, stretch.last)) };
        let archive = making.write(make.on.quiet).await?;
        archive::detach(owner, &archive, &make.who.operator, Duration::from_secs(make.patience_s)).await.map_err(
            |error| {
                let remedy = "Nothing is lost: the files are good and the events are still in the database. Try again.";
                Failure::failed("the partition was not taken out of the database").because(error).remedy(remedy)
            },
        )?;
        print(&format!(
            "{} to {}: archived in {}; the database is {:.1} MiB smaller",
            stretch.first,
            stretch.last,
            archive.manifest,
            plan::mebibytes(stretch.size_bytes)
        ));
    }
    Ok(())
}

/// The folder as everybody else would name it.
fn folder(to: &Path) -> Result<PathBuf, Failure> {
    let made = std::fs::create_dir_all(to).and_then(|()| to.canonicalize());
    made.map_err(|error| Failure::failed(format!("{} cannot be made", to.display())).because(error))
}

struct Making<'a> {
    log: &'a Log,
    head: &'a Head,
    stretch: Stretch,
    folder: PathBuf,
}

impl Making<'_> {
    /// Writes the files, or goes on with them, and proves that they hold what the database holds.
    async fn write(&self, quiet: bool) -> Result<Archive, Failure> {
        let (first, last) = (self.stretch.first, self.stretch.last);
        let after = Position(first.0 - 1);
        let export = Export {
            format: Format::Archive,
            folder: self.folder.clone(),
            filter: Filter::default(),
            after,
            up_to: last,
            stretch: PER_FILE,
        };
        let meter = Meter::new("writing", "events", last.0 - after.0, quiet);
        let exported = export.run(self.log, self.head, &[], |at, _| meter.at(at.0 - after.0)).await;
        meter.end();
        let mut manifest = exported
            .map_err(|error| {
                Failure::failed("the archive is not written").because(error).remedy(
                    "The log is as it was. The same command goes on; another folder, or this one emptied, begins anew.",
                )
            })?
            .manifest;
        let content = self.compare(&manifest, quiet).await?;
        manifest.content_sha256 = Some(hexadecimal(&content.hash));
        manifest.write(&self.folder).map_err(|error| Failure::failed("the manifest is not written").because(error))?;
        Ok(Archive {
            first,
            last,
            first_recorded_at: content.first.recorded_at,
            last_recorded_at: content.last.recorded_at,
            last_event_id: content.last.event_id,
            manifest: self.folder.join(manifest::NAME).display().to_string(),
            manifest_sha256: files::manifest_hash(&self.folder).map_err(differs)?,
            content_sha256: content.hash.to_vec(),
            detached_at: None,
        })
    }

    /// The files, read back, and the database tell the same events to the last byte.
    async fn compare(&self, manifest: &Manifest, quiet: bool) -> Result<Content, Failure> {
        let after = manifest.after;
        let meter = Meter::new("reading back", "events", self.stretch.last.0 - after.0, quiet);
        let content = files::read_through(&self.folder, manifest, self.stretch.last, |at| meter.at(at.0 - after.0));
        meter.end();
        let content = content.map_err(differs)?;
        let meter = Meter::new("comparing with the database", "bytes", self.stretch.size_bytes, quiet);
        let read = std::sync::atomic::AtomicI64::new(0);
        let stored = archive::content_hash(self.log, after, self.stretch.last, |bytes| {
            let bytes = i64::try_from(bytes).unwrap_or_default();
            meter.at(read.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed) + bytes);
        });
        let stored = stored.await;
        meter.end();
        if stored.map_err(unreadable)? != content.hash {
            return Err(differs(files::Trouble::Content(
                self.folder.clone(),
                "the files do not hold what the database holds".to_owned(),
            )));
        }
        Ok(content)
    }
}

fn differs(error: files::Trouble) -> Failure {
    Failure::failed("the archive is not good, and the log is as it was")
        .because(error)
        .remedy("Remove that folder and try again; if it happens again, the disk is not to be trusted.")
}

fn hexadecimal(bytes: &[u8]) -> String {
    crate::export::files::hexadecimal(bytes)
}
