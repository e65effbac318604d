//! A tenant: a company, studio or brand that uses Sillage. This file is the stored contract.
//!
//! Its stream is in the platform's tenant; the stream's id is the id by which everything of the tenant is kept.

mod change;
mod create;
mod rejection;
mod resume;
mod slug;
#[cfg(test)]
mod specs;
mod suspend;

pub use change::ChangeTenant;
pub use create::CreateTenant;
pub use rejection::Rejection;
pub use resume::ResumeTenant;
pub use slug::Slug;
pub use suspend::SuspendTenant;

use super::{EmailAddress, InvitationId, Locale, Reason, Recipient, TimeZone, on_the_platform};
use kernel::{Aggregate, Context, Personal, Text};
use serde::{Deserialize, Serialize};

/// What the tenant is called.
pub type TenantName = Text<1, 200>;

kernel::labelled! {
    /// What a tenant pays for. What a plan includes is billing's affair.
    #[derive(Default)]
    pub enum Plan("identity.plan") {
        /// To try it.
        #[default]
        Free: "free" | "FREE", "Free", "Gratuit";
        /// For small companies.
        Starter: "starter" | "STARTER", "Starter", "Découverte";
        /// For companies with several sites or teams.
        Professional: "professional" | "PROFESSIONAL" | "pro", "Professional", "Professionnel";
        /// By contract.
        Enterprise: "enterprise" | "ENTERPRISE", "Enterprise", "Entreprise";
    }
}

/// What may happen to a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It came into being.
    Created {
        /// How it is called in addresses; unique, never changes.
        slug: Slug,
        /// How it is called by people.
        name: TenantName,
        /// What it pays for.
        plan: Plan,
        /// In which language it is spoken to.
        locale: Locale,
        /// In which zone its days begin.
        time_zone: TimeZone,
    },
    /// Settings changed; carries all of them as they are now.
    Changed {
        /// How it is called by people.
        name: TenantName,
        /// What it pays for.
        plan: Plan,
        /// In which language it is spoken to.
        locale: Locale,
        /// In which zone its days begin.
        time_zone: TimeZone,
    },
    /// It may change nothing any more; its people go on reading.
    Suspended {
        /// Why; about the tenant, which may be one person.
        reason: Personal<Reason>,
    },
    /// It may work again.
    Resumed {},
    /// Somebody is to be its first administrator: he is invited.
    AdministratorNamed {
        /// By which invitation, in the new tenant. The address is about whoever gets it.
        invitation_id: InvitationId,
        /// To whom it goes.
        to: Recipient,
    },
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "identity.tenant";

    fn examples() -> Vec<Self> {
        examples()
    }
}

/// The state of a tenant's stream: nothing before it is created.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    profile: Option<Profile>,
}

/// What is known about a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// How it is called in addresses.
    pub slug: Slug,
    /// How it is called by people.
    pub name: TenantName,
    /// What it pays for.
    pub plan: Plan,
    /// In which language it is spoken to.
    pub locale: Locale,
    /// In which zone its days begin.
    pub time_zone: TimeZone,
    /// Whether it may change nothing.
    pub suspended: bool,
}

impl Aggregate for Tenant {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(self, event: &Event) -> Self {
        let profile = match (self.profile, event.clone()) {
            (_, Event::Created { slug, name, plan, locale, time_zone }) => {
                Some(Profile { slug, name, plan, locale, time_zone, suspended: false })
            }
            (profile, Event::Changed { name, plan, locale, time_zone }) => {
                profile.map(|profile| Profile { name, plan, locale, time_zone, ..profile })
            }
            (profile, Event::Suspended { .. }) => profile.map(|profile| Profile { suspended: true, ..profile }),
            (profile, Event::Resumed {}) => profile.map(|profile| Profile { suspended: false, ..profile }),
            (profile, Event::AdministratorNamed { .. }) => profile,
        };
        Self { profile }
    }
}

impl Tenant {
    /// What is known about it; `None` where there is no such tenant.
    pub const fn profile(&self) -> Option<&Profile> {
        self.profile.as_ref()
    }

    /// The tenant, for an administrator of the platform. Nobody else learns whether there is one.
    fn administered(&self, cx: &Context) -> Result<&Profile, Rejection> {
        if !on_the_platform(cx, super::MANAGE_TENANTS) {
            return Err(Rejection::NotFound);
        }
        self.profile.as_ref().ok_or(Rejection::NotFound)
    }
}

fn examples() -> Vec<Event> {
    let name = |text: &str| TenantName::parse(text).expect("an example is valid");
    let id = |n: u128| uuid::Uuid::from_u128(0x1d00_0000_0000_4000_8000_0000_0000_0000 + n);
    vec![
        Event::Created {
            slug: Slug::parse("encre-noire").expect("an example is valid"),
            name: name("Encre Noire"),
            plan: Plan::Starter,
            locale: Locale::Fr,
            time_zone: TimeZone::default(),
        },
        Event::Changed {
            name: name("Encre Noire Paris"),
            plan: Plan::Professional,
            locale: Locale::En,
            time_zone: TimeZone::parse("Europe/Brussels").expect("an example is valid"),
        },
        Event::Suspended {
            reason: Personal::new(
                id(2),
                Reason::parse("The invoice of March is not paid.").expect("an example is valid"),
            ),
        },
        Event::Resumed {},
        Event::AdministratorNamed {
            invitation_id: InvitationId(id(3)),
            to: Recipient {
                email: Personal::new(id(3), EmailAddress::parse("ada@example.com").expect("an example is valid")),
                given_name: None,
                locale: Locale::Fr,
            },
        },
    ]
}
