//! The end of the time for an upload: what never came is over, and what is left where uploads go is cleared away.

use super::{carry_out, facts, key};
use crate::effect::{Attempt, Effect, Job, Order, RecordError, Settled};
use crate::follower::chain;
use chrono::{TimeDelta, Utc};
use domain::files::stored_file::{Event, ExpireUpload, FileStatus};
use event_store::Decisions;
use file_store::{Part, Store};
use kernel::{Command as _, CommandId, Recorded, ids};

/// An upload that begins in time may last that long.
const LONGEST_UPLOAD: TimeDelta = TimeDelta::minutes(10);
/// How long a file that is still to be looked into is waited for.
const PUT_OFF: TimeDelta = TimeDelta::minutes(5);

/// Ends uploads. Whoever holds an address may use it twice, also when the file has been looked into: only when the address is
/// no longer good can what it leads to be cleared away for good.
pub struct UploadDeadline {
    store: Store,
    decisions: Decisions,
}

impl UploadDeadline {
    /// Clears away in `store`.
    pub const fn new(store: Store, decisions: Decisions) -> Self {
        Self { store, decisions }
    }

    async fn attempt(&self, job: &Job) -> Result<Attempt, String> {
        let command_id = CommandId(ids::derived(job.id, ExpireUpload::NAME));
        if let Err(error) = carry_out(&self.decisions, job, command_id, &ExpireUpload {}).await {
            return Err(chain(&error));
        }
        let Some(facts) = facts(&self.decisions, job).await? else {
            return Ok(Attempt::Suppressed { code: "not_found" });
        };
        if facts.status == FileStatus::Uploaded {
            return Ok(Attempt::NotYet { until: Utc::now() + PUT_OFF });
        }
        self.store.delete(key(job, &facts, Part::Incoming)).await.map_err(|error| chain(&error))?;
        Ok(Attempt::Succeeded { receipt: "over".to_owned() })
    }
}

impl Effect for UploadDeadline {
    type Event = Event;
    const KIND: &'static str = "upload_deadline";

    fn order(event: &Recorded<Event>) -> Order {
        match &event.event {
            Event::Requested { upload_until, .. } => Order::NotBefore(*upload_until + LONGEST_UPLOAD),
            Event::Uploaded {}
            | Event::Verified { .. }
            | Event::DerivativeMade { .. }
            | Event::Refused { .. }
            | Event::Expired {}
            | Event::UrlIssued { .. }
            | Event::Linked { .. }
            | Event::ErasureRequested { .. }
            | Event::Erased {} => Order::Nothing,
        }
    }

    async fn perform(&self, job: &Job) -> Attempt {
        self.attempt(job).await.unwrap_or_else(|reason| Attempt::Away { reason })
    }

    async fn record(&self, _decisions: &Decisions, _job: &Job, _settled: &Settled) -> Result<(), RecordError> {
        // That it expired is the event.
        Ok(())
    }
}
