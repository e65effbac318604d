//! Signing in.

use super::{ClientKind, Event, Rejection, Session};
use crate::identity::{ClientAddress, SIGN_IN, UserAgent, UserId};
use kernel::{Command, Context, Decided, Decision, Private, Reach, Scope, TenantId, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Says that a user has signed in: the door has checked who he is.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartSession {
    /// Who.
    pub user_id: UserId,
    /// For which tenant the first token is; absent where he has none.
    pub signed_in_to: Option<TenantId>,
    /// What holds the refresh token.
    pub client: ClientKind,
    /// Whether a second factor was proven.
    pub second_factor: bool,
    /// From which network address.
    pub client_address: Option<Private<ClientAddress>>,
    /// What the browser or app calls itself.
    pub user_agent: Option<Private<UserAgent>>,
}

impl Command for StartSession {
    type Streams = Session;
    const NAME: &'static str = "identity.start_session";
    const SCOPE: Scope = SIGN_IN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, session: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        if session.family.is_some() {
            return Err(Rejection::AlreadyStarted);
        }
        Ok(Decided::from(Event::Started {
            user_id: self.user_id,
            signed_in_to: self.signed_in_to,
            client: self.client,
            second_factor: self.second_factor,
            client_address: self.client_address.as_ref().map(|address| address.about(self.user_id)),
            user_agent: self.user_agent.as_ref().map(|agent| agent.about(self.user_id)),
        }))
    }
}
