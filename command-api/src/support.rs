//! The HTTP face of the support desk.

use crate::routes::CommandRoutes;
use domain::processes::support::AssignTicket;
use domain::support::TELL_LATE;
use domain::support::article::{
    ArchiveArticle, ChangeArticleSlug, DraftArticle, FeatureArticle, PublishArticle, RateArticle, RestoreArticle,
    ReviseArticle, UnfeatureArticle, UnpublishArticle,
};
use domain::support::import::RollBackImport;
use domain::support::sla_policy::DefineSlaPolicy;
use domain::support::ticket::{
    AddInternalNote, AttachFile, ChangeTicketCategory, ChangeTicketPriority, ChangeTicketStatus, ChangeTicketSubject,
    IssueAttachmentUrl, MarkTicketRead, MergeTicket, OpenTicket, ReplyToTicket, SubmitTicketCsat, TagTicket,
    UnassignTicket, UnmergeTicket, UntagTicket,
};

pub(crate) fn routes() -> CommandRoutes {
    CommandRoutes::new("/support")
        .on_file::<AttachFile>("/tickets/{ticket_id}/attachments")
        .on_file::<IssueAttachmentUrl>("/tickets/{ticket_id}/attachments/url")
        .on::<RollBackImport>("/imports/{import_id}/rollback")
        .told_late_by(TELL_LATE)
        .create::<OpenTicket>("/tickets")
        .on::<ReplyToTicket>("/tickets/{ticket_id}/replies")
        .on::<AddInternalNote>("/tickets/{ticket_id}/notes")
        .on::<AssignTicket>("/tickets/{ticket_id}/assign")
        .on::<UnassignTicket>("/tickets/{ticket_id}/unassign")
        .on::<ChangeTicketStatus>("/tickets/{ticket_id}/status")
        .on::<ChangeTicketPriority>("/tickets/{ticket_id}/priority")
        .on::<ChangeTicketCategory>("/tickets/{ticket_id}/category")
        .on::<ChangeTicketSubject>("/tickets/{ticket_id}/subject")
        .on::<TagTicket>("/tickets/{ticket_id}/tag")
        .on::<UntagTicket>("/tickets/{ticket_id}/untag")
        .on::<MarkTicketRead>("/tickets/{ticket_id}/read")
        .on::<SubmitTicketCsat>("/tickets/{ticket_id}/csat")
        .on::<MergeTicket>("/tickets/{ticket_id}/merge")
        .on::<UnmergeTicket>("/tickets/{ticket_id}/unmerge")
        .create::<DefineSlaPolicy>("/sla-policies")
        .create::<DraftArticle>("/articles")
        .on::<ReviseArticle>("/articles/{article_id}/revise")
        .on::<PublishArticle>("/articles/{article_id}/publish")
        .on::<UnpublishArticle>("/articles/{article_id}/unpublish")
        .on::<FeatureArticle>("/articles/{article_id}/feature")
        .on::<UnfeatureArticle>("/articles/{article_id}/unfeature")
        .on::<ArchiveArticle>("/articles/{article_id}/archive")
        .on::<RestoreArticle>("/articles/{article_id}/restore")
        .on::<ChangeArticleSlug>("/articles/{article_id}/slug")
        .on::<RateArticle>("/articles/{article_id}/rate")
}
