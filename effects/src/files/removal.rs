//! Deleting what is to be erased, in every form.

use super::{carry_out, clear, facts};
use crate::effect::{Attempt, Effect, Job, Order, RecordError, Settled};
use domain::files::stored_file::{Event, RecordFileErased};
use event_store::Decisions;
use file_store::Store;
use kernel::Recorded;

/// Deletes the bytes of files.
pub struct FileRemoval {
    store: Store,
    decisions: Decisions,
}

impl FileRemoval {
    /// Deletes from `store`.
    pub const fn new(store: Store, decisions: Decisions) -> Self {
        Self { store, decisions }
    }

    async fn attempt(&self, job: &Job) -> Result<Attempt, String> {
        if let Some(facts) = facts(&self.decisions, job).await? {
            clear(&self.store, job, &facts).await?;
        }
        Ok(Attempt::Succeeded { receipt: "deleted".to_owned() })
    }
}

impl Effect for FileRemoval {
    type Event = Event;
    const KIND: &'static str = "file_removal";

    fn order(event: &Recorded<Event>) -> Order {
        match &event.event {
            Event::ErasureRequested { .. } => Order::Begin,
            Event::Requested { .. }
            | Event::Uploaded {}
            | Event::Verified { .. }
            | Event::DerivativeMade { .. }
            | Event::Refused { .. }
            | Event::Expired {}
            | Event::UrlIssued { .. }
            | Event::Linked { .. }
            | Event::Erased {} => Order::Nothing,
        }
    }

    async fn perform(&self, job: &Job) -> Attempt {
        self.attempt(job).await.unwrap_or_else(|reason| Attempt::Away { reason })
    }

    async fn record(&self, decisions: &Decisions, job: &Job, settled: &Settled) -> Result<(), RecordError> {
        match settled {
            Settled::Succeeded { .. } => carry_out(decisions, job, settled.command_id(job), &RecordFileErased {}).await,
            // A store that is away does not count as a try, and nothing else fails: this is never settled otherwise.
            Settled::Failed { .. } | Settled::Suppressed { .. } => Ok(()),
        }
    }
}
