//! After the storm: waits until the system is at rest, and compares what it shows with what the log says.

use super::checks::{Violation, mirror_is_the_log, one_owner_per_step};
use super::evidence::{LogEvent, read_steps};
use async_nats::jetstream;
use effects::operate::{self, FollowerStatus};
use event_store::cloud_event::CloudEvent;
use event_store::verify::Pace;
use event_store::{Log, jetstream as mirror};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use projector::naive::Limits;
use projector::{ProjectionStatus, State};
use sqlx::PgPool;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long the read models and the mirror may take to reach the end of the log.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until nothing follows any more from what was asked: whoever acts on the log has acted on all of it, and it has not
/// grown for a second. The log alone does not tell: a reactor that waits before it tries again is silent, too.
///
/// # Errors
/// Postgres does not answer.
pub async fn at_rest(pool: &PgPool) -> Result<Vec<Violation>, sqlx::Error> {
    let began = Instant::now();
    let (mut last, mut since) = (None, Instant::now());
    while since.elapsed() < Duration::from_secs(1) {
        let followers = operate::followers(pool).await?;
        let behind: Vec<_> = followers.iter().filter(|one| one.gap > 0).collect();
        if began.elapsed() > PATIENCE {
            let what = |one: &&FollowerStatus| {
                format!("{} is {}, {} events behind: {:?}", one.name, one.state, one.gap, one.error)
            };
            return Ok(behind.iter().map(|one| Violation::new("rest", what(one))).collect());
        }
        let ends: Vec<_> = followers.iter().map(|one| one.position).collect();
        if !behind.is_empty() || last.as_ref() != Some(&ends) {
            (last, since) = (Some(ends), Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(Vec::new())
}

/// Waits until every read model has folded the whole log (C8): each is then compared with an independent fold of it. Also
/// checks the steps of the checkpoints (C9).
///
/// # Errors
/// Postgres does not answer.
pub async fn check_read_models(pool: &PgPool) -> Result<Vec<Violation>, Box<dyn std::error::Error>> {
    let log = Log::new(pool.clone()).with_vault(test_support::vault(pool).await);
    let began = Instant::now();
    let models = cli::projections();
    let status = loop {
        let status = projector::status(pool).await?;
        let at_rest = |one: &&ProjectionStatus| one.serving && one.gap == 0 && one.state == State::Live;
        let at_the_end = |name: &str| status.iter().filter(at_rest).any(|one| one.name == name);
        if models.iter().all(|model| at_the_end(model.name())) || began.elapsed() > PATIENCE {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let mut violations = Vec::new();
    for one in &status {
        if one.gap > 0 || one.state != State::Live {
            let (name, state, gap) = (&one.name, one.state, one.gap);
            let what = format!("{name} is {state:?}, {gap} events behind: {:?}", one.error);
            violations.push(Violation::new("C8", what));
        }
    }
    for model in &models {
        let Some(serving) = status.iter().find(|one| one.serving && one.name == model.name()) else {
            violations.push(Violation::new("C8", format!("{} is not served", model.name())));
            continue;
        };
        let (limits, mut pace) = (Limits::default(), Pace::new(None));
        let compared = model.compare(&log, serving.generation, limits, &mut pace).await?;
        if let Some(divergence) = compared.divergence {
            violations.push(Violation::new("C8", divergence.to_string()));
        }
    }
    violations.extend(one_owner_per_step(&read_steps(pool).await?));
    Ok(violations)
}

/// Waits until the mirror has reached the end of the log, and compares every message.
///
/// # Errors
/// Postgres or NATS does not answer.
pub async fn check_mirror(
    pool: &PgPool,
    nats_url: &str,
    events: &[LogEvent],
) -> Result<Vec<Violation>, Box<dyn std::error::Error>> {
    let head = Log::new(pool.clone()).head().await?;
    let context = jetstream::new(async_nats::connect(nats_url).await?);
    let name = mirror::stream_name(head.log_id, head.epoch);
    let began = Instant::now();
    let found = loop {
        let found = match context.get_stream(&name).await {
            Ok(stream) => Some(stream),
            Err(_) if began.elapsed() < PATIENCE => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(stream) = found
            && (stream.cached_info().state.last_sequence >= head.position.0.unsigned_abs()
                || began.elapsed() > PATIENCE)
        {
            break stream;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let state = &found.cached_info().state;
    // One without messages has its first sequence still before it.
    let sequences = state.first_sequence..=state.last_sequence;
    let messages = stream::iter(sequences).map(|sequence| found.get_raw_message(sequence)).buffered(64);
    let mirrored: Vec<(u64, Uuid)> = messages
        .map(|message| {
            let message = message?;
            let event: CloudEvent<'_> = serde_json::from_slice(&message.payload)?;
            Ok::<_, Box<dyn std::error::Error>>((message.sequence, event.id.0))
        })
        .try_collect()
        .await?;
    Ok(mirror_is_the_log(state.last_sequence, &mirrored, events))
}
