//! The names of enumerated values for people, in French and English.

use crate::routes::QueryRoutes;
use kernel::{Labelled, Language};
use serde::Serialize;
use utoipa::ToSchema;

/// One value of an enumeration.
#[derive(Serialize, ToSchema)]
pub(crate) struct Label {
    /// As it stands in requests and answers.
    value: &'static str,
    /// For people who read English.
    en: &'static str,
    /// For people who read French.
    fr: &'static str,
}

/// All values of one enumeration.
#[derive(Serialize, ToSchema)]
pub(crate) struct Enumeration {
    /// `support.ticket_status`.
    name: &'static str,
    /// In the order in which people expect to see them.
    values: Vec<Label>,
}

fn enumeration<L: Labelled>() -> Enumeration {
    let label =
        |value: &L| Label { value: value.as_str(), en: value.label(Language::En), fr: value.label(Language::Fr) };
    Enumeration { name: L::NAME, values: L::ALL.iter().map(label).collect() }
}

pub(crate) fn all() -> Vec<Enumeration> {
    use crate::notifications::DeliveryState;
    use domain::field_sales::UserType;
    use domain::field_sales::door::DoorStatus;
    use domain::field_sales::zone_assignment::ClosingReason;
    use domain::files::stored_file::{FileErasure, FileRefusal, FileStatus, FileVariant};
    use domain::files::{FileKind, FilePurpose};
    use domain::identity::invitation::InvitationStatus;
    use domain::identity::session::{ClientKind, EndReason};
    use domain::identity::tenant::Plan;
    use domain::identity::{Locale, Role};
    use domain::messaging::conversation::MessageKind;
    use domain::notifications::WrittenIn;
    use domain::notifications::feed::{MailCadence, NotificationTopic};
    use domain::notifications::webhook::{WebhookStatus, WebhookStop};
    use domain::operations::projection::ProjectionAct;
    use domain::support::article::{ArticleLanguage, ArticleStatus};
    use domain::support::import::{ImportField, ImportKind, ImportProblem, ImportStatus, RowStatus};
    use domain::support::response_targets::TargetOutcome;
    use domain::support::sla_terms::SlaGoal;
    use domain::support::ticket::{TicketCategory, TicketMessageType, TicketPriority, TicketSide, TicketStatus};
    use read_models::identity::audit_entries::Act;
    use read_models::notifications::NotificationMail;
    use read_models::support::{SlaState, TicketAction};
    vec![
        enumeration::<TicketStatus>(),
        enumeration::<TicketPriority>(),
        enumeration::<TargetOutcome>(),
        enumeration::<TicketCategory>(),
        enumeration::<TicketSide>(),
        enumeration::<TicketAction>(),
        enumeration::<SlaGoal>(),
        enumeration::<SlaState>(),
        enumeration::<ArticleStatus>(),
        enumeration::<ArticleLanguage>(),
        enumeration::<ImportKind>(),
        enumeration::<ImportStatus>(),
        enumeration::<RowStatus>(),
        enumeration::<ImportField>(),
        enumeration::<ImportProblem>(),
        enumeration::<DoorStatus>(),
        enumeration::<UserType>(),
        enumeration::<ClosingReason>(),
        enumeration::<MessageKind>(),
        enumeration::<TicketMessageType>(),
        enumeration::<Role>(),
        enumeration::<Plan>(),
        enumeration::<Locale>(),
        enumeration::<InvitationStatus>(),
        enumeration::<ClientKind>(),
        enumeration::<EndReason>(),
        enumeration::<Act>(),
        enumeration::<ProjectionAct>(),
        enumeration::<WebhookStatus>(),
        enumeration::<WebhookStop>(),
        enumeration::<DeliveryState>(),
        enumeration::<FileStatus>(),
        enumeration::<FileRefusal>(),
        enumeration::<FileErasure>(),
        enumeration::<FileVariant>(),
        enumeration::<FileKind>(),
        enumeration::<FilePurpose>(),
        enumeration::<NotificationTopic>(),
        enumeration::<NotificationMail>(),
        enumeration::<MailCadence>(),
        enumeration::<WrittenIn>(),
    ]
}

pub(crate) fn routes() -> QueryRoutes {
    QueryRoutes::new("").labels("/labels")
}
