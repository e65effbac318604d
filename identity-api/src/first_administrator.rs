//! The invitation that follows when a tenant is created with somebody who is to administer it.

use crate::door::Door;
use crate::problems::Refusal;
use domain::identity::invitation::InviteAdministrator;
use domain::identity::{InvitationId, Recipient};
use event_store::{InternalCommand, Refused};
use kernel::{Command as _, CommandId, EventData, Recorded, TenantId, ids};

impl Door {
    /// Invites him, from the platform's tenant, where tenants are made, into the new one: his address is sealed anew there.
    /// Whoever follows the log as well repeats the same command.
    pub(crate) async fn invite_administrator(
        &self,
        invitation_id: InvitationId,
        to: &Recipient,
        named: &Recorded<EventData>,
    ) -> Result<(), Refusal> {
        // Whoever was erased meanwhile is not invited.
        let Some(email) = self.decisions.vault().reveal(TenantId::PLATFORM, &to.email).await? else { return Ok(()) };
        let command = InviteAdministrator { email: email.into(), locale: to.locale };
        let key = ids::derived(named.event_id.0, InviteAdministrator::NAME);
        let internal = InternalCommand::new(TenantId(named.stream_id), invitation_id.0, CommandId(key)).caused_by(
            named.event_id,
            named.correlation_id,
            named.trace,
        );
        match self.decisions.carry_out_internal(&command, &internal).await {
            // He was invited before, whatever became of it.
            Ok(_) | Err(Refused::Rejected(_)) => Ok(()),
            Err(refused) => Err(refused.into()),
        }
    }
}
