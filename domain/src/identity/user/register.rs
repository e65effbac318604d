//! Registering.

use super::{Event, Rejection, User, VERIFICATION_LIFETIME};
use crate::identity::{
    EMAIL_RESERVATION, EmailAddress, Locale, PersonName, PhoneNumber, Recipient, SIGN_IN, after, request_id,
};
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Registers a user under a fresh id, in the platform's tenant. A link to prove the address is asked for.
///
/// The address is unique among all users: the append is refused where another account holds it, and the sign-in door
/// then answers as if it had succeeded.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterUser {
    /// The address.
    pub email: EmailAddress,
    /// Given name.
    pub given_name: PersonName,
    /// Family name.
    pub family_name: PersonName,
    /// Phone number.
    pub phone: Option<PhoneNumber>,
    /// In which language.
    #[serde(default)]
    pub locale: Locale,
    /// Whether the door has seen proof that the address is the user's (he followed the link of an invitation). Never
    /// taken from a request.
    #[serde(skip)]
    pub email_proven: bool,
}

impl Command for RegisterUser {
    type Streams = User;
    const NAME: &'static str = "identity.register_user";
    const SCOPE: Scope = SIGN_IN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, user: View<'_, Self>, cx: &Context) -> Decision<Self> {
        if user.account.is_some() {
            return Err(Rejection::AlreadyRegistered);
        }
        let email_index = cx.blind_index(EMAIL_RESERVATION, self.email.as_str());
        let registered = Event::Registered {
            email: self.email.clone(),
            email_index,
            given_name: self.given_name.clone(),
            family_name: self.family_name.clone(),
            phone: self.phone.clone(),
            locale: self.locale,
        };
        let next = if self.email_proven {
            Event::EmailVerified { request_id: None }
        } else {
            let given_name = Some(self.given_name.clone());
            Event::EmailVerificationRequested {
                request_id: request_id(cx),
                to: Recipient { email: self.email.clone(), given_name, locale: self.locale },
                expires_at: after(cx, VERIFICATION_LIFETIME),
            }
        };
        Ok(Decided::new(vec![registered, next]).reserving(EMAIL_RESERVATION, email_index.to_string()))
    }
}
