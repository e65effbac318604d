//! What the desk of a tenant promises, and what it does by itself when nobody answers. This file is the stored contract.
//!
//! One stream per tenant. A ticket takes the terms with it when it is opened: what was promised then holds for it, whatever is
//! promised to others later. Its timers are set by what is so when it gets there.

mod define;
mod rejection;
mod timers;

pub use define::DefineSlaPolicy;
pub use rejection::Rejection;
pub use timers::{Days, TicketTimers};

use super::business_calendar::BusinessCalendar;
use super::sla_terms::{SlaTargets, SlaTerms};
use kernel::{Aggregate, Scope, TenantId, typed_id};
use serde::{Deserialize, Serialize};

/// Saying what the desk promises.
pub const MANAGE: Scope = Scope::new("support.sla_policy:manage");

typed_id! {
    /// The policy of a tenant: its stream, which follows from the tenant.
    pub struct SlaPolicyId;
}

/// The one policy of a tenant.
pub fn sla_policy_id(tenant_id: TenantId) -> SlaPolicyId {
    SlaPolicyId(kernel::ids::derived(tenant_id.0, "support.sla_policy"))
}

/// What may happen to it. Who did it and when are in the envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// From now on this is promised, all of it.
    Defined {
        /// In which time.
        targets: SlaTargets,
        /// When time counts.
        calendar: BusinessCalendar,
        /// What happens by itself.
        timers: TicketTimers,
    },
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "support.sla_policy";

    fn examples() -> Vec<Self> {
        let read = serde_json::json!({
            "defined": {
                "targets": {
                    "urgent": {"first_response": "30m", "resolution": "4h"},
                    "high": {"first_response": "2h", "resolution": "8h"},
                    "medium": {"first_response": "4h", "resolution": "3d"},
                    "low": {"first_response": "8h"},
                },
                "calendar": {
                    "time_zone": "Europe/Paris",
                    "hours": {
                        "monday": [{"from": "09:00", "to": "12:30"}, {"from": "14:00", "to": "18:00"}],
                        "saturday": [{"from": "10:00", "to": "13:00"}],
                    },
                    "holidays": ["2026-07-14"],
                },
                "timers": {"resolve_waiting_after_days": 7, "close_resolved_after_days": null},
            },
        });
        vec![serde_json::from_value(read).expect("an example is valid")]
    }
}

/// The state of a policy's stream: without events nothing is promised, and the timers are the usual ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlaPolicy {
    terms: SlaTerms,
    timers: TicketTimers,
    defined: bool,
}

impl Aggregate for SlaPolicy {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(self, event: &Event) -> Self {
        match event {
            Event::Defined { targets, calendar, timers } => {
                let terms = SlaTerms { targets: *targets, calendar: calendar.clone() };
                Self { terms, timers: *timers, defined: true }
            }
        }
    }
}

impl SlaPolicy {
    /// What is promised of a ticket that is opened now, if anything is.
    pub fn terms(&self) -> Option<&SlaTerms> {
        (self.terms.targets != SlaTargets::default()).then_some(&self.terms)
    }

    /// What happens to a ticket by itself.
    pub const fn timers(&self) -> TicketTimers {
        self.timers
    }
}
