//! `sillage projections`: what the read models at work are doing, and what operators do about it.

mod arguments;
mod build;
mod comparison;
mod deeds;
mod parts;
mod rebuild;
mod show;

pub(crate) use arguments::{ChangedModels, ProjectionsCommand};

use crate::arguments::OnDatabase;
use crate::failure::Failure;
use crate::operator::{Opened, open};
use arguments::ForTheRecord;
use projector::Operator;
use projector::acts::By;
use projector::operate::OperateError;
use serde::Serialize;
use sqlx::PgPool;
use std::process::ExitCode;

pub(crate) async fn run(command: ProjectionsCommand) -> Result<ExitCode, Failure> {
    let done = |outcome: Result<(), Failure>| outcome.map(|()| ExitCode::SUCCESS);
    match command {
        ProjectionsCommand::List { json, on } => done(show::list(&on, json).await),
        ProjectionsCommand::Show(which) => done(show::one(&which).await),
        ProjectionsCommand::Rebuild(wanted) => done(rebuild::run(&wanted).await),
        ProjectionsCommand::Pause(doing) => done(deeds::pause(&doing).await),
        ProjectionsCommand::Resume(doing) => done(deeds::resume(&doing).await),
        ProjectionsCommand::Change(change) => done(deeds::change(&change).await),
        ProjectionsCommand::Cancel(doing) => done(deeds::cancel(&doing).await),
        ProjectionsCommand::Compare(wanted) => done(comparison::run(&wanted).await),
        ProjectionsCommand::Switch(wanted) => done(deeds::switch(&wanted).await),
        ProjectionsCommand::Rollback(doing) => done(deeds::rollback(&doing).await),
        ProjectionsCommand::Retire(doing) => done(deeds::retire(&doing).await),
        ProjectionsCommand::Build(wanted) => done(build::run(&wanted).await),
        ProjectionsCommand::Parts(command) => done(parts::run(&command).await),
        ProjectionsCommand::Parked(command) => crate::parked::run(&command).await,
    }
}

/// The control tables and the operator who writes to them, as the owner of the tables.
struct At {
    opened: Opened,
    pool: PgPool,
    operator: Operator,
}

/// Does something with the database, and lets it go whatever comes of it.
async fn at<T>(on: &OnDatabase, work: impl AsyncFnOnce(&At) -> Result<T, Failure>) -> Result<T, Failure> {
    let opened = open(on).await?;
    let pool = opened.database.probe().clone();
    let at = At { operator: Operator::new(pool.clone()), pool, opened };
    let outcome = work(&at).await;
    at.opened.close().await;
    outcome
}

impl ForTheRecord {
    fn by(&self) -> By {
        By::on_the_command_line(&self.operator, self.reason.clone())
    }
}

fn refused(error: OperateError) -> Failure {
    let remedy = error.remedy();
    let failure = match error {
        OperateError::Database(error) => Failure::failed("the control tables cannot be written").because(error),
        other => Failure::failed(other.to_string()),
    };
    failure.remedy(remedy)
}

fn unreadable(error: sqlx::Error) -> Failure {
    crate::operator::unreadable(error.into())
}

fn print_json(value: &impl Serialize) {
    crate::terminal::print(&serde_json::to_string_pretty(value).unwrap_or_default());
}
