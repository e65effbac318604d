//! Time travel: the same `apply`, folded over the streams of one thing up to a moment.
//!
//! There are two time axes. *As recorded*: what the log knew at a moment, a prefix of it. *As it occurred*: what had
//! really happened by a time, whenever it was recorded. Only what is on disk is shown.

use crate::detail::Detail;
use crate::parameters::{Moment, Parameters};
use crate::reading::Services;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use event_store::ReadError;
use kernel::{DecodeError, EventData, Position, ReadModel, Recorded, TenantId};
use platform::Problem;
use uuid::Uuid;

/// Streams and events that one answer may fold.
const MAX_STREAMS: usize = 6_000;
const MAX_EVENTS: usize = 100_000;

/// How a thing is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    /// What the log knew then; all of it where nothing is said.
    pub(crate) known: Option<Moment>,
    /// What had happened by then.
    pub(crate) happened: Option<DateTime<Utc>>,
}

impl View {
    /// Takes `as_of` and `as_of_occurred`; `None` where it is asked for as it stands.
    pub(crate) fn of(parameters: &mut Parameters) -> Result<Option<Self>, Problem> {
        let view = Self { known: parameters.moment("as_of")?, happened: parameters.time("as_of_occurred")? };
        Ok((view.known.is_some() || view.happened.is_some()).then_some(view))
    }
}

/// The events of a read model.
pub(crate) type Events<D> = Vec<Recorded<<<D as Detail>::Model as ReadModel>::Event>>;
/// A row of a read model.
pub(crate) type Row<D> = <<D as Detail>::Model as ReadModel>::Row;

/// The position that a moment means. Events up to `folded` are known to be on disk; beyond it the disk is waited for.
pub(crate) async fn position(services: &Services, moment: Moment, folded: Position) -> Result<Position, Problem> {
    match moment {
        Moment::Position(position) if position <= folded => Ok(position),
        Moment::Position(position) => {
            let head = durable(services).await?;
            if position <= head {
                return Ok(position);
            }
            Err(Problem::new(StatusCode::BAD_REQUEST, "as_of_in_the_future", "The log has not got that far")
                .detail(format!("the log ends at position {head}"))
                .remedy("Ask for a position up to the end of the log."))
        }
        Moment::Time(time) => {
            let position = services.log.position_at(time).await.map_err(|error| read_problem(&error))?;
            if position <= folded { Ok(position) } else { Ok(position.min(durable(services).await?)) }
        }
    }
}

async fn durable(services: &Services) -> Result<Position, Problem> {
    Ok(services.log.durable_head().await.map_err(|error| read_problem(&error))?.position)
}

/// All events of the streams that make up one row, up to a position, undecoded.
pub(crate) async fn stored(
    services: &Services,
    tenant_id: TenantId,
    streams: &[(&'static str, Uuid)],
    up_to: Position,
) -> Result<Vec<Recorded<EventData>>, Problem> {
    if streams.len() > MAX_STREAMS {
        return Err(too_large(format!("it is made of {} streams", streams.len())));
    }
    let most = i64::try_from(MAX_EVENTS + 1).unwrap_or(i64::MAX);
    let stored = services.log.streams(tenant_id, streams, up_to, most).await.map_err(|error| read_problem(&error))?;
    if stored.len() > MAX_EVENTS {
        return Err(too_large(format!("it is made of more than {MAX_EVENTS} events")));
    }
    Ok(stored)
}

fn too_large(detail: String) -> Problem {
    Problem::new(StatusCode::NOT_IMPLEMENTED, "as_of_too_large", "It is too large to be folded on demand")
        .detail(detail)
}

/// [`stored`], decoded.
pub(crate) async fn events<D: Detail>(
    services: &Services,
    tenant_id: TenantId,
    streams: &[(&'static str, Uuid)],
    up_to: Position,
) -> Result<Events<D>, Problem> {
    let stored = stored(services, tenant_id, streams, up_to).await?;
    let decoded: Result<Events<D>, DecodeError> = stored.into_iter().map(Recorded::<EventData>::decode).collect();
    decoded.map_err(|error| Problem::internal(&error))
}

/// The row that these events make, as recorded or as it occurred.
pub(crate) fn fold<D: Detail>(
    key: &<D::Model as ReadModel>::Key,
    events: &Events<D>,
    happened: Option<DateTime<Utc>>,
) -> Result<Option<Row<D>>, Problem> {
    let own = events.iter().filter(|event| D::Model::keys(event).as_slice().contains(key));
    let Some(by) = happened else { return Ok(own.fold(None, |row, event| D::Model::apply(row, key, event))) };
    let own: Vec<_> = own.collect();
    let Some(birth) = birth::<D>(key, &own) else { return Ok(None) };
    // Nothing happened to a thing before it was there, whatever a device's clock says.
    let born = own[birth].occurred_at;
    let times: Vec<DateTime<Utc>> = own
        .iter()
        .enumerate()
        .map(|(nth, event)| if nth <= birth { born } else { event.occurred_at.max(born) })
        .collect();
    let order = order(&times, by, D::FOLDS_AS_OCCURRED).ok_or_else(out_of_order)?;
    Ok(order.into_iter().fold(None, |row, nth| D::Model::apply(row, key, own[nth])))
}

/// The event that brought the row about.
fn birth<D: Detail>(
    key: &<D::Model as ReadModel>::Key,
    own: &[&Recorded<<D::Model as ReadModel>::Event>],
) -> Option<usize> {
    let mut row = None;
    own.iter().position(|event| {
        row = D::Model::apply(row.take(), key, event);
        row.is_some()
    })
}

/// Which events had happened `by` then, in the order to fold them. Where the read model cannot take them in the order of
/// occurrence, they must be the first ones that were recorded: any other selection would show what never was.
fn order(times: &[DateTime<Utc>], by: DateTime<Utc>, as_occurred: bool) -> Option<Vec<usize>> {
    let mut chosen: Vec<usize> = (0..times.len()).filter(|nth| times[*nth] <= by).collect();
    if as_occurred {
        chosen.sort_by_key(|nth| (times[*nth], *nth));
    } else if chosen.iter().enumerate().any(|(place, nth)| place != *nth) {
        return None;
    }
    Some(chosen)
}

fn out_of_order() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "occurred_out_of_order",
        "Its events were not recorded in the order they occurred",
    )
    .detail("events that occurred later were recorded before, and what is counted here depends on their order")
    .remedy("Ask as_of (what was known then), or ask for its parts one by one.")
}

/// What a caller is told when the log cannot be read.
pub(crate) fn read_problem(error: &ReadError) -> Problem {
    match error {
        ReadError::Database(error) => crate::reading::database_problem(error),
        ReadError::Damaged(_) => Problem::internal(error),
        ReadError::Archived(archived) => {
            Problem::new(StatusCode::GONE, "log_archived", "That part of the log is archived")
                .detail(format!("the log up to position {} is in an archive", archived.last))
                .remedy("Ask for something later, or ask an operator to bring the archive back.")
                .extra("archived_up_to", archived.last.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(minute * 60, 0).unwrap()
    }

    #[test]
    fn what_had_happened_is_taken_in_its_order_or_refused() {
        let times = [at(0), at(30), at(10), at(20)];
        assert_eq!(order(&times, at(25), true), Some(vec![0, 2, 3]));
        assert_eq!(order(&times, at(25), false), None, "not the first three that were recorded");
        assert_eq!(order(&times, at(30), true), Some(vec![0, 2, 3, 1]));
        assert_eq!(order(&times, at(30), false), Some(vec![0, 1, 2, 3]), "all of them, as recorded");
        assert_eq!(order(&times, at(5), false), Some(vec![0]));
        assert_eq!(order(&times, at(-1), false), Some(Vec::new()));
    }
}
