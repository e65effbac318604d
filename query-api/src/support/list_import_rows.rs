//! What became of the rows of an import.

use crate::list::{Filter, List};
use domain::support::import::{ImportProblem, RUN, RowStatus};
use kernel::{Reach, Scope};
use read_models::support::ImportRows;

pub(crate) struct ListImportRows;

impl List for ListImportRows {
    type Model = ImportRows;
    const NAME: &'static str = "support.list_import_rows";
    const SCOPE: Scope = RUN;
    const REACH: Reach = Reach::All;
    const FILTERS: &'static [Filter] =
        &[Filter::labelled::<RowStatus>("status"), Filter::labelled::<ImportProblem>("problem")];
    const SORTS: &'static [&'static str] = &["row", "-row"];
    const LIMIT: i64 = 50;
    const PARENT: Option<&'static str> = Some("import_id");
}
