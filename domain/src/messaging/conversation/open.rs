//! Opening a conversation.

use super::{AppointmentId, Conversation, ConversationId, ConversationSubject, Event, MANAGE, Rejection};
use kernel::command::unchanged;
use kernel::{ActorId, Command, Context, Decided, Decision, Private, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Opens a conversation between a client and a user of the studio.
///
/// An appointment has one conversation, whose id follows from the appointment's: opening it again changes nothing
/// and answers the existing one. Without an appointment every request opens another one. The caller is one of the
/// two, or holds `messaging.conversation:manage`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenConversation {
    /// The client.
    pub client_user_id: ActorId,
    /// The user of the studio.
    pub studio_user_id: ActorId,
    /// The appointment that they talk about.
    pub appointment_id: Option<AppointmentId>,
    /// What they talk about.
    pub subject: Option<Private<ConversationSubject>>,
}

impl Command for OpenConversation {
    type Streams = Conversation;
    const NAME: &'static str = "messaging.open_conversation";
    const SCOPE: Scope = Scope::new("messaging.conversation:open");
    const REACH: Reach = Reach::Own { all: Some(MANAGE) };

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        self.appointment_id.map_or(target, |appointment_id| ConversationId::of_appointment(appointment_id).0)
    }

    fn decide(&self, conversation: View<'_, Self>, cx: &Context) -> Decision<Self> {
        if self.client_user_id == self.studio_user_id {
            return Err(Rejection::WithOneself);
        }
        if ![self.client_user_id, self.studio_user_id].iter().any(|user| cx.reaches(Self::REACH, *user)) {
            return Err(Rejection::NotAParticipant);
        }
        if let Some(talk) = &conversation.talk {
            let participants = (talk.client.user_id, talk.studio.user_id);
            if participants == (self.client_user_id, self.studio_user_id) {
                return unchanged();
            }
            // Only who may know that the conversation exists is told so.
            let known = cx.may(MANAGE) || conversation.seen_by(cx).is_ok();
            return Err(if known { Rejection::OtherParticipants } else { Rejection::NotFound });
        }
        Ok(Decided::from(Event::Opened {
            client_user_id: self.client_user_id,
            studio_user_id: self.studio_user_id,
            appointment_id: self.appointment_id,
            subject: self.subject.as_ref().map(|subject| subject.about(self.client_user_id)),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::specs::{CLEO, EVE, MAX, STUDIO, context, manager, opened};
    use super::*;
    use kernel::specs::given;

    fn open() -> OpenConversation {
        OpenConversation { client_user_id: CLEO, studio_user_id: STUDIO, appointment_id: None, subject: None }
    }

    fn for_appointment(n: u128) -> OpenConversation {
        OpenConversation { appointment_id: Some(AppointmentId(Uuid::from_u128(n))), ..open() }
    }

    #[test]
    fn either_of_the_two_opens_it() {
        given([]).when(&open(), &context(CLEO)).answers([opened()]);
        given([]).when(&open(), &context(STUDIO)).answers([opened()]);
    }

    #[test]
    fn a_manager_opens_it_for_others_and_nobody_else_does() {
        given([]).when(&open(), &manager(MAX)).answers([opened()]);
        given([]).when(&open(), &context(EVE)).is_rejected(&Rejection::NotAParticipant);
    }

    #[test]
    fn an_appointment_has_one_conversation() {
        let fresh = |n: u128| Uuid::from_u128(n);
        let cx = context(CLEO);
        assert_eq!(for_appointment(7).streams(fresh(1), &cx), for_appointment(7).streams(fresh(2), &cx));
        assert_ne!(for_appointment(7).streams(fresh(1), &cx), for_appointment(8).streams(fresh(1), &cx));
        assert_eq!(open().streams(fresh(1), &cx), fresh(1));
        let opened = given([]).when(&for_appointment(7), &cx).accepted().events;
        given(opened.clone()).when(&for_appointment(7), &cx).changes_nothing();
        let renamed =
            OpenConversation { subject: ConversationSubject::parse("Other").ok().map(Private), ..for_appointment(7) };
        given(opened).when(&renamed, &context(STUDIO)).changes_nothing();
    }

    #[test]
    fn an_existing_conversation_keeps_its_people_and_its_secret() {
        let with_eve = OpenConversation { client_user_id: EVE, ..for_appointment(7) };
        given([opened()]).when(&with_eve, &context(STUDIO)).is_rejected(&Rejection::OtherParticipants);
        given([opened()]).when(&with_eve, &manager(MAX)).is_rejected(&Rejection::OtherParticipants);
        given([opened()]).when(&with_eve, &context(EVE)).is_rejected(&Rejection::NotFound);
    }

    #[test]
    fn nobody_talks_to_himself() {
        let alone = OpenConversation { studio_user_id: CLEO, ..open() };
        given([]).when(&alone, &context(CLEO)).is_rejected(&Rejection::WithOneself);
    }

    #[test]
    fn a_subject_has_three_characters() {
        let body =
            |subject: &str| serde_json::json!({"client_user_id": CLEO, "studio_user_id": STUDIO, "subject": subject});
        assert!(serde_json::from_value::<OpenConversation>(body("ab")).is_err());
        assert!(serde_json::from_value::<OpenConversation>(body("abc")).is_ok());
    }
}
