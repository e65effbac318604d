//! Time travel: the same `apply`, folded over the streams of one thing up to a moment.

use crate::detail::Detail;
use crate::parameters::Moment;
use crate::reading::Services;
use axum::http::StatusCode;
use event_store::ReadError;
use kernel::{DecodeError, EventData, Position, ReadModel, Recorded, TenantId};
use platform::Problem;
use uuid::Uuid;

/// Events that one answer may fold.
const MAX_STREAMS: usize = 6_000;

/// The position that a moment means.
pub(crate) async fn position(services: &Services, moment: Moment) -> Result<Position, Problem> {
    let head = services.log.head().await.map_err(|error| read_problem(&error))?.position;
    match moment {
        Moment::Position(position) if position > head => {
            Err(Problem::new(StatusCode::BAD_REQUEST, "as_of_in_the_future", "The log has not got that far")
                .detail(format!("the log ends at position {head}"))
                .remedy("Ask for a position up to the end of the log."))
        }
        Moment::Position(position) => Ok(position),
        Moment::Time(time) => services.log.position_at(time).await.map_err(|error| read_problem(&error)),
    }
}

/// All events of the streams that make up one row, up to a position.
pub(crate) async fn events<D: Detail>(
    services: &Services,
    tenant_id: TenantId,
    streams: &[(&'static str, Uuid)],
    up_to: Position,
) -> Result<Vec<Recorded<<D::Model as ReadModel>::Event>>, Problem> {
    if streams.len() > MAX_STREAMS {
        return Err(Problem::new(
            StatusCode::NOT_IMPLEMENTED,
            "as_of_too_large",
            "It is too large to be folded on demand",
        )
        .detail(format!("it is made of {} streams", streams.len())));
    }
    let stored = services.log.streams(tenant_id, streams, up_to).await.map_err(|error| read_problem(&error))?;
    stored
        .into_iter()
        .map(Recorded::<EventData>::decode)
        .collect::<Result<_, DecodeError>>()
        .map_err(|error| Problem::internal(&error))
}

/// The row that these events make.
pub(crate) fn fold<M: ReadModel>(key: &M::Key, events: &[Recorded<M::Event>]) -> Option<M::Row> {
    events.iter().fold(
        None,
        |row, event| {
            if M::keys(event).as_slice().contains(key) { M::apply(row, key, event) } else { row }
        },
    )
}

/// What a caller is told when the log cannot be read.
pub(crate) fn read_problem(error: &ReadError) -> Problem {
    match error {
        ReadError::Database(error) => crate::reading::database_problem(error),
        ReadError::Damaged(_) => Problem::internal(error),
    }
}
