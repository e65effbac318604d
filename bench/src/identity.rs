//! Who asks: tokens signed by a key of this run, which the servers of this run accept.

use crate::Failure;
use chrono::Utc;
use kernel::{ActorId, ActorKind, Epoch, Position, TenantId};
use platform::auth::{Claims, Signer};
use uuid::Uuid;

/// The issuer that the servers expect.
pub(crate) const ISSUER: &str = "bench";
/// The audience that the servers expect.
pub(crate) const AUDIENCE: &str = "bench";
/// The one tenant of all benchmarks: nothing is spread that production could not spread.
pub(crate) const TENANT: TenantId = TenantId(Uuid::from_u128(0x7e0a_0000_0000_4000_8000_0000_0000_0001));
/// The user of the studio in every conversation.
pub(crate) const STUDIO: Uuid = Uuid::from_u128(0x7e0a_0000_0000_4000_8000_0000_0000_0002);

/// What customers and sales people may do.
const SCOPES: &[&str] = &[
    "support.ticket:open",
    "support.ticket:reply",
    "support.ticket:read",
    "messaging.conversation:open",
    "messaging.conversation:send",
    "field_sales.building:create",
    "field_sales.door:visit",
];

/// Signs tokens.
pub(crate) struct Identities(Signer);

impl Identities {
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self(Signer::generate()?))
    }

    /// The public key, for the servers.
    pub(crate) fn jwks(&self) -> serde_json::Value {
        self.0.jwks()
    }

    /// A token for one actor with the scopes of a customer, and these.
    pub(crate) fn token(&self, actor: Uuid, more: &[&str]) -> Result<String, Failure> {
        Ok(self.0.issue(&claims(actor, more))?)
    }

    /// The same as the sign-in door gives it: of a session, with roles, as of a place in the log.
    pub(crate) fn session_token(&self, actor: Uuid) -> Result<String, Failure> {
        let claims = Claims {
            sid: Some(Uuid::now_v7()),
            roles: vec!["support_customer".into(), "studio_client".into(), "sales_rep".into()],
            jti: Uuid::now_v7().to_string(),
            as_of: Some((Epoch(1), Position(1))),
            ..claims(actor, &[])
        };
        Ok(self.0.issue(&claims)?)
    }
}

fn claims(actor: Uuid, more: &[&str]) -> Claims {
    let now = Utc::now().timestamp();
    Claims {
        iss: ISSUER.into(),
        aud: AUDIENCE.into(),
        sub: ActorId(actor),
        tenant: TENANT,
        kind: ActorKind::User,
        on_behalf_of: None,
        sid: None,
        roles: Vec::new(),
        scopes: SCOPES.iter().chain(more).copied().collect(),
        exp: now + 24 * 3_600,
        iat: now,
        nbf: None,
        jti: Uuid::new_v4().to_string(),
        as_of: None,
    }
}
