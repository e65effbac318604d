//! The imports of the tenant.

use crate::list::{Filter, List};
use domain::support::import::{ImportKind, ImportStatus, RUN};
use kernel::{Reach, Scope};
use read_models::support::Imports;

pub(crate) struct ListImports;

impl List for ListImports {
    type Model = Imports;
    const NAME: &'static str = "support.list_imports";
    const SCOPE: Scope = RUN;
    const REACH: Reach = Reach::All;
    const FILTERS: &'static [Filter] =
        &[Filter::labelled::<ImportKind>("kind"), Filter::labelled::<ImportStatus>("status")];
    const SORTS: &'static [&'static str] = &["-begun_at", "begun_at"];
}
