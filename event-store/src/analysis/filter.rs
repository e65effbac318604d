//! Which events somebody wants to see.

use chrono::{DateTime, Utc};
use kernel::{ActorId, CommandId, CorrelationId, EventData, EventId, Recorded, TenantId};
use uuid::Uuid;

/// Which events are wanted. What is not said is not asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Whose; `None` for every tenant's.
    pub tenant_id: Option<TenantId>,
    /// Of which category and type.
    pub kinds: Kinds,
    /// Of which stream; its category is not asked, so that one id finds all streams of a thing.
    pub stream_id: Option<Uuid>,
    /// By whom.
    pub actor_id: Option<ActorId>,
    /// In which story.
    pub correlation_id: Option<CorrelationId>,
    /// By which command.
    pub command_id: Option<CommandId>,
    /// Which one.
    pub event_id: Option<EventId>,
    /// Occurred at this time or later.
    pub occurred_from: Option<DateTime<Utc>>,
    /// Occurred before this time.
    pub occurred_to: Option<DateTime<Utc>>,
}

/// Categories and types. Where both are said, both must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    /// Any of these categories; none: all.
    pub categories: Vec<String>,
    /// Any of these types, bare (`opened`) or with the category before it; none: all.
    pub types: Vec<String>,
}

impl Kinds {
    /// Whether all are wanted.
    pub const fn is_all(&self) -> bool {
        self.categories.is_empty() && self.types.is_empty()
    }

    /// Whether this kind is wanted.
    pub fn includes(&self, category: &str, event_type: &str) -> bool {
        let qualified = |wanted: &str| {
            wanted.strip_prefix(category).and_then(|rest| rest.strip_prefix('.')).is_some_and(|rest| rest == event_type)
        };
        (self.categories.is_empty() || self.categories.iter().any(|wanted| wanted == category))
            && (self.types.is_empty() || self.types.iter().any(|wanted| wanted == event_type || qualified(wanted)))
    }
}

impl Filter {
    /// Whether an event is wanted.
    pub fn matches(&self, event: &Recorded<EventData>) -> bool {
        fn is<T: PartialEq>(wanted: Option<&T>, found: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == found)
        }
        is(self.tenant_id.as_ref(), &event.tenant_id)
            && is(self.stream_id.as_ref(), &event.stream_id)
            && is(self.actor_id.as_ref(), &event.actor.id)
            && is(self.correlation_id.as_ref(), &event.correlation_id)
            && is(self.command_id.as_ref(), &event.command_id)
            && is(self.event_id.as_ref(), &event.event_id)
            && self.occurred_from.is_none_or(|from| event.occurred_at >= from)
            && self.occurred_to.is_none_or(|to| event.occurred_at < to)
            && self.kinds.includes(&event.category, &event.event.event_type)
    }

    /// Whether it names something that few events have.
    pub const fn is_narrow(&self) -> bool {
        self.event_id.is_some() || self.correlation_id.is_some() || self.command_id.is_some() || self.actor_id.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_named_bare_or_in_full() {
        let kinds = |categories: &[&str], types: &[&str]| Kinds {
            categories: categories.iter().map(|name| (*name).to_owned()).collect(),
            types: types.iter().map(|name| (*name).to_owned()).collect(),
        };
        assert!(kinds(&[], &[]).is_all() && kinds(&[], &[]).includes("test.thing", "made"));
        assert!(kinds(&["test.thing"], &[]).includes("test.thing", "made"));
        assert!(!kinds(&["test.thing"], &[]).includes("test.thing_part", "made"));
        for named in ["made", "test.thing.made"] {
            assert!(kinds(&[], &[named]).includes("test.thing", "made"), "{named}");
            assert!(!kinds(&[], &[named]).includes("test.thing", "unmade"), "{named}");
            assert!(!kinds(&["test.other"], &[named]).includes("test.thing", "made"), "{named}");
        }
        assert!(!kinds(&[], &["test.thing.made"]).includes("test.other", "made"));
    }
}
