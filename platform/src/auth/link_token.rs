//! The secret part of a link in a mail: derived from what caused the mail, so that it is stored nowhere.
//!
//! Whoever has the key can write the link of an event again and gets the same text; nobody else can write any. A token
//! says whom it is about, which fact it answers to and when it ends, readable for everybody and sealed with
//! HMAC-SHA256 together with its purpose: a token to verify an address is no token to set a password. That it is used
//! once is up to the state of the subject, which knows whether the fact that it answers to is still open.

use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use kernel::TenantId;
use uuid::Uuid;

/// The first byte of every token: how the rest is laid out.
const LAYOUT: u8 = 1;
/// Layout, tenant, subject, cause, end.
const CLEAR_BYTES: usize = 1 + 16 + 16 + 16 + 8;
const SEAL_BYTES: usize = 32;

/// What a link is for. A token of one purpose is no token of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose {
    name: &'static str,
    lifetime: TimeDelta,
}

impl Purpose {
    /// Shows that whoever opens it reads the mails of an address.
    pub const VERIFY_EMAIL: Self = Self { name: "verify_email", lifetime: TimeDelta::days(3) };
    /// Shows the same of another address, which then becomes the one of the account.
    pub const CHANGE_EMAIL: Self = Self { name: "change_email", lifetime: TimeDelta::days(3) };
    /// Permits to choose a new password once.
    pub const RESET_PASSWORD: Self = Self { name: "reset_password", lifetime: TimeDelta::hours(1) };
    /// Permits to join a tenant.
    pub const JOIN: Self = Self { name: "join", lifetime: TimeDelta::days(7) };

    /// Its stable name; it is part of the seal and must never change.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// How long a link is good after the fact that it answers to.
    pub const fn lifetime(self) -> TimeDelta {
        self.lifetime
    }
}

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// In whose data the subject is found.
    pub tenant_id: TenantId,
    /// Whom or what it is about: the stream of the event.
    pub subject_id: Uuid,
    /// Which fact it answers to: the id of the event, or an id that the event carries.
    pub cause_id: Uuid,
    /// When it ends. Whole seconds: what is less is cut off.
    pub expires_at: DateTime<Utc>,
}

/// Why a token is not good. The holder of the link reads the same for all but the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It is not a token of this layout.
    #[error("not a link token")]
    Malformed,
    /// It was not made here, or for another purpose.
    #[error("the link token's seal is not ours")]
    Forged,
    /// It was good and is over.
    #[error("the link token has ended")]
    Expired,
}

/// Seals and opens link tokens.
#[derive(Clone, Debug)]
pub struct LinkKey(hmac::Key);

impl LinkKey {
    /// By which label the key is derived from the root key. Another label makes all links that are out useless.
    pub const LABEL: &'static str = "sillage link tokens v1";

    /// A key that was derived from the root key under [`LinkKey::LABEL`].
    pub fn new(derived: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, derived))
    }

    /// The token of a link: 119 characters that need no escaping in a URL. The same link gives the same token.
    pub fn token(&self, purpose: Purpose, link: &Link) -> String {
        let mut bytes = Vec::with_capacity(CLEAR_BYTES + SEAL_BYTES);
        bytes.push(LAYOUT);
        bytes.extend_from_slice(link.tenant_id.0.as_bytes());
        bytes.extend_from_slice(link.subject_id.as_bytes());
        bytes.extend_from_slice(link.cause_id.as_bytes());
        bytes.extend_from_slice(&link.expires_at.timestamp().to_be_bytes());
        let seal = self.seal(purpose, &bytes);
        bytes.extend_from_slice(seal.as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a token says, if it was made here for this purpose and has not ended.
    ///
    /// # Errors
    /// Why it is not good. Whether the link has been used is not known here.
    pub fn open(&self, purpose: Purpose, token: &str, now: DateTime<Utc>) -> Result<Link, LinkError> {
        if token.len() != (CLEAR_BYTES + SEAL_BYTES).div_ceil(3) * 4 - 1 {
            return Err(LinkError::Malformed);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| LinkError::Malformed)?;
        let (clear, seal) = bytes.split_at_checked(CLEAR_BYTES).ok_or(LinkError::Malformed)?;
        constant_time::verify_slices_are_equal(self.seal(purpose, clear).as_ref(), seal)
            .map_err(|_| LinkError::Forged)?;
        let link = read(clear).ok_or(LinkError::Malformed)?;
        if link.expires_at <= now { Err(LinkError::Expired) } else { Ok(link) }
    }

    fn seal(&self, purpose: Purpose, clear: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        // The length in front keeps the name and what follows apart.
        context.update(&(purpose.name.len() as u64).to_be_bytes());
        context.update(purpose.name.as_bytes());
        context.update(clear);
        context.sign()
    }
}

fn read(clear: &[u8]) -> Option<Link> {
    let (layout, rest) = clear.split_first()?;
    let uuid = |at: usize| Uuid::from_slice(rest.get(at..at + 16)?).ok();
    let seconds = i64::from_be_bytes(rest.get(48..56)?.try_into().ok()?);
    let link = Link {
        tenant_id: TenantId(uuid(0)?),
        subject_id: uuid(16)?,
        cause_id: uuid(32)?,
        expires_at: DateTime::from_timestamp(seconds, 0)?,
    };
    (*layout == LAYOUT).then_some(link)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn link() -> Link {
        Link {
            tenant_id: TenantId(Uuid::from_u128(1)),
            subject_id: Uuid::from_u128(2),
            cause_id: Uuid::from_u128(3),
            expires_at: DateTime::from_timestamp(2_000_000_000, 0).unwrap(),
        }
    }

    fn key() -> LinkKey {
        LinkKey::new(&[7; 32])
    }

    fn before() -> DateTime<Utc> {
        link().expires_at - TimeDelta::seconds(1)
    }

    #[test]
    fn a_link_comes_back_and_is_always_written_alike() {
        let token = key().token(Purpose::JOIN, &link());
        assert_eq!((token.len(), token == key().token(Purpose::JOIN, &link())), (119, true));
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
        assert_eq!(key().open(Purpose::JOIN, &token, before()), Ok(link()));
        // Links that are in mailboxes must stay good: these bytes are a contract.
        assert_eq!(
            token,
            "AQAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAACAAAAAAAAAAAAAAAAAAAAAwAAAAB3NZQA\
             -O43sLkro65YGSWfNPesJkPgT_s3_3ryYb_ILJH8u2Q"
        );
    }

    #[test]
    fn a_token_ends_and_serves_one_purpose_under_one_key() {
        let token = key().token(Purpose::VERIFY_EMAIL, &link());
        assert_eq!(key().open(Purpose::VERIFY_EMAIL, &token, link().expires_at), Err(LinkError::Expired));
        for purpose in [Purpose::RESET_PASSWORD, Purpose::JOIN] {
            assert_eq!(key().open(purpose, &token, before()), Err(LinkError::Forged));
        }
        let other = LinkKey::new(&[8; 32]);
        assert_eq!(other.open(Purpose::VERIFY_EMAIL, &token, before()), Err(LinkError::Forged));
    }

    #[test]
    fn every_other_link_has_another_token() {
        let links = [
            link(),
            Link { tenant_id: TenantId(Uuid::from_u128(9)), ..link() },
            Link { subject_id: Uuid::from_u128(9), ..link() },
            Link { cause_id: Uuid::from_u128(9), ..link() },
            Link { expires_at: before(), ..link() },
        ];
        let tokens: HashSet<String> = links.iter().map(|link| key().token(Purpose::JOIN, link)).collect();
        assert_eq!(tokens.len(), links.len());
    }

    #[test]
    fn no_changed_token_is_good() {
        let token = key().token(Purpose::RESET_PASSWORD, &link());
        for at in 0..token.len() {
            let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
            let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
            assert!(key().open(Purpose::RESET_PASSWORD, &changed, before()).is_err(), "{at}");
        }
        let cut = &token[..token.len() - 1];
        for wrong in ["", "a", cut, &format!("{token}A"), &format!("{token}="), &"é".repeat(60), &"A".repeat(100_000)]
        {
            assert_eq!(key().open(Purpose::RESET_PASSWORD, wrong, before()), Err(LinkError::Malformed));
        }
    }
}
