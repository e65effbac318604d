//! `sillage events`: history on the command line. Works on the database; the same is to be had over HTTP.

mod arguments;
mod export;
mod line;
mod selection;
mod show;
mod stats;
mod tail;

pub(crate) use arguments::{EventsCommand, Moment};

use crate::failure::Failure;

/// Does what is asked for.
pub(crate) async fn run(command: EventsCommand) -> Result<(), Failure> {
    match command {
        EventsCommand::Tail(arguments) => tail::run(&arguments).await,
        EventsCommand::Show { what, tenant, on } => show::show(&what, tenant, &on).await,
        EventsCommand::Trace { correlation_id, tenant, on } => show::trace(correlation_id, tenant, &on).await,
        EventsCommand::Export(arguments) => export::run(&arguments).await,
        EventsCommand::Stats(arguments) => stats::run(&arguments).await,
    }
}
