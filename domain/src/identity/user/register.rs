//! Registering.

use super::{Event, Rejection, User, VERIFICATION_LIFETIME};
use crate::identity::{
    EMAIL_RESERVATION, EmailAddress, Locale, PersonName, PhoneNumber, Recipient, SIGN_IN, after, request_id,
};
use kernel::{Command, Context, Decided, Decision, Private, Reach, Scope, View};
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
    pub email: Private<EmailAddress>,
    /// Given name.
    pub given_name: Private<PersonName>,
    /// Family name.
    pub family_name: Private<PersonName>,
    /// Phone number.
    pub phone: Option<Private<PhoneNumber>>,
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
        let email_index = cx.blind_index(EMAIL_RESERVATION, self.email.value().as_str());
        let (email, given_name) = (self.email.about(cx.target), self.given_name.about(cx.target));
        let registered = Event::Registered {
            email: email.clone(),
            email_index,
            given_name: given_name.clone(),
            family_name: self.family_name.about(cx.target),
            phone: self.phone.as_ref().map(|phone| phone.about(cx.target)),
            locale: self.locale,
        };
        let next = if self.email_proven {
            Event::EmailVerified { request_id: None }
        } else {
            Event::EmailVerificationRequested {
                request_id: request_id(cx),
                to: Recipient { email, given_name: Some(given_name), locale: self.locale },
                expires_at: after(cx, VERIFICATION_LIFETIME),
            }
        };
        Ok(Decided::new(vec![registered, next]).reserving(EMAIL_RESERVATION, email_index.to_string()))
    }
}
