//! A user: one person, over all tenants. This file is the stored contract.
//!
//! Its stream is in the platform's tenant, and whatever it holds about the person is sealed under that person's key there. Passwords and TOTP secrets are not here: the sign-in door keeps them and
//! tells that they changed. Every event that somebody is written to about carries the [`Recipient`].

mod change_email;
mod change_profile;
mod close_erased;
mod deactivate;
mod register;
mod rejection;
mod reset_password;
mod sign_in;
#[cfg(test)]
mod specs;
mod totp;
mod verify_email;

pub use change_email::{ConfirmEmailChange, RequestEmailChange};
pub use change_profile::{ChangeProfile, PhoneEdit};
pub use close_erased::CloseErasedUser;
pub use deactivate::{DeactivateUser, ReactivateUser};
pub use register::RegisterUser;
pub use rejection::Rejection;
pub use reset_password::{CompletePasswordReset, RecordPasswordChange, RequestPasswordReset};
pub use sign_in::{RecordSignInThrottled, RecordSignUpRepeated};
pub use totp::{DisableTotp, EnableTotp};
pub use verify_email::{RequestEmailVerification, VerifyEmail};

use super::{EmailAddress, Locale, PersonName, PhoneNumber, Reason, Recipient, RequestId, UserId};
use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Aggregate, BlindIndex, Context, Personal};
use serde::{Deserialize, Serialize};

/// How long the link in a mail to an address that is to be verified is good.
pub const VERIFICATION_LIFETIME: TimeDelta = TimeDelta::days(3);
/// How long the link to choose a new password is good.
pub const RESET_LIFETIME: TimeDelta = TimeDelta::hours(1);

/// What may happen to a user. Who did it and when are in the envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The account came into being.
    Registered {
        /// The address; not proven yet.
        email: Personal<EmailAddress>,
        /// What the address is known by.
        email_index: BlindIndex,
        /// Given name.
        given_name: Personal<PersonName>,
        /// Family name.
        family_name: Personal<PersonName>,
        /// Phone number.
        phone: Option<Personal<PhoneNumber>>,
        /// In which language.
        locale: Locale,
    },
    /// A link is to be sent by which the owner of the address proves that it is his. Earlier links end.
    EmailVerificationRequested {
        /// What the link answers to.
        request_id: RequestId,
        /// To whom.
        to: Recipient,
        /// Until when the link is good.
        expires_at: DateTime<Utc>,
    },
    /// The address was proven.
    EmailVerified {
        /// Which request was answered; absent where another link proved it (an invitation).
        request_id: Option<RequestId>,
    },
    /// Somebody tried to register with the address of this account; its owner should know.
    SignUpRepeated {
        /// To whom.
        to: Recipient,
    },
    /// Names, phone or language changed; carries all of them as they are now.
    ProfileChanged {
        /// Given name.
        given_name: Personal<PersonName>,
        /// Family name.
        family_name: Personal<PersonName>,
        /// Phone number.
        phone: Option<Personal<PhoneNumber>>,
        /// In which language.
        locale: Locale,
    },
    /// A link is to be sent to another address, which becomes the user's when it is followed. Earlier links end.
    EmailChangeRequested {
        /// What the link answers to.
        request_id: RequestId,
        /// To whom: the new address.
        to: Recipient,
        /// What the new address is known by.
        email_index: BlindIndex,
        /// Until when the link is good.
        expires_at: DateTime<Utc>,
    },
    /// The user has another address; it is proven.
    EmailChanged {
        /// The request that was answered.
        request_id: RequestId,
        /// The address.
        email: Personal<EmailAddress>,
        /// What it is known by.
        email_index: BlindIndex,
        /// To the previous address, whose owner should know.
        previous: Recipient,
        /// What the previous address was known by.
        previous_email_index: BlindIndex,
    },
    /// The user chose another password.
    PasswordChanged {
        /// To whom it is told.
        to: Recipient,
    },
    /// A link is to be sent by which a new password can be chosen. Earlier links end.
    PasswordResetRequested {
        /// What the link answers to.
        request_id: RequestId,
        /// To whom.
        to: Recipient,
        /// Until when the link is good.
        expires_at: DateTime<Utc>,
    },
    /// A new password was chosen by the link. It also proves the address.
    PasswordResetCompleted {
        /// The request that was answered.
        request_id: RequestId,
        /// To whom it is told.
        to: Recipient,
    },
    /// Signing in needs a second factor from now on.
    TotpEnabled {
        /// To whom it is told.
        to: Recipient,
    },
    /// Signing in needs no second factor any more.
    TotpDisabled {
        /// To whom it is told.
        to: Recipient,
    },
    /// So many wrong passwords came that the next ones have to wait. One per step of the delay, not per attempt.
    SignInThrottled {
        /// Wrong passwords in a row.
        failures: i32,
        /// Until when further attempts wait.
        until: DateTime<Utc>,
        /// To whom it is told.
        to: Recipient,
    },
    /// The account is closed; nobody signs in with it.
    Deactivated {
        /// Why, where somebody said so.
        reason: Option<Personal<Reason>>,
    },
    /// The account is open again.
    Reactivated {},
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "identity.user";

    fn examples() -> Vec<Self> {
        examples()
    }
}

/// The state of a user's stream: nothing before he registers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    account: Option<Account>,
}

/// What is known about a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The address.
    pub email: Personal<EmailAddress>,
    /// What the address is known by.
    pub email_index: BlindIndex,
    /// Given name.
    pub given_name: Personal<PersonName>,
    /// Family name.
    pub family_name: Personal<PersonName>,
    /// Phone number.
    pub phone: Option<Personal<PhoneNumber>>,
    /// In which language.
    pub locale: Locale,
    /// Whether the address is proven.
    pub email_verified: bool,
    /// Whether signing in needs a second factor.
    pub totp: bool,
    /// Whether the account is open.
    pub active: bool,
    verification: Option<Pending>,
    reset: Option<Pending>,
    email_change: Option<PendingAddress>,
}

/// The last link of its sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pending {
    request_id: RequestId,
    expires_at: DateTime<Utc>,
}

/// The last link to another address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PendingAddress {
    pending: Pending,
    email: Personal<EmailAddress>,
    email_index: BlindIndex,
}

impl Aggregate for User {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(self, event: &Event) -> Self {
        let account = match event {
            Event::Registered { email, email_index, given_name, family_name, phone, locale } => Some(Account {
                email: email.clone(),
                email_index: *email_index,
                given_name: given_name.clone(),
                family_name: family_name.clone(),
                phone: phone.clone(),
                locale: *locale,
                email_verified: false,
                totp: false,
                active: true,
                verification: None,
                reset: None,
                email_change: None,
            }),
            Event::EmailVerificationRequested { .. }
            | Event::EmailVerified { .. }
            | Event::SignUpRepeated { .. }
            | Event::ProfileChanged { .. }
            | Event::EmailChangeRequested { .. }
            | Event::EmailChanged { .. }
            | Event::PasswordChanged { .. }
            | Event::PasswordResetRequested { .. }
            | Event::PasswordResetCompleted { .. }
            | Event::TotpEnabled { .. }
            | Event::TotpDisabled { .. }
            | Event::SignInThrottled { .. }
            | Event::Deactivated { .. }
            | Event::Reactivated {} => self.account.map(|account| account.evolve(event)),
        };
        Self { account }
    }
}

impl User {
    /// What is known about the user; `None` where there is no such user.
    pub const fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// The account, where there is one.
    fn existing(&self) -> Result<&Account, Rejection> {
        self.account.as_ref().ok_or(Rejection::NotFound)
    }

    /// The account, where it is open.
    fn open(&self) -> Result<&Account, Rejection> {
        let account = self.existing()?;
        if account.active { Ok(account) } else { Err(Rejection::Deactivated) }
    }

    /// The account for a change that its owner makes himself.
    fn owned(&self, cx: &Context) -> Result<&Account, Rejection> {
        if cx.actor_id().0 == cx.target { self.open() } else { Err(Rejection::NotFound) }
    }
}

impl Account {
    /// To whom a mail about the account goes.
    pub fn recipient(&self) -> Recipient {
        Recipient { email: self.email.clone(), given_name: Some(self.given_name.clone()), locale: self.locale }
    }

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::EmailVerificationRequested { request_id, expires_at, .. } => {
                self.verification = Some(Pending { request_id: *request_id, expires_at: *expires_at });
            }
            Event::EmailVerified { .. } => (self.email_verified, self.verification) = (true, None),
            Event::ProfileChanged { given_name, family_name, phone, locale } => {
                self.given_name.clone_from(given_name);
                self.family_name.clone_from(family_name);
                self.phone.clone_from(phone);
                self.locale = *locale;
            }
            Event::EmailChangeRequested { request_id, to, email_index, expires_at } => {
                let pending = Pending { request_id: *request_id, expires_at: *expires_at };
                let (email, email_index) = (to.email.clone(), *email_index);
                self.email_change = Some(PendingAddress { pending, email, email_index });
            }
            // Links to the old address prove nothing about the new one.
            Event::EmailChanged { email, email_index, .. } => {
                self.email.clone_from(email);
                self.email_index = *email_index;
                (self.email_verified, self.verification, self.email_change, self.reset) = (true, None, None, None);
            }
            Event::PasswordChanged { .. } => self.reset = None,
            Event::PasswordResetRequested { request_id, expires_at, .. } => {
                self.reset = Some(Pending { request_id: *request_id, expires_at: *expires_at });
            }
            Event::PasswordResetCompleted { .. } => {
                (self.reset, self.email_verified, self.verification) = (None, true, None);
            }
            Event::TotpEnabled { .. } => self.totp = true,
            Event::TotpDisabled { .. } => self.totp = false,
            Event::Deactivated { .. } => {
                (self.active, self.reset, self.verification, self.email_change) = (false, None, None, None);
            }
            Event::Reactivated {} => self.active = true,
            Event::Registered { .. } | Event::SignUpRepeated { .. } | Event::SignInThrottled { .. } => {}
        }
        self
    }
}

impl Pending {
    /// Refuses a link that is not the last one of its sort, or is over.
    fn answered_by(self, request_id: RequestId, cx: &Context) -> Result<(), Rejection> {
        if self.request_id != request_id {
            Err(Rejection::LinkUsed)
        } else if cx.now > self.expires_at {
            Err(Rejection::LinkExpired)
        } else {
            Ok(())
        }
    }
}

fn examples() -> Vec<Event> {
    let id = |n: u128| uuid::Uuid::from_u128(0x1d00_0000_0000_4000_8000_0000_0000_0000 + n);
    let ada = id(20);
    let email = |text: &str| Personal::new(ada, EmailAddress::parse(text).expect("an example is valid"));
    let name = |text: &str| Personal::new(ada, PersonName::parse(text).expect("an example is valid"));
    let to = |address: &str| Recipient { email: email(address), given_name: Some(name("Ada")), locale: Locale::Fr };
    let (request_id, index) = (RequestId(id(1)), |n| BlindIndex(id(n)));
    let expires_at = DateTime::from_timestamp(1_768_734_000, 0).unwrap_or_default();
    let phone = PhoneNumber::parse("+33612345678").ok().map(|phone| Personal::new(ada, phone));
    vec![
        Event::Registered {
            email: email("ada@example.com"),
            email_index: index(10),
            given_name: name("Ada"),
            family_name: name("Byron"),
            phone: phone.clone(),
            locale: Locale::Fr,
        },
        Event::EmailVerificationRequested { request_id, to: to("ada@example.com"), expires_at },
        Event::EmailVerified { request_id: Some(request_id) },
        Event::SignUpRepeated { to: to("ada@example.com") },
        Event::ProfileChanged { given_name: name("Ada"), family_name: name("Lovelace"), phone, locale: Locale::En },
        Event::EmailChangeRequested { request_id, to: to("ada@example.org"), email_index: index(11), expires_at },
        Event::EmailChanged {
            request_id,
            email: email("ada@example.org"),
            email_index: index(11),
            previous: to("ada@example.com"),
            previous_email_index: index(10),
        },
        Event::PasswordChanged { to: to("ada@example.org") },
        Event::PasswordResetRequested { request_id, to: to("ada@example.org"), expires_at },
        Event::PasswordResetCompleted { request_id, to: to("ada@example.org") },
        Event::TotpEnabled { to: to("ada@example.org") },
        Event::TotpDisabled { to: to("ada@example.org") },
        Event::SignInThrottled { failures: 10, until: expires_at, to: to("ada@example.org") },
        Event::Deactivated { reason: Reason::parse("She has left.").ok().map(|reason| Personal::new(ada, reason)) },
        Event::Reactivated {},
    ]
}

/// The user that a command in the context is about.
const fn user_id(cx: &Context) -> UserId {
    UserId(cx.target)
}
