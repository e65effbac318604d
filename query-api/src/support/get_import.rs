//! An import: how far it has come.

use crate::detail::Detail;
use domain::support::import;
use kernel::Event as _;
use kernel::{Reach, Scope, Version};
use read_models::support::imports::{ImportRow, Imports};
use uuid::Uuid;

pub(crate) struct GetImport;

impl Detail for GetImport {
    type Model = Imports;
    const NAME: &'static str = "support.get_import";
    const SCOPE: Scope = import::RUN;
    const REACH: Reach = Reach::All;
    const HISTORY_SCOPE: Scope = import::RUN;

    fn streams(_row: &ImportRow, id: Uuid) -> Vec<(&'static str, Uuid)> {
        vec![(import::Event::CATEGORY, id)]
    }

    fn version(row: &ImportRow) -> Option<Version> {
        Some(row.version)
    }
}
