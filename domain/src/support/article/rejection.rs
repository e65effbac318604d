//! Why a command on an article is refused.

use kernel::RejectionKind;

/// Why a command on an article is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such article.
    #[error("there is no such article")]
    NotFound,
    /// The id is taken.
    #[error("this article has already been drafted")]
    AlreadyDrafted,
    /// The article is archived.
    #[error("the article is archived")]
    Archived,
    /// Readers do not see the article.
    #[error("the article is not published")]
    NotPublished,
    /// Another article has, or had, this address.
    #[error("another article is reached by this slug")]
    SlugTaken,
    /// The import that brings it in is not begun, completed or rolled back.
    #[error("the import does not run")]
    ImportOver,
    /// Somebody has worked on the imported article since.
    #[error("somebody has worked on the article since it was imported")]
    ImportTouched,
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "support.article_not_found",
            Self::AlreadyDrafted => "support.article_already_drafted",
            Self::Archived => "support.article_archived",
            Self::NotPublished => "support.article_not_published",
            Self::SlugTaken => "support.article_slug_taken",
            Self::ImportOver => "support.article_import_over",
            Self::ImportTouched => "support.article_import_touched",
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotFound => RejectionKind::NotFound,
            Self::AlreadyDrafted
            | Self::Archived
            | Self::NotPublished
            | Self::SlugTaken
            | Self::ImportOver
            | Self::ImportTouched => RejectionKind::Conflict,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound => "Check the id.",
            Self::AlreadyDrafted => "Revise the article, or draft another one with a new id.",
            Self::Archived => "Restore the article first.",
            Self::NotPublished => "Publish the article first.",
            Self::ImportOver => "Send the file with a new Idempotency-Key to import it once more.",
            Self::ImportTouched => "Archive the article by hand, if it is to go.",
            Self::SlugTaken => "Choose another slug; one that an article had before goes on leading to it.",
        }
    }
}
