//! Rolling an import back.

use super::{Event, Import, ImportStatus, RUN};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Says that an import is to be undone. From then on nothing more is made by it, also where it was not completed.
///
/// Once more changes nothing.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollBackImport {}

impl Command for RollBackImport {
    type Streams = Import;
    const NAME: &'static str = "support.roll_back_import";
    const SCOPE: Scope = RUN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, import: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        match import.begun()?.status {
            ImportStatus::Running | ImportStatus::Completed => Ok(Decided::from(Event::RollbackBegun {})),
            ImportStatus::RollingBack | ImportStatus::RolledBack => unchanged(),
        }
    }
}
