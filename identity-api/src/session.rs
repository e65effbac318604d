//! Sessions and the tokens that speak for them.

use crate::access_log::{What, Whom};
use crate::call::{Call, DEVICE_COOKIE, REFRESH_COOKIE};
use crate::door::{Act, Door};
use crate::families::Begin;
use crate::place::Place;
use crate::problems::Refusal;
use crate::secret::Sort;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, SET_COOKIE};
use axum::http::{HeaderValue, Response, StatusCode};
use chrono::TimeDelta;
use domain::identity::membership::{Membership, membership_id};
use domain::identity::session::{ClientKind, EndReason, EndSession, StartSession};
use domain::identity::{ClientAddress, Role, UserAgent, UserId, roles};
use kernel::{Actor, ActorKind, Labelled, Scopes, TenantId};
use platform::auth::{Claims, LogPlace};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// How the refresh token travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Delivery {
    /// In a cookie that scripts cannot read, for browsers.
    #[default]
    Cookie,
    /// In the body, for apps that keep it safe themselves.
    Body,
}

/// The tokens of somebody who has signed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct Tokens {
    /// Send it as `Authorization: Bearer …`, to all APIs.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds until the access token ends.
    expires_in: i64,
    /// The session: everything that follows from this sign-in.
    session_id: Uuid,
    /// Who signed in.
    user_id: Uuid,
    /// For which tenant the token is; null for somebody who belongs to none.
    tenant_id: Option<Uuid>,
    /// As what he belongs to it.
    roles: Vec<&'static str>,
    /// What the token permits.
    scopes: Vec<String>,
    /// The next refresh token; only where `delivery` is `body`. It is good once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refresh_token: Option<String>,
    /// What this device shows from now on in the header `Sillage-Device`; only where `delivery` is `body`. Keep it for
    /// ever: a device that is known is not held up when strangers try to guess the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    device_token: Option<String>,
}

/// For which tenant somebody acts, and as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) tenant_id: TenantId,
    pub(crate) roles: Vec<Role>,
}

/// What a session is given to its client with.
pub(crate) struct Given<'a> {
    pub(crate) sid: Uuid,
    pub(crate) user_id: UserId,
    pub(crate) seat: Option<&'a Seat>,
    /// As of which place in the log the user and his seat are so: read before they were.
    pub(crate) as_of: LogPlace,
    pub(crate) delivery: Delivery,
    pub(crate) refresh_token: Option<String>,
    pub(crate) device: Option<String>,
}

impl Door {
    /// As what a user belongs to a tenant; `None` where he does not, or may do nothing there.
    pub(crate) async fn seat(&self, user_id: UserId, tenant_id: TenantId) -> Result<Option<Seat>, Refusal> {
        let membership = self.load::<Membership>(tenant_id, membership_id(tenant_id, user_id).0).await?;
        let member = membership.member().filter(|member| member.active);
        Ok(member.map(|member| Seat { tenant_id, roles: member.roles.as_slice().to_vec() }))
    }

    /// The tenants that a user is or was a member of.
    pub(crate) async fn tenants_of(&self, user_id: UserId) -> Result<Vec<TenantId>, Refusal> {
        let tenants: Vec<Uuid> = sqlx::query_scalar(
            "select tenant_id from secrets.memberships where user_id = $1 order by tenant_id limit 500",
        )
        .bind(user_id.0)
        .fetch_all(&self.pool)
        .await?;
        Ok(tenants.into_iter().map(TenantId).collect())
    }

    /// Keeps in mind that a user is a member of a tenant.
    pub(crate) async fn note_membership(&self, user_id: Uuid, tenant_id: TenantId) -> Result<(), Refusal> {
        sqlx::query("insert into secrets.memberships (user_id, tenant_id) values ($1, $2) on conflict do nothing")
            .bind(user_id)
            .bind(tenant_id.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Where somebody who signs in works: in the tenant of his last session, else in the first that he belongs to.
    pub(crate) async fn usual_seat(&self, user_id: UserId) -> Result<Option<Seat>, Refusal> {
        let last: Option<Uuid> = sqlx::query_scalar(
            "select tenant_id from secrets.families where user_id = $1 and tenant_id is not null \
             order by used_at desc limit 1",
        )
        .bind(user_id.0)
        .fetch_optional(&self.pool)
        .await?;
        let known = self.tenants_of(user_id).await?;
        for tenant_id in last.map(TenantId).into_iter().chain(known) {
            if let Some(seat) = self.seat(user_id, tenant_id).await? {
                return Ok(Some(seat));
            }
        }
        Ok(None)
    }

    /// Begins a session for somebody whose identity is proven, and gives its tokens.
    pub(crate) async fn begin_session(
        &self,
        call: &Call,
        user_id: UserId,
        seat: Option<&Seat>,
        delivery: Delivery,
        second_factor: bool,
        as_of: LogPlace,
    ) -> Result<Response<Body>, Refusal> {
        let sid = Uuid::now_v7();
        let shown = call.device().map(str::to_owned);
        let device = match &shown {
            Some(secret) => secret.clone(),
            None => Sort::Device.generate()?,
        };
        // A browser keeps the cookie that it is given; an app may not know of devices, then it is told by what it shows.
        let binding = match (delivery, &shown) {
            (Delivery::Cookie, _) | (Delivery::Body, Some(_)) => Place::device(&device).as_bytes().to_vec(),
            (Delivery::Body, None) => call.bindings(&self.places).pop().unwrap_or_default(),
        };
        let user_agent = call.user_agent();
        let begin = Begin {
            sid,
            user_id: user_id.0,
            tenant_id: seat.map(|seat| seat.tenant_id),
            binding: &binding,
            network: call.address.network(),
            user_agent: &user_agent,
        };
        let refresh_token = self.families.begin(&begin).await?;
        let start = StartSession {
            user_id,
            signed_in_to: seat.map(|seat| seat.tenant_id),
            client: match delivery {
                Delivery::Cookie => ClientKind::Browser,
                Delivery::Body => ClientKind::App,
            },
            second_factor,
            client_address: ClientAddress::parse(&call.address.0.to_string()).ok().map(Into::into),
            user_agent: UserAgent::parse(&user_agent).ok().map(Into::into),
        };
        let act = Act {
            tenant_id: TenantId::PLATFORM,
            actor: Actor::user(user_id.into()),
            scopes: Scopes::default(),
            target: sid,
            fresh: true,
            key: Uuid::now_v7(),
        };
        if let Err(refused) = self.act(call, &start, act).await {
            // Nobody has its token; what is left is a row that ends by itself.
            let _ = self.families.end(sid, "not_begun").await;
            return Err(refused.into());
        }
        let known = Place::device(&device);
        self.throttle.remember(user_id.0, call.address.network(), Some(&known)).await?;
        let whom = Whom { account: Some(user_id.0), sid: Some(sid), tenant_id: seat.map(|seat| seat.tenant_id) };
        self.access_log.record(What::SignedIn, whom, call).await;
        let (refresh_token, device) = (Some(refresh_token), Some(device));
        self.give(Given { sid, user_id, seat, as_of, delivery, refresh_token, device })
    }

    /// The answer that carries a session's tokens.
    pub(crate) fn give(&self, given: Given<'_>) -> Result<Response<Body>, Refusal> {
        let lifetimes = &self.options.lifetimes;
        let scopes = scopes(given.seat);
        let roles: Vec<&'static str> =
            given.seat.map_or_else(Vec::new, |seat| seat.roles.iter().map(|role| role.as_str()).collect());
        let access_token = self.sign(&given, &scopes)?;
        let in_body = given.delivery == Delivery::Body;
        let mut cookies = Vec::new();
        if !in_body {
            if let Some(token) = &given.refresh_token {
                cookies.push(cookie(REFRESH_COOKIE, token, lifetimes.refresh));
            }
            if let Some(device) = &given.device {
                cookies.push(cookie(DEVICE_COOKIE, device, TimeDelta::days(365)));
            }
        }
        let tokens = Tokens {
            access_token,
            token_type: "Bearer",
            expires_in: lifetimes.access.num_seconds(),
            session_id: given.sid,
            user_id: given.user_id.0,
            tenant_id: given.seat.map(|seat| seat.tenant_id.0),
            roles,
            scopes: scopes.into(),
            refresh_token: given.refresh_token.filter(|_| in_body),
            device_token: given.device.filter(|_| in_body),
        };
        let mut response = json(StatusCode::OK, &tokens);
        for cookie in cookies {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        Ok(response)
    }

    fn sign(&self, given: &Given<'_>, scopes: &Scopes) -> Result<String, Refusal> {
        let seat = given.seat;
        let jti = Uuid::now_v7();
        let now = Self::now();
        let claims = Claims {
            iss: self.options.issuer.clone(),
            aud: self.options.audience.clone(),
            sub: given.user_id.into(),
            tenant: seat.map_or(TenantId::PLATFORM, |seat| seat.tenant_id),
            kind: ActorKind::User,
            on_behalf_of: None,
            sid: Some(given.sid),
            roles: seat.map_or_else(Vec::new, |seat| seat.roles.iter().map(|role| role.as_str().to_owned()).collect()),
            scopes: scopes.clone(),
            exp: (now + self.options.lifetimes.access).timestamp(),
            // The same second as in the id, which says it to the millisecond.
            iat: jti.get_timestamp().map_or(now.timestamp(), |at| at.to_unix().0.cast_signed()),
            nbf: None,
            jti: jti.to_string(),
            as_of: Some(given.as_of),
        };
        Ok(self.keyring.signer(now)?.issue(&claims)?)
    }

    /// Ends a session: everywhere within seconds, in this process at once. `false` where it had ended before.
    pub(crate) async fn end_session(
        &self,
        call: &Call,
        sid: Uuid,
        user_id: UserId,
        reason: EndReason,
    ) -> Result<bool, Refusal> {
        let ended = self.families.end(sid, reason.as_str()).await?;
        self.verifier.trust().revoke_family(sid);
        let end = EndSession { reason };
        let actor = Actor::user(user_id.into());
        match self.carry_out(call, &end, TenantId::PLATFORM, actor, sid).await {
            // A family whose beginning never got into the log.
            Ok(_) | Err(event_store::Refused::Rejected(_)) => Ok(ended),
            Err(refused) => Err(refused.into()),
        }
    }

    /// Ends all sessions of a user but one.
    pub(crate) async fn end_sessions(
        &self,
        call: &Call,
        user_id: UserId,
        but: Option<Uuid>,
        reason: EndReason,
    ) -> Result<(), Refusal> {
        let ended = self.families.end_all(user_id.0, but, reason.as_str()).await?;
        for sid in ended {
            self.end_session(call, sid, user_id, reason).await?;
        }
        Ok(())
    }
}

/// What somebody may do in his seat; without one, what everybody may do with his own account.
fn scopes(seat: Option<&Seat>) -> Scopes {
    let (held, tenant_id) = seat.map_or((&[] as &[Role], TenantId::PLATFORM), |seat| (&seat.roles, seat.tenant_id));
    roles::scopes_of(held, tenant_id)
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let mut response = Response::new(Body::from(serde_json::to_vec(value).unwrap_or_default()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// A cookie for the endpoints of this door alone, that scripts do not see and other sites do not send.
pub(crate) fn cookie(name: &str, value: &str, life: TimeDelta) -> HeaderValue {
    let text = format!(
        "{name}={value}; Path=/v1/auth; Max-Age={}; HttpOnly; Secure; SameSite=Strict",
        life.num_seconds().max(0)
    );
    // Names are ours, values are base64url.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// What makes a browser forget its refresh token.
pub(crate) fn forget_refresh_token() -> HeaderValue {
    cookie(REFRESH_COOKIE, "", TimeDelta::zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_for_this_door_only() {
        let text = cookie("n", "v", TimeDelta::days(7));
        assert_eq!(text, "n=v; Path=/v1/auth; Max-Age=604800; HttpOnly; Secure; SameSite=Strict");
        assert!(forget_refresh_token().to_str().unwrap().contains("Max-Age=0"));
    }

    #[test]
    fn somebody_without_a_tenant_may_look_after_his_account() {
        let own = scopes(None);
        assert!(own.contains_name("identity.account:change") && own.names().count() == roles::EVERYBODY.len());
    }
}
