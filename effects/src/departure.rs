//! Departures: what an agent was responsible for when he left the desk goes back into the pool.
//!
//! Every assignment to him is before his departure in the log, since it read his membership in its own append: once the read
//! model has come as far as the departure, it shows all of them.

use crate::effect::{Attempt, Effect, Job, Order, RecordError, Settled};
use crate::follower::{chain, refusal};
use chrono::{DateTime, TimeDelta, Utc};
use domain::identity::membership::{Event, Membership};
use domain::processes::support::{left_the_desk, works_tickets};
use domain::support::ticket::{ReleaseTicket, TicketStatus};
use event_store::Decisions;
use kernel::{ActorId, CommandId, Labelled as _, ReadModel as _, Recorded, ids};
use read_models::support::Tickets;
use sqlx::{PgPool, Row, query};
use uuid::Uuid;

/// Tickets that are taken from somebody in one go; the next ones follow.
const AT_ONCE: i64 = 200;
/// How long the read model is waited for before it is looked at again.
const WAIT: TimeDelta = TimeDelta::seconds(1);

/// Takes tickets from agents who work none any more.
pub struct Departure {
    decisions: Decisions,
    pool: PgPool,
}

impl Departure {
    /// Takes them through `decisions`; `pool` works as [`event_store::Role::Engine`].
    pub const fn new(decisions: Decisions, pool: PgPool) -> Self {
        Self { decisions, pool }
    }

    /// Who left; nobody where he is back.
    async fn who(&self, job: &Job) -> Result<Option<ActorId>, String> {
        let states = self.decisions.states();
        let membership = states.current::<Membership>(job.tenant_id, job.id).await.map_err(|error| chain(&error))?;
        let gone = !works_tickets(&membership, job.tenant_id);
        Ok(membership.member().filter(|_| gone).map(|member| ActorId(member.user_id.0)))
    }

    /// Some of what he is responsible for and what goes on; `None` where the read model does not show it yet.
    async fn held(&self, job: &Job, who: ActorId) -> Result<Option<Vec<Uuid>>, sqlx::Error> {
        let rows = query(
            "select null::uuid, (select position from projection.checkpoints join projection.projections \
               using (name, generation) where name = $3 and serving) \
             union all (select ticket_id, null from read.support_tickets where tenant_id = $1 and assignee_id = $2 \
               and status <> all($4) limit $5)",
        )
        .bind(job.tenant_id.0)
        .bind(who.0)
        .bind(Tickets::NAME)
        .bind([TicketStatus::Closed.as_str(), TicketStatus::Cancelled.as_str()])
        .bind(AT_ONCE)
        .fetch_all(&self.pool)
        .await?;
        let shown = rows.first().and_then(|row| row.get::<Option<i64>, _>(1)).unwrap_or_default();
        let held = rows.iter().filter_map(|row| row.get(0)).collect();
        Ok((shown >= job.position.0).then_some(held))
    }

    async fn release(&self, job: &Job) -> Result<Attempt, String> {
        let Some(assignee_id) = self.who(job).await? else { return Ok(Attempt::Suppressed { code: "back" }) };
        let held = self.held(job, assignee_id).await.map_err(|error| error.to_string())?;
        let Some(held) = held else { return Ok(Attempt::NotYet { until: now() + WAIT }) };
        for ticket in &held {
            let command_id = CommandId(ids::derived(job.event_id.0, &format!("release {ticket}")));
            let internal = event_store::InternalCommand { target: *ticket, ..job.command(command_id) };
            self.decisions.carry_out_internal(&ReleaseTicket { assignee_id }, &internal).await.map_err(refusal)?;
        }
        match i64::try_from(held.len()) {
            // There may be more: they are looked for once these are shown without him.
            Ok(AT_ONCE) => Ok(Attempt::NotYet { until: now() + WAIT }),
            _ => Ok(Attempt::Succeeded { receipt: format!("{} tickets", held.len()) }),
        }
    }
}

fn now() -> DateTime<Utc> {
    Utc::now()
}

impl Effect for Departure {
    type Event = Event;
    const KIND: &'static str = "departure";

    fn order(event: &Recorded<Event>) -> Order {
        match left_the_desk(&event.event, event.tenant_id) {
            Some(_) => Order::Due(event.recorded_at),
            None => Order::Nothing,
        }
    }

    async fn perform(&self, job: &Job) -> Attempt {
        self.release(job).await.unwrap_or_else(|reason| Attempt::Away { reason })
    }

    async fn record(&self, _decisions: &Decisions, _job: &Job, _settled: &Settled) -> Result<(), RecordError> {
        // That nobody is responsible any more is the event.
        Ok(())
    }
}
