//! Carrying an import out: row by row under ids that follow from the import and the row, so that whoever goes on after a crash
//! makes nothing a second time.

use super::cells::Clocks;
use super::file::{Flaw, RawFile, RawRow};
use super::rows::{Plan, Planned, doubled, planned};
use super::tickets::TicketPlan;
use crate::execute::{Services, load_problem, refusal};
use chrono::Utc;
use domain::support::article::{ImportArticle, PublishArticle};
use domain::support::import::{
    BeginImport, Import, ImportField, ImportId, ImportKind, ImportProblem, ImportStatus, Progress, ROWS_AT_ONCE,
    RecordImportRows, RowOutcome,
};
use domain::support::ticket::{ImportTicket, ImportTicketReply, Rejection, SettleImportedTicket};
use event_store::{Answer, AppendError, InternalCommand, Refused, RefusedOf, VaultError};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use kernel::{Command, CommandId, CorrelationId, Position};
use platform::Problem;
use platform::auth::Identity;
use platform::request_log::RequestLog;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// For how long one request works on rows; the next one goes on.
const BUDGET: Duration = Duration::from_secs(8);
/// Rows that are carried out at the same time.
const AT_ONCE: usize = 16;

/// Who imports what.
pub(super) struct Sender<'a> {
    pub(super) services: &'a Services,
    pub(super) identity: &'a Identity,
    pub(super) log: &'a RequestLog,
    pub(super) import_id: ImportId,
    pub(super) clocks: Clocks,
}

/// How far an import has come, and what shows it.
pub(super) struct Reached {
    pub(super) progress: Progress,
    pub(super) position: Position,
}

impl Sender<'_> {
    /// Goes as far as the time allows, from where the import stands.
    pub(super) async fn run(&self, begin: &BeginImport, file: &RawFile) -> Result<Reached, Problem> {
        let until = Instant::now() + BUDGET;
        let doubled = doubled(file);
        // Another file under the same key is another command: it is decided, and refused.
        let telling = self.import_id.telling(&format!("begin {}", begin.sha256.as_str()));
        let noted = self.carry_out(begin, self.import_id.0, telling).await.map_err(refusal)?;
        let mut position = noted.position;
        loop {
            let progress = self.progress().await?;
            let done = usize::try_from(progress.done).unwrap_or_default();
            let next = &file.rows[done.min(file.rows.len())..];
            let next = &next[..next.len().min(usize::try_from(ROWS_AT_ONCE).unwrap_or_default())];
            match progress.status {
                ImportStatus::Running if !next.is_empty() && Instant::now() < until => {}
                ImportStatus::Running | ImportStatus::Completed => return Ok(Reached { progress, position }),
                ImportStatus::RollingBack | ImportStatus::RolledBack => {
                    return Err(Problem::rejected(&domain::support::import::Rejection::RolledBack));
                }
            }
            let plans = planned(self.services, self.identity.tenant_id, begin.kind, next, &doubled, self.clocks);
            // A closure here would have to be general over the rows' lifetime, and the handler's future is not.
            let mut rows = Vec::with_capacity(next.len());
            for (row, plan) in next.iter().zip(plans.await?) {
                rows.push(self.row(row, plan));
            }
            let rows: Vec<RowOutcome> = stream::iter(rows).buffered(AT_ONCE).try_collect().await?;
            let told = self.import_id.telling(&format!("rows after {done}"));
            let told = self.carry_out(&RecordImportRows { rows }, self.import_id.0, told).await;
            position = position.max(told.map_err(refusal)?.position);
        }
    }

    /// How far the import has come, as the log has it: another process may go on with it too.
    async fn progress(&self) -> Result<Progress, Problem> {
        let states = self.services.decisions().states();
        let import = states.current::<Import>(self.identity.tenant_id, self.import_id.0).await;
        import.map_err(|error| load_problem(&error))?.progress().cloned().ok_or_else(Problem::not_found)
    }

    /// Makes what a row tells, and says what became of it.
    async fn row(&self, row: &RawRow, plan: Planned) -> Result<RowOutcome, Problem> {
        let made = match plan {
            Ok(Plan::Ticket(plan)) => self.ticket(row.row, &plan).await?,
            Ok(Plan::Article(plan)) => self.article(row.row, *plan).await?,
            Err(flaws) => Err(flaws.first().copied().unwrap_or((None, ImportProblem::NotReadable))),
        };
        let made_id = made.is_ok().then(|| self.import_id.made_by(row.row));
        let (field, problem) = made.err().map_or((None, None), |(field, problem)| (field, Some(problem)));
        Ok(RowOutcome { row: row.row, line: row.line, made_id, field, problem })
    }

    async fn ticket(&self, row: i32, plan: &TicketPlan) -> Result<Result<(), Flaw>, Problem> {
        let import_id = self.import_id;
        let open = ImportTicket {
            import_id,
            row,
            reference: plan.reference.clone().map(Into::into),
            subject: plan.subject.clone().into(),
            description: plan.description.clone().into(),
            priority: plan.priority,
            category: plan.category,
            tags: plan.tags.clone(),
            customer_id: plan.customer_id,
        };
        if let Err(flaw) = self.step(row, "open", plan.created_at, &open).await? {
            return Ok(Err(flaw));
        }
        for (number, reply) in (1..).zip(&plan.replies) {
            let said = ImportTicketReply { import_id, from: reply.by, content: reply.content.clone().into() };
            if let Err(flaw) = self.step(row, &format!("reply {number}"), reply.at, &said).await? {
                return Ok(Err(flaw));
            }
        }
        for (number, (at, status)) in (1..).zip(&plan.moves) {
            let settle = SettleImportedTicket { import_id, status: *status, last: number == plan.moves.len() };
            if let Err(flaw) = self.step(row, &format!("move {number}"), *at, &settle).await? {
                return Ok(Err(flaw));
            }
        }
        Ok(Ok(()))
    }

    async fn article(&self, row: i32, plan: super::articles::ArticlePlan) -> Result<Result<(), Flaw>, Problem> {
        let import = ImportArticle { import_id: self.import_id, article: plan.draft };
        if let Err(flaw) = self.step(row, "draft", plan.created_at, &import).await? {
            return Ok(Err(flaw));
        }
        match plan.published_at {
            Some(at) => self.step(row, "publish", at, &PublishArticle {}).await,
            None => Ok(Ok(())),
        }
    }

    /// One step of a row: done, or what the domain says to it. An error stops the whole import, which goes on later.
    async fn step<C: Command>(
        &self,
        row: i32,
        step: &str,
        at: chrono::DateTime<Utc>,
        command: &C,
    ) -> Result<Result<(), Flaw>, Problem> {
        let (target, command_id) = (self.import_id.made_by(row), self.import_id.step(row, step));
        let internal = self.internal(target, command_id).at(at);
        match self.services.decisions().carry_out_internal(command, &internal).await {
            Ok(_) => Ok(Ok(())),
            Err(Refused::Rejected(rejection)) => {
                let code = kernel::Rejection::code(&rejection);
                // It was rolled back meanwhile: nothing more is to be made, and no row is to blame.
                let is_over = code == kernel::Rejection::code(&Rejection::ImportOver)
                    || code == kernel::Rejection::code(&domain::support::article::Rejection::ImportOver);
                if is_over { Err(Problem::rejected(&rejection)) } else { Ok(Err((None, ImportProblem::NotPossible))) }
            }
            Err(Refused::Vault(VaultError::Erased(_))) => {
                Ok(Err((Some(ImportField::Customer), ImportProblem::CustomerErased)))
            }
            Err(Refused::Append(AppendError::Reserved { .. })) => {
                Ok(Err((Some(ImportField::Reference), ImportProblem::ReferenceTaken)))
            }
            Err(refused) => Err(refusal(refused)),
        }
    }

    async fn carry_out<C: Command>(
        &self,
        command: &C,
        target: Uuid,
        command_id: CommandId,
    ) -> Result<Answer, RefusedOf<C>> {
        self.services.decisions().carry_out_internal(command, &self.internal(target, command_id)).await
    }

    /// In the name of whoever sends the file; the whole import is one story.
    fn internal(&self, target: Uuid, command_id: CommandId) -> InternalCommand {
        let internal = InternalCommand::new(self.identity.tenant_id, target, command_id).by(self.identity.actor);
        let (correlation_id, trace) = (CorrelationId(self.import_id.0), Some(self.log.trace_parent()));
        InternalCommand { correlation_id, trace, ..internal }
    }
}

/// The import that a key means, of one sort of things in a tenant.
pub(super) fn import_id(services: &Services, identity: &Identity, kind: ImportKind, key: &str) -> ImportId {
    let sort = format!("import {kind}");
    ImportId(services.named_by(identity.tenant_id, &sort, key))
}
