//! What the sign-in door answers when it says no. Codes never change; who asks learns nothing about others' accounts.

use crate::factors::FactorError;
use crate::families::RefreshError;
use crate::keys::KeyError;
use crate::password::{HashingError, Weakness};
use crate::secret::NoRandomness;
use crate::throttle::ThrottleError;
use axum::http::StatusCode;
use event_store::repository::LoadError;
use event_store::{AppendError, Refused, VaultError};
use kernel::Rejection;
use platform::Problem;
use platform::auth::{LinkError, SignerError};
use std::error::Error;

/// How long a caller should wait before asking again when something is away.
const RETRY_AFTER_S: u32 = 2;

/// Something that we need does not answer.
pub(crate) fn unavailable(error: &(dyn Error + 'static)) -> Problem {
    Problem::unavailable("Signing in is not available now", RETRY_AFTER_S).because(error)
}

/// The address, the password or both are wrong: which, nobody is told.
pub(crate) fn sign_in_failed() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "sign_in_failed", "Signing in failed")
        .detail("the address or the password is wrong")
        .remedy("Check both, or ask for a link to choose a new password.")
}

pub(crate) fn second_factor_required() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "second_factor_required", "A second factor is needed")
        .detail("this account asks for a code besides the password")
        .remedy("Send the request again with the code of your app in totp_code, or one of your recovery codes in recovery_code.")
}

pub(crate) fn second_factor_wrong() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "second_factor_wrong", "The second factor is wrong")
        .detail("the code is not the one of this moment, or was used before")
        .remedy("Wait for the next code of your app, or use a recovery code.")
}

pub(crate) fn email_not_verified() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "email_not_verified", "The address is not proven yet")
        .detail("this account's address has not been proven")
        .remedy("Follow the link in the mail that you got, or ask for another one.")
}

pub(crate) fn refresh_token_invalid() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "refresh_token_invalid", "The session is over")
        .detail("the refresh token is not good, or not any more")
        .remedy("Sign in again.")
}

pub(crate) fn session_needed() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "session_needed", "This needs somebody who has signed in")
        .detail("the access token belongs to no session")
        .remedy("Sign in, and use the access token that you get.")
}

pub(crate) fn throttled(wait_s: u32) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_tries", "Too many tries")
        .detail(format!("the next try may come in {wait_s} s"))
        .remedy("Wait. If you have forgotten your password, ask for a link to choose a new one.")
        .retry_after(wait_s)
}

pub(crate) fn link_invalid() -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "link_invalid", "The link is not usable")
        .detail("the token is not one that we have sent for this purpose")
        .remedy("Copy the whole link of the mail, or ask for a new one.")
}

impl From<Weakness> for Refusal {
    fn from(weakness: Weakness) -> Self {
        Self(
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, weakness.code(), "The password is too weak")
                .detail(weakness.detail())
                .remedy(weakness.advice()),
        )
    }
}

/// What a handler fails with: every error that it meets becomes the problem that the caller reads, by `?`.
pub(crate) struct Refusal(Problem);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        refusal.0
    }
}

impl From<NoRandomness> for Refusal {
    fn from(error: NoRandomness) -> Self {
        Self(Problem::internal(&error))
    }
}

impl From<SignerError> for Refusal {
    fn from(error: SignerError) -> Self {
        Self(Problem::internal(&error))
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Self(unavailable(&error))
    }
}

impl From<FactorError> for Refusal {
    fn from(error: FactorError) -> Self {
        Self(match error {
            FactorError::Unavailable(_) => unavailable(&error),
            FactorError::Sealed(_) | FactorError::NoRandomness(_) | FactorError::Broken(_) => Problem::internal(&error),
        })
    }
}

impl From<HashingError> for Refusal {
    fn from(error: HashingError) -> Self {
        Self(match error {
            HashingError::Overloaded => Problem::unavailable("Too many people sign in at this moment", 1),
            HashingError::Broken(_) => Problem::internal(&error),
        })
    }
}

impl From<ThrottleError> for Refusal {
    fn from(error: ThrottleError) -> Self {
        Self(match error {
            ThrottleError::Wait { wait_s } => throttled(wait_s),
            ThrottleError::Unavailable(_) => unavailable(&error),
        })
    }
}

impl From<RefreshError> for Refusal {
    fn from(error: RefreshError) -> Self {
        Self(match error {
            RefreshError::Unknown | RefreshError::Over { .. } | RefreshError::Reused { .. } => refresh_token_invalid(),
            RefreshError::NoRandomness(_) => Problem::internal(&error),
            RefreshError::Unavailable(_) => unavailable(&error),
        })
    }
}

impl From<KeyError> for Refusal {
    fn from(error: KeyError) -> Self {
        Self(match error {
            KeyError::Unavailable(_) => unavailable(&error),
            KeyError::Sealed { .. } | KeyError::Signer(_) | KeyError::None => Problem::internal(&error),
        })
    }
}

impl From<LinkError> for Refusal {
    fn from(error: LinkError) -> Self {
        Self(match error {
            LinkError::Malformed | LinkError::Forged => link_invalid(),
            LinkError::Expired => Problem::new(StatusCode::CONFLICT, "identity.link_expired", "The link has ended")
                .detail("the link was good for a while, which is over")
                .remedy("Ask for a new link and follow the one in the latest mail."),
        })
    }
}

impl From<LoadError> for Refusal {
    fn from(error: LoadError) -> Self {
        Self(match error {
            LoadError::Read(_) => unavailable(&error),
            LoadError::Decode { .. } => Problem::internal(&error),
        })
    }
}

impl<R: Rejection> From<Refused<R>> for Refusal {
    fn from(refused: Refused<R>) -> Self {
        Self(match refused {
            Refused::Rejected(rejection) => Problem::rejected(&rejection),
            Refused::Version(_) => {
                Problem::new(StatusCode::CONFLICT, "version_conflict", "Others changed it at the same time")
                    .remedy("Try again.")
            }
            Refused::Load(error) => return error.into(),
            Refused::Append(error) => return error.into(),
            Refused::Read(error) => unavailable(&error),
            Refused::Vault(error) => return error.into(),
        })
    }
}

impl From<VaultError> for Refusal {
    fn from(error: VaultError) -> Self {
        Self(match error {
            VaultError::Erased(_) => Problem::new(StatusCode::GONE, "subject_erased", "The person was erased")
                .detail("the data of this person was erased, and nothing can be kept about that person")
                .remedy("Register anew: that makes another account."),
            VaultError::Unavailable(_) => unavailable(&error),
            VaultError::Missing(_)
            | VaultError::Damaged(_)
            | VaultError::WrongRoot { .. }
            | VaultError::Altered
            | VaultError::Cryptography
            | VaultError::Root(_) => Problem::internal(&error),
        })
    }
}

impl From<AppendError> for Refusal {
    fn from(error: AppendError) -> Self {
        Self(match error {
            AppendError::Conflict { .. } => {
                Problem::new(StatusCode::CONFLICT, "version_conflict", "Others changed it at the same time")
                    .remedy("Try again.")
            }
            AppendError::Reserved { .. } => {
                Problem::new(StatusCode::CONFLICT, "name_taken", "The name is taken").remedy("Choose another one.")
            }
            AppendError::KeyReused => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "The Idempotency-Key was used for another request",
            )
            .remedy("Use a new key for a new intent."),
            AppendError::Overloaded | AppendError::Unavailable(_) => unavailable(&error),
        })
    }
}
