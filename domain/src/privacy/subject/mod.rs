//! Somebody whom data is kept about: that he is given it, that he is to be erased, and that he was. This file is the stored contract.
//!
//! The stream's id is the subject's, and it is in the platform's tenant: one person may be known in many companies, under
//! a key in each. Nothing here is personal data: ids, counts and reasons by name.

mod certify_erasure;
mod rejection;
mod request_erasure;
mod request_export;
#[cfg(test)]
mod specs;

pub use certify_erasure::CertifyErasure;
pub use rejection::Rejection;
pub use request_erasure::RequestErasure;
pub use request_export::RequestExport;

use kernel::{Aggregate, Scope, SubjectId, TenantId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What operators do. In no role and in no token.
pub const ERASE: Scope = Scope::new("privacy.subject:erase");
/// What operators do. In no role and in no token.
pub const EXPORT: Scope = Scope::new("privacy.subject:export");

/// One key that is destroyed: whom it stands for, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasedKey {
    /// In whose data.
    pub kept_by: TenantId,
    /// Whom or what the key stands for: the person, or an invitation to that person.
    pub subject_id: SubjectId,
}

kernel::labelled! {
    /// Why somebody is erased.
    #[derive(Default)]
    pub enum ErasureReason("privacy.erasure_reason") {
        /// The person asked for it (GDPR, article 17).
        #[default]
        Asked: "asked", "Asked for by the person", "À la demande de la personne";
        /// It was kept for as long as it may be.
        Expired: "expired", "Kept for as long as it may be", "Durée de conservation écoulée";
        /// A court or an authority ordered it.
        Ordered: "ordered", "Ordered by an authority", "Ordonné par une autorité";
    }
}

/// What may happen to a subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// These keys are to be destroyed, and what was clear under them taken out. Nothing takes it back.
    ErasureRequested {
        /// Which keys, in order.
        erased_keys: Vec<ErasedKey>,
        /// Why.
        reason: ErasureReason,
    },
    /// It was done: the certificate.
    ErasureCompleted {
        /// Keys that were destroyed.
        keys_destroyed: i32,
        /// Clear texts that were taken out of tables.
        texts_removed: i64,
    },
    /// Everything that is kept about the person is read, to be given to that person.
    ExportRequested {
        /// What the subject is called where it is kept, in order.
        known_as: Vec<SubjectId>,
        /// What this tenant keeps; everywhere where none is named.
        kept_by: Option<TenantId>,
    },
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "privacy.subject";

    fn examples() -> Vec<Self> {
        examples()
    }
}

/// The state of a subject's stream: nothing before an erasure is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    erasure: Option<Erasure>,
}

/// What is known about an erasure: the last one, with all keys of those before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Which keys, in order.
    pub erased_keys: Vec<ErasedKey>,
    /// Whether it was done.
    pub completed: bool,
}

impl Aggregate for Subject {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(self, event: &Event) -> Self {
        let erasure = match (self.erasure, event) {
            (before, Event::ErasureRequested { erased_keys, .. }) => {
                let mut all = before.map(|erasure| erasure.erased_keys).unwrap_or_default();
                all.extend(erased_keys);
                all.sort_unstable();
                all.dedup();
                Some(Erasure { erased_keys: all, completed: false })
            }
            (erasure, Event::ExportRequested { .. }) => erasure,
            (erasure, Event::ErasureCompleted { .. }) => erasure.map(|erasure| Erasure { completed: true, ..erasure }),
        };
        Self { erasure }
    }
}

impl Subject {
    /// What is known about the erasure; `None` where none was asked for.
    pub const fn erasure(&self) -> Option<&Erasure> {
        self.erasure.as_ref()
    }
}

fn examples() -> Vec<Event> {
    let id = |n: u128| uuid::Uuid::from_u128(0x07_1f00_0000_4000_8000_0000_0000_0000 + n);
    vec![
        Event::ErasureRequested {
            erased_keys: vec![
                ErasedKey { kept_by: TenantId::PLATFORM, subject_id: SubjectId(id(1)) },
                ErasedKey { kept_by: TenantId(id(2)), subject_id: SubjectId(id(1)) },
            ],
            reason: ErasureReason::Asked,
        },
        Event::ErasureCompleted { keys_destroyed: 2, texts_removed: 14 },
        Event::ExportRequested { known_as: vec![SubjectId(id(1))], kept_by: Some(TenantId(id(2))) },
    ]
}
