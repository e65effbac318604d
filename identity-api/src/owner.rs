//! What an account says about its owner, in clear: in memory only, while a request is answered.

use crate::door::Door;
use crate::problems::Refusal;
use domain::identity::user::{Account, ChangeProfile, PhoneEdit};
use domain::identity::{EmailAddress, PersonName, PhoneNumber};
use kernel::{Personal, TenantId};
use platform::Problem;
use std::str::FromStr;

/// The owner of an account.
pub(crate) struct Owner {
    pub(crate) email: EmailAddress,
    pub(crate) given_name: PersonName,
    pub(crate) family_name: PersonName,
    pub(crate) phone: Option<PhoneNumber>,
}

impl Door {
    /// The owner of an account. Somebody who was erased has none.
    pub(crate) async fn owner_of(&self, account: &Account) -> Result<Owner, Refusal> {
        let phone = match &account.phone {
            Some(phone) => Some(self.clear(TenantId::PLATFORM, phone).await?),
            None => None,
        };
        Ok(Owner {
            email: self.clear(TenantId::PLATFORM, &account.email).await?,
            given_name: self.clear(TenantId::PLATFORM, &account.given_name).await?,
            family_name: self.clear(TenantId::PLATFORM, &account.family_name).await?,
            phone,
        })
    }

    /// The value. What was erased is not found.
    pub(crate) async fn clear<T: FromStr + Clone>(
        &self,
        tenant_id: TenantId,
        personal: &Personal<T>,
    ) -> Result<T, Refusal> {
        let value = self.decisions.vault().reveal(tenant_id, personal).await?;
        Ok(value.ok_or_else(Problem::not_found)?)
    }
}

impl Owner {
    /// The command without what the account says already: asking again changes nothing.
    pub(crate) fn news_in(&self, command: ChangeProfile) -> ChangeProfile {
        let given_name = command.given_name.filter(|name| *name.value() != self.given_name);
        let family_name = command.family_name.filter(|name| *name.value() != self.family_name);
        let phone = match command.phone {
            PhoneEdit::Set(phone) if Some(phone.value()) == self.phone.as_ref() => PhoneEdit::Keep,
            phone => phone,
        };
        ChangeProfile { given_name, family_name, phone, locale: command.locale }
    }
}
