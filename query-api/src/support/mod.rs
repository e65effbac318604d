//! What the support desk shows.

mod compare_article_revisions;
mod get_article;
mod get_article_as_seen;
mod get_dashboard;
mod get_import;
mod get_sla_policy;
mod get_ticket;
mod get_ticket_statistics;
mod line_diff;
mod list_article_revisions;
mod list_articles;
mod list_attachments;
mod list_import_rows;
mod list_imports;
mod list_notes;
mod list_own_tickets;
mod list_replies;
mod list_sla_board;
mod list_sla_policies;
mod list_ticket_activities;
mod list_tickets;
mod readers;
mod what_if_ticket_targets;

pub use what_if_ticket_targets::{
    TargetCounts, TicketTargetsAnswer, TicketTargetsQuestion, ask as what_if_ticket_targets,
};

use crate::routes::QueryRoutes;

pub(crate) fn routes() -> QueryRoutes {
    QueryRoutes::new("/support")
        .list::<list_tickets::ListTickets>("/tickets")
        .detail::<get_ticket::GetTicket>("/tickets/{ticket_id}")
        .list::<list_replies::ListReplies>("/tickets/{ticket_id}/replies")
        .list::<list_notes::ListNotes>("/tickets/{ticket_id}/notes")
        .list::<list_attachments::ListAttachments>("/tickets/{ticket_id}/attachments")
        .list::<list_ticket_activities::ListTicketActivities>("/tickets/{ticket_id}/activities")
        .list::<list_own_tickets::ListOwnTickets>("/own-tickets")
        .raw("/tickets/stats", get_ticket_statistics::answer, get_ticket_statistics::describe)
        .raw("/dashboard", get_dashboard::answer, get_dashboard::describe)
        .list::<list_sla_board::ListSlaBoard>("/sla/board")
        .list::<list_sla_policies::ListSlaPolicies>("/sla-policies")
        .detail::<get_sla_policy::GetSlaPolicy>("/sla-policies/{sla_policy_id}")
        .list::<list_imports::ListImports>("/imports")
        .detail::<get_import::GetImport>("/imports/{import_id}")
        .list::<list_import_rows::ListImportRows>("/imports/{import_id}/rows")
        .list::<list_articles::ListArticles>("/articles")
        .detail::<get_article::GetArticle>("/articles/{article_id}")
        .raw("/articles/{article_id}/as-seen", get_article_as_seen::answer, get_article_as_seen::describe)
        .list::<list_article_revisions::ListArticleRevisions>("/articles/{article_id}/revisions")
        .raw(
            "/articles/{article_id}/revisions/diff",
            compare_article_revisions::answer,
            compare_article_revisions::describe,
        )
        .raw_post("/what-if/ticket-targets", what_if_ticket_targets::answer, what_if_ticket_targets::describe)
        .merge(readers::routes())
}
