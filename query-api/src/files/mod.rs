//! What is shown of files: facts about them. The bytes are had at addresses that commands give out.

mod get_file;
mod list_files;

use crate::routes::QueryRoutes;

pub(crate) fn routes() -> QueryRoutes {
    QueryRoutes::new("/files").list::<list_files::ListFiles>("").detail::<get_file::GetFile>("/{file_id}")
}
