//! Deadlines: what ends by itself when its time is over. An effect that nobody outside sees, and that is not due before.

use crate::effect::{Attempt, Effect, Job, Order, RecordError, Settled};
use crate::follower::chain;
use chrono::{DateTime, Utc};
use domain::identity::invitation::{Event, ExpireInvitation, Invitation, Rejection};
use event_store::{Decisions, Refused};
use kernel::{Command as _, CommandId, Recorded, Rejection as _, ids};

/// Ends invitations that nobody accepted in time, so that the address can be invited again.
pub struct InvitationDeadline {
    decisions: Decisions,
}

impl InvitationDeadline {
    /// Ends them through `decisions`.
    pub const fn new(decisions: Decisions) -> Self {
        Self { decisions }
    }

    /// Until when the last link is good, as it is in the log now: it may have been sent again by somebody else.
    async fn expires_at(&self, job: &Job) -> Result<Option<DateTime<Utc>>, String> {
        let invitation = self.decisions.states().current::<Invitation>(job.tenant_id, job.id).await;
        Ok(invitation.map_err(|error| chain(&error))?.offer().map(|offer| offer.expires_at))
    }

    async fn expire(&self, job: &Job) -> Result<Attempt, String> {
        let command_id = CommandId(ids::derived(job.id, ExpireInvitation::NAME));
        match self.decisions.carry_out_internal(&ExpireInvitation {}, &job.command(command_id)).await {
            // Expired now, or it had been accepted or taken back: either way it is over.
            Ok(_) => Ok(Attempt::Succeeded { receipt: "over".to_owned() }),
            Err(Refused::Rejected(Rejection::NotOver)) => match self.expires_at(job).await? {
                Some(until) => Ok(Attempt::NotYet { until }),
                None => Ok(Attempt::Suppressed { code: Rejection::NotFound.code() }),
            },
            Err(Refused::Rejected(rejection)) => Ok(Attempt::Suppressed { code: rejection.code() }),
            Err(Refused::Version(version)) => Err(format!("the version is {version}")),
            Err(Refused::Load(error)) => Err(chain(&error)),
            Err(Refused::Append(error)) => Err(chain(&error)),
            Err(Refused::Read(error)) => Err(chain(&error)),
            Err(Refused::Vault(error)) => Err(chain(&error)),
        }
    }
}

impl Effect for InvitationDeadline {
    type Event = Event;
    const KIND: &'static str = "invitation_deadline";

    fn order(event: &Recorded<Event>) -> Order {
        match &event.event {
            Event::Invited { expires_at, .. } => Order::NotBefore(*expires_at),
            // What is sent again is good for longer; that is seen when the first deadline comes.
            Event::Resent { .. } | Event::Accepted { .. } | Event::Revoked {} | Event::Expired {} => Order::Nothing,
        }
    }

    async fn perform(&self, job: &Job) -> Attempt {
        self.expire(job).await.unwrap_or_else(|reason| Attempt::Away { reason })
    }

    async fn record(&self, _decisions: &Decisions, _job: &Job, _settled: &Settled) -> Result<(), RecordError> {
        // That it expired is the event.
        Ok(())
    }
}
