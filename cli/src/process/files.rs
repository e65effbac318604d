//! Files in a process: the store, the way to it, and what works on them.

use super::{Process, tasks};
use crate::failure::Failure;
use axum::Router;
use effects::files::{FileCheck, FileRemoval, MOST_BYTES, UploadDeadline, erased_people};
use effects::{Effect, Follower, Options, Worker};
use event_store::Decisions;
use file_store::Store;
use platform::admin::Needed;
use platform::http::Uploads;
use sqlx::PgPool;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How long an upload may take.
const UPLOAD_TIME: Duration = Duration::from_mins(5);
/// Files of tickets and articles that are imported: longer than commands, and shorter than what is uploaded.
pub(super) const IMPORTS: Uploads = Uploads {
    prefix: command_api::IMPORTS,
    body_bytes: command_api::IMPORT_MAX_BYTES,
    timeout: Duration::from_mins(1),
};
/// Files in hand at the same time, of each sort of work.
const AT_ONCE: usize = 4;

/// The way to a store in a folder, and the limits that hold there; none to a service, which callers reach by themselves.
pub(super) fn gate(store: &Store) -> Option<(Router, Uploads)> {
    let limits = Uploads { prefix: file_store::PREFIX, body_bytes: MOST_BYTES, timeout: UPLOAD_TIME };
    store.gate(MOST_BYTES).map(|gate| (gate, limits))
}

/// Those who tell the workers what there is to do.
pub(super) fn file_followers(decisions: &Decisions, pool: &PgPool) -> [Box<dyn Follower>; 4] {
    [
        effects::outbox::<FileCheck>(),
        effects::outbox::<FileRemoval>(),
        effects::outbox::<UploadDeadline>(),
        erased_people(decisions.clone(), pool.clone()),
    ]
}

impl Process {
    /// Where files are kept, opened when it is first needed; nowhere where nothing is set.
    pub(super) async fn store(&mut self) -> Result<Option<Store>, Failure> {
        let Some(settings) = self.shared.files.clone().filter(|_| self.store.is_none()) else {
            return Ok(self.store.clone());
        };
        let store = settings.open(&self.vault().await?)?;
        let check = self.readiness.check("files", Needed::Optional);
        self.workers.spawn(tasks::probe_files(store.clone(), check, self.working.clone()));
        self.store = Some(store.clone());
        Ok(Some(store))
    }

    /// Starts what works on files; `bell` tells of new work.
    pub(super) fn work_on_files(&mut self, store: &Store, decisions: &Decisions, pool: &PgPool, bell: &Arc<Notify>) {
        self.work(FileCheck::new(store.clone(), decisions.clone()), decisions, pool, bell);
        self.work(FileRemoval::new(store.clone(), decisions.clone()), decisions, pool, bell);
        self.work(UploadDeadline::new(store.clone(), decisions.clone()), decisions, pool, bell);
    }

    fn work<E: Effect>(&mut self, effect: E, decisions: &Decisions, pool: &PgPool, bell: &Arc<Notify>) {
        let options = Options { at_once: AT_ONCE, ..Options::default() };
        let worker = Worker::new(effect, decisions.clone(), pool.clone(), Arc::clone(bell), options);
        self.workers.spawn(worker.run(self.working.clone()));
    }
}
