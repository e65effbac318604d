//! Links in mails: where they lead, and their secret part.
//!
//! The secret part follows from the event and the installation's key, so it is stored nowhere. It stands behind the `#`:
//! no server on the way sees it, nor does any that the page loads something from.

use domain::notifications::email::{EmailContent, EmailLink};
use domain::notifications::feed::ThreadId;
use kernel::TenantId;
use platform::auth::link_token::{Link, LinkKey, Purpose};

/// Writes links.
#[derive(Clone, Debug)]
pub struct Links {
    public_url: String,
    key: LinkKey,
}

impl Links {
    /// Links below `public_url`, where the front end for people is, with tokens under `key`.
    pub fn new(public_url: &str, key: LinkKey) -> Self {
        Self { public_url: public_url.trim_end_matches('/').to_owned(), key }
    }

    /// Where a mail leads, if it leads anywhere.
    pub(crate) fn of(&self, tenant_id: TenantId, content: &EmailContent) -> Option<String> {
        let (path, purpose, link) = match content {
            EmailContent::VerifyAddress { link } => ("verify-email", Purpose::VERIFY_EMAIL, link),
            EmailContent::ConfirmNewAddress { link } => ("confirm-email", Purpose::CHANGE_EMAIL, link),
            EmailContent::ResetPassword { link } => ("reset-password", Purpose::RESET_PASSWORD, link),
            EmailContent::Invitation { link, .. } => ("join", Purpose::JOIN, link),
            EmailContent::AddressChanged {}
            | EmailContent::PasswordChanged {}
            | EmailContent::SignUpRepeated {}
            | EmailContent::SecondFactorEnabled {}
            | EmailContent::SecondFactorDisabled {}
            | EmailContent::SignInThrottled { .. }
            | EmailContent::News { .. } => return None,
        };
        let EmailLink { subject_id, request_id, expires_at } = *link;
        let token = self.key.token(purpose, &Link { tenant_id, subject_id, cause_id: request_id, expires_at });
        Some(format!("{}/{path}#token={token}", self.public_url))
    }

    /// Where a ticket is read, by whoever may.
    pub(crate) fn ticket(&self, thread_id: ThreadId) -> String {
        format!("{}/tickets/{thread_id}", self.public_url)
    }

    /// Where somebody sees what he was told, and says how he wants to be told.
    pub(crate) fn notifications(&self) -> String {
        format!("{}/notifications", self.public_url)
    }

    /// Where somebody signs in.
    pub(crate) fn sign_in(&self) -> String {
        format!("{}/sign-in", self.public_url)
    }

    /// Where somebody asks for a new password.
    pub(crate) fn forgot_password(&self) -> String {
        format!("{}/forgot-password", self.public_url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use uuid::Uuid;

    #[test]
    fn a_token_opens_for_its_purpose_alone() {
        let key = LinkKey::new(&[7; 32]);
        let links = Links::new("https://app.example.com/", key.clone());
        let link = EmailLink {
            subject_id: Uuid::from_u128(1),
            request_id: Uuid::from_u128(2),
            expires_at: DateTime::from_timestamp(2_000_000_000, 0).unwrap(),
        };
        let url = links.of(TenantId::PLATFORM, &EmailContent::ResetPassword { link }).unwrap();
        let token = url.strip_prefix("https://app.example.com/reset-password#token=").unwrap();
        let opened = key.open(Purpose::RESET_PASSWORD, token, DateTime::<Utc>::UNIX_EPOCH).unwrap();
        assert_eq!((opened.subject_id, opened.cause_id), (link.subject_id, link.request_id));
        assert!(key.open(Purpose::VERIFY_EMAIL, token, DateTime::<Utc>::UNIX_EPOCH).is_err());
        assert_eq!(links.of(TenantId::PLATFORM, &EmailContent::PasswordChanged {}), None);
    }
}
