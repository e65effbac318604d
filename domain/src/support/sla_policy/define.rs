//! Saying what the desk promises.

use super::{Event, MANAGE, Rejection, SlaPolicy, TicketTimers, sla_policy_id};
use crate::support::business_calendar::BusinessCalendar;
use crate::support::sla_terms::{SlaTargets, SlaTerms};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Says what the tenant's support desk promises: in which time tickets of each priority are first answered and resolved, by
/// which hours, and after how long a ticket that nobody does anything about moves by itself.
///
/// It replaces what was promised before, whole; what is left out is the usual: no target, every hour of every day, a week.
/// It holds for tickets that are opened from then on; without any target, those have no clock. The same again changes nothing.
/// Refused with `support.sla_policy_response_after_resolution` where a first response would be due after the resolution.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DefineSlaPolicy {
    /// In which time.
    #[serde(default)]
    pub targets: SlaTargets,
    /// When time counts.
    #[serde(default)]
    pub calendar: BusinessCalendar,
    /// What happens by itself.
    #[serde(default)]
    pub timers: TicketTimers,
}

impl Command for DefineSlaPolicy {
    type Streams = SlaPolicy;
    const NAME: &'static str = "support.define_sla_policy";
    const SCOPE: Scope = MANAGE;
    const REACH: Reach = Reach::All;

    fn streams(&self, _target: Uuid, cx: &Context) -> Uuid {
        sla_policy_id(cx.tenant_id).0
    }

    fn decide(&self, policy: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let terms = SlaTerms { targets: self.targets, calendar: self.calendar.clone() };
        if policy.defined && policy.terms == terms && policy.timers == self.timers {
            return unchanged();
        }
        let late = |response, resolution| matches!((response, resolution), (Some(one), Some(other)) if one > other);
        if self.targets.all().iter().any(|target| late(target.first_response, target.resolution)) {
            return Err(Rejection::ResponseAfterResolution);
        }
        let (targets, calendar, timers) = (self.targets, self.calendar.clone(), self.timers);
        Ok(Decided::from(Event::Defined { targets, calendar, timers }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::specs::{context, given, state_of};
    use kernel::{ActorId, Event as _};
    use serde_json::{Value, json};

    fn define(body: Value) -> DefineSlaPolicy {
        serde_json::from_value(body).unwrap()
    }

    fn cx() -> Context {
        context(ActorId(Uuid::from_u128(1)), Uuid::nil(), &[])
    }

    #[test]
    fn a_promise_replaces_the_one_before_and_the_same_changes_nothing() {
        let Value::Object(example) = serde_json::to_value(&Event::examples()[0]).unwrap() else { panic!("an object") };
        let again = define(example["defined"].clone());
        given([]).when(&again, &cx()).answers(Event::examples());
        given(Event::examples()).when(&again, &cx()).changes_nothing();
        let nothing = given(Event::examples()).when(&define(json!({})), &cx()).accepted().events;
        let policy = state_of::<SlaPolicy>(nothing.clone());
        assert_eq!((policy.terms(), policy.timers()), (None, TicketTimers::default()));
        given(nothing).when(&define(json!({})), &cx()).changes_nothing();
    }

    #[test]
    fn nothing_is_due_to_be_resolved_before_it_is_answered() {
        let late = define(json!({"targets": {"low": {"first_response": "2h", "resolution": "90m"}}}));
        given([]).when(&late, &cx()).is_rejected(&Rejection::ResponseAfterResolution);
        let one = define(
            json!({"targets": {"low": {"first_response": "2h", "resolution": "2h"}, "high": {"resolution": "1m"}}}),
        );
        assert_eq!(given([]).when(&one, &cx()).accepted().events.len(), 1);
    }

    #[test]
    fn timers_are_a_week_unless_they_are_switched_off() {
        let timers = |body: Value| define(json!({ "timers": body })).timers;
        assert_eq!(timers(json!({})), TicketTimers::default());
        assert_eq!(timers(json!({"close_resolved_after_days": null})).close_resolved_after_days, None);
        for wrong in [json!(0), json!(366), json!(-1), json!("7")] {
            let body = json!({"timers": {"resolve_waiting_after_days": wrong}});
            assert!(serde_json::from_value::<DefineSlaPolicy>(body).is_err(), "{wrong}");
        }
    }
}
