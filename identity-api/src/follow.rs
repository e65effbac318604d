//! Follows the log for what takes tokens back: a member whose roles changed, a user whose account was closed, a tenant
//! that was suspended, a key that was revoked. Whoever does these things does them through the write door, which knows
//! nothing of tokens. And for what an account says of its user, of which tenants have copies, and for whom a new tenant
//! is to be administered by.
//!
//! Every process that has a sign-in door runs one. What each does is the same and harmless to do twice, so they need not
//! agree on who is first; how far one of them got is remembered for all. After a failover it begins anew.

use crate::door::Door;
use crate::families::interval;
use crate::problems::Refusal;
use axum::http::StatusCode;
use domain::identity::session::{EndReason, EndSession};
use domain::identity::{UserId, api_key, membership, session, tenant, user};
use event_store::{InternalCommand, Tail, TailError};
use kernel::{Command as _, CommandId, DecodeError, Event as _, EventData, Position, Recorded, TenantId};
use platform::Problem;
use sqlx::Row;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Events taken at a time.
const BATCH: usize = 500;
/// Pause before what failed is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Why following does not go on now. It is tried again.
#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error(transparent)]
    Tail(#[from] TailError),
    #[error("reading or writing how far the log was followed")]
    Unavailable(#[from] sqlx::Error),
    #[error("an event of {category} at {position} cannot be read: deploy this process anew")]
    Decode {
        category: String,
        position: Position,
        #[source]
        source: DecodeError,
    },
    #[error("ending a session: {0}")]
    Ending(String),
    #[error("telling tenants about a person: {0}")]
    Telling(String),
}

impl Door {
    /// Follows the log until told to stop; `report` hears each time whether all is well.
    pub async fn follow(self: Arc<Self>, tail: Tail, stop: CancellationToken, report: impl Fn(Result<(), String>)) {
        loop {
            let Some(ended) = stop.run_until_cancelled(self.follow_on(&tail, &report)).await else { return };
            if let Err(error) = ended {
                if matches!(error, FollowError::Tail(TailError::Stopped)) {
                    return;
                }
                let text = chain(&error);
                tracing::warn!(error = text, "what takes tokens back cannot be followed");
                report(Err(text));
            }
            if stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
                return;
            }
        }
    }

    async fn follow_on(&self, tail: &Tail, report: &impl Fn(Result<(), String>)) -> Result<(), FollowError> {
        if let Some(reason) = tail.divergence() {
            return Err(TailError::Diverged(reason).into());
        }
        let epoch = epoch_of(tail).await?;
        let mut after = self.followed(epoch).await?;
        report(Ok(()));
        loop {
            let events = tail.next(after, BATCH).await?;
            // Another life of the log: what was followed of the one before says nothing about it.
            if events.iter().any(|event| event.epoch.0 != epoch) && epoch_of(tail).await? != epoch {
                return Ok(());
            }
            for event in &events {
                self.take(event).await?;
            }
            let Some(last) = events.last() else { continue };
            after = last.position;
            sqlx::query(
                "insert into secrets.followed (epoch, position) values ($1, $2) on conflict (only_row) do update set \
                 position = greatest(excluded.position, followed.position) where followed.epoch = excluded.epoch",
            )
            .bind(epoch)
            .bind(after.0)
            .execute(&self.pool)
            .await?;
            report(Ok(()));
        }
    }

    /// How far the log was followed in this life of it.
    async fn followed(&self, epoch: i32) -> Result<Position, FollowError> {
        let row = sqlx::query("select epoch, position from secrets.followed").fetch_optional(&self.pool).await?;
        match row {
            Some(row) if row.get::<i32, _>(0) == epoch => Ok(Position(row.get(1))),
            Some(_) => {
                sqlx::query("delete from secrets.followed where epoch <> $1").bind(epoch).execute(&self.pool).await?;
                Ok(Position::ZERO)
            }
            None => Ok(Position::ZERO),
        }
    }

    async fn take(&self, event: &Recorded<EventData>) -> Result<(), FollowError> {
        match event.category.as_str() {
            membership::Event::CATEGORY => self.take_membership(event).await,
            user::Event::CATEGORY => self.take_user(event).await,
            session::Event::CATEGORY => self.take_session(event).await,
            tenant::Event::CATEGORY => self.take_tenant(event).await,
            api_key::Event::CATEGORY => self.take_api_key(event).await,
            _ => Ok(()),
        }
    }

    async fn take_membership(&self, event: &Recorded<EventData>) -> Result<(), FollowError> {
        use membership::Event;
        let user_id = match decode::<Event>(event)? {
            Event::Granted { user_id, .. } => {
                let note =
                    "insert into secrets.memberships (user_id, tenant_id) values ($1, $2) on conflict do nothing";
                sqlx::query(note).bind(user_id.0).bind(event.tenant_id.0).execute(&self.pool).await?;
                return Ok(());
            }
            Event::RolesChanged { user_id, .. } | Event::Deactivated { user_id, .. } => user_id,
            // What the token says is still so.
            Event::SupervisorChanged { .. } | Event::PersonChanged { .. } | Event::Reactivated { .. } => return Ok(()),
        };
        self.revoke("member", user_id.0, event.tenant_id.0, event).await
    }

    async fn take_user(&self, event: &Recorded<EventData>) -> Result<(), FollowError> {
        use user::Event;
        match decode::<Event>(event)? {
            Event::Deactivated { .. } => {
                self.revoke("actor", event.stream_id, Uuid::nil(), event).await?;
                self.end_sessions_of(event).await
            }
            Event::ProfileChanged { .. } | Event::EmailChanged { .. } => {
                let copied = self.copy_to_all(UserId(event.stream_id), event).await;
                told(copied, "a tenant could not be told what a person is called now")
            }
            Event::Registered { .. }
            | Event::EmailVerificationRequested { .. }
            | Event::EmailVerified { .. }
            | Event::SignUpRepeated { .. }
            | Event::EmailChangeRequested { .. }
            | Event::PasswordChanged { .. }
            | Event::PasswordResetRequested { .. }
            | Event::PasswordResetCompleted { .. }
            | Event::TotpEnabled { .. }
            | Event::TotpDisabled { .. }
            | Event::SignInThrottled { .. }
            | Event::Reactivated {} => Ok(()),
        }
    }

    async fn take_session(&self, event: &Recorded<EventData>) -> Result<(), FollowError> {
        use session::Event;
        match decode::<Event>(event)? {
            // By the door itself, or by an administrator through the write door.
            Event::Ended { reason, .. } => {
                self.families.end(event.stream_id, kernel::Labelled::as_str(reason)).await?;
                Ok(())
            }
            Event::Started { .. } | Event::TenantSwitched { .. } | Event::ReuseDetected { .. } => Ok(()),
        }
    }

    async fn take_tenant(&self, event: &Recorded<EventData>) -> Result<(), FollowError> {
        use tenant::Event;
        match decode::<Event>(event)? {
            Event::Suspended { .. } => {
                sqlx::query(
                    "insert into secrets.revocations (kind, id, needed_until) values ('suspended', $1, 'infinity') \
                     on conflict do nothing",
                )
                .bind(event.stream_id.to_string())
                .execute(&self.pool)
                .await?;
            }
            Event::Resumed {} => {
                sqlx::query("delete from secrets.revocations where kind = 'suspended' and id = $1")
                    .bind(event.stream_id.to_string())
                    .execute(&self.pool)
                    .await?;
            }
            Event::AdministratorNamed { invitation_id, to } => {
                let invited = self.invite_administrator(invitation_id, &to, event).await;
                return told(invited, "the first administrator of a tenant could not be invited");
            }
            Event::Created { .. } | Event::Changed { .. } => {}
        }
        Ok(())
    }

    async fn take_api_key(&self, event: &Recorded<EventData>) -> Result<(), FollowError> {
        use api_key::Event;
        match decode::<Event>(event)? {
            Event::Revoked {} => {
                sqlx::query("delete from secrets.api_keys where tenant_id = $1 and api_key_id = $2")
                    .bind(event.tenant_id.0)
                    .bind(event.stream_id)
                    .execute(&self.pool)
                    .await?;
                // Processes that know the key look at revocations each time.
                self.revoke("family", event.stream_id, Uuid::nil(), event).await
            }
            Event::Issued { .. } => Ok(()),
        }
    }

    /// Takes back what was issued before the fact, for as long as such a token may live. Before is a place in the log: the
    /// clocks of processes differ.
    async fn revoke(&self, kind: &str, id: Uuid, tenant: Uuid, fact: &Recorded<EventData>) -> Result<(), FollowError> {
        sqlx::query(
            "insert into secrets.revocations as r (kind, id, in_tenant, before, epoch, position, needed_until) \
             select $1, $2, $3, $4, $5, $6, $4 + $7 where $4 + $7 > clock_timestamp() \
             on conflict (kind, id, in_tenant) do update set before = excluded.before, epoch = excluded.epoch, \
             position = excluded.position, needed_until = greatest(r.needed_until, excluded.needed_until) \
             where (r.epoch, r.position) < (excluded.epoch, excluded.position)",
        )
        .bind(kind)
        .bind(id.to_string())
        .bind(tenant)
        .bind(fact.recorded_at)
        .bind(fact.epoch.0)
        .bind(fact.position.0)
        .bind(interval(self.options.lifetimes.remembered()))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Ends the sessions that the user of a closed account had when it was closed.
    async fn end_sessions_of(&self, event: &Recorded<EventData>) -> Result<(), FollowError> {
        let reason = EndReason::AccountClosed;
        let open: Vec<Uuid> = sqlx::query_scalar(
            "select sid from secrets.families where user_id = $1 and ended_at is null and began_at <= $2",
        )
        .bind(event.stream_id)
        .bind(event.recorded_at)
        .fetch_all(&self.pool)
        .await?;
        for sid in open {
            let command = EndSession { reason };
            let key = kernel::ids::derived(event.event_id.0, &format!("{}/{sid}", EndSession::NAME));
            let internal = InternalCommand::new(TenantId::PLATFORM, sid, CommandId(key)).caused_by(
                event.event_id,
                event.correlation_id,
                event.trace,
            );
            match self.decisions.carry_out_internal(&command, &internal).await {
                // A family whose beginning never got into the log.
                Ok(_) | Err(event_store::Refused::Rejected(_)) => {}
                Err(refused) => {
                    let problem = Problem::from(Refusal::from(refused));
                    return Err(FollowError::Ending(problem.cause().unwrap_or_default().to_owned()));
                }
            }
            self.families.end(sid, kernel::Labelled::as_str(reason)).await?;
        }
        Ok(())
    }
}

/// In which life the log is.
async fn epoch_of(tail: &Tail) -> Result<i32, FollowError> {
    Ok(tail.log().head().await.map_err(TailError::from)?.epoch.0)
}

/// What Postgres would not do is tried again. What cannot be done must not hold up the rest: tokens that are to be taken
/// back are more urgent than a name.
fn told(told: Result<(), Refusal>, failure: &'static str) -> Result<(), FollowError> {
    let Err(refusal) = told else { return Ok(()) };
    let problem = Problem::from(refusal);
    let cause = problem.cause().unwrap_or_default().to_owned();
    if problem.status() == StatusCode::SERVICE_UNAVAILABLE {
        return Err(FollowError::Telling(cause));
    }
    tracing::error!(cause, "{failure}");
    Ok(())
}

fn decode<E: kernel::EventSet>(event: &Recorded<EventData>) -> Result<E, FollowError> {
    event.clone().decode::<E>().map(|decoded| decoded.event).map_err(|source| FollowError::Decode {
        category: event.category.clone(),
        position: event.position,
        source,
    })
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
