//! An address of somebody else's that is called when something happens in the tenant. This file is the stored contract.
//!
//! What is sent and what became of it is not here: that would double the log. The outbox knows, for a month. What proves that a
//! call comes from us is not here either: a secret follows from its id and the installation's key.

mod change;
mod disable;
mod enable;
mod redeliver;
mod register;
mod rejection;
mod remove;
mod replay;
mod rotate_secret;
#[cfg(test)]
mod specs;
mod stop;
mod test;
mod url;

pub use change::ChangeWebhook;
pub use disable::DisableWebhook;
pub use enable::EnableWebhook;
pub use redeliver::RedeliverWebhook;
pub use register::RegisterWebhook;
pub use rejection::Rejection;
pub use remove::RemoveWebhook;
pub use replay::ReplayWebhook;
pub use rotate_secret::RotateWebhookSecret;
pub use stop::StopWebhook;
pub use test::TestWebhook;
pub use url::{EventTypes, WebhookLabel, WebhookUrl};

use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Aggregate, Position, Scope, typed_id};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Registers webhooks and looks after them.
pub const MANAGE: Scope = Scope::new("notifications.webhook:manage");
/// What the worker that calls them records. In no role and in no token.
pub const RECORD: Scope = Scope::new("notifications.webhook:record");

/// For how long calls are also signed with the secret of before.
pub const ROTATION: TimeDelta = TimeDelta::hours(24);
/// A webhook that has failed for so long, without one call that succeeded, is disabled.
pub const MOST_FAILING: TimeDelta = TimeDelta::days(5);

typed_id! {
    /// A webhook.
    pub struct WebhookId;
    /// One event on its way to one webhook: follows from both, and is the `webhook-id` of every try.
    pub struct DeliveryId;
    /// A secret of a webhook; the secret follows from it and the installation's key.
    pub struct WebhookSecretId;
    /// A replay.
    pub struct ReplayId;
}

/// The id under which a webhook is told of an event, however often.
pub fn delivery_id(webhook_id: WebhookId, event_id: kernel::EventId) -> DeliveryId {
    DeliveryId(kernel::ids::derived(webhook_id.0, &event_id.to_string()))
}

kernel::labelled! {
    /// Why a webhook was disabled.
    pub enum WebhookStop("notifications.webhook_stop") {
        /// Somebody did it.
        ByHand: "by_hand", "Disabled by hand", "Désactivé à la main";
        /// It failed for too long.
        Failing: "failing", "Failing for too long", "En échec depuis trop longtemps";
        /// It answered that it is gone for good (410).
        Gone: "gone", "The address is gone", "L'adresse n'existe plus";
    }
}

/// What may happen to a webhook. Who did it and when are in the envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It came into being, enabled.
    Registered {
        /// Where to call.
        url: WebhookUrl,
        /// What it is called.
        label: Option<WebhookLabel>,
        /// For which events.
        event_types: EventTypes,
        /// The secret that calls are signed with.
        secret_id: WebhookSecretId,
    },
    /// From now on this holds, all of it.
    Changed {
        /// Where to call.
        url: WebhookUrl,
        /// What it is called.
        label: Option<WebhookLabel>,
        /// For which events.
        event_types: EventTypes,
    },
    /// It is called again from now on. What happened meanwhile is not told by that.
    Enabled {},
    /// It is not called any more.
    Disabled {
        /// Why.
        cause: WebhookStop,
    },
    /// Calls are signed with another secret.
    SecretRotated {
        /// With this one.
        secret_id: WebhookSecretId,
        /// And until then with the one of before as well.
        previous_until: DateTime<Utc>,
    },
    /// It is gone.
    Removed {},
    /// This very event is to be sent to it, whatever its event types, also while it is disabled.
    TestRequested {},
    /// Something is to be sent once more, under the same id.
    RedeliveryRequested {
        /// What.
        delivery_id: DeliveryId,
    },
    /// What it is to be told of is to be sent once more, under the same ids, from a place in the log up to here.
    ReplayRequested {
        /// By what its progress is known.
        replay_id: ReplayId,
        /// From this position on.
        from_position: Option<Position>,
        /// Or from what was recorded at this time or later.
        from_time: Option<DateTime<Utc>>,
    },
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "notifications.webhook";

    fn examples() -> Vec<Self> {
        examples()
    }
}

kernel::labelled! {
    /// Where a webhook stands.
    pub enum WebhookStatus("notifications.webhook_status") {
        /// It is called.
        Enabled: "enabled", "Enabled", "Activé";
        /// It is not called.
        Disabled: "disabled", "Disabled", "Désactivé";
    }
}

/// The state of a webhook's stream: nothing before it is registered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    facts: Option<Facts>,
}

/// What is known about a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Where to call.
    pub url: WebhookUrl,
    /// What it is called.
    pub label: Option<WebhookLabel>,
    /// For which events.
    pub event_types: EventTypes,
    /// Where it stands.
    pub status: WebhookStatus,
    /// The secret that calls are signed with.
    pub secret_id: WebhookSecretId,
    /// The one of before, and until when calls are signed with it as well.
    pub previous_secret: Option<(WebhookSecretId, DateTime<Utc>)>,
    /// Whether it is gone.
    pub is_removed: bool,
}

impl Facts {
    /// The secrets that a call of this moment is signed with, the newest first.
    pub fn secrets(&self, now: DateTime<Utc>) -> impl Iterator<Item = WebhookSecretId> {
        let previous = self.previous_secret.filter(|(_, until)| now < *until).map(|(id, _)| id);
        std::iter::once(self.secret_id).chain(previous)
    }
}

impl Aggregate for Webhook {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(self, event: &Event) -> Self {
        let facts = match (self.facts, event) {
            (_, Event::Registered { url, label, event_types, secret_id }) => Some(Facts {
                url: url.clone(),
                label: label.clone(),
                event_types: event_types.clone(),
                status: WebhookStatus::Enabled,
                secret_id: *secret_id,
                previous_secret: None,
                is_removed: false,
            }),
            (facts, Event::Changed { url, label, event_types }) => facts.map(|facts| Facts {
                url: url.clone(),
                label: label.clone(),
                event_types: event_types.clone(),
                ..facts
            }),
            (facts, Event::Enabled {}) => facts.map(|facts| Facts { status: WebhookStatus::Enabled, ..facts }),
            (facts, Event::Disabled { .. }) => facts.map(|facts| Facts { status: WebhookStatus::Disabled, ..facts }),
            (facts, Event::SecretRotated { secret_id, previous_until }) => facts.map(|facts| Facts {
                previous_secret: Some((facts.secret_id, *previous_until)),
                secret_id: *secret_id,
                ..facts
            }),
            (facts, Event::Removed {}) => facts.map(|facts| Facts { is_removed: true, ..facts }),
            (facts, Event::TestRequested {} | Event::RedeliveryRequested { .. } | Event::ReplayRequested { .. }) => {
                facts
            }
        };
        Self { facts }
    }
}

impl Webhook {
    /// What is known about it; `None` where there never was such a webhook.
    pub const fn facts(&self) -> Option<&Facts> {
        self.facts.as_ref()
    }

    fn existing(&self) -> Result<&Facts, Rejection> {
        self.facts.as_ref().filter(|facts| !facts.is_removed).ok_or(Rejection::NotFound)
    }

    fn enabled(&self) -> Result<&Facts, Rejection> {
        let facts = self.existing()?;
        if facts.status == WebhookStatus::Disabled { Err(Rejection::Disabled) } else { Ok(facts) }
    }
}

/// Refuses patterns that no event fits.
fn known(event_types: &EventTypes) -> Result<(), Rejection> {
    let categories = crate::catalogue::categories();
    let is_known = |pattern: &String| {
        categories.iter().filter(|category| category.name != <Event as kernel::Event>::CATEGORY).any(|category| {
            url::matches(pattern, category.name, "")
                || category.event_types().iter().any(|of_type| url::matches(pattern, category.name, of_type.name))
        })
    };
    if event_types.patterns().iter().all(is_known) { Ok(()) } else { Err(Rejection::UnknownEventType) }
}

fn examples() -> Vec<Event> {
    let id = |n: u128| Uuid::from_u128(0x07_1f00_0000_4000_8000_0000_0000_0100 + n);
    let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    let url = |text| WebhookUrl::parse(text).expect("an example is valid");
    let types = |pattern: &str| EventTypes::new([pattern.to_owned()]).expect("an example is valid");
    vec![
        Event::Registered {
            url: url("https://hooks.example.com/sillage"),
            label: WebhookLabel::parse("Data warehouse").ok(),
            event_types: types("notifications.email.*"),
            secret_id: WebhookSecretId(id(1)),
        },
        Event::Changed { url: url("https://hooks.example.com/sillage/2"), label: None, event_types: types("*") },
        Event::Enabled {},
        Event::Disabled { cause: WebhookStop::Failing },
        Event::SecretRotated { secret_id: WebhookSecretId(id(2)), previous_until: at(1_769_079_600) },
        Event::Removed {},
        Event::TestRequested {},
        Event::RedeliveryRequested { delivery_id: DeliveryId(id(3)) },
        Event::ReplayRequested {
            replay_id: ReplayId(id(4)),
            from_position: Some(Position(42)),
            from_time: Some(at(1_769_079_600)),
        },
    ]
}
