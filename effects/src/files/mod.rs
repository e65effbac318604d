//! Files: what is done with their bytes because of what happened to them.
//!
//! - [`FileCheck`] looks into what was uploaded, keeps a harmless copy or nothing.
//! - [`UploadDeadline`] ends what was never uploaded, and clears away what an upload left.
//! - [`FileRemoval`] deletes what is to be erased.
//! - [`erased_people`] asks for that where the person whom files are about is erased.
//!
//! Each may be done again at any time: bytes are written and deleted under keys that follow from the file.

mod check;
mod deadline;
mod inspect;
mod people;
mod removal;

pub use check::FileCheck;
pub use deadline::UploadDeadline;
pub use people::erased_people;
pub use removal::FileRemoval;

use crate::effect::{Job, RecordError};
use crate::follower::chain;
use domain::files::stored_file::{Facts, StoredFile};
use event_store::{AppendError, Decisions, Refused, VaultError};
use file_store::{Key, Part, Store, StoreError};
use kernel::{Command, CommandId, Rejection as _, ids};

/// The longest file of any purpose, and a little more: nothing longer is read.
pub const MOST_BYTES: usize = 32 * 1024 * 1024;

/// What is known about the job's file, as the log has it now.
async fn facts(decisions: &Decisions, job: &Job) -> Result<Option<Facts>, String> {
    let file = decisions.states().current::<StoredFile>(job.tenant_id, job.id).await;
    Ok(file.map_err(|error| chain(&error))?.facts().cloned())
}

/// Where some of the file's bytes are.
const fn key(job: &Job, facts: &Facts, part: Part) -> Key {
    Key::new(job.tenant_id.0, facts.object_id, part)
}

/// Deletes every part of the file.
async fn clear(store: &Store, job: &Job, facts: &Facts) -> Result<(), String> {
    store.delete_all(job.tenant_id.0, facts.object_id).await.map_err(|error| chain::<StoreError>(&error))
}

/// Carries out a command on the job's file, in the name of Sillage. A repeat changes nothing: its id follows from what was
/// settled and from the command, since several effects settle jobs of the same file.
async fn carry_out<C: Command>(
    decisions: &Decisions,
    job: &Job,
    settled: CommandId,
    command: &C,
) -> Result<(), RecordError> {
    let command_id = CommandId(ids::derived(settled.0, C::NAME));
    match decisions.carry_out_internal(command, &job.command(command_id)).await {
        Ok(_) => Ok(()),
        Err(Refused::Rejected(rejection)) => Err(RecordError::Refused(format!("{}: {rejection}", rejection.code()))),
        Err(Refused::Append(error @ (AppendError::Reserved { .. } | AppendError::KeyReused))) => {
            Err(RecordError::Refused(error.to_string()))
        }
        Err(Refused::Version(version)) => Err(RecordError::Refused(format!("the version is {version}"))),
        Err(Refused::Load(error)) => Err(RecordError::Away(chain(&error))),
        Err(Refused::Append(error)) => Err(RecordError::Away(chain(&error))),
        Err(Refused::Read(error)) => Err(RecordError::Away(chain(&error))),
        Err(Refused::Vault(error @ VaultError::Erased(_))) => Err(RecordError::Refused(error.to_string())),
        Err(Refused::Vault(error)) => Err(RecordError::Away(chain(&error))),
    }
}
