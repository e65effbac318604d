//! Opening an account.

use super::{Endpoint, takes};
use crate::access_log::{What, Whom};
use crate::call::Call;
use crate::door::{Act, Door};
use crate::problems::Refusal;
use crate::secret_text::SecretText;
use crate::session::json;
use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use domain::identity::user::{RecordSignUpRepeated, RegisterUser};
use domain::identity::{EmailAddress, Locale, PersonName, PhoneNumber, UserId};
use event_store::{Answer, AppendError, Refused};
use kernel::{Actor, ActorId, Scopes, TenantId};
use platform::openapi::Operation;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Registrations from one network within 15 minutes.
const MOST_FROM_A_NETWORK: i32 = 30;
/// Mails to one account within 15 minutes.
pub(super) const MOST_MAILS: i32 = 3;

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Register {
    /// The address; a link is sent there.
    email: EmailAddress,
    /// At least eight characters; what everybody tries first is refused.
    password: SecretText,
    /// Given name.
    given_name: PersonName,
    /// Family name.
    family_name: PersonName,
    /// Phone number.
    phone: Option<PhoneNumber>,
    /// In which language mails are.
    #[serde(default)]
    locale: Locale,
}

/// It was taken; what follows is told by mail, and to the owner of the address alone.
#[derive(Serialize, ToSchema)]
struct Taken {
    /// Always `accepted`.
    status: &'static str,
}

/// What takes a `T` from anybody, and says the rest to the owner of an address.
pub(super) fn answered_by_mail<T: ToSchema>(operation: Operation) -> Operation {
    takes::<T>(operation)
        .response::<Taken>(StatusCode::ACCEPTED, "Taken. The rest is in the mail.")
        .problem(StatusCode::TOO_MANY_REQUESTS, "Too many from this network: wait.")
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(
            Method::POST,
            "/v1/auth/register",
            "identity.register",
            "Opens an account. A mail with a link proves the address; until then nobody signs in.\n\n\
             The answer is the same where the address has an account already: then its owner gets a mail that says so.",
            |door, call| Box::pin(register(door, call)),
        )
        .describe(answered_by_mail::<Register>),
    ]
}

async fn register(door: &Door, call: &Call) -> Result<Response<Body>, Refusal> {
    let body: Register = call.body()?;
    crate::password::check(body.password.expose(), &hints(&body.email, &body.given_name, &body.family_name))?;
    door.throttle.admit_request("register", call.address.network(), MOST_FROM_A_NETWORK).await?;
    door.evenly(async {
        let hash = door.hasher.hash(body.password.expose()).await?;
        let command = RegisterUser {
            email: body.email.into(),
            given_name: body.given_name.into(),
            family_name: body.family_name.into(),
            phone: body.phone.map(Into::into),
            locale: body.locale,
            email_proven: false,
        };
        let outcome = open_account(door, call, &command, &hash).await?;
        let user_id = match outcome {
            Ok(user_id) => user_id,
            Err(taken) => {
                if door.throttle.admit_mail(taken.0, MOST_MAILS).await? {
                    // A closed account has nobody to be told.
                    let _ = door
                        .carry_out(call, &RecordSignUpRepeated {}, TenantId::PLATFORM, Actor::SYSTEM, taken.0)
                        .await;
                }
                taken
            }
        };
        let whom = Whom { account: Some(user_id.0), ..Whom::default() };
        door.access_log.record(What::SignUp, whom, call).await;
        Ok(taken())
    })
    .await
}

/// Opens an account with this password; `Err` is whose the address is already.
///
/// The password is there before the account: a crash in between leaves a hash that belongs to nobody, not an account
/// that nobody can get into.
pub(super) async fn open_account(
    door: &Door,
    call: &Call,
    command: &RegisterUser,
    hash: &str,
) -> Result<Result<UserId, UserId>, Refusal> {
    let user_id = Uuid::now_v7();
    door.set_password(user_id, hash).await?;
    let act = Act {
        tenant_id: TenantId::PLATFORM,
        actor: Actor::user(ActorId(user_id)),
        scopes: Scopes::default(),
        target: user_id,
        fresh: true,
        key: Uuid::now_v7(),
    };
    match door.act(call, command, act).await {
        Ok(Answer { .. }) => Ok(Ok(UserId(user_id))),
        Err(refused) => {
            let forget = sqlx::query("delete from secrets.passwords where user_id = $1");
            let _ = forget.bind(user_id).execute(&door.pool).await;
            match refused {
                Refused::Append(AppendError::Reserved { stream_id, .. }) => Ok(Err(UserId(stream_id))),
                refused => Err(refused.into()),
            }
        }
    }
}

/// What others know about somebody, and what his password is not made of.
pub(super) fn hints<'a>(email: &'a EmailAddress, given: &'a PersonName, family: &'a PersonName) -> [&'a str; 3] {
    [email.as_str(), given.as_str(), family.as_str()]
}

/// The answer that tells nothing.
pub(super) fn taken() -> Response<Body> {
    json(StatusCode::ACCEPTED, &Taken { status: "accepted" })
}

impl Door {
    /// From now on this is the user's password.
    pub(crate) async fn set_password(&self, user_id: Uuid, hash: &str) -> Result<(), Refusal> {
        sqlx::query(
            "insert into secrets.passwords (user_id, hash) values ($1, $2) \
             on conflict (user_id) do update set hash = excluded.hash, set_at = clock_timestamp()",
        )
        .bind(user_id)
        .bind(hash)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
