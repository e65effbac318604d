//! Looking into what was uploaded. Only what comes out of here can be had by anybody.

use super::inspect::{Clean, inspect};
use super::{MOST_BYTES, carry_out, clear, facts, key};
use crate::effect::{Attempt, Effect, Job, Order, RecordError, Settled};
use crate::follower::chain;
use aws_lc_rs::digest;
use bytes::Bytes;
use domain::files::stored_file::{
    Event, Facts, FileRefusal, FileStatus, MadeDerivative, RecordFileRefused, RecordFileVerified,
};
use domain::files::{Checksum, FileKind};
use event_store::Decisions;
use file_store::{Part, Store, StoreError};
use kernel::{Labelled, Recorded};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Files that are looked into at the same time: a picture may take half a gibibyte of memory.
const AT_ONCE: usize = 2;

/// Looks into files, and keeps of each a harmless copy or nothing.
pub struct FileCheck {
    store: Store,
    decisions: Decisions,
    turns: Arc<Semaphore>,
}

impl FileCheck {
    /// Reads from and keeps in `store`.
    pub fn new(store: Store, decisions: Decisions) -> Self {
        Self { store, decisions, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    async fn attempt(&self, job: &Job) -> Result<Attempt, String> {
        let Some(facts) = facts(&self.decisions, job).await? else { return Ok(over()) };
        match facts.status {
            FileStatus::Uploaded => {}
            // Somebody whose lease had ended was quicker.
            FileStatus::Requested | FileStatus::Verified | FileStatus::Refused | FileStatus::Expired => {
                return Ok(over());
            }
            FileStatus::Erasing | FileStatus::Erased => {
                clear(&self.store, job, &facts).await?;
                return Ok(over());
            }
        }
        let most = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX);
        let came = match self.store.get(key(job, &facts, Part::Incoming), most).await {
            Ok(came) => came,
            Err(StoreError::Missing) => return Ok(refused(FileRefusal::Missing)),
            Err(StoreError::TooLong) => return Ok(refused(FileRefusal::WrongSize)),
            Err(error) => return Err(chain(&error)),
        };
        match self.looked_into(came, &facts).await? {
            Ok(clean) => self.keep(job, &facts, clean).await,
            Err(reason) => Ok(refused(reason)),
        }
    }

    /// What the bytes are, found out beside everything else that goes on.
    async fn looked_into(&self, came: Bytes, facts: &Facts) -> Result<Result<Clean, FileRefusal>, String> {
        if i64::try_from(came.len()) != Ok(facts.size_bytes) {
            return Ok(Err(FileRefusal::WrongSize));
        }
        if facts.announced.as_ref().is_some_and(|announced| checksum(&came).as_ref() != Ok(announced)) {
            return Ok(Err(FileRefusal::WrongChecksum));
        }
        let taken = facts.purpose.policy().kinds;
        let named = facts.named;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|error| chain(&error))?;
        let looking = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            inspect(named, taken, &came)
        });
        // Decoders may panic on what was made for it; that is an answer too.
        Ok(looking.await.unwrap_or_else(|ended| {
            tracing::warn!(error = %ended, "a decoder gave up");
            Err(FileRefusal::Damaged)
        }))
    }

    async fn keep(&self, job: &Job, facts: &Facts, clean: Clean) -> Result<Attempt, String> {
        let Clean { kind, kept, measures, thumbnail } = clean;
        let found = RecordFileVerified {
            kind,
            size_bytes: length(&kept),
            sha256: checksum(&kept)?,
            width: measures.and_then(|(width, _)| i32::try_from(width).ok()),
            height: measures.and_then(|(_, height)| i32::try_from(height).ok()),
            thumbnail: thumbnail.as_ref().map(|(kind, bytes)| derivative(*kind, bytes)).transpose()?,
        };
        let receipt = serde_json::to_string(&found).map_err(|error| chain(&error))?;
        let put = async |part, bytes| self.store.put(key(job, facts, part), bytes).await.map_err(|error| chain(&error));
        put(Part::Whole, kept).await?;
        if let Some((_, bytes)) = thumbnail {
            put(Part::Thumbnail, bytes).await?;
        }
        Ok(Attempt::Succeeded { receipt })
    }

    /// It is recorded: what came from outside goes, and everything where nothing of it is to be had.
    async fn tidy(&self, job: &Job) -> Result<(), String> {
        let Some(facts) = facts(&self.decisions, job).await? else { return Ok(()) };
        match facts.status {
            FileStatus::Verified => {
                let deleted = self.store.delete(key(job, &facts, Part::Incoming)).await;
                deleted.map_err(|error| chain(&error))
            }
            FileStatus::Refused | FileStatus::Expired | FileStatus::Erasing | FileStatus::Erased => {
                clear(&self.store, job, &facts).await
            }
            FileStatus::Requested | FileStatus::Uploaded => Ok(()),
        }
    }
}

fn length(bytes: &Bytes) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

fn checksum(bytes: &[u8]) -> Result<Checksum, String> {
    Checksum::of(digest::digest(&digest::SHA256, bytes).as_ref()).map_err(|error| error.to_string())
}

fn derivative(kind: FileKind, bytes: &Bytes) -> Result<MadeDerivative, String> {
    Ok(MadeDerivative { kind, size_bytes: length(bytes), sha256: checksum(bytes)? })
}

fn refused(reason: FileRefusal) -> Attempt {
    Attempt::Never { code: reason.as_str(), reason: "the file is not taken".to_owned() }
}

const fn over() -> Attempt {
    Attempt::Suppressed { code: "over" }
}

impl Effect for FileCheck {
    type Event = Event;
    const KIND: &'static str = "file_check";

    fn order(event: &Recorded<Event>) -> Order {
        match &event.event {
            Event::Uploaded {} => Order::Begin,
            Event::Requested { .. }
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

    async fn record(&self, decisions: &Decisions, job: &Job, settled: &Settled) -> Result<(), RecordError> {
        let command_id = settled.command_id(job);
        match settled {
            Settled::Succeeded { receipt } => {
                let found: RecordFileVerified =
                    serde_json::from_str(receipt).map_err(|error| RecordError::Refused(chain(&error)))?;
                carry_out(decisions, job, command_id, &found).await?;
            }
            Settled::Failed { code } => {
                let known = FileRefusal::ALL.iter().find(|reason| reason.as_str() == code.as_str());
                let reason = known.copied().unwrap_or(FileRefusal::NotChecked);
                carry_out(decisions, job, command_id, &RecordFileRefused { reason }).await?;
            }
            Settled::Suppressed { .. } => {}
        }
        self.tidy(job).await.map_err(RecordError::Away)
    }
}
