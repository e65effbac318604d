//! Rolling imports back: what the rows of an import have made is undone, row by row, unless somebody has worked on it since.
//!
//! The import says how far that has come, so whoever takes the job goes on there. A row is undone under an id that follows from
//! the import and the row: once more changes nothing and says the same.

use crate::effect::{Attempt, Effect, Job, Order, RecordError, Settled};
use crate::follower::{chain, refusal};
use crate::worker::Options;
use chrono::Utc;
use domain::support::article::UndoArticleImport;
use domain::support::import::{
    Event, Import, ImportId, ImportKind, ImportStatus, Progress, RecordUndoneRows, UndoneRow,
};
use domain::support::ticket::UndoTicketImport;
use event_store::{Answer, Decisions, InternalCommand, Refused};
use futures_util::future::try_join_all;
use kernel::Recorded;
use std::time::{Duration, Instant};

/// For how long one try works on rows; the next one goes on.
const BUDGET: Duration = Duration::from_secs(5);

/// Rows that are undone together: few enough for one try, also where everything is slow.
const AT_ONCE: i32 = 25;

/// Rolls imports back.
pub struct ImportRollback {
    decisions: Decisions,
}

impl ImportRollback {
    /// Undoes through `decisions`.
    pub const fn new(decisions: Decisions) -> Self {
        Self { decisions }
    }

    /// How its worker works: a job that broke off is taken up soon, and never given up.
    pub fn options() -> Options {
        Options {
            lease: Duration::from_secs(20),
            budget: Duration::from_secs(15),
            poll: Duration::from_millis(500),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            most_attempts: i32::MAX,
            ..Options::default()
        }
    }

    /// How far it has come, as the log has it now.
    async fn progress(&self, job: &Job) -> Result<Option<Progress>, String> {
        let import = self.decisions.states().current::<Import>(job.tenant_id, job.id).await;
        Ok(import.map_err(|error| chain(&error))?.progress().cloned())
    }

    async fn undo(&self, job: &Job) -> Result<Attempt, String> {
        let until = Instant::now() + BUDGET;
        while Instant::now() < until {
            let Some(progress) = self.progress(job).await? else {
                return Ok(Attempt::Suppressed { code: "no_import" });
            };
            if progress.status != ImportStatus::RollingBack {
                let receipt = format!("{} undone, {} left", progress.undone, progress.left);
                return Ok(Attempt::Succeeded { receipt });
            }
            let after = progress.undone_up_to;
            let up_to = progress.last_made().min(after.saturating_add(AT_ONCE));
            let rows = try_join_all((after + 1..=up_to).map(|row| self.row(job, progress.kind, row))).await?;
            let told = RecordUndoneRows { rows: rows.into_iter().flatten().collect(), after, up_to };
            let telling = ImportId(job.id).telling(&format!("undone after {after}"));
            said(self.decisions.carry_out_internal(&told, &job.command(telling)).await)?;
        }
        Ok(Attempt::NotYet { until: Utc::now() })
    }

    /// Undoes what a row has made; `None` where it has made nothing.
    async fn row(&self, job: &Job, kind: ImportKind, row: i32) -> Result<Option<UndoneRow>, String> {
        let import_id = ImportId(job.id);
        let step = import_id.step(row, "undo");
        let internal = InternalCommand { target: import_id.made_by(row), ..job.command(step) };
        let undone = match kind {
            ImportKind::Tickets => {
                said(self.decisions.carry_out_internal(&UndoTicketImport { import_id }, &internal).await)?
            }
            ImportKind::Articles => said(self.decisions.carry_out_internal(&UndoArticleImport {}, &internal).await)?,
        };
        Ok(undone.map_or(Some(UndoneRow { row, undone: false }), |answer| {
            answer.changed.then_some(UndoneRow { row, undone: true })
        }))
    }
}

/// The answer; `None` where the domain says no: somebody has worked on it.
fn said<R: kernel::Rejection>(carried_out: Result<Answer, Refused<R>>) -> Result<Option<Answer>, String> {
    match carried_out {
        Ok(answer) => Ok(Some(answer)),
        Err(Refused::Rejected(_)) => Ok(None),
        Err(refused) => Err(refusal(refused)),
    }
}

impl Effect for ImportRollback {
    type Event = Event;
    const KIND: &'static str = "import_rollback";

    fn order(event: &Recorded<Event>) -> Order {
        match &event.event {
            Event::RollbackBegun {} => Order::Due(event.recorded_at),
            Event::Begun { .. }
            | Event::RowsRecorded { .. }
            | Event::Completed { .. }
            | Event::RowsUndone { .. }
            | Event::RolledBack { .. } => Order::Nothing,
        }
    }

    async fn perform(&self, job: &Job) -> Attempt {
        self.undo(job).await.unwrap_or_else(|reason| Attempt::Away { reason })
    }

    async fn record(&self, _decisions: &Decisions, _job: &Job, _settled: &Settled) -> Result<(), RecordError> {
        // The import itself tells what was undone and what was left.
        Ok(())
    }
}
