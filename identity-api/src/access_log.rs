//! Who tried to get in, from where, and what came of it: for operators, for twelve months, and for nobody else.
//!
//! What happens to an account is an event, which says nothing of addresses that belong to nobody. This says it of
//! everybody, outside the log of events, because addresses are personal data and may not stay for ever.

use crate::call::Call;
use kernel::TenantId;
use sqlx::PgPool;
use uuid::Uuid;

/// What came of a try. The names are stored and counted: add, never rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Somebody signed in.
    SignedIn,
    /// No such account, or a wrong password.
    WrongPassword,
    /// The password was right, the second factor was not.
    WrongSecondFactor,
    /// The account is closed.
    Closed,
    /// The address is not proven yet.
    Unverified,
    /// Too many tries came before; nothing was looked at.
    Throttled,
    /// Somebody signed out.
    SignedOut,
    /// A refresh token came a second time.
    TokenReused,
    /// The password was changed by its owner.
    PasswordChanged,
    /// The password was reset by a link.
    PasswordReset,
    /// A reset was asked for.
    ResetAsked,
    /// Somebody registered, or tried to.
    SignUp,
    /// A second factor was turned on.
    SecondFactorOn,
    /// A second factor was turned off.
    SecondFactorOff,
    /// A key of a service was issued.
    ApiKeyIssued,
}

impl What {
    /// The stored name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignedIn => "signed_in",
            Self::WrongPassword => "wrong_password",
            Self::WrongSecondFactor => "wrong_second_factor",
            Self::Closed => "account_closed",
            Self::Unverified => "address_unverified",
            Self::Throttled => "throttled",
            Self::SignedOut => "signed_out",
            Self::TokenReused => "token_reused",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::ResetAsked => "reset_asked",
            Self::SignUp => "sign_up",
            Self::SecondFactorOn => "second_factor_on",
            Self::SecondFactorOff => "second_factor_off",
            Self::ApiKeyIssued => "api_key_issued",
        }
    }
}

/// Whom a line is about, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Whom {
    /// The user; where there is none, what the address that was given is known by.
    pub account: Option<Uuid>,
    /// The session.
    pub sid: Option<Uuid>,
    /// The tenant.
    pub tenant_id: Option<TenantId>,
}

/// Keeps the log.
#[derive(Clone)]
pub struct AccessLog(PgPool);

impl AccessLog {
    /// Keeps it in this database.
    pub const fn new(pool: PgPool) -> Self {
        Self(pool)
    }

    /// Adds a line. That it cannot be written stops nobody from signing in; it is told to the operators.
    pub(crate) async fn record(&self, what: What, whom: Whom, call: &Call) {
        metrics::counter!("sign_in_events_total", "what" => what.name()).increment(1);
        let written = sqlx::query(
            "insert into secrets.access_log (what, account, sid, tenant_id, network, user_agent) \
             values ($1, $2, $3, $4, $5, $6)",
        )
        .bind(what.name())
        .bind(whom.account)
        .bind(whom.sid)
        .bind(whom.tenant_id.map(Uuid::from))
        .bind(call.address.network().to_string())
        .bind(call.user_agent())
        .execute(&self.0)
        .await;
        if let Err(error) = written {
            tracing::error!(%error, what = what.name(), "the access log cannot be written");
        }
    }
}
