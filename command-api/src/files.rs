//! The HTTP face of files, and what commands about a file have besides: an address where its bytes go or come from.
//!
//! The bytes never pass a command. A command decides and records who may, and its answer carries a grant: a request to be sent
//! as it is. A repeat gets the same answer with a grant signed anew, which is good no longer than the first one.

use crate::execute::{Asked, Services, execute};
use crate::reply::{GrantAnswer, Reply};
use crate::routes::CommandRoutes;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use domain::files::stored_file::{
    CompleteUpload, EraseFile, Facts, FileStatus, FileVariant, IssueFileUrl, RequestUpload, StoredFile,
};
use domain::support::ticket::{AttachFile, IssueAttachmentUrl};
use file_store::{Delivery, Grant, Key, Part, Store};
use kernel::{Command, Source as _, TenantId};
use platform::Problem;
use uuid::Uuid;

pub(crate) fn routes() -> CommandRoutes {
    CommandRoutes::new("/files")
        .create_file::<RequestUpload>("")
        .on_file::<CompleteUpload>("/{file_id}/complete")
        .on_file::<IssueFileUrl>("/{file_id}/url")
        .on_file::<EraseFile>("/{file_id}/erase")
}

/// What the answer of a command permits besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permits {
    /// Nothing.
    Nothing,
    /// To upload the file.
    Upload,
    /// To download it in this form.
    Download(FileVariant),
}

/// A command about a file. What Sillage itself does with files happens elsewhere, so what is remembered of one may be old.
pub(crate) trait AboutFile: Command {
    /// The file; `target` is the route's id, or the one that was made.
    fn file(&self, target: Uuid) -> Uuid;
    /// What its answer permits.
    fn permits(&self) -> Permits {
        Permits::Nothing
    }
}

impl AboutFile for RequestUpload {
    fn file(&self, target: Uuid) -> Uuid {
        target
    }

    fn permits(&self) -> Permits {
        Permits::Upload
    }
}

impl AboutFile for CompleteUpload {
    fn file(&self, target: Uuid) -> Uuid {
        target
    }
}

impl AboutFile for EraseFile {
    fn file(&self, target: Uuid) -> Uuid {
        target
    }
}

impl AboutFile for IssueFileUrl {
    fn file(&self, target: Uuid) -> Uuid {
        target
    }

    fn permits(&self) -> Permits {
        Permits::Download(self.variant)
    }
}

impl AboutFile for AttachFile {
    fn file(&self, _: Uuid) -> Uuid {
        self.file_id.0
    }
}

impl AboutFile for IssueAttachmentUrl {
    fn file(&self, _: Uuid) -> Uuid {
        self.file_id.0
    }

    fn permits(&self) -> Permits {
        Permits::Download(self.variant)
    }
}

/// Carries out a command about a file, on what the log says of the file now, and adds what its answer permits.
pub(crate) async fn execute_about_file<C: AboutFile>(services: &Services, asked: &Asked<'_>) -> Result<Reply, Problem> {
    asked.log.operation(C::NAME);
    asked.identity.require(C::SCOPE)?;
    let command: C = platform::json::parse_bytes(asked.body)?;
    let permits = command.permits();
    let store = match (permits, services.files()) {
        (Permits::Nothing, _) => None,
        (Permits::Upload | Permits::Download(_), Some(store)) => Some(store),
        (Permits::Upload | Permits::Download(_), None) => return Err(no_store()),
    };
    let tenant_id = asked.identity.tenant_id;
    let reply = execute::<C>(services, asked).await?;
    let Some(store) = store else { return Ok(reply) };
    let file_id = command.file(reply.answer.stream_id);
    let states = services.decisions().states();
    let file = if reply.answer.repeated {
        states.current::<StoredFile>(tenant_id, file_id).await
    } else {
        states.of(tenant_id, None).load::<StoredFile>(file_id).await.map(|loaded| loaded.state)
    };
    let file = file.map_err(|error| crate::execute::load_problem(&error))?;
    let facts = file.facts().ok_or_else(Problem::not_found)?;
    let grant = match permits {
        Permits::Upload => upload(store, tenant_id, facts).await,
        Permits::Download(variant) => download(store, tenant_id, facts, variant).await,
        Permits::Nothing => Ok(None),
    };
    let grant =
        grant.map_err(|error| Problem::unavailable("The file store is not available now", 2).because(&error))?;
    Ok(Reply { grant: grant.map(GrantAnswer::from), ..reply })
}

/// Nothing once it is too late, or the bytes are said to be there.
async fn upload(store: &Store, tenant_id: TenantId, facts: &Facts) -> Result<Option<Grant>, file_store::StoreError> {
    let now = Utc::now();
    if facts.status != FileStatus::Requested || facts.upload_until <= now {
        return Ok(None);
    }
    let key = Key::new(tenant_id.0, facts.object_id, Part::Incoming);
    let size = u64::try_from(facts.size_bytes).unwrap_or_default();
    store.grant_upload(key, size, now, facts.upload_until).await.map(Some)
}

/// Nothing once it is too late, or the file is gone.
async fn download(
    store: &Store,
    tenant_id: TenantId,
    facts: &Facts,
    variant: FileVariant,
) -> Result<Option<Grant>, file_store::StoreError> {
    let now = Utc::now();
    let until = facts.url_until.filter(|until: &DateTime<Utc>| *until > now);
    let (Some(kind), Some(until)) = (facts.form(variant), until) else { return Ok(None) };
    let part = match variant {
        FileVariant::Whole => Part::Whole,
        FileVariant::Thumbnail => Part::Thumbnail,
    };
    let delivery = Delivery { media_type: kind.media_type(), ending: kind.ending() };
    store.grant_download(Key::new(tenant_id.0, facts.object_id, part), delivery, now, until).await.map(Some)
}

fn no_store() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_file_store", "This installation keeps no files")
        .remedy("Ask an operator to set SILLAGE_FILES_DIR or SILLAGE_S3_BUCKET.")
}
