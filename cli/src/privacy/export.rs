//! Everything that is kept about a person, in a folder for that person: the GDPR's articles 15 and 20.

use super::erase::{EraseError, Eraser};
use crate::export::files::sha256;
use domain::files::stored_file::{FileStatus, StoredFile};
use domain::privacy::subject::RequestExport;
use event_store::repository::LoadError;
use event_store::{Head, Log, ReadError, Vault, VaultError};
use file_store::{Key, Part, Store, StoreError};
use kernel::{Aggregate, EventData, Labelled as _, Position, Recorded, SubjectId, TenantId};
use query_api::analyst::Outgoing;
use serde::Serialize;
use sqlx::{PgPool, query_scalar};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Events that are looked at at a time.
const CHUNK: usize = 5_000;
/// Longer files are kept by nobody.
const LONGEST: u64 = 1 << 30;
/// What whoever receives the folder reads first.
const README: &str = include_str!("readme.txt");

/// What a folder holds; written beside it as `manifest.json`.
#[derive(Debug, Serialize)]
pub struct Given {
    /// About whom.
    pub subject: SubjectId,
    /// What the person is called where something is kept.
    pub known_as: Vec<SubjectId>,
    /// What this tenant keeps; `null`: everybody.
    pub tenant: Option<TenantId>,
    /// Everything up to this place in the log.
    pub position: Position,
    /// Lines of `events.ndjson`.
    pub events: u64,
    /// Lines of `sign_ins.ndjson`.
    pub sign_ins: u64,
    /// Files about the person.
    pub files: Vec<GivenFile>,
}

/// One file of the person.
#[derive(Debug, Serialize)]
pub struct GivenFile {
    /// Which.
    pub file_id: Uuid,
    /// Where it stands: only what is `verified` has bytes here.
    pub status: &'static str,
    /// Where in the folder it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What its bytes come to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Why there is no folder.
#[derive(Debug, thiserror::Error)]
pub enum ExportPersonError {
    /// Nothing about the subject can be read, or it was erased.
    #[error("nothing is kept about subject {0}")]
    Nobody(SubjectId),
    /// The folder is there already.
    #[error("{0} is there already")]
    Exists(PathBuf),
    /// The folder cannot be written.
    #[error("writing the folder")]
    Write(#[from] std::io::Error),
    /// Whom it is about, or telling that it is read.
    #[error(transparent)]
    Told(#[from] EraseError),
    /// The log.
    #[error("reading the log")]
    Read(#[from] ReadError),
    /// A file's stream.
    #[error("reading a file's story")]
    Load(#[from] LoadError),
    /// Keys.
    #[error("opening what is sealed")]
    Vault(#[from] VaultError),
    /// Sign-ins.
    #[error("reading sign-ins")]
    Database(#[from] sqlx::Error),
    /// The bytes of a file.
    #[error("reading file {0}")]
    File(Uuid, #[source] StoreError),
    /// The payload of an event is damaged.
    #[error("the event at position {0} cannot be shown")]
    Event(Position),
    /// A line cannot be written.
    #[error("writing what was found")]
    Json(#[from] serde_json::Error),
}

/// Gives people what is kept about them.
pub struct PersonExporter {
    eraser: Eraser,
    pool: PgPool,
    log: Log,
    store: Store,
}

impl PersonExporter {
    /// Reads `log` and `store`; who is meant, and that it is done, goes through `eraser`.
    pub const fn new(eraser: Eraser, pool: PgPool, log: Log, store: Store) -> Self {
        Self { eraser, pool, log, store }
    }

    /// Writes `out`, which is there whole or not at all. `looked` hears how far it has come, and of how far.
    ///
    /// # Errors
    /// See [`ExportPersonError`]. A repeat begins anew, and is told anew.
    pub async fn export(
        &self,
        subject: SubjectId,
        tenant: Option<TenantId>,
        out: &Path,
        looked: impl Fn(Position, Position),
    ) -> Result<Given, ExportPersonError> {
        if out.exists() {
            return Err(ExportPersonError::Exists(out.to_owned()));
        }
        let keys = self.eraser.plan(subject, tenant).await?;
        let mut known_as: Vec<SubjectId> = keys.iter().map(|key| key.subject_id).collect();
        known_as.sort_unstable();
        known_as.dedup();
        if known_as.is_empty() {
            return Err(ExportPersonError::Nobody(subject));
        }
        self.eraser.carry_out(&RequestExport { known_as: known_as.clone(), kept_by: tenant }, subject.0).await?;
        let unfinished = out.with_extension("unfinished");
        if unfinished.exists() {
            std::fs::remove_dir_all(&unfinished)?;
        }
        std::fs::create_dir_all(unfinished.join("files"))?;
        let head = self.log.durable_head().await?;
        let mut given =
            Given { subject, known_as, tenant, position: head.position, events: 0, sign_ins: 0, files: Vec::new() };
        let files = self.events(&mut given, &head, &unfinished, looked).await?;
        for (tenant_id, file_id) in files {
            given.files.push(self.file(tenant_id, file_id, &unfinished).await?);
        }
        given.sign_ins = self.sign_ins(subject, &unfinished).await?;
        std::fs::write(unfinished.join("README.txt"), README)?;
        std::fs::write(unfinished.join("manifest.json"), serde_json::to_vec_pretty(&given)?)?;
        std::fs::rename(&unfinished, out)?;
        Ok(given)
    }

    fn vault(&self) -> &Vault {
        self.eraser.vault()
    }

    /// Every event that names the person, was done by or for the person, or belongs to the person's own streams. Gives the
    /// files among them.
    async fn events(
        &self,
        given: &mut Given,
        head: &Head,
        folder: &Path,
        looked: impl Fn(Position, Position),
    ) -> Result<Vec<(TenantId, Uuid)>, ExportPersonError> {
        let mut lines = BufWriter::new(std::fs::File::create_new(folder.join("events.ndjson"))?);
        let (about, outgoing) = (About::new(&given.known_as, given.tenant), Outgoing::new(head, false));
        let (mut at, mut files) = (Position::ZERO, Vec::new());
        while at < head.position {
            let mut events = self.log.read_durable(at, CHUNK).await?;
            let Some(last) = events.last() else { break };
            at = last.position;
            events.retain(|event| event.position <= head.position && about.matches(event));
            let opening = outgoing.opening_about(self.vault(), &given.known_as, &events).await?;
            for event in events {
                if event.category == StoredFile::CATEGORY && event.event.event_type == "requested" {
                    files.push((event.tenant_id, event.stream_id));
                }
                let position = event.position;
                lines.write_all(&opening.event(event).map_err(|_| ExportPersonError::Event(position))?)?;
                lines.write_all(b"\n")?;
                given.events += 1;
            }
            looked(at, head.position);
        }
        lines.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        Ok(files)
    }

    async fn file(&self, tenant_id: TenantId, file_id: Uuid, folder: &Path) -> Result<GivenFile, ExportPersonError> {
        let file = self.eraser.states().current::<StoredFile>(tenant_id, file_id).await?;
        let Some(facts) = file.facts() else {
            return Ok(GivenFile { file_id, status: "missing", path: None, sha256: None });
        };
        let mut given = GivenFile { file_id, status: facts.status.as_str(), path: None, sha256: None };
        if facts.status != FileStatus::Verified {
            return Ok(given);
        }
        let key = Key::new(tenant_id.0, facts.object_id, Part::Whole);
        let bytes = self.store.get(key, LONGEST).await.map_err(|error| ExportPersonError::File(file_id, error))?;
        let ending = facts.kind.unwrap_or(facts.named).ending();
        // Its name is in its events; here it could be anything.
        let path = format!("files/{file_id}.{ending}");
        std::fs::write(folder.join(&path), &bytes)?;
        given.sha256 = Some(sha256(&bytes));
        given.path = Some(path);
        Ok(given)
    }

    /// When the account was signed in to, from where and with what, as far as that is still kept.
    async fn sign_ins(&self, subject: SubjectId, folder: &Path) -> Result<u64, ExportPersonError> {
        let rows: Vec<String> = query_scalar(
            "select json_build_object('at', at, 'what', what, 'session', sid, 'tenant', tenant_id, 'network', network, \
             'user_agent', user_agent)::text from secrets.access_log where account = $1 order by at",
        )
        .bind(subject.0)
        .fetch_all(&self.pool)
        .await?;
        let mut lines = BufWriter::new(std::fs::File::create_new(folder.join("sign_ins.ndjson"))?);
        for row in &rows {
            writeln!(lines, "{row}")?;
        }
        lines.flush()?;
        Ok(rows.len() as u64)
    }
}

/// Whether an event has to do with a person.
struct About {
    ids: Vec<Uuid>,
    texts: Vec<String>,
    tenant: Option<TenantId>,
}

impl About {
    fn new(known_as: &[SubjectId], tenant: Option<TenantId>) -> Self {
        let ids: Vec<Uuid> = known_as.iter().map(|subject| subject.0).collect();
        Self { texts: ids.iter().map(ToString::to_string).collect(), ids, tenant }
    }

    fn matches(&self, event: &Recorded<EventData>) -> bool {
        let is = |id: Uuid| self.ids.contains(&id);
        let named = || {
            let data = std::str::from_utf8(&event.event.data).unwrap_or_default();
            self.texts.iter().any(|text| data.contains(text.as_str()))
        };
        self.tenant.is_none_or(|tenant| tenant == event.tenant_id)
            && (is(event.stream_id)
                || is(event.actor.id.0)
                || event.actor.on_behalf_of.is_some_and(|id| is(id.0))
                || named())
    }
}
