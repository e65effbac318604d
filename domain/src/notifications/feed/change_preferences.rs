//! Saying how one wants to be told.

use super::mark_read::{dropped, own};
use super::{CHANGE, Event, Feed, MailCadence, TopicPreference};
use crate::notifications::WrittenIn;
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Says how the caller wants to be told: of which topics he sees notifications, of which he gets mails, at once or in a digest,
/// and in which language they are written.
///
/// What is left out stays as it is; until something is said, mails are in the language of the account. What waits to be mailed
/// of a topic whose mails are switched off is not mailed. The same again changes nothing. Somebody else's feed is not found.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeNotificationPreferences {
    /// In which language mails are written.
    pub language: Option<WrittenIn>,
    /// How he wants to be told of these topics.
    #[serde(default)]
    pub topics: Vec<TopicPreference>,
}

impl Command for ChangeNotificationPreferences {
    type Streams = Feed;
    const NAME: &'static str = "notifications.change_notification_preferences";
    const SCOPE: Scope = CHANGE;
    const REACH: Reach = Reach::Own { all: None };

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, feed: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let recipient_id = own(cx)?;
        let preferences = feed.preferences().with(self.language, &self.topics);
        if preferences == *feed.preferences() {
            return unchanged();
        }
        let dropped = dropped(feed, |waiting| preferences.of(waiting.topic).mail == MailCadence::Off);
        let (language, topics) = (preferences.language(), preferences.topics().to_vec());
        Ok(Decided::from(Event::PreferencesChanged { recipient_id, language, topics, dropped }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::specs::{ADA, EVE, PRINTER, notified, own_feed, told, update};
    use super::super::{MailPlan, NotificationTopic, Rejection};
    use super::*;
    use kernel::specs::{given, noon};
    use serde_json::json;

    fn wants(body: serde_json::Value) -> ChangeNotificationPreferences {
        serde_json::from_value(body).unwrap()
    }

    fn answered(in_app: bool, mail: MailCadence) -> TopicPreference {
        TopicPreference { topic: NotificationTopic::Answered, in_app, mail }
    }

    fn changed(language: Option<WrittenIn>, topics: &[TopicPreference], dropped: &[i32]) -> Event {
        Event::PreferencesChanged { recipient_id: ADA, language, topics: topics.to_vec(), dropped: dropped.to_vec() }
    }

    #[test]
    fn what_is_not_said_stays_and_the_same_again_changes_nothing() {
        let english = wants(json!({ "language": "en" }));
        let digest = wants(json!({ "topics": [{ "topic": "ticket_answered", "in_app": true, "mail": "digest" }] }));
        let (en, of_answers) = (Some(WrittenIn::En), answered(true, MailCadence::Digest));
        given([]).when(&english, &own_feed(ADA)).answers([changed(en, &[], &[])]);
        let said = || changed(en, &[], &[]);
        given([said()]).when(&english, &own_feed(ADA)).changes_nothing();
        given([said()]).when(&digest, &own_feed(ADA)).answers([changed(en, &[of_answers], &[])]);
        given([]).when(&wants(json!({})), &own_feed(ADA)).changes_nothing();
    }

    #[test]
    fn what_waits_is_not_mailed_once_its_mails_are_off() {
        let off = wants(json!({ "topics": [{ "topic": "ticket_answered", "in_app": false, "mail": "off" }] }));
        let of_answers = answered(false, MailCadence::Off);
        let expected = changed(None, &[of_answers], &[1]);
        given([notified(1, PRINTER)]).when(&off, &own_feed(ADA)).answers([expected.clone()]);
        let decided = given([notified(1, PRINTER), expected]).when(&told(PRINTER), &update(ADA)).accepted();
        assert!(
            matches!(decided.events[..], [Event::Notified { in_app: false, mail: MailPlan::Off, mail_at: None, .. }]),
            "{decided:?}"
        );
    }

    #[test]
    fn a_digest_is_mailed_later() {
        let digest = changed(None, &[answered(true, MailCadence::Digest)], &[]);
        let decided = given([digest]).when(&told(PRINTER), &update(ADA)).accepted();
        let due = Some(noon() + super::super::DIGEST_AFTER);
        let [Event::Notified { mail: MailPlan::Digest, mail_at, .. }] = decided.events[..] else {
            panic!("{decided:?}")
        };
        assert_eq!(mail_at, due);
    }

    #[test]
    fn nobody_chooses_for_somebody_else() {
        let cx = Context { target: own_feed(ADA).target, ..own_feed(EVE) };
        given([]).when(&wants(json!({ "language": "en" })), &cx).is_rejected(&Rejection::NotFound);
    }
}
