//! Changing names, phone and language.

use super::{Event, User};
use crate::identity::{Locale, OWN_ACCOUNT, PersonName, PhoneNumber};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Personal, Private, Reach, Scope, View};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use uuid::Uuid;

/// Changes the user's own names, phone and language; what is left out stays, a phone of `null` is removed.
///
/// What an account says is sealed, and nobody here can tell whether a name is what it was: whoever carries this out
/// leaves out what would change nothing.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeProfile {
    /// Given name.
    pub given_name: Option<Private<PersonName>>,
    /// Family name.
    pub family_name: Option<Private<PersonName>>,
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
    Set(Private<PhoneNumber>),
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
        let locale = self.locale.unwrap_or(now.locale);
        let phone = match &self.phone {
            PhoneEdit::Remove if now.phone.is_some() => None,
            PhoneEdit::Keep | PhoneEdit::Remove => now.phone.clone(),
            PhoneEdit::Set(phone) => Some(phone.about(cx.target)),
        };
        let is_named = self.given_name.is_some() || self.family_name.is_some();
        if !is_named && phone == now.phone && locale == now.locale {
            return unchanged();
        }
        let name = |new: &Option<Private<PersonName>>, now: &Personal<PersonName>| {
            new.as_ref().map_or_else(|| now.clone(), |name| name.about(cx.target))
        };
        Ok(Decided::from(Event::ProfileChanged {
            given_name: name(&self.given_name, &now.given_name),
            family_name: name(&self.family_name, &now.family_name),
            phone,
            locale,
        }))
    }
}
