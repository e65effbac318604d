//! `sillage events export`: the command around the export.

use super::arguments::ExportArguments;
use super::selection::Selection;
use crate::export::{Export, ExportError};
use crate::failure::Failure;
use crate::operator::{open, unreadable};
use crate::terminal::{Meter, print};
use domain::catalogue::categories;
use event_store::ReadError;

pub(super) async fn run(arguments: &ExportArguments) -> Result<(), Failure> {
    let opened = open(&arguments.on).await?;
    let outcome = async {
        let selection = Selection::of(&opened, &arguments.wanted).await?;
        let export = Export {
            format: arguments.format,
            folder: arguments.out.clone(),
            filter: selection.filter.clone(),
            after: selection.after,
            up_to: selection.up_to,
            stretch: arguments.stretch,
        };
        let meter = Meter::new("exporting", "events", selection.up_to.0 - selection.after.0, arguments.on.quiet);
        let exported = export
            .run(&selection.log, &selection.head, categories(), |at, _| meter.at(at.0 - selection.after.0))
            .await
            .map_err(|error| match error {
                ExportError::Read(error @ ReadError::Archived(_)) => unreadable(error),
                error => Failure::failed("the export stopped")
                    .because(error)
                    .remedy("What manifest.json lists is good; the same command goes on from there."),
            })?;
        meter.end();
        let manifest = &exported.manifest;
        let resumed = if exported.began_after > manifest.after {
            format!(", gone on after position {}", exported.began_after)
        } else {
            String::new()
        };
        print(&format!(
            "{} events up to position {} in {} files: {}{resumed}",
            manifest.rows,
            manifest.exported_to,
            manifest.files.len(),
            arguments.out.display()
        ));
        Ok(())
    };
    let outcome = outcome.await;
    opened.close().await;
    outcome
}
