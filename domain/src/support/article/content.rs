//! What an article says.

use super::{ArticleCategory, ArticleLanguage, Body, Excerpt, Title};
use crate::support::tags::Tags;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an article says: a revision. Part of the stored contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ArticleContent)]
pub struct Content {
    /// One line.
    pub title: Title,
    /// The gist, for lists.
    pub excerpt: Option<Excerpt>,
    /// The text, in Markdown.
    pub body: Body,
    /// Under which heading it stands.
    pub category: ArticleCategory,
    /// Free keywords.
    #[serde(default)]
    pub tags: Tags,
    /// In which language it is written.
    #[serde(default)]
    pub language: ArticleLanguage,
}
