//! Load by a schedule that waits for nobody: what is late counts as late from the time it was due.

use crate::Failure;
use crate::load::commands::{CommandingActor, Done};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// A command, when it was due and when it was answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) due: Instant,
    pub(crate) acknowledged: Instant,
    pub(crate) done: Done,
}

/// Sends a command every `interval` for `length`, the actors taking turns; tells `heard` of each answer.
///
/// An actor whose last command is still under way is late with the next one; the others are not.
pub(crate) async fn run(
    actors: &mut Vec<CommandingActor>,
    interval: Duration,
    length: Duration,
    heard: impl Fn(Sent) + Clone + Send + 'static,
) -> Result<Vec<Sent>, Failure> {
    let step = interval * u32::try_from(actors.len())?;
    let turns = u32::try_from(length.as_nanos() / step.as_nanos().max(1))?;
    // A moment to get everybody started before the first one is due.
    let begin = Instant::now() + Duration::from_millis(20);
    let mut tasks = JoinSet::new();
    for (index, mut actor) in actors.drain(..).enumerate() {
        let (heard, first) = (heard.clone(), begin + interval * u32::try_from(index)?);
        tasks.spawn(async move {
            let mut sent = Vec::new();
            for turn in 0..turns {
                let due = first + step * turn;
                tokio::time::sleep_until(due.into()).await;
                let done = actor.next().await?;
                let answered = Sent { due, acknowledged: Instant::now(), done };
                heard(answered);
                sent.push(answered);
            }
            Ok::<_, Failure>((actor, sent))
        });
    }
    let patience = length + Duration::from_mins(1);
    let mut all = Vec::new();
    let gather = async {
        while let Some(finished) = tasks.join_next().await {
            let (actor, sent) = finished??;
            actors.push(actor);
            all.extend(sent);
        }
        Ok::<_, Failure>(())
    };
    tokio::time::timeout(patience, gather).await.map_err(|_| "the load has not come to its end")??;
    Ok(all)
}
