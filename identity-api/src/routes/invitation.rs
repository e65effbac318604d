//! Accepting an invitation, with the account that one has or with a new one.

use super::register::{hints, open_account};
use super::{Endpoint, takes};
use crate::call::Call;
use crate::door::{Act, Door};
use crate::owner::Owner;
use crate::problems::{Refusal, link_invalid};
use crate::secret_text::SecretText;
use crate::session::{Delivery, Tokens};
use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::{Method, Response, StatusCode};
use domain::identity::invitation::{AcceptInvitation, Invitation, Offer};
use domain::identity::membership::Person;
use domain::identity::user::{RegisterUser, User};
use domain::identity::{Locale, OWN_ACCOUNT, PersonName, PhoneNumber, RequestId, UserId};
use kernel::{Actor, Scopes, TenantId};
use platform::Problem;
use platform::auth::{Link, Purpose};
use serde::Deserialize;
use utoipa::ToSchema;

/// Somebody who follows the link of an invitation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accept {
    /// As it stands in the link.
    token: SecretText,
    /// A new account, for somebody who has none and sends no access token.
    account: Option<NewAccount>,
    /// How the refresh token travels.
    #[serde(default)]
    delivery: Delivery,
}

/// The account of somebody who was invited; its address is that of the invitation, and proven by it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccount {
    /// At least eight characters; what everybody tries first is refused.
    password: SecretText,
    /// Given name.
    given_name: PersonName,
    /// Family name.
    family_name: PersonName,
    /// Phone number.
    phone: Option<PhoneNumber>,
    /// In which language mails are; that of the invitation where it is left out.
    locale: Option<Locale>,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(
            Method::POST,
            "/v1/auth/accept-invitation",
            "identity.join",
            "Joins the tenant of an invitation, with the token of the link, and signs in there.\n\n\
             Who has an account sends its access token with it. Who has none sends `account`: the address is that of the \
             invitation. Where that address has an account (`account_exists`), sign in first.",
            |door, call| Box::pin(accept(door, call)),
        )
        .describe(|operation| {
            takes::<Accept>(operation)
                .header_parameter::<String>("Authorization", false, "The access token of somebody who has an account.")
                .response::<Tokens>(StatusCode::OK, "A member, and signed in.")
                .problem(StatusCode::UNAUTHORIZED, "An access token was sent and is not good.")
                .problem(StatusCode::NOT_FOUND, "There is no such invitation.")
                .problem(StatusCode::CONFLICT, "It was accepted, taken back or replaced, or the address has an account.")
        }),
    ]
}

async fn accept(door: &Door, call: &Call) -> Result<Response<Body>, Refusal> {
    let body: Accept = call.body()?;
    let link = door.links.open(Purpose::JOIN, body.token.expose(), Door::now())?;
    let invitation = door.load::<Invitation>(link.tenant_id, link.subject_id).await?;
    let offer = invitation.offer().ok_or_else(link_invalid)?;
    let (user_id, person) = if call.headers.contains_key(AUTHORIZATION) {
        let identity = door.caller(call).await?;
        identity.require(OWN_ACCOUNT)?;
        let user_id = UserId::from(identity.actor.id);
        let user = door.load::<User>(TenantId::PLATFORM, user_id.0).await?;
        let account = user.account().ok_or_else(Problem::not_found)?;
        let Owner { email, given_name, family_name, .. } = door.owner_of(account).await?;
        (user_id, Person { given_name: given_name.into(), family_name: family_name.into(), email: email.into() })
    } else {
        let account = body.account.as_ref().ok_or_else(account_needed)?;
        newcomer(door, call, &link, offer, account).await?
    };
    join(door, call, &link, user_id, person).await?;
    let as_of = door.log_place().await?;
    let seat = door.seat(user_id, link.tenant_id).await?;
    door.begin_session(call, user_id, seat.as_ref(), body.delivery, false, as_of).await
}

/// Opens the account of somebody who was invited. The link must still be good: whoever was sent an old one must not
/// register an address that is not his any more.
async fn newcomer(
    door: &Door,
    call: &Call,
    link: &Link,
    offer: &Offer,
    account: &NewAccount,
) -> Result<(UserId, Person), Refusal> {
    let email = door.clear(link.tenant_id, &offer.email).await?;
    crate::password::check(account.password.expose(), &hints(&email, &account.given_name, &account.family_name))?;
    let person = Person {
        given_name: account.given_name.clone().into(),
        family_name: account.family_name.clone().into(),
        email: email.clone().into(),
    };
    if offer.request_id.0 != link.cause_id || offer.status != domain::identity::invitation::InvitationStatus::Open {
        return Err(Problem::rejected(&domain::identity::invitation::Rejection::LinkReplaced).into());
    }
    let hash = door.hasher.hash(account.password.expose()).await?;
    let command = RegisterUser {
        email: email.into(),
        given_name: account.given_name.clone().into(),
        family_name: account.family_name.clone().into(),
        phone: account.phone.clone().map(Into::into),
        locale: account.locale.unwrap_or(offer.locale),
        email_proven: true,
    };
    match open_account(door, call, &command, &hash).await? {
        Ok(user_id) => Ok((user_id, person)),
        Err(_) => Err(Problem::new(StatusCode::CONFLICT, "account_exists", "There is an account already")
            .detail("the address of the invitation has an account")
            .remedy("Sign in with it, then accept the invitation with its access token.")
            .into()),
    }
}

async fn join(door: &Door, call: &Call, link: &Link, user_id: UserId, person: Person) -> Result<(), Refusal> {
    let command = AcceptInvitation { request_id: RequestId(link.cause_id), user_id, person };
    let act = Act {
        tenant_id: link.tenant_id,
        actor: Actor::user(user_id.into()),
        scopes: Scopes::default(),
        target: link.subject_id,
        fresh: false,
        key: kernel::ids::derived(link.cause_id, &format!("identity.accept_invitation/{user_id}")),
    };
    door.act(call, &command, act).await?;
    // The log says it too, a moment later; the next sign-in must not have to wait for that.
    door.note_membership(user_id.0, link.tenant_id).await?;
    Ok(())
}

fn account_needed() -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "account_needed", "Whose account is to join?")
        .detail("neither an access token nor account was sent")
        .remedy("Sign in and send the access token, or send account with a password and your names.")
}
