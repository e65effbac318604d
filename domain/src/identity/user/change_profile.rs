//! Changing names, phone and language.

use super::{Event, User};
use crate::identity::{Locale, OWN_ACCOUNT, PersonName, PhoneNumber};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use uuid::Uuid;

/// Changes the user's own names, phone and language; what is left out stays, a phone of `null` is removed.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeProfile {
    /// Given name.
    pub given_name: Option<PersonName>,
    /// Family name.
    pub family_name: Option<PersonName>,
    /// Phone number; `null` removes it.
    #[serde(default)]
    #[schema(value_type = Option<PhoneNumber>)]
    pub phone: PhoneEdit,
    /// In which language.
    pub locale: Option<Locale>,
}

/// What is to become of the phone number: a field that is not there is not the same as `null`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PhoneEdit {
    /// It stays.
    #[default]
    Keep,
    /// There is none any more.
    Remove,
    /// It is this one.
    Set(PhoneNumber),
}

impl<'de> Deserialize<'de> for PhoneEdit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Remove, Self::Set))
    }
}

impl Command for ChangeProfile {
    type Streams = User;
    const NAME: &'static str = "identity.change_profile";
    const SCOPE: Scope = OWN_ACCOUNT;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, user: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let now = user.owned(cx)?;
        let given_name = self.given_name.as_ref().unwrap_or(&now.given_name);
        let family_name = self.family_name.as_ref().unwrap_or(&now.family_name);
        let phone = match &self.phone {
            PhoneEdit::Keep => now.phone.as_ref(),
            PhoneEdit::Remove => None,
            PhoneEdit::Set(phone) => Some(phone),
        };
        let locale = self.locale.unwrap_or(now.locale);
        if (given_name, family_name, phone, locale)
            == (&now.given_name, &now.family_name, now.phone.as_ref(), now.locale)
        {
            return unchanged();
        }
        let (given_name, family_name, phone) = (given_name.clone(), family_name.clone(), phone.cloned());
        Ok(Decided::from(Event::ProfileChanged { given_name, family_name, phone, locale }))
    }
}
