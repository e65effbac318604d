//! What holds for webhooks.

use super::*;
use kernel::specs::{context, given, noon, state_of};
use kernel::{ActorId, Command, Context, Labelled as _};
use proptest::prelude::*;
use serde_json::{Value, json};

fn cx() -> Context {
    context(ActorId(Uuid::from_u128(1)), Uuid::from_u128(7), &[MANAGE.as_str()])
}

fn of<C: Command>(body: Value) -> C {
    serde_json::from_value(body).unwrap()
}

fn register() -> RegisterWebhook {
    of(json!({"url": "https://hooks.example.com", "label": "Ours", "event_types": ["notifications.email.sent"]}))
}

fn registered() -> Event {
    given([]).when(&register(), &cx()).accepted().events.remove(0)
}

fn disabled() -> Event {
    Event::Disabled { cause: WebhookStop::ByHand }
}

#[test]
fn a_webhook_is_registered_once_and_for_events_that_there_are() {
    let Event::Registered { url, event_types, .. } = registered() else { panic!("registered") };
    assert_eq!(
        (url.as_str(), event_types.patterns()),
        ("https://hooks.example.com", &["notifications.email.sent".to_owned()][..])
    );
    given([registered()]).when(&register(), &cx()).is_rejected(&Rejection::AlreadyRegistered);
    for fine in ["*", "notifications.*", "notifications.email.*"] {
        let command: RegisterWebhook = of(json!({"url": "https://x.example", "event_types": [fine]}));
        given([]).when(&command, &cx()).accepted();
    }
    for wrong in [
        "nothing.*",
        "notifications.email.sendt",
        "notifications.emails.*",
        "notifications.webhook.*",
        "notifications.webhook.removed",
    ] {
        let command: RegisterWebhook = of(json!({"url": "https://x.example", "event_types": ["*", wrong]}));
        given([]).when(&command, &cx()).is_rejected(&Rejection::UnknownEventType);
        let change: ChangeWebhook = of(json!({"url": "https://x.example", "event_types": [wrong]}));
        given([registered()]).when(&change, &cx()).is_rejected(&Rejection::UnknownEventType);
    }
}

#[test]
fn a_change_replaces_everything_and_the_same_changes_nothing() {
    let same: ChangeWebhook =
        of(json!({"url": "https://hooks.example.com", "label": "Ours", "event_types": ["notifications.email.sent"]}));
    given([registered()]).when(&same, &cx()).changes_nothing();
    let other: ChangeWebhook = of(json!({"url": "https://other.example", "event_types": ["*"]}));
    let events = given([registered()]).when(&other, &cx()).accepted().events;
    let facts = state_of::<Webhook>([registered(), events[0].clone()]).facts.unwrap();
    assert_eq!((facts.url.as_str(), facts.label), ("https://other.example", None));
}

#[test]
fn it_is_enabled_and_disabled_by_hand_and_disabled_by_what_came_of_it() {
    given([registered()]).when(&EnableWebhook {}, &cx()).changes_nothing();
    given([registered()]).when(&DisableWebhook {}, &cx()).answers([disabled()]);
    given([registered(), disabled()]).when(&DisableWebhook {}, &cx()).changes_nothing();
    given([registered(), disabled()]).when(&EnableWebhook {}, &cx()).answers([Event::Enabled {}]);
    for cause in WebhookStop::ALL.iter().copied() {
        given([registered()]).when(&StopWebhook { cause }, &cx()).answers([Event::Disabled { cause }]);
        given([registered(), disabled()]).when(&StopWebhook { cause }, &cx()).changes_nothing();
        given([registered(), Event::Removed {}]).when(&StopWebhook { cause }, &cx()).changes_nothing();
    }
}

#[test]
fn for_a_day_after_a_rotation_both_secrets_count() {
    let rotated = given([registered()]).when(&RotateWebhookSecret {}, &cx()).accepted().events.remove(0);
    let Event::Registered { secret_id: first, .. } = registered() else { panic!("registered") };
    let facts = state_of::<Webhook>([registered(), rotated]).facts.unwrap();
    let count = |after: TimeDelta| facts.secrets(noon() + after).count();
    assert_eq!((count(TimeDelta::zero()), count(ROTATION - TimeDelta::seconds(1)), count(ROTATION)), (2, 2, 1));
    let of_command = |n| Context { command_id: kernel::CommandId(Uuid::from_u128(n)), ..cx() };
    let other = given([registered()]).when(&RotateWebhookSecret {}, &of_command(9)).accepted().events.remove(0);
    let facts = state_of::<Webhook>([registered(), other]).facts.unwrap();
    assert_eq!(facts.secrets(noon()).last(), Some(first));
    assert_ne!(facts.secret_id, first);
}

#[test]
fn what_is_disabled_is_tested_but_neither_redelivered_nor_replayed() {
    let redeliver = RedeliverWebhook { delivery_id: DeliveryId(Uuid::nil()) };
    let replay: ReplayWebhook = of(json!({"from_position": 3}));
    given([registered(), disabled()]).when(&TestWebhook {}, &cx()).answers([Event::TestRequested {}]);
    given([registered(), disabled()]).when(&redeliver, &cx()).is_rejected(&Rejection::Disabled);
    given([registered(), disabled()]).when(&replay, &cx()).is_rejected(&Rejection::Disabled);
    given([registered()]).when(&redeliver, &cx()).accepted();
    given([registered()]).when(&replay, &cx()).accepted();
    for wrong in [json!({}), json!({"from_position": 1, "from_time": "2026-01-01T00:00:00Z"})] {
        given([registered()]).when(&of::<ReplayWebhook>(wrong), &cx()).is_rejected(&Rejection::NoBeginning);
    }
}

/// One deed; what it added, or nothing where it was refused.
fn act(webhook: &Webhook, deed: u8) -> Vec<Event> {
    fn of<C: Command<Streams = Webhook>>(webhook: &Webhook, command: &C) -> Vec<Event> {
        command.decide(webhook, &cx()).map(|decided| decided.events).unwrap_or_default()
    }
    match deed {
        0 => of(webhook, &register()),
        1 => of(webhook, &RotateWebhookSecret {}),
        2 => of(webhook, &EnableWebhook {}),
        3 => of(webhook, &DisableWebhook {}),
        4 => of(webhook, &StopWebhook { cause: WebhookStop::Gone }),
        5 => of(webhook, &TestWebhook {}),
        6 => of(webhook, &RedeliverWebhook { delivery_id: DeliveryId(Uuid::nil()) }),
        _ => of(webhook, &RemoveWebhook {}),
    }
}

proptest! {
    #[test]
    fn nothing_happens_to_what_is_gone(deeds in proptest::collection::vec(0u8..8, 0..40)) {
        let (mut webhook, mut is_gone) = (Webhook::default(), false);
        for deed in deeds {
            let events = act(&webhook, deed);
            prop_assert!(events.is_empty() || !is_gone, "{:?}", events);
            prop_assert!(webhook.facts().is_some() || events.is_empty() || deed == 0);
            is_gone |= events.contains(&Event::Removed {});
            webhook = events.iter().fold(webhook, Webhook::evolve);
        }
    }
}
