//! Tells in the log what operators did to projections: the engine notes it with the deed, and knows of no such event.

use domain::operations::projection::{Deed, Event, Queue, RecordProjectionAct};
use domain::operations::{CategoryName, OperatorName, ReadModelName, Reason};
use event_store::{Decisions, InternalCommand};
use kernel::{CommandId, ParseError, Position, TenantId};
use projector::acts::{self, Act, Noted};
use sqlx::PgPool;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Acts that are told at a time.
const AT_A_TIME: i64 = 100;
/// As much as the log keeps of what somebody typed.
const LONGEST_REASON: usize = 500;
const LONGEST_OPERATOR: usize = 200;

/// Tells until `stop`. Several processes may: an act is told once, under its own id.
pub(crate) async fn tell_acts(pool: PgPool, decisions: Decisions, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
        let noted = match acts::not_recorded(&pool, AT_A_TIME).await {
            Ok(noted) => noted,
            // Postgres is away, or not migrated yet.
            Err(error) => {
                tracing::debug!(%error, "the acts of operators cannot be read now");
                continue;
            }
        };
        for one in noted {
            match tell(&decisions, &one).await {
                Ok(position) => {
                    if let Err(error) = acts::mark_recorded(&pool, one.id, position).await {
                        tracing::warn!(%error, "that an act is told could not be noted; it is told once all the same");
                    }
                }
                Err(reason) => {
                    tracing::warn!(reason, act = one.act.as_str(), projection = one.name, "an act is told later");
                    break;
                }
            }
        }
    }
}

async fn tell(decisions: &Decisions, noted: &Noted) -> Result<Position, String> {
    let command = told(noted).map_err(|error| error.to_string())?;
    let internal = InternalCommand::new(TenantId::PLATFORM, Uuid::nil(), CommandId(noted.id));
    let told = decisions.carry_out_internal(&command, &InternalCommand { actor: noted.by.actor, ..internal }).await;
    told.map(|answer| answer.position).map_err(|refused| format!("{refused:?}"))
}

fn told(noted: &Noted) -> Result<RecordProjectionAct, ParseError> {
    let deed = Deed {
        read_model: ReadModelName::parse(&noted.name)?,
        generation: noted.generation,
        // What nobody can read is not worth holding up the others.
        operator: noted.by.operator.as_deref().and_then(|name| OperatorName::parse(&cut(name, LONGEST_OPERATOR)).ok()),
        reason: noted.by.reason.as_deref().and_then(|reason| Reason::parse(&cut(reason, LONGEST_REASON)).ok()),
    };
    let before = noted.before;
    let event = match noted.act {
        Act::RebuildRequested => Event::RebuildRequested { deed },
        Act::Paused => Event::Paused { deed },
        Act::Resumed => Event::Resumed { deed },
        Act::Cancelled => Event::Cancelled { deed },
        Act::Switched => Event::Switched { deed, before },
        Act::RolledBack => Event::RolledBack { deed, before },
        Act::Retired => Event::Retired { deed },
        Act::Changed => Event::Changed { deed },
        Act::StreamResumed => Event::StreamResumed { deed, queue: queue(noted)? },
        Act::Skipped => Event::Skipped { deed, queue: queue(noted)? },
    };
    Ok(RecordProjectionAct { event, occurred_at: noted.occurred_at })
}

/// The parked stream that it was done to; the engine notes one with each of these acts.
fn queue(noted: &Noted) -> Result<Queue, ParseError> {
    let queue = noted.queue.as_ref().ok_or_else(|| ParseError::new("an act on a parked stream names the stream"))?;
    Ok(Queue {
        tenant_id: queue.stream.tenant_id,
        category: CategoryName::parse(&queue.stream.category)?,
        stream_id: queue.stream.stream_id,
        position: queue.position,
        folded: queue.folded,
        next_position: queue.next_position,
    })
}

fn cut(text: &str, longest: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(longest).collect()
}
