//! How somebody wants to be told.

use super::topic::{MailCadence, NotificationTopic};
use crate::notifications::WrittenIn;
use kernel::Labelled as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How somebody wants to be told of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TopicPreference {
    /// Which.
    pub topic: NotificationTopic,
    /// Whether he sees it where he works.
    pub in_app: bool,
    /// Whether and how it is mailed.
    pub mail: MailCadence,
}

impl TopicPreference {
    /// What holds for whoever has said nothing.
    pub const fn usual(topic: NotificationTopic) -> Self {
        Self { topic, in_app: true, mail: topic.usual_cadence() }
    }
}

/// How somebody wants to be told: what he has said, and what is usual for the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preferences {
    language: Option<WrittenIn>,
    topics: Vec<TopicPreference>,
}

impl Preferences {
    /// What somebody has said.
    pub const fn said(language: Option<WrittenIn>, topics: Vec<TopicPreference>) -> Self {
        Self { language, topics }
    }

    /// In which language he is written to; that of his account where he has said nothing.
    pub const fn language(&self) -> Option<WrittenIn> {
        self.language
    }

    /// The topics that he has said anything of.
    pub fn topics(&self) -> &[TopicPreference] {
        &self.topics
    }

    /// How he wants to be told of one topic.
    pub fn of(&self, topic: NotificationTopic) -> TopicPreference {
        let said = self.topics.iter().find(|said| said.topic == topic);
        said.copied().unwrap_or(TopicPreference::usual(topic))
    }

    /// How he wants to be told of each, in the order in which people expect to see them.
    pub fn all(&self) -> Vec<TopicPreference> {
        NotificationTopic::ALL.iter().map(|topic| self.of(*topic)).collect()
    }

    /// The same with something said anew; of a topic that is named twice the last holds.
    #[must_use]
    pub fn with(&self, language: Option<WrittenIn>, said: &[TopicPreference]) -> Self {
        let mut topics = self.topics.clone();
        for one in said {
            match topics.iter_mut().find(|known| known.topic == one.topic) {
                Some(known) => *known = *one,
                None => topics.push(*one),
            }
        }
        topics.sort_unstable_by_key(|known| known.topic);
        Self { language: language.or(self.language), topics }
    }
}
