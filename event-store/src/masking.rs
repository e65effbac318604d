//! Events as they are shown to others: payloads in today's shape, and what is sealed in them opened or masked.

use crate::vault::{Vault, VaultError};
use kernel::personal::ERASED;
use kernel::{Category, EventData, Recorded, Sealed, SubjectId, TenantId};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What stands where personal data would.
pub const MASK: &str = "[masked]";

/// What sealed texts say, for those who may see it. Empty: everything that is sealed is masked.
#[derive(Clone, Debug, Default)]
pub struct Unsealed(HashMap<(TenantId, Sealed), Option<Arc<str>>>);

impl Unsealed {
    /// What is sealed in these events.
    ///
    /// # Errors
    /// Postgres does not answer. What does not open only looks as if it were sealed, and is left out: somebody may have
    /// written it.
    pub async fn of(vault: &Vault, events: &[Recorded<EventData>]) -> Result<Self, VaultError> {
        Self::open(vault, sealed_in(events).collect()).await
    }

    /// What is sealed in these events about these subjects, and nothing about anybody else.
    ///
    /// # Errors
    /// As [`Unsealed::of`].
    pub async fn about(
        vault: &Vault,
        subjects: &[SubjectId],
        events: &[Recorded<EventData>],
    ) -> Result<Self, VaultError> {
        let about = sealed_in(events).filter(|(_, sealed)| subjects.contains(&sealed.subject()));
        Self::open(vault, about.collect()).await
    }

    async fn open(vault: &Vault, sealed: Vec<(TenantId, Sealed)>) -> Result<Self, VaultError> {
        match vault.open_all(&sealed).await {
            Ok(texts) => return Ok(Self(sealed.into_iter().zip(texts).collect())),
            Err(VaultError::Damaged(_) | VaultError::Missing(_)) => {}
            Err(error) => return Err(error),
        }
        let mut opened = HashMap::new();
        for one in sealed {
            match vault.open_all(std::slice::from_ref(&one)).await {
                Ok(mut texts) => opened.extend(texts.pop().map(|text| (one, text))),
                Err(VaultError::Damaged(_) | VaultError::Missing(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self(opened))
    }

    /// An event as it is shown: the payload in the shape of today, as `categories` know it, and nothing sealed in it.
    pub fn shown(&self, event: Recorded<EventData>, categories: &[Category]) -> Recorded<EventData> {
        let lifted = event.try_map(|category, stored| {
            let known = categories.iter().find(|known| known.name == category);
            Ok::<_, std::convert::Infallible>(known.map_or_else(|| stored.clone(), |known| known.lift(stored.clone())))
        });
        let mut event = match lifted {
            Ok(event) => event,
            Err(never) => match never {},
        };
        if let Some(shown) = self.payload(&event.event.data, event.tenant_id) {
            event.event.data = shown;
        }
        event
    }

    /// The payload with every sealed text opened or masked; `None` where there is none.
    fn payload(&self, data: &[u8], tenant_id: TenantId) -> Option<Vec<u8>> {
        has_sealed(data).then_some(())?;
        let mut value: Value = serde_json::from_slice(data).ok()?;
        self.show(&mut value, tenant_id).then(|| serde_json::to_vec(&value).unwrap_or_default())
    }

    fn show(&self, value: &mut Value, tenant_id: TenantId) -> bool {
        match value {
            Value::String(text) => {
                let Ok(sealed) = Sealed::parse(text) else { return false };
                *text = match self.0.get(&(tenant_id, sealed)) {
                    Some(Some(clear)) => clear.as_ref().to_owned(),
                    Some(None) => ERASED.to_owned(),
                    None => MASK.to_owned(),
                };
                true
            }
            Value::Array(values) => {
                values.iter_mut().map(|one| self.show(one, tenant_id)).filter(|shown| *shown).count() > 0
            }
            Value::Object(fields) => {
                fields.values_mut().map(|one| self.show(one, tenant_id)).filter(|shown| *shown).count() > 0
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
}

/// Whether something in a payload may be sealed. Most hold nothing: a look at the bytes spares reading them.
fn has_sealed(data: &[u8]) -> bool {
    data.windows(4).any(|bytes| bytes == b"\"v1:")
}

/// Every text in payloads that looks as if it were sealed, once.
fn sealed_in(events: &[Recorded<EventData>]) -> impl Iterator<Item = (TenantId, Sealed)> {
    let mut sealed = HashSet::new();
    for event in events.iter().filter(|event| has_sealed(&event.event.data)) {
        if let Ok(data) = serde_json::from_slice(&event.event.data) {
            collect(&data, event.tenant_id, &mut sealed);
        }
    }
    sealed.into_iter()
}

fn collect(value: &Value, tenant_id: TenantId, sealed: &mut HashSet<(TenantId, Sealed)>) {
    match value {
        Value::String(text) => sealed.extend(Sealed::parse(text).ok().map(|text| (tenant_id, text))),
        Value::Array(values) => values.iter().for_each(|value| collect(value, tenant_id, sealed)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, tenant_id, sealed)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_sealed_is_masked_opened_or_erased_wherever_it_stands() {
        let tenant = TenantId(uuid::Uuid::from_u128(1));
        let ciphertext = "A".repeat(38);
        let text = |nth: u32| format!("v1:01a1fca4-1244-70ab-9d22-110be592ef91:{nth}:{ciphertext}");
        let data =
            json!({"name": text(1), "v1:": 1, "list": [{"email": text(2), "note": "v1:none"}], "count": text(3)});
        let told = |opened: &Unsealed| -> Value {
            serde_json::from_slice(&opened.payload(data.to_string().as_bytes(), tenant).expect("something is sealed"))
                .unwrap()
        };
        let all = |name, email, count| json!({"name": name, "v1:": 1, "list": [{"email": email, "note": "v1:none"}], "count": count});
        assert_eq!(told(&Unsealed::default()), all(MASK, MASK, MASK));
        let sealed = |nth| (tenant, Sealed::parse(&text(nth)).unwrap());
        let opened = Unsealed(HashMap::from([(sealed(1), Some("Ada".into())), (sealed(2), None)]));
        assert_eq!(told(&opened), all("Ada", ERASED, MASK), "what did not open stays masked");
        let other = (TenantId(uuid::Uuid::from_u128(2)), sealed(1).1);
        let elsewhere = Unsealed(HashMap::from([(other, Some("Ada".into()))]));
        assert_eq!(told(&elsewhere), all(MASK, MASK, MASK), "a text is opened for its own tenant alone");
        for nothing in [r#"{"note":"v1:none"}"#, r#"{"note":"none"}"#] {
            assert_eq!(Unsealed::default().payload(nothing.as_bytes(), tenant), None);
        }
    }
}
