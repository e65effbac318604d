//! The end of a session.

use super::{EndReason, Event, Rejection, Session};
use crate::identity::{REVOKE_SESSIONS, SIGN_IN, on_the_platform};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Says that a session is over, and why. One that is over stays so, with its first reason.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndSession {
    /// Why.
    pub reason: EndReason,
}

impl Command for EndSession {
    type Streams = Session;
    const NAME: &'static str = "identity.end_session";
    const SCOPE: Scope = SIGN_IN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, session: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let family = session.existing()?;
        if family.ended.is_some() {
            return unchanged();
        }
        Ok(Decided::from(Event::Ended { user_id: family.user_id, reason: self.reason }))
    }
}

/// Says that a refresh token came a second time; the session ends with it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportTokenReuse {}

impl Command for ReportTokenReuse {
    type Streams = Session;
    const NAME: &'static str = "identity.report_token_reuse";
    const SCOPE: Scope = SIGN_IN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, session: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let family = session.existing()?;
        if family.ended.is_some() {
            return unchanged();
        }
        let user_id = family.user_id;
        Ok(Decided::new(vec![
            Event::ReuseDetected { user_id },
            Event::Ended { user_id, reason: EndReason::TokenReused },
        ]))
    }
}

/// Ends somebody's session: its tokens are refused within five seconds.
///
/// For administrators of the platform, in the platform's tenant. A session that is over stays so.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeSession {}

impl Command for RevokeSession {
    type Streams = Session;
    const NAME: &'static str = "identity.revoke_session";
    const SCOPE: Scope = REVOKE_SESSIONS;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, session: View<'_, Self>, cx: &Context) -> Decision<Self> {
        if !on_the_platform(cx, REVOKE_SESSIONS) {
            return Err(Rejection::NotFound);
        }
        let family = session.existing()?;
        if family.ended.is_some() {
            return unchanged();
        }
        Ok(Decided::from(Event::Ended { user_id: family.user_id, reason: EndReason::Revoked }))
    }
}
