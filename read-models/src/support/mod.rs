//! What the support desk shows.
//!
//! Internal notes have a table of their own; the tables that customers read never hold one (TL4). Drafts and
//! what readers see are two tables in the same way.

pub mod article_revisions;
pub mod article_slugs;
pub mod articles;
pub mod customer_tickets;
pub mod import_rows;
#[cfg(test)]
mod import_specs;
pub mod imports;
pub mod published_articles;
pub mod sla_policies;
pub mod ticket_activities;
pub mod ticket_attachments;
pub mod ticket_due;
pub mod ticket_messages;
pub mod ticket_notes;
pub mod tickets;

pub use article_revisions::{ArticleRevisionRow, ArticleRevisions};
pub use article_slugs::{ArticleSlugRow, ArticleSlugs};
pub use articles::{ArticleRow, Articles};
pub use customer_tickets::{CustomerTicketRow, CustomerTickets};
pub use import_rows::{ImportRowRow, ImportRows};
pub use imports::{ImportRow, Imports};
pub use published_articles::{PublishedArticleRow, PublishedArticles};
pub use sla_policies::{SlaPolicies, SlaPolicyRow};
pub use ticket_activities::{TicketAction, TicketActivities, TicketActivityRow};
pub use ticket_attachments::{TicketAttachmentRow, TicketAttachments};
pub use ticket_due::SlaState;
pub use ticket_messages::{TicketMessageRow, TicketMessages};
pub use ticket_notes::{TicketNoteRow, TicketNotes};
pub use tickets::{TicketRow, Tickets};
