//! The files of people who are erased.

use crate::follower::{Decoded, Event, Follower, Halt, Led, chain, decode, refusal};
use domain::files::stored_file::{FileErasure, RemoveFile, StoredFile};
use domain::privacy::subject::{self, ErasedKey, Subject};
use event_store::{Decisions, InternalCommand, Refused};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use kernel::reactor::{Start, command_id};
use kernel::{Aggregate as _, EventSet as _, Recorded, TenantId};
use sqlx::{PgPool, query_scalar};
use uuid::Uuid;

/// Part of every command's id, and the name of its checkpoint: it must never change.
const NAME: &str = "files.erased_people";

/// Asks for the removal of every file that is about somebody who is erased, when that is asked for and again when it is certified:
/// by then his key is gone, and no further file can be about him. `pool` works as the engine.
pub fn erased_people(decisions: Decisions, pool: PgPool) -> Box<dyn Follower> {
    Box::new(ErasedPeople { decisions, pool })
}

struct ErasedPeople {
    decisions: Decisions,
    pool: PgPool,
}

impl Follower for ErasedPeople {
    fn name(&self) -> String {
        NAME.to_owned()
    }

    fn start(&self) -> Start {
        // Whoever was erased before there were files had none.
        Start::Beginning
    }

    fn categories(&self) -> Vec<&'static str> {
        subject::Event::categories()
    }

    fn act(&self, events: Vec<Event>) -> BoxFuture<'_, Result<Led, Halt>> {
        self.follow(events).boxed()
    }
}

impl ErasedPeople {
    async fn follow(&self, events: Vec<Event>) -> Result<Led, Halt> {
        let Decoded { events, stop } = decode::<subject::Event>(&events);
        for event in &events {
            let keys = match &event.event {
                subject::Event::ErasureRequested { erased_keys, .. } => erased_keys.clone(),
                subject::Event::ExportRequested { .. } => Vec::new(),
                subject::Event::ErasureCompleted { .. } => self.erased(event.stream_id).await?,
            };
            for key in keys {
                for file_id in self.files_of(key).await? {
                    self.remove(key.kept_by, file_id, event).await?;
                }
            }
        }
        Ok(Led { stop, ..Led::default() })
    }

    /// Every key of the person that was to be destroyed.
    async fn erased(&self, person: Uuid) -> Result<Vec<ErasedKey>, Halt> {
        let subject = self.decisions.states().current::<Subject>(TenantId::PLATFORM, person).await;
        let subject = subject.map_err(|error| Halt(chain(&error)))?;
        Ok(subject.erasure().map(|erasure| erasure.erased_keys.clone()).unwrap_or_default())
    }

    /// The files that are about somebody, from the log itself: a read model may be behind, or being built.
    async fn files_of(&self, key: ErasedKey) -> Result<Vec<Uuid>, Halt> {
        let found = query_scalar(
            "select s.stream_id from log.streams s join log.events_json e on e.tenant_id = s.tenant_id \
             and e.stream_id = s.stream_id and e.category = s.category and e.version = 1 \
             where s.tenant_id = $1 and s.category = $2 and e.data ->> 'person_id' = $3::text",
        );
        let found = found.bind(key.kept_by.0).bind(StoredFile::CATEGORY).bind(key.subject_id.0);
        found.fetch_all(&self.pool).await.map_err(|error| Halt(chain(&error)))
    }

    async fn remove(&self, tenant_id: TenantId, file_id: Uuid, event: &Recorded<subject::Event>) -> Result<(), Halt> {
        let command_id = command_id(NAME, event.event_id, &file_id.to_string());
        let internal = InternalCommand::new(tenant_id, file_id, command_id).caused_by(
            event.event_id,
            event.correlation_id,
            event.trace,
        );
        match self.decisions.carry_out_internal(&RemoveFile { reason: FileErasure::PersonErased }, &internal).await {
            Ok(_) | Err(Refused::Rejected(_)) => Ok(()),
            Err(refused) => Err(Halt(refusal(refused))),
        }
    }
}
