//! Going on in another tenant.

use super::{Event, Rejection, Session};
use crate::identity::SIGN_IN;
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, TenantId, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Says that the session's tokens are for another tenant from now on: the door has checked that the user is an active
/// member there. The tenant that they are for changes nothing.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchTenant {
    /// For which tenant.
    pub switched_to: TenantId,
}

impl Command for SwitchTenant {
    type Streams = Session;
    const NAME: &'static str = "identity.switch_tenant";
    const SCOPE: Scope = SIGN_IN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, session: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let family = session.existing()?;
        if family.ended.is_some() {
            return Err(Rejection::Over);
        }
        if family.signed_in_to == Some(self.switched_to) {
            return unchanged();
        }
        Ok(Decided::from(Event::TenantSwitched { user_id: family.user_id, switched_to: self.switched_to }))
    }
}
