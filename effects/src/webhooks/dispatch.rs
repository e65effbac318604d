//! Which webhooks are told of which events: follows the whole log and makes a job for each pair.

use super::KIND;
use super::endpoints::{self, Endpoint, Endpoints, NewReplay, Note};
use super::replay::REPLAY;
use crate::follower::{Event as Stored, Follower, Halt, Led, chain};
use crate::outbox::{How, Ordered};
use domain::catalogue::categories;
use domain::notifications::webhook::{DeliveryId, Event, WebhookId, delivery_id};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use kernel::reactor::Start;
use kernel::{DecodeError, Event as _, EventData, Position, Recorded, TenantId};
use sqlx::PgPool;
use std::collections::BTreeSet;

/// Follows the log and makes the jobs of webhooks. `pool` works as [`event_store::Role::Engine`].
///
/// What it knows of webhooks it has from the log as well, in the same order, and keeps it with its checkpoint: whoever is
/// registered is told of what comes after his registration, and of nothing before.
pub fn webhooks_dispatch(pool: PgPool) -> Box<dyn Follower> {
    Box::new(Dispatch { pool })
}

struct Dispatch {
    pool: PgPool,
}

impl Follower for Dispatch {
    fn name(&self) -> String {
        format!("outbox {KIND}")
    }

    fn start(&self) -> Start {
        Start::Head
    }

    fn categories(&self) -> Vec<&'static str> {
        categories().iter().map(|category| category.name).collect()
    }

    fn act(&self, events: Vec<Stored>) -> BoxFuture<'_, Result<Led, Halt>> {
        async move { self.lead(&events).await.map_err(|error| Halt(chain(&error))) }.boxed()
    }
}

impl Dispatch {
    async fn lead(&self, events: &[Stored]) -> Result<Led, sqlx::Error> {
        let tenants: BTreeSet<TenantId> = events.iter().map(|event| event.tenant_id).collect();
        let tenants: Vec<TenantId> = tenants.into_iter().collect();
        // Asked each time: what is remembered might not have been written.
        let mut known = endpoints::of(&self.pool, &tenants).await?;
        let mut led = Led::default();
        for event in events {
            if event.category != Event::CATEGORY {
                for endpoint in wanting(&known, event) {
                    led.orders.push(ordered(event, endpoint.id, How::Begin));
                }
                continue;
            }
            match Recorded::clone(event).decode::<Event>() {
                Ok(read) => self.hear(event, &read, &mut known, &mut led).await?,
                Err(error) => {
                    led.stop = Some((event.position, chain::<DecodeError>(&error)));
                    break;
                }
            }
        }
        Ok(led)
    }

    /// What is said of a webhook itself.
    async fn hear(
        &self,
        stored: &Stored,
        event: &Recorded<Event>,
        known: &mut Endpoints,
        led: &mut Led,
    ) -> Result<(), sqlx::Error> {
        let (tenant_id, id) = (event.tenant_id, WebhookId(event.stream_id));
        let mine = known.entry(tenant_id).or_default();
        let at = mine.iter().position(|endpoint| endpoint.id == id);
        let mut keep = |wanted: Option<_>, is_open: Option<bool>| {
            let before = at.and_then(|at| mine.get(at)).cloned();
            let Some(wanted) = wanted.or_else(|| before.as_ref().map(|before| before.wanted.clone())) else { return };
            let is_open = is_open.or(before.map(|before| before.is_open)).unwrap_or(true);
            let endpoint = Endpoint { id, wanted, is_open };
            led.notes.push(Note::Kept(tenant_id, endpoint.clone()));
            match at.and_then(|at| mine.get_mut(at)) {
                Some(place) => *place = endpoint,
                None => mine.push(endpoint),
            }
        };
        match &event.event {
            Event::Registered { event_types, .. } => keep(Some(event_types.clone()), Some(true)),
            Event::Changed { event_types, .. } => keep(Some(event_types.clone()), None),
            Event::Enabled {} => {
                keep(None, Some(true));
                led.notes.push(Note::Revived(tenant_id, id));
            }
            Event::Disabled { .. } | Event::Removed {} => keep(None, Some(false)),
            Event::SecretRotated { .. } => {}
            Event::TestRequested {} => led.orders.push(ordered(stored, id, How::Begin)),
            Event::RedeliveryRequested { delivery_id: DeliveryId(job_id) } => {
                // One of this very batch is not there yet, and is about to be sent anyway.
                led.orders.extend(endpoints::made_from(&self.pool, tenant_id, id, *job_id).await?);
            }
            Event::ReplayRequested { replay_id, from_position, from_time } => {
                led.notes.push(Note::Replay(NewReplay {
                    tenant_id,
                    id: replay_id.0,
                    endpoint: id,
                    event_id: event.event_id,
                    after: from_position.map(|position| Position(position.0.saturating_sub(1).max(0))),
                    from_time: *from_time,
                    up_to: event.position,
                }));
                led.orders.push(Ordered {
                    id: replay_id.0,
                    kind: REPLAY,
                    endpoint: None,
                    ..ordered(stored, id, How::Begin)
                });
            }
        }
        Ok(())
    }
}

/// The endpoints that are to be told of an event.
fn wanting<'a>(known: &'a Endpoints, event: &'a Recorded<EventData>) -> impl Iterator<Item = &'a Endpoint> {
    let all = known.get(&event.tenant_id).map_or(&[][..], Vec::as_slice);
    all.iter().filter(|one| one.is_open && one.wanted.matches(&event.category, &event.event.event_type))
}

/// The job that tells one endpoint of one event.
pub(super) fn ordered(event: &Recorded<EventData>, endpoint: WebhookId, how: How) -> Ordered {
    Ordered {
        tenant_id: event.tenant_id,
        id: delivery_id(endpoint, event.event_id).0,
        kind: KIND,
        event_id: event.event_id,
        correlation_id: event.correlation_id,
        position: event.position.0,
        trace: event.trace.map(|trace| trace.to_string()),
        how,
        not_before: None,
        endpoint: Some(endpoint.0),
        about: Some(format!("{}.{}", event.category, event.event.event_type)),
    }
}
