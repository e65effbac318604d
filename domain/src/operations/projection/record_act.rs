//! Tell what was done to a projection.

use super::{Event, Projection, RECORD, Rejection, stream_of};
use chrono::{DateTime, Utc};
use kernel::{Command, Context, Decided, Decision, Reach, Scope, TenantId, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Records what was done to a projection. What was done is done: it is not decided here, and telling the same act again is
/// found by its id.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordProjectionAct {
    /// What was done, to what, by whom and why.
    pub event: Event,
    /// When.
    pub occurred_at: DateTime<Utc>,
}

impl Command for RecordProjectionAct {
    type Streams = Projection;
    const NAME: &'static str = "operations.record_projection_act";
    const SCOPE: Scope = RECORD;
    const REACH: Reach = Reach::All;

    fn streams(&self, _target: Uuid, _cx: &Context) -> Uuid {
        stream_of(self.event.deed().read_model.as_str())
    }

    fn occurred_at(&self) -> Option<DateTime<Utc>> {
        Some(self.occurred_at)
    }

    fn decide(&self, _projection: View<'_, Self>, cx: &Context) -> Decision<Self> {
        if cx.tenant_id != TenantId::PLATFORM {
            return Err(Rejection::PlatformOnly);
        }
        Ok(Decided::from(self.event.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::specs::{context, given, noon};
    use kernel::{ActorId, Event as _};

    fn told(event: &Event) -> RecordProjectionAct {
        RecordProjectionAct { event: event.clone(), occurred_at: noon() }
    }

    fn cx(tenant_id: TenantId) -> Context {
        let cx = context(ActorId(Uuid::nil()), Uuid::from_u128(1), &[RECORD.as_str()]);
        Context { tenant_id, ..cx }
    }

    #[test]
    fn every_act_is_told_as_it_was_done() {
        for event in Event::examples() {
            given::<Projection>([]).when(&told(&event), &cx(TenantId::PLATFORM)).answers([event]);
        }
    }

    #[test]
    fn what_concerns_everybody_is_told_on_the_platform() {
        let event = Event::examples().remove(0);
        let elsewhere = TenantId(Uuid::from_u128(7));
        given::<Projection>([]).when(&told(&event), &cx(elsewhere)).is_rejected(&Rejection::PlatformOnly);
    }
}
