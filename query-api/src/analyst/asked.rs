//! What an analyst asks for: the parameters that all queries over events share.

use super::sight::{Horizon, Sight, cursor, placed};
use crate::as_of::read_problem;
use crate::parameters::{Parameters, invalid};
use crate::reading::Services;
use chrono::{DateTime, TimeDelta, Utc};
use domain::catalogue::categories;
use event_store::analysis::{Cursor, Filter, Kinds};
use kernel::{ActorId, CommandId, CorrelationId, Position};
use platform::Problem;
use uuid::Uuid;

/// The names of the filters.
pub(super) const FILTERS: &[&str] = &[
    "tenant",
    "category",
    "type",
    "stream_id",
    "actor_id",
    "correlation_id",
    "command_id",
    "recorded_from",
    "recorded_to",
    "occurred_from",
    "occurred_to",
    "from_position",
    "to_position",
];

/// A filter, and the stretch of the log in which it looks.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) filter: Filter,
    pub(super) cursor: Option<Cursor>,
    recorded_from: Option<DateTime<Utc>>,
    recorded_to: Option<DateTime<Utc>>,
    from: Option<Position>,
    to: Option<Position>,
}

impl Asked {
    /// Takes all filters and the cursor.
    pub(super) fn of(parameters: &mut Parameters, sight: &Sight) -> Result<Self, Problem> {
        let id = |parameters: &mut Parameters, name: &str| parameters.take_as::<Uuid>(name, "a UUID");
        let filter = Filter {
            tenant_id: sight.tenant_id,
            kinds: kinds(parameters)?,
            stream_id: id(parameters, "stream_id")?,
            actor_id: id(parameters, "actor_id")?.map(ActorId),
            correlation_id: id(parameters, "correlation_id")?.map(CorrelationId),
            command_id: id(parameters, "command_id")?.map(CommandId),
            event_id: None,
            occurred_from: parameters.time("occurred_from")?,
            occurred_to: parameters.time("occurred_to")?,
        };
        Ok(Self {
            filter,
            cursor: cursor(parameters)?,
            recorded_from: parameters.time("recorded_from")?,
            recorded_to: parameters.time("recorded_to")?,
            from: position(parameters, "from_position")?,
            to: position(parameters, "to_position")?,
        })
    }

    /// After which position it begins: after that of the cursor, if there is one.
    pub(super) async fn after(&self, services: &Services, horizon: &Horizon) -> Result<Position, Problem> {
        let mut after = match self.cursor {
            Some(cursor) => placed(cursor, &horizon.head)?,
            None => Position::ZERO,
        };
        after = after.max(self.from.map_or(Position::ZERO, |from| Position(from.0 - 1)));
        if let Some(time) = self.recorded_from {
            after = after.max(before(services, time).await?);
        }
        Ok(after)
    }

    /// Whether it says where to begin.
    pub(super) const fn has_beginning(&self) -> bool {
        self.cursor.is_some() || self.from.is_some() || self.recorded_from.is_some()
    }

    /// Up to which position it goes.
    pub(super) async fn up_to(&self, services: &Services, horizon: &Horizon) -> Result<Position, Problem> {
        let mut up_to = self.to.map_or(horizon.shown, |to| to.min(horizon.shown));
        if let Some(time) = self.recorded_to {
            up_to = up_to.min(before(services, time).await?);
        }
        Ok(up_to)
    }

    /// Whether it has an end, which a live stream has not.
    pub(super) const fn has_end(&self) -> bool {
        self.to.is_some() || self.recorded_to.is_some()
    }
}

/// The last position that was recorded before a time.
async fn before(services: &Services, time: DateTime<Utc>) -> Result<Position, Problem> {
    let just_before = time - TimeDelta::microseconds(1);
    services.log.position_at(just_before).await.map_err(|error| read_problem(&error))
}

fn position(parameters: &mut Parameters, name: &str) -> Result<Option<Position>, Problem> {
    match parameters.take_as::<i64>(name, "a position of the log")? {
        Some(..1) => Err(invalid(name).detail("positions begin with 1")),
        position => Ok(position.map(Position)),
    }
}

/// Takes `category` and `type`. What no event of this build can be is refused, so that a typing error is not "nothing".
fn kinds(parameters: &mut Parameters) -> Result<Kinds, Problem> {
    let split = |text: String| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let wanted = parameters.take("category").map(split).unwrap_or_default();
    if let Some(unknown) = wanted.iter().find(|name| categories().iter().all(|known| known.name != **name)) {
        let known: Vec<&str> = categories().iter().map(|category| category.name).collect();
        return Err(invalid("category")
            .detail(format!("there is no category {unknown:?}"))
            .remedy(format!("Use, with commas between: {}.", known.join(", "))));
    }
    let types = parameters.take("type").map(split).unwrap_or_default();
    let kinds = Kinds { categories: wanted, types };
    let is_known = |wanted: &String| {
        let one = Kinds { categories: kinds.categories.clone(), types: vec![wanted.clone()] };
        let of = |category: &kernel::Category| {
            category.event_types().iter().any(|known| one.includes(category.name, known.name))
        };
        categories().iter().any(of)
    };
    if let Some(unknown) = kinds.types.iter().find(|wanted| !is_known(wanted)) {
        return Err(invalid("type")
            .detail(format!("there is no event type {unknown:?} in these categories"))
            .remedy("Use names of the event catalogue, bare (opened) or in full (support.ticket.opened)."));
    }
    Ok(kinds)
}
